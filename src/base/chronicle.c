/* SPDX-License-Identifier: MIT */
/*
 * Two rings of rows; see chronicle.h. The lock is held while a row is made or rows are copied, for
 * some hundred microseconds at most, and never with any other.
 */
#include "base/chronicle.h"

#include <stdlib.h>
#include <string.h>

#include "base/sync.h"

static const struct tier_terms {
	int64_t step_ms;
	size_t rows_max;
} terms[CHRONICLE_TIER_COUNT] = {
	[CHRONICLE_SECONDS] = { 1000, CHRONICLE_SECONDS_MAX },
	[CHRONICLE_MINUTES] = { 60000, CHRONICLE_MINUTES_MAX },
};

static const unsigned quantiles_per_mille[CHRONICLE_QUANTILES] = { 500, 950, 990 };

/* A ring, and what its next row is made from. */
struct ring {
	int64_t *at_ms;
	int64_t *values;
	size_t next;
	size_t count;
	int64_t began_ms; /* of the row that is being made */
	int64_t *counters;
	struct histogram_snapshot *latencies;
	int64_t *peaks; /* so far */
	int64_t *sums;  /* of what the means are of */
	int64_t seen;   /* moments in them */
};

struct chronicle {
	struct chronicle_shape shape;
	struct lock lock; /* a leaf; guards what is below */
	struct ring rings[CHRONICLE_TIER_COUNT];
	bool has_begun;
};

size_t
chronicle_width(const struct chronicle_shape *shape)
{
	return shape->counters + shape->peaks + shape->means +
	       shape->latencies * CHRONICLE_QUANTILES;
}

/* Arrays of no elements are there as well. */
static bool
ring_init(struct ring *ring, const struct chronicle_shape *shape, size_t rows_max)
{
	ring->at_ms = calloc(rows_max, sizeof(*ring->at_ms));
	ring->values = calloc(rows_max * chronicle_width(shape), sizeof(*ring->values));
	ring->counters = calloc(shape->counters + 1, sizeof(*ring->counters));
	ring->latencies = calloc(shape->latencies + 1, sizeof(*ring->latencies));
	ring->peaks = calloc(shape->peaks + 1, sizeof(*ring->peaks));
	ring->sums = calloc(shape->means + 1, sizeof(*ring->sums));
	return ring->at_ms != NULL && ring->values != NULL && ring->counters != NULL &&
	       ring->latencies != NULL && ring->peaks != NULL && ring->sums != NULL;
}

static void
ring_done(struct ring *ring)
{
	free(ring->at_ms);
	free(ring->values);
	free(ring->counters);
	free(ring->latencies);
	free(ring->peaks);
	free(ring->sums);
}

enum status
chronicle_new(
    const struct chronicle_shape *shape, struct chronicle **ret_chronicle, struct error *error)
{
	struct chronicle *chronicle = calloc(1, sizeof(*chronicle));
	bool is_whole = chronicle != NULL;

	if (chronicle != NULL) {
		chronicle->shape = *shape;
		lock_init(&chronicle->lock, LOCK_RANK_LEAF);
		for (int tier = 0; tier < CHRONICLE_TIER_COUNT && is_whole; tier++)
			is_whole = ring_init(&chronicle->rings[tier], shape, terms[tier].rows_max);
	}
	if (!is_whole) {
		chronicle_free(chronicle);
		return error_set(error, STATUS_NOMEM, "no memory for the chronicle of figures");
	}
	*ret_chronicle = chronicle;
	return STATUS_OK;
}

void
chronicle_free(struct chronicle *chronicle)
{
	if (chronicle == NULL)
		return;
	for (int tier = 0; tier < CHRONICLE_TIER_COUNT; tier++)
		ring_done(&chronicle->rings[tier]);
	lock_done(&chronicle->lock);
	free(chronicle);
}

/* Takes a moment as one of those that the next row tells of. */
static void
look(struct ring *ring, const struct chronicle_shape *shape, const struct chronicle_moment *moment)
{
	for (size_t i = 0; i < shape->peaks; i++)
		if (ring->seen == 0 || moment->peaks[i] > ring->peaks[i])
			ring->peaks[i] = moment->peaks[i];
	for (size_t i = 0; i < shape->means; i++)
		ring->sums[i] = (ring->seen == 0 ? 0 : ring->sums[i]) + moment->means[i];
	ring->seen++;
}

