/* SPDX-License-Identifier: MIT */
/*
 * Histograms; see histogram.h. Any thread, no lock, no allocation. An addition raises the sum first
 * and the count then, and a reader looks the other way round, so that no value counts without
 * being in the sum.
 */
#include "base/histogram.h"

#include <assert.h>

void
histogram_init(struct histogram *histogram, const int64_t *bounds, size_t bound_count)
{
	assert(bound_count >= 1 && bound_count <= HISTOGRAM_BOUNDS_MAX);
	for (size_t i = 1; i < bound_count; i++)
		assert(bounds[i - 1] < bounds[i]);
	histogram->bounds = bounds;
	histogram->bound_count = bound_count;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS_MAX; i++)
		atomic_init(&histogram->counts[i], 0);
	atomic_init(&histogram->sum, 0);
}

void
histogram_add(struct histogram *histogram, int64_t value)
{
	size_t at = 0;

	assert(value >= 0);
	while (at < histogram->bound_count && value > histogram->bounds[at])
		at++;
	atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->counts[at], 1, memory_order_release);
}

void
histogram_read(const struct histogram *histogram, struct histogram_snapshot *ret_snapshot)
{
	struct histogram_snapshot snapshot = {
		.bounds = histogram->bounds,
		.bound_count = histogram->bound_count,
	};

	for (size_t i = 0; i <= histogram->bound_count; i++) {
		snapshot.count += atomic_load_explicit(&histogram->counts[i], memory_order_acquire);
		snapshot.cumulative[i] = snapshot.count;
	}
	snapshot.sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
	*ret_snapshot = snapshot;
}

int64_t
histogram_quantile(
    const struct histogram_snapshot *from, const struct histogram_snapshot *to, unsigned per_mille)
{
	int64_t count = to->count - from->count;
	int64_t rank = (count * per_mille + 999) / 1000;
	int64_t below = 0;

	if (count <= 0)
		return HISTOGRAM_NOTHING;
	for (size_t i = 0; i < to->bound_count; i++) {
		int64_t until = to->cumulative[i] - from->cumulative[i];
		int64_t least = i == 0 ? 0 : to->bounds[i - 1];

		if (until >= rank)
			return least + (int64_t)((double)(to->bounds[i] - least) *
						 (double)(rank - below) / (double)(until - below));
		below = until;
	}
	return to->bounds[to->bound_count - 1];
}
