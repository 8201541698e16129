/* SPDX-License-Identifier: MIT */
/*
 * Counts of values by size, over fixed bounds: how often something took how long. Any number of
 * threads add and read at once, without a lock: an addition costs two atomic additions. Every
 * figure only grows.
 */
#ifndef TASKQ_BASE_HISTOGRAM_H
#define TASKQ_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX  15
#define HISTOGRAM_BUCKETS_MAX (HISTOGRAM_BOUNDS_MAX + 1) /* the last one has no bound */

struct histogram {
	const int64_t *bounds; /* ascending; a value equal to a bound belongs below it */
	size_t bound_count;
	atomic_int_fast64_t counts[HISTOGRAM_BUCKETS_MAX]; /* not cumulative */
	atomic_int_fast64_t sum;
};

/* What a histogram held at one moment. */
struct histogram_snapshot {
	const int64_t *bounds;
	size_t bound_count;
	int64_t cumulative[HISTOGRAM_BUCKETS_MAX]; /* [i]: values up to bounds[i] */
	int64_t count;                             /* of all: the last one in use above */
	int64_t sum;
};

/**
 * histogram_init - an empty histogram
 * @bounds: 1 to HISTOGRAM_BOUNDS_MAX, ascending; borrowed by it and by its snapshots
 */
void histogram_init(struct histogram *histogram, const int64_t *bounds, size_t bound_count);

/**
 * histogram_add - count one value, 0 or more
 */
void histogram_add(struct histogram *histogram, int64_t value);

/**
 * histogram_read - what it holds now
 * Values that are being added meanwhile may be missing; `sum` has at least every value that
 * `count` has.
 */
void histogram_read(const struct histogram *histogram, struct histogram_snapshot *ret_snapshot);

/**
 * histogram_quantile - below which value a share of those lies that were added between two moments
 * Inside a bucket values count as spread evenly; what lies beyond the last bound counts as equal to
 * it.
 * @from, @to:   of the same histogram, the earlier first; a `from` without bounds is the beginning
 * @per_mille:   1 to 1000; 500 is the median
 * Returns HISTOGRAM_NOTHING where nothing was added.
 */
int64_t histogram_quantile(
    const struct histogram_snapshot *from, const struct histogram_snapshot *to, unsigned per_mille);

#define HISTOGRAM_NOTHING (-1)

#endif
