/* SPDX-License-Identifier: MIT */
/*
 * The figures of the service (GET /stats) as the client uses them. Main thread.
 */
#ifndef TASKQ_CLI_FIGURES_H
#define TASKQ_CLI_FIGURES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/ink.h"

#define FIGURES_STATES 5
#define FIGURES_LANES  2

struct figures_lane {
	const char *title; /* what runs in it */
	int64_t queued, scheduled, running, slots;
	int64_t deferred; /* what waits for its host */
	double drained_per_s;
};

struct figures {
	int64_t tasks[FIGURES_STATES]; /* by status, in the order of figures_states */
	struct figures_lane lanes[FIGURES_LANES];
	int64_t ended; /* tasks that have since the service was started */
	double uptime_s;
	const char *version; /* borrowed from the JSON, as is the next */
	const char *admission;
	const json_t *json; /* borrowed: everything else */
};

extern const char *const figures_states[FIGURES_STATES];

/**
 * figures_read - false for what has no figures
 * What is missing is 0: services of other versions tell more or less. What makes no sense is
 * bounded, so that figures can be added up.
 */
bool figures_read(const json_t *json, struct figures *ret_figures);

/**
 * figures_seconds - a number of seconds; 0 where there is none, and no more than 1e12
 */
double figures_seconds(const json_t *object, const char *name);

/**
 * figures_ended_between - how many tasks ended between two looks
 * Of a service that was started anew between them, how many since then: it counts from 0.
 */
int64_t figures_ended_between(const struct figures *before, const struct figures *now);

/**
 * figures_put_tasks / figures_put_lane - a line about all tasks; about one lane
 */
void figures_put_tasks(const struct ink *ink, const struct figures *figures);
void figures_put_lane(const struct ink *ink, const struct figures_lane *lane, size_t columns);

/**
 * figures_put_admission - whether submissions are accepted, in words
 */
void figures_put_admission(const struct ink *ink, const struct figures *figures);

/**
 * figures_percentile - the upper bound of the bucket in which a share of a histogram lies, in
 * milliseconds; -1 where nothing was counted, or it lies beyond the last bound
 * @histogram: {"count": …, "buckets": [{"le": …, "count": …}, …]}, cumulative
 */
double figures_percentile(const json_t *histogram, double share);

#endif
