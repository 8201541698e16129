# SPDX-License-Identifier: MIT
"""After the run: slopes, the log after each stuck reader, how fast the service came back."""

import statistics

import flatness
from flatness import Bound

MIB = 1 << 20
# What a day may add before it is called growth: each is a small part of what the service may use.
BOUNDS = (
    Bound("rss_bytes", 64.0 * MIB, "bytes"),
    Bound("descriptors", 24.0, "descriptors"),
    Bound("threads", 24.0, "threads"),
    Bound("wal_bytes", 64.0 * MIB, "bytes"),
)
# Old tasks must leave nothing behind: what a task adds is compared with what is usual for the mix.
SIZE_BOUNDS = (
    (Bound("bytes_per_task", 20.0, "%"), "database_bytes"),
    (Bound("files_per_task", 20.0, "%"), "result_files"),
)
WINDOW_S = 60.0
POINTS_MIN = 10
WARM_UP_S = 60.0       # caches, pools and the threads of all connections come up
LEVEL_MIN_S = 60.0
# The heap of a process grows while it meets more at once than ever before, and that becomes rare: a
# slope is judged when most of it is over, and over a time in which what the bound allows can be seen.
SETTLED_S = 300.0
SEGMENT_MIN_S = 600.0
SETTLE_S = 15.0        # after a fault: what has piled up is worked off
WAL_SETTLE_S = 45.0
WAL_CAP_BYTES = 64 * MIB
RECOVERED = 0.8        # of the rate
TASKS_MIN = 5000       # before sizes are divided by tasks


def with_ratios(samples):
    """Samples with the database's size per finished task, for the plot."""
    extended = []
    for sample in samples:
        finished = (sample.get("succeeded") or 0) + (sample.get("failed") or 0)
        known = finished >= TASKS_MIN and sample.get("database_bytes") is not None
        extended.append(dict(sample, bytes_per_task=sample["database_bytes"] / finished if known else None))
    return extended


def growth_windows(segment, member):
    """[(t, growth of the member per finished task)] over stretches that do not overlap."""
    known = [(sample["t"], sample["succeeded"] + sample["failed"], sample[member]) for sample in segment
             if None not in (sample.get("succeeded"), sample.get("failed"), sample.get(member))]
    found, first = [], None
    for here, (at, finished, size) in enumerate(known):
        # A fault was cut out between two samples that are further apart.
        if first is None or at - known[here - 1][0] > 5:
            first = (at, finished, size)
        elif at - first[0] >= WINDOW_S:
            if finished - first[1] >= TASKS_MIN:
                found.append(((at + first[0]) / 2, (size - first[2]) / (finished - first[1])))
            first = (at, finished, size)
    return found


def per_task(segments, mixes, member):
    """Growth per task in percent of what is usual for the mix of its time: factorials are smaller than pages.

    mixes: [(t, percent of fetches)]. A mix that occurs in fewer than two stretches has nothing usual.
    """
    by_mix = {}
    for segment in segments:
        for at, value in growth_windows(segment, member):
            mix = next((percent for since, percent in reversed(mixes) if since <= at), None)
            by_mix.setdefault(mix, []).append((at, value))
    found = []
    for points in by_mix.values():
        usual = statistics.median(value for _, value in points)
        if len(points) > 1 and usual > 0:
            found += [(at, 100 * value / usual) for at, value in points]
    return sorted(found)


def slopes(samples, timeline, mixes=()):
    """Verdicts within each process, over the levels of all processes, and about sizes per task."""
    windows = [(fault["began"], fault["ended"]) for fault in timeline]
    changes = [at for at, _ in mixes]
    cut = flatness.segments(samples, windows, WARM_UP_S, SETTLE_S, changes)
    settled = flatness.segments(samples, windows, SETTLED_S, SETTLE_S, changes)
    judged = []
    for bound in BOUNDS:
        for segment in settled:
            points = [(sample["t"], sample.get(bound.name)) for sample in segment]
            found = flatness.judge_stretch(points, bound, SEGMENT_MIN_S)
            if found["verdict"] != "not judged":
                judged.append(dict(found, over=f"process {segment[0]['pid']}"))
        levels = [flatness.level(segment, bound.name) for segment in cut
                  if segment[-1]["t"] - segment[0]["t"] >= LEVEL_MIN_S]
        found = flatness.judge_levels([level for level in levels if level], bound)
        judged.append(dict(found, over=f"{len(levels)} successive levels"))
    for bound, member in SIZE_BOUNDS:
        points = per_task(cut, list(mixes), member)
        judged.append(dict(flatness.judge_levels(points, bound, POINTS_MIN), over=f"{len(points)} stretches"))
    return judged


def log_after_readers(samples, timeline):
    """For each stuck reader: the largest log while it read, and the smallest soon afterwards."""
    found = []
    for fault in timeline:
        if fault["kind"] != "stuck_reader":
            continue
        during = [sample["wal_bytes"] for sample in samples
                  if fault["began"] <= sample["t"] <= fault["ended"] and sample["wal_bytes"] is not None]
        after = [sample["wal_bytes"] for sample in samples
                 if fault["ended"] < sample["t"] <= fault["ended"] + WAL_SETTLE_S and sample["wal_bytes"] is not None]
        found.append({"ended": fault["ended"], "largest": max(during, default=None), "after": min(after, default=None),
                      "clean": not after or min(after) <= WAL_CAP_BYTES})
    return found


def rates(lines, member):
    """[(t, per second)] from the generator's running counts."""
    found = []
    for old, new in zip(lines, lines[1:]):
        if new["t"] > old["t"]:
            found.append((new["t"], (new[member] - old[member]) / (new["t"] - old["t"])))
    return found


def recoveries(timeline, lines, rate):
    """The timeline with recovered_s: from the fault's end to the first second near the full rate.

    None where the next fault came first.
    """
    acknowledged = rates(lines, "acknowledged")
    starts = sorted(fault["began"] for fault in timeline)
    found = []
    for fault in timeline:
        until = next((start for start in starts if start > fault["ended"]), float("inf"))
        back = next((at for at, value in acknowledged
                     if fault["ended"] <= at - 1.0 <= until and value >= RECOVERED * rate), None)
        found.append(dict(fault, recovered_s=None if back is None else round(max(0.0, back - 1.0 - fault["ended"]), 1)))
    return found
