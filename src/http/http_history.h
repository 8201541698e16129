/* SPDX-License-Identifier: MIT */
/*
 * The history of the service's figures: a thread that looks at them once a second, and the order of
 * what it notes. All of it is in memory, and nothing that it looks at waits.
 */
#ifndef TASKQ_HTTP_HTTP_HISTORY_H
#define TASKQ_HTTP_HTTP_HISTORY_H

#include "base/chronicle.h"
#include "http/http_figures.h"
#include "task/failure.h"
#include "task/task.h"

struct queue;
struct http_history;

/* The columns of a row, as base/chronicle.h has them: first what only grows... */
enum history_counter {
	HISTORY_SUBMITTED,
	HISTORY_SUCCEEDED,
	HISTORY_FAILED,
	HISTORY_REJECTED,
	HISTORY_REFUSED,
	HISTORY_REQUESTS,
	HISTORY_FAILED_BY, /* and FAILURE_COUNT of these */
	HISTORY_COUNTERS = HISTORY_FAILED_BY + FAILURE_COUNT,
};

/* ...then peaks: these for each lane, and the connections... */
enum history_level {
	HISTORY_QUEUED,
	HISTORY_SCHEDULED,
	HISTORY_DEFERRED,
	HISTORY_RUNNING,
	HISTORY_OLDEST_MS,
	HISTORY_LEVELS,
};

#define HISTORY_CONNECTIONS ((size_t)LANE_COUNT * HISTORY_LEVELS)
#define HISTORY_PEAKS       (HISTORY_CONNECTIONS + 1)

/* ...then means: how many executors of each lane are busy, in thousandths... */
#define HISTORY_MEANS LANE_COUNT

/* ...then latencies in microseconds: of commits, of answers, and the two of each kind. */
enum history_latency {
	HISTORY_COMMIT_US,
	HISTORY_ANSWER_US,
	HISTORY_KIND_US,
};

#define HISTORY_KIND_LATENCIES 2 /* in the queue, and running */

/**
 * http_history_open - look at the figures once, and start the thread
 * @queue, @figures: borrowed
 * http_history_close - join the thread, free; NULL is fine
 */
enum status http_history_open(struct queue *queue, struct http_figures *figures,
    struct http_history **ret_history, struct error *error) NODISCARD;
void http_history_close(struct http_history *history);

/**
 * http_history_look - note how things are, at a time: what the thread does; for tests as well
 */
void http_history_look(struct http_history *history, int64_t at_ms);

/**
 * http_history_rows - the rows; any thread
 */
struct chronicle *http_history_rows(struct http_history *history);

#endif
