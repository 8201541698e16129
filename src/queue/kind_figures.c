/* SPDX-License-Identifier: MIT */
/*
 * Figures by kind; see kind_figures.h. Executors add, through the run_figures that a run has; any
 * thread reads. Nothing here blocks.
 */
#include "queue/kind_figures.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

void
kind_figures_init(struct kind_figures *figures)
{
	for (size_t i = 0; i < QUEUE_KINDS_MAX; i++) {
		run_figures_init(&figures->runs[i]);
		pulse_init(&figures->pulses[i]);
	}
}

/* The place of a kind in the table. */
static size_t
place_of(const struct kind *kind)
{
	size_t count;
	const struct kind *const *kinds = kinds_table(&count);
	size_t place = 0;

	assert(count <= QUEUE_KINDS_MAX);
	while (place < count && kinds[place] != kind)
		place++;
	assert(place < count);
	return place;
}

struct run_figures *
kind_figures_runs(struct kind_figures *figures, const struct kind *kind)
{
	return &figures->runs[place_of(kind)];
}

struct pulse *
kind_figures_pulse(struct kind_figures *figures, const struct kind *kind)
{
	return &figures->pulses[place_of(kind)];
}

/* The kinds come first, each in its place of the table, whether there are tasks of it or not. */
static void
place_kinds(struct queue_stats *stats)
{
	size_t count;
	const struct kind *const *kinds = kinds_table(&count);

	for (size_t i = 0; i < count; i++) {
		struct type_stats *type = &stats->types[i];

		*type = (struct type_stats){ .is_kind = true, .lane = kinds[i]->lane };
		memcpy(type->tasks.type, kinds[i]->type, strlen(kinds[i]->type) + 1);
	}
	stats->type_count = count;
}

/* What the store knows of a type, in the place of its kind or behind the kinds. */
static void
place_type(struct queue_stats *stats, const struct store_type_stats *tasks)
{
	size_t place = 0;

	while (
	    place < stats->type_count && strcmp(stats->types[place].tasks.type, tasks->type) != 0)
		place++;
	if (place == stats->type_count)
		stats->types[stats->type_count++] = (struct type_stats){ .is_kind = false };
	stats->types[place].tasks = *tasks;
}

void
kind_figures_read(const struct kind_figures *figures, struct queue_stats *stats)
{
	int64_t now_mono_ms = clock_mono_ms();

	place_kinds(stats);
	stats->engine_late_ms = 0;
	for (int lane = 0; lane < LANE_COUNT; lane++)
		stats->lanes[lane].busy = 0;
	for (size_t i = 0; i < stats->type_count; i++) {
		struct type_stats *type = &stats->types[i];
		const struct run_figures *runs = &figures->runs[i];
		int64_t late_ms = pulse_late_ms(&figures->pulses[i], now_mono_ms);

		histogram_read(&runs->wait_us, &type->wait_us);
		histogram_read(&runs->run_us, &type->run_us);
		stats->lanes[type->lane].busy +=
		    atomic_load_explicit(&runs->busy, memory_order_relaxed);
		if (late_ms > stats->engine_late_ms)
			stats->engine_late_ms = late_ms;
	}
	for (size_t i = 0; i < stats->store.type_count; i++)
		place_type(stats, &stats->store.types[i]);
}
