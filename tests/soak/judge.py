# SPDX-License-Identifier: MIT
"""After the run: slopes, the log after each stuck reader, how fast the service came back."""

import flatness
from flatness import Bound

MIB = 1 << 20
# What a day may add before it is called growth: each is a small part of what the service may use.
BOUNDS = (
    Bound("rss_bytes", 64.0 * MIB, "bytes"),
    Bound("descriptors", 24.0, "descriptors"),
    Bound("threads", 24.0, "threads"),
    Bound("wal_bytes", 64.0 * MIB, "bytes"),
    Bound("bytes_per_task", 64.0, "bytes"),
    Bound("files_per_task", 0.001, "files"),
)
SEGMENT_MIN_S = 240.0  # a slope over less says nothing
LEVEL_MIN_S = 60.0
WARM_UP_S = 45.0       # caches, pools and the threads of all connections come up
SETTLE_S = 15.0        # after a fault: what has piled up is worked off
WAL_SETTLE_S = 45.0
WAL_CAP_BYTES = 64 * MIB
RECOVERED = 0.8        # of the rate
TASKS_MIN = 5000       # before sizes are divided by tasks


def with_ratios(samples):
    """Samples with sizes per finished task, which must not grow: old tasks leave nothing behind."""
    extended = []
    for sample in samples:
        sample = dict(sample, bytes_per_task=None, files_per_task=None)
        finished = (sample.get("succeeded") or 0) + (sample.get("failed") or 0)
        if finished >= TASKS_MIN:
            if sample.get("database_bytes") is not None:
                sample["bytes_per_task"] = sample["database_bytes"] / finished
            if sample.get("result_files") is not None:
                sample["files_per_task"] = sample["result_files"] / finished
        extended.append(sample)
    return extended


def slopes(samples, timeline):
    """Verdicts within the longest segment of each figure and over the levels of all segments."""
    windows = [(fault["began"], fault["ended"]) for fault in timeline]
    cut = flatness.segments(with_ratios(samples), windows, WARM_UP_S, SETTLE_S)
    judged = []
    for bound in BOUNDS:
        for number, segment in enumerate(cut, 1):
            points = [(sample["t"], sample.get(bound.name)) for sample in segment]
            found = flatness.judge_stretch(points, bound, SEGMENT_MIN_S)
            if found["verdict"] != "not judged":
                judged.append(dict(found, over=f"process {number}"))
        levels = [flatness.level(segment, bound.name) for segment in cut
                  if segment[-1]["t"] - segment[0]["t"] >= LEVEL_MIN_S]
        found = flatness.judge_levels([level for level in levels if level], bound)
        judged.append(dict(found, over=f"levels of {len(levels)} processes"))
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
