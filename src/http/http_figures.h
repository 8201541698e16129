/* SPDX-License-Identifier: MIT */
/*
 * What the server itself can tell about the service, and all figures put together for those who
 * show them. Answers are counted where they are made, by route and class of their status, in atomic
 * words; what the process uses of the machine is asked of the kernel at most once a second, by the
 * request that finds it old; everybody else gets what is there. Any thread.
 */
#ifndef TASKQ_HTTP_HTTP_FIGURES_H
#define TASKQ_HTTP_HTTP_FIGURES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/process_usage.h"
#include "base/sync.h"
#include "http/http_connections.h"
#include "http/http_request.h"
#include "http/http_routes.h"
#include "queue/queue_figures.h"

#define FIGURES_USAGE_MAX_AGE_MS 1000

/* Classes of statuses: 2xx to 5xx. */
#define STATUS_CLASS_COUNT 4

/* The answers of a route with statuses of one class. */
struct answer_figures {
	struct histogram took_us;           /* from the end of the header to the answer... */
	atomic_int_least64_t after_waiting; /* ...but of these, which took what clients asked for */
};

struct chronicle;

struct http_figures {
	const struct connections *connections; /* set before the first request */
	struct chronicle *history;             /* likewise */
	int64_t began_mono_ms;                 /* when the service began */
	int64_t began_wall_ms;                 /* the same, as people have it */
	atomic_uint_least64_t accepted;        /* connections so far */
	atomic_int_least64_t refused;          /* requests on connections beyond the limit */
	atomic_int_least64_t dropped;          /* requests that got no answer, but an end */
	/* By the place of the route in the table; the last is for requests without one. */
	struct answer_figures answers[ROUTES_MAX + 1][STATUS_CLASS_COUNT];
	struct lock lock; /* a leaf; guards what is below */
	struct process_usage usage;
	int64_t usage_mono_ms; /* when it was read, or is being read */
};

/* Everything that there is to show, but for the answers. */
struct service_figures {
	struct queue_stats queue;
	struct process_usage usage;
	int64_t now_mono_ms;
	int64_t requests; /* answers given */
	int64_t connections;
	int64_t connections_max;
	int64_t waiting; /* requests that wait for a task */
	int64_t waiting_max;
};

/**
 * http_figures_init - read the usage for the first time; counters begin at 0
 */
void http_figures_init(struct http_figures *figures, int64_t began_mono_ms);
void http_figures_done(struct http_figures *figures);

/**
 * http_figures_answer - count the answer that a request is given
 * @took_us: since its header was complete
 */
void http_figures_answer(
    struct http_figures *figures, const struct request *request, int64_t took_us);

/**
 * http_figures_of - the answers of a route of the table, or of none (NULL)
 * @status_class: 2 to 5
 */
const struct answer_figures *http_figures_of(
    const struct http_figures *figures, const struct route *route, unsigned status_class);

/**
 * http_figures_count - how many answers these are, those after waiting among them
 */
int64_t http_figures_count(const struct answer_figures *answers);

/**
 * http_figures_queue   - the queue's part, as of now; waits for nothing
 * http_figures_collect - everything
 */
void http_figures_queue(const struct request *request, struct queue_stats *ret_stats);
void http_figures_collect(const struct request *request, struct service_figures *ret_figures);

/**
 * http_figures_usage - what the process used a moment ago
 */
void http_figures_usage(
    struct http_figures *figures, int64_t now_mono_ms, struct process_usage *ret_usage);

#endif
