/* SPDX-License-Identifier: MIT */
/*
 * Metrics of tasks and lanes. Every label value that this program can tell of beforehand has its
 * sample from the start, so that the first of its kind is seen to come.
 */
#include <stddef.h>

#include "base/compiler.h"
#include "http/metrics_parts.h"

/* The words of labels: those of the API in small letters. */
static const char *const state_words[TASK_STATE_COUNT] = {
	[TASK_QUEUED] = "queued",
	[TASK_RUNNING] = "running",
	[TASK_SUCCEEDED] = "succeeded",
	[TASK_FAILED] = "failed",
	[TASK_REJECTED] = "rejected",
};
static const char *const lane_words[LANE_COUNT] = { [LANE_CPU] = "cpu", [LANE_IO] = "io" };

/* How a task is rejected; every other failure ends one that has run, and so does the first. */
static const enum failure rejections[] = { FAILURE_CANCELLED, FAILURE_EXPIRED };

static void
states_of_type(struct metrics *metrics, const struct store_type_stats *tasks)
{
	for (int state = 0; state < TASK_STATE_COUNT; state++) {
		int64_t apart = state == TASK_QUEUED ? tasks->held + tasks->deferred : 0;

		metrics_sample(metrics,
		    METRIC_LABELS({ "type", tasks->type }, { "state", state_words[state] }),
		    tasks->by_state[state] - apart, METRIC_WHOLE);
	}
	metrics_sample(metrics, METRIC_LABELS({ "type", tasks->type }, { "state", "scheduled" }),
	    tasks->held, METRIC_WHOLE);
	metrics_sample(metrics, METRIC_LABELS({ "type", tasks->type }, { "state", "deferred" }),
	    tasks->deferred, METRIC_WHOLE);
}

static void
finished(
    struct metrics *metrics, const char *type, const char *outcome, const char *code, int64_t count)
{
	metrics_sample(metrics,
	    METRIC_LABELS({ "type", type }, { "outcome", outcome }, { "code", code }), count,
	    METRIC_WHOLE);
}

static void
ends_of_type(struct metrics *metrics, const struct store_type_stats *tasks)
{
	finished(metrics, tasks->type, "succeeded", "none", tasks->succeeded);
	for (int i = FAILURE_NONE + 1; i < FAILURE_COUNT; i++) {
		if (i != FAILURE_EXPIRED)
			finished(metrics, tasks->type, "failed", failure_word((enum failure)i),
			    tasks->failed[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rejections); i++)
		finished(metrics, tasks->type, "rejected", failure_word(rejections[i]),
		    tasks->rejected[rejections[i]]);
}

static void
retries_of_type(struct metrics *metrics, const struct store_type_stats *tasks)
{
	/* Whether another attempt follows is the kind's to say, so any failure may have one. */
	for (int i = FAILURE_NONE + 1; i < FAILURE_COUNT; i++) {
		const char *code = failure_word((enum failure)i);

		if (tasks->retried[i] > 0 || failure_may_be_mended((enum failure)i))
			metrics_sample(metrics,
			    METRIC_LABELS({ "type", tasks->type }, { "code", code }),
			    tasks->retried[i], METRIC_WHOLE);
	}
}

/* A counter by type alone; `offset` tells where it is. */
static void
by_type(struct metrics *metrics, const struct queue_stats *stats, const char *name,
    const char *help, size_t offset)
{
	metrics_family(metrics, name, METRIC_COUNTER, help);
	for (size_t i = 0; i < stats->type_count; i++) {
		const struct store_type_stats *tasks = &stats->types[i].tasks;
		const char *place = (const char *)tasks + offset;

		metrics_sample(metrics, METRIC_LABELS({ "type", tasks->type }),
		    *(const int64_t *)(const void *)place, METRIC_WHOLE);
	}
}

#define BY_TYPE(metrics, stats, name, help, member) \
	by_type(metrics, stats, name, help, offsetof(struct store_type_stats, member))

static void
append_tasks(struct metrics *metrics, const struct queue_stats *stats)
{
	metrics_family(metrics, "taskq_tasks", METRIC_GAUGE,
	    "Tasks in the database; queued ones wait for their lane, scheduled ones for a time, "
	    "deferred ones for their host");
	for (size_t i = 0; i < stats->type_count; i++)
		states_of_type(metrics, &stats->types[i].tasks);
	BY_TYPE(metrics, stats, "taskq_tasks_submitted_total", "Tasks stored", submitted);
	BY_TYPE(metrics, stats, "taskq_tasks_answered_total",
	    "Tasks whose result was at hand when they were submitted; submitted and finished, too",
	    answered);
	metrics_family(metrics, "taskq_tasks_finished_total", METRIC_COUNTER,
	    "Tasks that have ended, by outcome and failure code");
	for (size_t i = 0; i < stats->type_count; i++)
		ends_of_type(metrics, &stats->types[i].tasks);
	BY_TYPE(metrics, stats, "taskq_tasks_deleted_total",
	    "Completed tasks that were deleted because they need not be kept any longer", purged);
	metrics_single(metrics, "taskq_tasks_deleted_early_total", METRIC_COUNTER,
	    "Of those, the ones deleted before their time, because there were too many or too large",
	    stats->purged_early, METRIC_WHOLE);
	metrics_family(metrics, "taskq_task_retries_total", METRIC_COUNTER,
	    "Attempts that failed and are followed by another, by failure code");
	for (size_t i = 0; i < stats->type_count; i++)
		retries_of_type(metrics, &stats->types[i].tasks);
	BY_TYPE(metrics, stats, "taskq_task_interruptions_total",
	    "Attempts that were under way when an earlier run of the service ended", interrupted);
}

/* A histogram by kind, with the lane that runs it; `offset` tells where it is. */
static void
by_kind(struct metrics *metrics, const struct queue_stats *stats, const char *name,
    const char *help, size_t offset)
{
	metrics_family(metrics, name, METRIC_HISTOGRAM, help);
	for (size_t i = 0; i < stats->type_count; i++) {
		const struct type_stats *type = &stats->types[i];
		const char *place = (const char *)type + offset;

		if (type->is_kind)
			metrics_histogram(metrics,
			    METRIC_LABELS(
				{ "type", type->tasks.type }, { "lane", lane_words[type->lane] }),
			    (const struct histogram_snapshot *)(const void *)place, METRIC_FROM_US);
	}
}

static void
append_times(struct metrics *metrics, const struct queue_stats *stats)
{
	by_kind(metrics, stats, "taskq_task_wait_seconds",
	    "From when an attempt could have begun until it did",
	    offsetof(struct type_stats, wait_us));
	by_kind(metrics, stats, "taskq_task_run_seconds",
	    "From when an attempt began until it ended", offsetof(struct type_stats, run_us));
}

/* A gauge by lane; `offset` tells where it is. */
static void
by_lane(struct metrics *metrics, const struct queue_stats *stats, const char *name,
    const char *help, size_t offset, int64_t per_unit)
{
	metrics_family(metrics, name, METRIC_GAUGE, help);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		const char *place = (const char *)&stats->lanes[lane] + offset;

		metrics_sample(metrics, METRIC_LABELS({ "lane", lane_words[lane] }),
		    *(const int64_t *)(const void *)place, per_unit);
	}
}

