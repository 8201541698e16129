/* SPDX-License-Identifier: MIT */
/*
 * The server's figures; see http_figures.h. The lock is never held while the kernel is asked: who
 * finds the usage old moves its time first, so that one request alone reads it.
 */
#include "http/http_figures.h"

#include <assert.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "queue/queue.h"

/* Microseconds. From what is in memory to what a client does not wait for. */
static const int64_t took_bounds_us[] = { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000,
	100000, 250000, 500000, 1000000, 2500000, 10000000 };

void
http_figures_init(struct http_figures *figures, int64_t began_mono_ms)
{
	figures->connections = NULL;
	figures->history = NULL;
	figures->began_mono_ms = began_mono_ms;
	figures->began_wall_ms = clock_wall_ms() - (clock_mono_ms() - began_mono_ms);
	atomic_init(&figures->accepted, 0);
	atomic_init(&figures->refused, 0);
	atomic_init(&figures->dropped, 0);
	for (size_t route = 0; route <= ROUTES_MAX; route++) {
		for (size_t i = 0; i < STATUS_CLASS_COUNT; i++) {
			struct answer_figures *answers = &figures->answers[route][i];

			histogram_init(
			    &answers->took_us, took_bounds_us, ARRAY_SIZE(took_bounds_us));
			atomic_init(&answers->after_waiting, 0);
		}
	}
	lock_init(&figures->lock, LOCK_RANK_LEAF);
	figures->usage_mono_ms = clock_mono_ms();
	process_usage_read(&figures->usage);
}

/* Where the answers of a route are counted. */
static size_t
place_of(const struct route *route)
{
	size_t count;
	const struct route *table = routes_table(&count);

	if (route == NULL)
		return ROUTES_MAX;
	assert(route >= table && route < table + count);
	return (size_t)(route - table);
}

static size_t
class_of(unsigned status_class)
{
	assert(status_class >= 2 && status_class < 2 + STATUS_CLASS_COUNT);
	return status_class - 2;
}

void
http_figures_answer(struct http_figures *figures, const struct request *request, int64_t took_us)
{
	size_t place = place_of(request->route);
	struct answer_figures *answers =
	    &figures->answers[place][class_of(request->reply.status / 100)];

	if (request->has_waited)
		atomic_fetch_add_explicit(&answers->after_waiting, 1, memory_order_relaxed);
	else
		histogram_add(&answers->took_us, took_us);
}

const struct answer_figures *
http_figures_of(
    const struct http_figures *figures, const struct route *route, unsigned status_class)
{
	return &figures->answers[place_of(route)][class_of(status_class)];
}

int64_t
http_figures_count(const struct answer_figures *answers)
{
	struct histogram_snapshot took_us;

	histogram_read(&answers->took_us, &took_us);
	return took_us.count + atomic_load_explicit(&answers->after_waiting, memory_order_relaxed);
}

static int64_t
count_all(const struct http_figures *figures)
{
	size_t routes;
	int64_t count = 0;

	(void)routes_table(&routes);
	for (size_t route = 0; route <= ROUTES_MAX; route++) {
		if (route >= routes && route < ROUTES_MAX)
			continue;
		for (size_t i = 0; i < STATUS_CLASS_COUNT; i++)
			count += http_figures_count(&figures->answers[route][i]);
	}
	return count;
}

void
http_figures_queue(const struct request *request, struct queue_stats *ret_stats)
{
	queue_stats(request->queue, ret_stats);
	/* The server is told first. */
	if (atomic_load(request->draining))
		ret_stats->draining = true;
}

void
http_figures_collect(const struct request *request, struct service_figures *ret_figures)
{
	struct http_figures *figures = request->figures;

	ret_figures->now_mono_ms = clock_mono_ms();
	http_figures_queue(request, &ret_figures->queue);
	http_figures_usage(figures, ret_figures->now_mono_ms, &ret_figures->usage);
	ret_figures->requests = count_all(figures);
	ret_figures->connections = connections_count(figures->connections);
	ret_figures->connections_max = request->conf->connections_max;
	ret_figures->waiting = connections_waiting(figures->connections);
	ret_figures->waiting_max = request->conf->waiting_max;
}

void
http_figures_done(struct http_figures *figures)
{
	lock_done(&figures->lock);
}

void
http_figures_usage(
    struct http_figures *figures, int64_t now_mono_ms, struct process_usage *ret_usage)
{
	bool is_old;

	lock_acquire(&figures->lock);
	is_old = now_mono_ms - figures->usage_mono_ms >= FIGURES_USAGE_MAX_AGE_MS;
	if (is_old)
		figures->usage_mono_ms = now_mono_ms;
	*ret_usage = figures->usage;
	lock_release(&figures->lock);
	if (!is_old)
		return;
	process_usage_read(ret_usage);
	lock_acquire(&figures->lock);
	/* Two readers can overlap when one takes more than a second: CPU time never goes back. */
	if (ret_usage->cpu_us >= figures->usage.cpu_us)
		figures->usage = *ret_usage;
	else
		*ret_usage = figures->usage;
	lock_release(&figures->lock);
}
