# SPDX-License-Identifier: MIT
"""Whether a figure stays level: a robust slope with its confidence interval, and a verdict.

Pure functions over points (seconds, value). Theil and Sen's slope is the median of the slopes
between all pairs of points, so a few wild samples do not move it; its interval comes from Kendall's
statistic (Sen 1968). Samples of neighbouring seconds resemble each other, which would make that
interval too narrow; so medians of stretches are taken first, at most sixty of them.
"""

import dataclasses

import numpy

DAY_S = 86400.0
Z = 2.576  # both sides of the interval together leave out 1 %
BINS = 60
BIN_MIN_S = 5.0
POINTS_MIN = 10


@dataclasses.dataclass(frozen=True)
class Slope:
    """Growth a second, and the interval that it lies in."""

    per_s: float
    low: float
    high: float
    points: int


@dataclasses.dataclass(frozen=True)
class Bound:
    """How much a day may add before it is called growth, and in which unit it is told."""

    name: str
    per_day: float
    unit: str


def binned(points, bins=BINS):
    """Medians of equal stretches of time: (middle, median) of those that hold a point."""
    points = [(at, value) for at, value in points if value is not None]
    if not points:
        return []
    first, last = points[0][0], points[-1][0]
    width = max(BIN_MIN_S, (last - first) / bins)
    stretches = {}
    for at, value in points:
        stretches.setdefault(int((at - first) / width), []).append((at, value))
    return [tuple(float(numpy.median(column)) for column in zip(*stretch)) for _, stretch in sorted(stretches.items())]


def theil_sen(points, z=Z):
    """The Slope of points, or None with fewer than three of them."""
    count = len(points)
    if count < 3:
        return None
    at, value = (numpy.asarray(column, dtype=float) for column in zip(*points))
    first, second = numpy.triu_indices(count, k=1)
    apart = at[second] - at[first]
    slopes = numpy.sort(((value[second] - value[first])[apart > 0]) / apart[apart > 0])
    if not len(slopes):
        return None
    spread = z * (count * (count - 1) * (2 * count + 5) / 18.0) ** 0.5
    low = int(max(0, round((len(slopes) - spread) / 2.0)))
    high = int(min(len(slopes) - 1, round((len(slopes) + spread) / 2.0)))
    return Slope(float(numpy.median(slopes)), float(slopes[low]), float(slopes[high]), count)


def verdict(slope, bound, span_s=0.0):
    """One of "flat", "grows", "not judged".

    It grows when the interval lies above zero and a day at this slope would add more than the bound
    allows. What falls is no leak.
    """
    judged = {"figure": bound.name, "unit": bound.unit, "bound_per_day": bound.per_day, "span_s": round(span_s, 1)}
    if slope is None:
        return dict(judged, verdict="not judged", per_day=None, low_per_day=None, high_per_day=None, points=0)
    grows = slope.low > 0 and slope.per_s * DAY_S > bound.per_day
    return dict(judged, verdict="grows" if grows else "flat", per_day=slope.per_s * DAY_S,
                low_per_day=slope.low * DAY_S, high_per_day=slope.high * DAY_S, points=slope.points)


def judge_stretch(points, bound, span_min_s):
    """The verdict about one run of points without a restart in it."""
    points = [(at, value) for at, value in points if value is not None]
    span = points[-1][0] - points[0][0] if points else 0.0
    medians = binned(points)
    if span < span_min_s or len(medians) < POINTS_MIN:
        return verdict(None, bound, span)
    return verdict(theil_sen(medians), bound, span)


def judge_levels(levels, bound, count_min=5):
    """The verdict about the levels of successive processes: [(seconds, level)]."""
    span = levels[-1][0] - levels[0][0] if levels else 0.0
    if len(levels) < count_min:
        return verdict(None, bound, span)
    return verdict(theil_sen(levels), bound, span)


def segments(samples, faults, warm_up_s, settle_s, cuts=()):
    """Samples cut where the process changes and at the times `cuts`, without warm-up and without the faults.

    samples: dictionaries with t and pid; faults: [(began, ended)]. After a cut as long is left out as
    after a fault. Returns a list of lists.
    """
    faults = [*faults, *((at, at) for at in cuts)]
    cuts = sorted(cuts)
    cut, last_pid, began = [], None, 0.0
    for sample in samples:
        pid = sample.get("pid")
        if pid is None:
            last_pid = None
            continue
        if pid != last_pid:
            last_pid, began = pid, sample["t"]
            cut.append([])
        while cuts and cuts[0] <= sample["t"]:
            cuts.pop(0)
            cut.append([])
        if sample["t"] - began < warm_up_s:
            continue
        if any(start <= sample["t"] <= end + settle_s for start, end in faults):
            continue
        cut[-1].append(sample)
    return [segment for segment in cut if segment]


def level(segment, figure):
    """(time, median) of a figure in one segment, or None."""
    known = [(sample["t"], sample[figure]) for sample in segment if sample.get(figure) is not None]
    if not known:
        return None
    return float(numpy.mean([at for at, _ in known])), float(numpy.median([value for _, value in known]))
