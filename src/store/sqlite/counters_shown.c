/* SPDX-License-Identifier: MIT */
/*
 * What everybody sees of the counters: sums, and a record for each type, as of the latest commit.
 * The writer's thread shows them, after each commit; any thread copies them, without a lock.
 */
#include <stddef.h>
#include <string.h>

#include "store/sqlite/sqlite_counters.h"

/* Where a type is shown: in a place of its own, or in the last one with all that found none. */
static struct store_type_stats *
place_of(struct counters_shown *shown, const char *type)
{
	struct store_type_stats *place;

	for (int64_t i = 0; i < shown->type_count; i++) {
		if (strcmp(shown->types[i].type, type) == 0)
			return &shown->types[i];
	}
	if (shown->type_count == STORE_TYPES_MAX)
		return &shown->types[STORE_TYPES_MAX - 1];
	place = &shown->types[shown->type_count++];
	if (shown->type_count == STORE_TYPES_MAX)
		type = STORE_TYPE_OTHER;
	*place = (struct store_type_stats){ .submitted = 0 };
	memcpy(place->type, type, strlen(type) + 1);
	return place;
}

static void
show_sums(struct store_counts *counts, const struct counter *counter)
{
	const struct tally *in = counter->committed.in;

	for (size_t state = 0; state < TASK_STATE_COUNT; state++) {
		counts->by_state[state] += in[state].tasks;
		counts->kept_bytes += in[state].bytes;
	}
	counts->by_state[TASK_QUEUED] += in[COUNTED_HELD].tasks + in[COUNTED_DEFERRED].tasks;
	counts->queued_by_lane[counter->lane] += in[COUNTED_QUEUED].tasks;
	counts->held_by_lane[counter->lane] += in[COUNTED_HELD].tasks;
	counts->deferred_by_lane[counter->lane] += in[COUNTED_DEFERRED].tasks;
	counts->running_by_lane[counter->lane] += in[COUNTED_RUNNING].tasks;
}

static void
show_type(struct store_type_stats *place, const struct counter *counter)
{
	const struct events *events = &counter->committed.events;
	const struct tally *in = counter->committed.in;

	for (size_t state = 0; state < TASK_STATE_COUNT; state++)
		place->by_state[state] += in[state].tasks;
	place->by_state[TASK_QUEUED] += in[COUNTED_HELD].tasks + in[COUNTED_DEFERRED].tasks;
	place->held += in[COUNTED_HELD].tasks;
	place->deferred += in[COUNTED_DEFERRED].tasks;
	place->submitted += events->submitted;
	place->answered += events->answered;
	place->succeeded += events->succeeded;
	for (size_t i = 0; i < FAILURE_COUNT; i++) {
		place->failed[i] += events->failed[i];
		place->rejected[i] += events->rejected[i];
		place->retried[i] += events->retried[i];
	}
	place->interrupted += events->interrupted;
	place->purged += events->purged;
}

void
counters_show(struct counters *counters)
{
	struct counters_shown *next = &counters->next;

	next->counts = (struct store_counts){ .by_state = { 0 } };
	next->files = counters->files_committed;
	next->type_count = 0;
	for (size_t i = 0; i < counters->count; i++) {
		show_sums(&next->counts, &counters->list[i]);
		show_type(place_of(next, counters->list[i].type), &counters->list[i]);
	}
	seqlock_write(&counters->shown, next,
	    offsetof(struct counters_shown, types) +
		(size_t)next->type_count * sizeof(next->types[0]));
}

void
counters_read(const struct counters *counters, struct store_counts *ret_counts)
{
	seqlock_read(&counters->shown, ret_counts, sizeof(*ret_counts));
}

void
counters_stats(const struct counters *counters, struct store_stats *stats)
{
	struct counters_shown shown;

	seqlock_read(&counters->shown, &shown, sizeof(shown));
	stats->counts = shown.counts;
	stats->result_files = shown.files.count;
	stats->result_file_bytes = shown.files.bytes;
	stats->type_count = (size_t)shown.type_count;
	memcpy(stats->types, shown.types, sizeof(stats->types));
}