/* Begins a row at a moment. */
static void
begin(struct ring *ring, const struct chronicle_shape *shape, const struct chronicle_moment *moment)
{
	for (size_t i = 0; i < shape->counters; i++)
		ring->counters[i] = moment->counters[i];
	for (size_t i = 0; i < shape->latencies; i++)
		ring->latencies[i] = moment->latencies[i];
	ring->began_ms = moment->at_ms;
	ring->seen = 0;
}

/* Ends a row with the moment that was looked at last. */
static void
end(struct ring *ring, const struct chronicle_shape *shape, const struct chronicle_moment *moment,
    size_t rows_max)
{
	int64_t *at = &ring->values[ring->next * chronicle_width(shape)];

	ring->at_ms[ring->next] = moment->at_ms;
	for (size_t i = 0; i < shape->counters; i++)
		*at++ = moment->counters[i] - ring->counters[i];
	for (size_t i = 0; i < shape->peaks; i++)
		*at++ = ring->peaks[i];
	for (size_t i = 0; i < shape->means; i++)
		*at++ = ring->sums[i] / ring->seen;
	for (size_t i = 0; i < shape->latencies; i++)
		for (size_t j = 0; j < CHRONICLE_QUANTILES; j++)
			*at++ = histogram_quantile(
			    &ring->latencies[i], &moment->latencies[i], quantiles_per_mille[j]);
	ring->next = (ring->next + 1) % rows_max;
	if (ring->count < rows_max)
		ring->count++;
}

void
chronicle_add(struct chronicle *chronicle, const struct chronicle_moment *moment)
{
	const struct chronicle_shape *shape = &chronicle->shape;

	lock_acquire(&chronicle->lock);
	for (int tier = 0; tier < CHRONICLE_TIER_COUNT; tier++) {
		struct ring *ring = &chronicle->rings[tier];
		int64_t step_ms = terms[tier].step_ms;

		if (chronicle->has_begun) {
			look(ring, shape, moment);
			/* The seconds are the caller's; minutes are those of the clock. */
			if (tier == CHRONICLE_MINUTES &&
			    moment->at_ms / step_ms == ring->began_ms / step_ms)
				continue;
			end(ring, shape, moment, terms[tier].rows_max);
		}
		begin(ring, shape, moment);
	}
	chronicle->has_begun = true;
	lock_release(&chronicle->lock);
}

/* How many of the newest rows ended later than a time. */
static size_t
count_after_locked(const struct ring *ring, size_t rows_max, int64_t after_ms, size_t wanted)
{
	size_t most = wanted < ring->count ? wanted : ring->count;
	size_t count = 0;

	while (
	    count < most && ring->at_ms[(ring->next + rows_max - count - 1) % rows_max] > after_ms)
		count++;
	return count;
}

enum status
chronicle_read(struct chronicle *chronicle, enum chronicle_tier tier, int64_t after_ms,
    size_t rows_max, struct chronicle_rows *ret_rows, struct error *error)
{
	const struct ring *ring = &chronicle->rings[tier];
	size_t kept = terms[tier].rows_max;
	size_t room = rows_max < kept ? rows_max : kept;
	struct chronicle_rows rows = { .width = chronicle_width(&chronicle->shape) };

	rows.at_ms = malloc((room + 1) * sizeof(*rows.at_ms));
	rows.values = malloc((room * rows.width + 1) * sizeof(*rows.values));
	if (rows.at_ms == NULL || rows.values == NULL) {
		chronicle_rows_done(&rows);
		return error_set(error, STATUS_NOMEM, "no memory for rows of the chronicle");
	}
	lock_acquire(&chronicle->lock);
	rows.count = count_after_locked(ring, kept, after_ms, room);
	for (size_t i = 0; i < rows.count; i++) {
		size_t from = (ring->next + kept - rows.count + i) % kept;

		rows.at_ms[i] = ring->at_ms[from];
		memcpy(&rows.values[i * rows.width], &ring->values[from * rows.width],
		    rows.width * sizeof(*rows.values));
	}
	lock_release(&chronicle->lock);
	*ret_rows = rows;
	return STATUS_OK;
}

void
chronicle_rows_done(struct chronicle_rows *rows)
{
	free(rows->at_ms);
	free(rows->values);
}

int64_t
chronicle_step_s(enum chronicle_tier tier)
{
	return terms[tier].step_ms / 1000;
}

size_t
chronicle_rows_max(enum chronicle_tier tier)
{
	return terms[tier].rows_max;
}
