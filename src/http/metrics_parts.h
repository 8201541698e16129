/* SPDX-License-Identifier: MIT */
/* The parts of the answer to GET /metrics, for endpoint_metrics.c, which puts them together. */
#ifndef TASKQ_HTTP_METRICS_PARTS_H
#define TASKQ_HTTP_METRICS_PARTS_H

#include "http/http_figures.h"
#include "http/metrics_text.h"

/* Tasks by type, what became of them, lanes. */
void metrics_of_tasks(struct metrics *metrics, const struct queue_stats *stats);

/* Commits, checkpoints, files, the disk. */
void metrics_of_store(struct metrics *metrics, const struct queue_stats *stats);

/* Answers and connections. */
void metrics_of_http(struct metrics *metrics, const struct http_figures *http,
    const struct service_figures *figures);

#endif
