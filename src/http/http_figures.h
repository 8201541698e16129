/* SPDX-License-Identifier: MIT */
/*
 * What the server itself can tell about the service, for GET /stats: its own counters, and what the
 * process uses of the machine. The latter is asked of the kernel at most once a second, by the
 * request that finds it old; everybody else gets what is there. Any thread.
 */
#ifndef TASKQ_HTTP_HTTP_FIGURES_H
#define TASKQ_HTTP_HTTP_FIGURES_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/process_usage.h"
#include "base/sync.h"
#include "http/http_connections.h"

#define FIGURES_USAGE_MAX_AGE_MS 1000

struct http_figures {
	const struct connections *connections; /* set before the first request */
	int64_t began_mono_ms;                 /* when the service began */
	atomic_int_least64_t requests;         /* answered since then */
	struct lock lock;                      /* a leaf; guards what is below */
	struct process_usage usage;
	int64_t usage_mono_ms; /* when it was read, or is being read */
};

/**
 * http_figures_init - read the usage for the first time; counters begin at 0
 */
void http_figures_init(struct http_figures *figures, int64_t began_mono_ms);
void http_figures_done(struct http_figures *figures);

/**
 * http_figures_usage - what the process used a moment ago
 */
void http_figures_usage(
    struct http_figures *figures, int64_t now_mono_ms, struct process_usage *ret_usage);

#endif
