/* SPDX-License-Identifier: MIT */
/*
 * Looks at the figures once a second; see http_history.h. A thread of its own, because whoever else
 * comes round once a second may wait for the disk, and what happened then is what people want to
 * see. It holds its lock only while it sleeps.
 */
#include "http/http_history.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/service_clock.h"
#include "http/http_connections.h"
#include "http/http_routes.h"
#include "queue/queue.h"

enum {
	TICK_MS = 1000,
	HISTORY_STACK_BYTES = 256 * 1024,
	LATENCIES_MAX = HISTORY_KIND_US + QUEUE_KINDS_MAX * HISTORY_KIND_LATENCIES,
};

struct http_history {
	struct queue *queue;
	struct http_figures *figures;
	struct chronicle *rows;
	size_t kind_count;
	struct lock lock;
	struct cond changed;
	bool closing; /* guarded by lock */
	bool started;
	pthread_t thread;
};

static void
fill_counters(const struct queue_stats *stats, int64_t counters[HISTORY_COUNTERS])
{
	for (size_t i = 0; i < stats->type_count; i++) {
		const struct store_type_stats *tasks = &stats->types[i].tasks;

		counters[HISTORY_SUBMITTED] += tasks->submitted;
		counters[HISTORY_SUCCEEDED] += tasks->succeeded;
		for (int code = 0; code < FAILURE_COUNT; code++) {
			counters[HISTORY_FAILED] += tasks->failed[code];
			counters[HISTORY_FAILED_BY + code] += tasks->failed[code];
			counters[HISTORY_REJECTED] += tasks->rejected[code];
		}
	}
	for (int reason = REFUSAL_NONE + 1; reason < REFUSAL_COUNT; reason++)
		counters[HISTORY_REFUSED] += stats->refused[reason];
}

static void
fill_lanes(const struct queue_stats *stats, int64_t peaks[HISTORY_PEAKS], int64_t means[LANE_COUNT])
{
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		const struct lane_stats *now = &stats->lanes[lane];
		int64_t *levels = &peaks[(size_t)lane * HISTORY_LEVELS];

		levels[HISTORY_QUEUED] = now->queued;
		levels[HISTORY_SCHEDULED] = now->scheduled;
		levels[HISTORY_DEFERRED] = now->deferred;
		levels[HISTORY_RUNNING] = now->running;
		levels[HISTORY_OLDEST_MS] = now->oldest_wait_ms;
		means[lane] = now->busy * 1000;
	}
}

/* All answers together, whatever their route and status. */
static void
fill_answers(
    const struct http_figures *figures, struct histogram_snapshot *took_us, int64_t *ret_requests)
{
	size_t count;
	const struct route *routes = routes_table(&count);
	int64_t requests = 0;

	*took_us = (struct histogram_snapshot){ .bounds = NULL };
	for (size_t i = 0; i <= count; i++) {
		for (unsigned class = 2; class < 2 + STATUS_CLASS_COUNT; class ++) {
			const struct answer_figures *answers =
			    http_figures_of(figures, i < count ? &routes[i] : NULL, class);
			struct histogram_snapshot one;

			histogram_read(&answers->took_us, &one);
			took_us->bounds = one.bounds;
			took_us->bound_count = one.bound_count;
			took_us->count += one.count;
			for (size_t j = 0; j <= one.bound_count; j++)
				took_us->cumulative[j] += one.cumulative[j];
			requests += one.count + atomic_load_explicit(
						    &answers->after_waiting, memory_order_relaxed);
		}
	}
	*ret_requests = requests;
}

void
http_history_look(struct http_history *history, int64_t at_ms)
{
	struct histogram_snapshot latencies[LATENCIES_MAX];
	int64_t counters[HISTORY_COUNTERS] = { 0 };
	int64_t peaks[HISTORY_PEAKS] = { 0 };
	int64_t means[HISTORY_MEANS] = { 0 };
	struct queue_stats stats;
	const struct chronicle_moment moment = {
		.at_ms = at_ms,
		.counters = counters,
		.peaks = peaks,
		.means = means,
		.latencies = latencies,
	};

	queue_stats(history->queue, &stats);
	fill_counters(&stats, counters);
	fill_lanes(&stats, peaks, means);
	peaks[HISTORY_CONNECTIONS] = connections_count(history->figures->connections);
	latencies[HISTORY_COMMIT_US] = stats.store.commit_us;
	fill_answers(history->figures, &latencies[HISTORY_ANSWER_US], &counters[HISTORY_REQUESTS]);
	/* The kinds come first among the types, in their own order. */
	for (size_t i = 0; i < history->kind_count; i++) {
		size_t at = HISTORY_KIND_US + i * HISTORY_KIND_LATENCIES;

		latencies[at] = (struct histogram_snapshot){ .bounds = NULL };
		latencies[at + 1] = latencies[at];
		if (i < stats.type_count) {
			latencies[at] = stats.types[i].wait_us;
			latencies[at + 1] = stats.types[i].run_us;
		}
	}
	chronicle_add(history->rows, &moment);
}

static void *
history_main(void *arg)
{
	struct http_history *history = arg;
	int64_t next_ms = clock_mono_ms();
	bool closing = false;

	while (!closing) {
		int64_t now_ms = clock_mono_ms();

		/* Where the machine slept, the time that passed is one row. */
		next_ms = now_ms - next_ms > TICK_MS ? now_ms + TICK_MS : next_ms + TICK_MS;
		lock_acquire(&history->lock);
		while (!history->closing &&
		       cond_wait_until(&history->changed, &history->lock, next_ms))
			;
		closing = history->closing;
		lock_release(&history->lock);
		if (!closing)
			http_history_look(history, service_clock_ms());
	}
	return NULL;
}

enum status
http_history_open(struct queue *queue, struct http_figures *figures,
    struct http_history **ret_history, struct error *error)
{
	struct http_history *history = calloc(1, sizeof(*history));
	struct chronicle_shape shape = {
		.counters = HISTORY_COUNTERS, .peaks = HISTORY_PEAKS, .means = HISTORY_MEANS
	};
	enum status status;

	if (history == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the history of figures");
	lock_init(&history->lock, LOCK_RANK_LEAF);
	cond_init(&history->changed);
	history->queue = queue;
	history->figures = figures;
	(void)kinds_table(&history->kind_count);
	assert(history->kind_count <= QUEUE_KINDS_MAX);
	shape.latencies = HISTORY_KIND_US + history->kind_count * HISTORY_KIND_LATENCIES;
	status = chronicle_new(&shape, &history->rows, error);
	if (status == STATUS_OK) {
		http_history_look(history, service_clock_ms());
		status = thread_start(&history->thread, "tq-history", HISTORY_STACK_BYTES,
		    history_main, history, error);
		history->started = status == STATUS_OK;
	}
	if (status != STATUS_OK) {
		http_history_close(history);
		return status;
	}
	*ret_history = history;
	return STATUS_OK;
}

void
http_history_close(struct http_history *history)
{
	if (history == NULL)
		return;
	lock_acquire(&history->lock);
	history->closing = true;
	cond_signal(&history->changed);
	lock_release(&history->lock);
	if (history->started)
		thread_join(history->thread);
	chronicle_free(history->rows);
	cond_done(&history->changed);
	lock_done(&history->lock);
	free(history);
}

struct chronicle *
http_history_rows(struct http_history *history)
{
	return history->rows;
}
