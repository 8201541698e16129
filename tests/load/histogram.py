# SPDX-License-Identifier: MIT
"""A histogram of response times, exact to 0.1 ms, that can be merged and sent between processes.

Locust's own statistics round to 1 ms below 100 ms and to two digits above, which is too coarse for a
service that answers in a millisecond. Here every time is counted in a bucket of 0.1 ms; buckets are
sparse, so a histogram is never larger than the number of times in it.
"""

import math

BUCKETS_PER_MS = 10


class Histogram:
    """Counts by bucket; `buckets` maps the time in tenths of a millisecond to how often it occurred."""

    __slots__ = ("buckets", "count")

    def __init__(self, buckets=None):
        self.buckets = dict(buckets or {})
        self.count = sum(self.buckets.values())

    def add(self, ms):
        bucket = round(ms * BUCKETS_PER_MS)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.count += 1

    def merge(self, other):
        """Add the counts of another histogram, or of a plain dict of buckets."""
        buckets = other.buckets if isinstance(other, Histogram) else other
        for bucket, count in buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
            self.count += count

    def percentiles(self, *shares):
        """The times in ms below or at which these shares (0 to 1) of all lie; None when empty.

        Nearest rank: the smallest time such that at least that share of the times is not above it.
        """
        if self.count == 0:
            return [None] * len(shares)
        found = {}
        wanted = sorted(set(shares))
        below = 0
        ordered = iter(sorted(self.buckets.items()))
        bucket = 0
        for share in wanted:
            # The product is cut at 9 digits, so that 0.95 * 100 is 95 and not a little more.
            rank = max(1, math.ceil(round(share * self.count, 9)))
            while below < rank:
                bucket, count = next(ordered)
                below += count
            found[share] = bucket / BUCKETS_PER_MS
        return [found[share] for share in shares]

    @property
    def max(self):
        return max(self.buckets) / BUCKETS_PER_MS if self.buckets else None