#define BY_LANE(metrics, stats, name, help, member, per_unit) \
	by_lane(metrics, stats, name, help, offsetof(struct lane_stats, member), per_unit)

/* A lane that has not been behind for long enough has none. */
static void
append_predictions(struct metrics *metrics, const struct queue_stats *stats)
{
	metrics_family(metrics, "taskq_queue_predicted_wait_seconds", METRIC_GAUGE,
	    "How long a task that is submitted now will wait for its lane; absent while that is "
	    "not known");
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		if (stats->lanes[lane].wait_ms >= 0)
			metrics_sample(metrics, METRIC_LABELS({ "lane", lane_words[lane] }),
			    stats->lanes[lane].wait_ms, METRIC_FROM_MS);
	}
	if (stats->wait_max_s > 0)
		metrics_single(metrics, "taskq_queue_predicted_wait_limit_seconds", METRIC_GAUGE,
		    "The predicted wait beyond which submissions are refused", stats->wait_max_s,
		    METRIC_WHOLE);
}

static void
append_lanes(struct metrics *metrics, const struct queue_stats *stats)
{
	BY_LANE(metrics, stats, "taskq_queue_waiting_tasks", "Tasks that wait for their lane",
	    queued, METRIC_WHOLE);
	BY_LANE(metrics, stats, "taskq_queue_deferred_tasks",
	    "Tasks that wait for the host that they would ask", deferred, METRIC_WHOLE);
	metrics_single(metrics, "taskq_queue_waiting_tasks_limit", METRIC_GAUGE,
	    "Tasks that may wait for each lane, or for hosts in it, before submissions are refused",
	    stats->waiting_max, METRIC_WHOLE);
	metrics_single(metrics, "taskq_queue_scheduled_tasks_limit", METRIC_GAUGE,
	    "Tasks that may wait for a time before submissions like them are refused",
	    stats->held_max, METRIC_WHOLE);
	BY_LANE(metrics, stats, "taskq_queue_oldest_waiting_seconds",
	    "For how long the oldest task that waits for its lane has done so; 0 without one",
	    oldest_wait_ms, METRIC_FROM_MS);
	append_predictions(metrics, stats);
	BY_LANE(metrics, stats, "taskq_executors", "Attempts that can run at once", slots,
	    METRIC_WHOLE);
	BY_LANE(metrics, stats, "taskq_executors_busy", "Attempts that run", busy, METRIC_WHOLE);
}

static void
append_hosts(struct metrics *metrics, const struct hosts_stats *hosts)
{
	metrics_single(metrics, "taskq_hosts", METRIC_GAUGE,
	    "Hosts of fetches of which something is in memory", hosts->known, METRIC_WHOLE);
	metrics_single(metrics, "taskq_hosts_paused", METRIC_GAUGE,
	    "Of those, the ones that are left alone because they asked for it", hosts->paused,
	    METRIC_WHOLE);
	metrics_single(metrics, "taskq_hosts_deferring", METRIC_GAUGE,
	    "Of those, the ones that tasks are deferred for", hosts->deferring, METRIC_WHOLE);
	metrics_single(metrics, "taskq_host_pauses_total", METRIC_COUNTER,
	    "How often a host asked to be left alone", hosts->pauses, METRIC_WHOLE);
	metrics_single(metrics, "taskq_task_deferrals_total", METRIC_COUNTER,
	    "How often a task was made to wait for its host", hosts->deferrals, METRIC_WHOLE);
}

static void
append_refusals(struct metrics *metrics, const struct queue_stats *stats)
{
	metrics_family(metrics, "taskq_submissions_refused_total", METRIC_COUNTER,
	    "Submissions refused for load, by reason; a batch is one");
	for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++)
		metrics_sample(metrics, METRIC_LABELS({ "reason", refusal_word((enum refusal)i) }),
		    stats->refused[i], METRIC_WHOLE);
}

void
metrics_of_tasks(struct metrics *metrics, const struct queue_stats *stats)
{
	append_tasks(metrics, stats);
	append_times(metrics, stats);
	append_lanes(metrics, stats);
	append_hosts(metrics, &stats->hosts);
	append_refusals(metrics, stats);
}
