# SPDX-License-Identifier: MIT
"""Writes locust.jsonl, a line a second, and steps.jsonl, a line a step; runs on Locust's master.

A line is written once every worker has reported past its second, or after LATE_S, so it lags by a
second or two. What comes later still than that is missing in the line, and counted in the totals and
in the step. The README beside this file describes both files.
"""

import json
import logging
import math
import pathlib
import time

import gevent

from histogram import Histogram
from samples import Seconds, Series, aggregate

WINDOW_S = 10
LATE_S = 4
SHARES = (0.5, 0.95, 0.99, 0.999)
SHARE_NAMES = ("p50", "p95", "p99", "p999")


def per_second(count, seconds):
    return round(count / seconds, 3) if seconds > 0 else 0.0


class Lines:
    """A file of one JSON object a line, each flushed, so that a reader can follow."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")

    def write(self, value):
        self.file.write(json.dumps(value) + "\n")
        self.file.flush()


class Step:
    """A step's span. `began` and `ended` are whole seconds (Unix): what lies outside is not counted."""

    def __init__(self, number, users, start, settle_s):
        self.number, self.users, self.settle_s = number, users, settle_s
        self.start = start
        self.began = math.ceil(start + settle_s)
        self.ended = None
        self.has_ramped = False
        self.latest = Seconds()  # apart, because the end is not known yet
        self.series = {}

    def ramped(self, now):
        """The first time all users are there: nothing before that counts."""
        if not self.has_ramped:
            self.has_ramped = True
            self.began = max(self.began, math.ceil(now + self.settle_s))
            self.latest, self.series = Seconds(), {}

    def take(self, rows):
        self.latest.put([row for row in rows if row[0] >= self.began and (self.ended is None or row[0] < self.ended)])

    def fold(self, second):
        """Sum up what came before that second, so that a long step stays small."""
        if self.ended is not None:
            second = min(second, self.ended)
        for key, series in self.latest.summed_before(second).items():
            self.series.setdefault(key, Series()).merge(series)
        self.latest.drop_before(second)


def step_line(step):
    total = aggregate(step.series)
    seconds = max(0, step.ended - step.began)
    line = {
        "step": step.number,
        "start": round(step.start, 3),
        "began": step.began,
        "ended": step.ended,
        "seconds": seconds,
        "users": step.users,
        "requests": total.times.count,
        "failures": total.failures,
        "rps": per_second(total.times.count, seconds),
        "failures_per_s": per_second(total.failures, seconds),
        **dict(zip(SHARE_NAMES, total.times.percentiles(*SHARES))),
        "max": total.times.max,
        "by_name": {},
    }
    for (kind, name), series in sorted(step.series.items()):
        line["by_name"][name] = {
            "type": kind,
            "requests": series.times.count,
            "failures": series.failures,
            "rps": per_second(series.times.count, seconds),
            **dict(zip(SHARE_NAMES, series.times.percentiles(*SHARES))),
            "max": series.times.max,
        }
    return line


class Recorder:
    """Takes rows of samples from workers, knows the steps, writes the lines.

    `state()` tells what stands beside the figures: users, workers and so on, as a dict.
    """

    def __init__(self, directory, state):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.every_second = Lines(directory / "locust.jsonl")
        self.every_step = Lines(directory / "steps.jsonl")
        self.state = state
        self.recent = Seconds()
        self.totals = {}
        self.steps = []  # those that are not written yet
        self.heard = {}  # worker to the time up to which it has reported
        self.next = int(time.time())
        self.states = {}

    # What happens -------------------------------------------------------------------------

    def event(self, kind, text):
        """Something worth a line of its own: {"t", "event", "text"} without figures."""
        logging.info("%s: %s", kind, text)
        self.every_second.write({"t": round(time.time(), 3), "event": kind, "text": text})

    def take(self, worker, until, rows):
        """Samples of one worker, which has none older than `until` left."""
        self.heard[worker] = until
        self.recent.put([row for row in rows if row[0] >= self.next - WINDOW_S])
        for _, kind, name, failures, buckets in rows:
            self.totals.setdefault((kind, name), Series()).merge(Series(Histogram(buckets), failures))
        for step in self.steps:
            step.take(rows)

    def lost(self, worker):
        """A worker has gone; what it had not reported is lost."""
        if self.heard.pop(worker, None) is not None:
            self.event("worker lost", f"{worker} has gone; its last second or two is not in the figures")

    def step_begins(self, number, users, settle_s):
        self.step_ends()
        self.steps.append(Step(number, users, time.time(), settle_s))

    def step_ramped(self):
        if self.steps and self.steps[-1].ended is None:
            self.steps[-1].ramped(time.time())

    def step_ends(self):
        if self.steps and self.steps[-1].ended is None:
            step = self.steps[-1]
            # One that was broken off within its ramp has no seconds of its own.
            step.ended = max(step.began, int(time.time()))

    # What is written ----------------------------------------------------------------------

    def complete_until(self, now):
        """Every second before this one is known in full, or will not be waited for."""
        known = int(min(self.heard.values())) if self.heard else int(now)
        return max(known, int(now) - LATE_S)

    def _step_at(self, second):
        for step in self.steps:
            if second >= int(step.start) and (step.ended is None or second < step.ended):
                return step.number
        return None

    def _second_line(self, second):
        this = aggregate(self.recent.summed(second, second + 1))
        window = self.recent.summed(second + 1 - WINDOW_S, second + 1)
        all_names = aggregate(self.totals)
        line = {
            "t": second + 1,
            **(self.states.get(second + 1) or self.state()),
            "rps": this.times.count,
            "failures_per_s": this.failures,
            "requests": all_names.times.count,
            "failures": all_names.failures,
            **dict(zip(SHARE_NAMES, aggregate(window).times.percentiles(*SHARES))),
            "step": self._step_at(second),
            "by_name": {},
        }
        now = self.recent.summed(second, second + 1)
        for (kind, name), total in sorted(self.totals.items()):
            p50, p95 = window.get((kind, name), Series()).times.percentiles(0.5, 0.95)
            line["by_name"][name] = {
                "type": kind,
                "rps": now.get((kind, name), Series()).times.count,
                "p50": p50,
                "p95": p95,
                "requests": total.times.count,
                "failures": total.failures,
            }
        return line

    def write(self, now):
        """Write what is complete."""
        self.states.setdefault(int(now), self.state())
        until = self.complete_until(now)
        while self.next < until:
            self.every_second.write(self._second_line(self.next))
            self.next += 1
        self.recent.drop_before(self.next - WINDOW_S)
        for second in [one for one in self.states if one <= self.next]:
            del self.states[second]
        for step in self.steps:
            step.fold(until)
        while self.steps and self.steps[0].ended is not None and self.steps[0].ended <= until:
            self.every_step.write(step_line(self.steps.pop(0)))

    def run(self):
        """The greenlet: once a second, on the second."""
        while True:
            gevent.sleep(1 - time.time() % 1)
            self.write(time.time())

    def close(self):
        """The end of the run: write everything that is there, also the step that was broken off."""
        self.step_ends()
        self.heard.clear()
        self.write(time.time())
        self.write(max([time.time(), *[step.ended for step in self.steps]]) + 1)


