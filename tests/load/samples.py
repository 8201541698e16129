# SPDX-License-Identifier: MIT
"""What the users measured, second by second: kept where they run, sent on with Locust's reports.

A sample is one HTTP request, or one whole task (type TASK: from submitting to seeing it completed).
The two are kept apart: requests/s and response times of a report are those of HTTP requests alone.
"""

import time

from histogram import Histogram

TASK = "TASK"


class Series:
    """One name within one second, or summed up over several."""

    __slots__ = ("times", "failures")

    def __init__(self, times=None, failures=0):
        self.times = times if times is not None else Histogram()
        self.failures = failures

    def merge(self, other):
        self.times.merge(other.times)
        self.failures += other.failures


class Seconds:
    """Series by second and by (type, name); a second is that in which the answer came."""

    def __init__(self):
        self.seconds = {}

    def series(self, second, kind, name):
        by_key = self.seconds.setdefault(second, {})
        series = by_key.get((kind, name))
        if series is None:
            series = by_key[(kind, name)] = Series()
        return series

    def add(self, kind, name, ms, failed):
        series = self.series(int(time.time()), kind, name)
        series.times.add(ms)
        series.failures += bool(failed)

    def take(self):
        """Everything so far as plain data, and forget it."""
        taken, self.seconds = self.seconds, {}
        return [
            [second, kind, name, series.failures, series.times.buckets]
            for second, by_key in taken.items()
            for (kind, name), series in by_key.items()
        ]

    def put(self, rows):
        for second, kind, name, failures, buckets in rows:
            self.series(second, kind, name).merge(Series(Histogram(buckets), failures))

    def summed(self, begin, end):
        """Series by (type, name) over the seconds from begin up to, not including, end."""
        return self._sum(second for second in range(begin, end) if second in self.seconds)

    def summed_before(self, end):
        return self._sum(second for second in self.seconds if second < end)

    def _sum(self, chosen):
        found = {}
        for second in chosen:
            for key, series in self.seconds[second].items():
                found.setdefault(key, Series()).merge(series)
        return found

    def drop_before(self, second):
        for old in [one for one in self.seconds if one < second]:
            del self.seconds[old]


def aggregate(by_key):
    """All HTTP requests as one series; a task that failed counts as a failure, not as a request."""
    total = Series()
    for (kind, _), series in by_key.items():
        if kind == TASK:
            total.failures += series.failures
        else:
            total.merge(series)
    return total
