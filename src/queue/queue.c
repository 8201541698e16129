/* SPDX-License-Identifier: MIT */
/*
 * The queue's facade but for submissions (queue_submit.c) and figures (queue_stats.c); see queue.h.
 * Connection threads run the reads; the main thread opens, drains and closes. Holds no lock of its
 * own: what is shared is atomic in admission, or behind the store and the lanes.
 */
#include "queue/queue.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service_clock.h"
#include "kinds/run.h"
#include "queue/queue_parts.h"

_Static_assert(QUEUE_PROGRESS_WHOLE == RUN_PROGRESS_WHOLE, "progress is handed on as it is");

const char *
refusal_word(enum refusal refusal)
{
	switch (refusal) {
	case REFUSAL_NONE:
		return "none";
	case REFUSAL_QUEUE_FULL:
		return "queue_full";
	case REFUSAL_WAIT_TOO_LONG:
		return "wait_too_long";
	case REFUSAL_HOST_FULL:
		return "host_full";
	case REFUSAL_SCHEDULE_FULL:
		return "schedule_full";
	case REFUSAL_DISK_LOW:
		return "disk_low";
	case REFUSAL_DRAINING:
		return "draining";
	case REFUSAL_STORE_BUSY:
		return "store_busy";
	}
	return "unknown";
}

/* The committing thread hands over what it has started. */
static void
on_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	struct queue *queue = context;
	admission_passed(&queue->admission, lane, (int64_t)count);
	lane_started(queue->lanes[lane], starts, count);
}

/* The timekeeper has let tasks go on to a lane. */
static void
on_readied(void *context, enum lane lane)
{
	struct queue *queue = context;
	lane_wake(queue->lanes[lane]);
}

/* Its thread starts when the lanes are there, which it wakes. */
static enum status
open_timekeeper(struct queue *queue, struct error *error)
{
	const struct timekeeper_conf conf = {
		.store = queue->store,
		.admission = &queue->admission,
		.waiters = queue->waiters,
		.readied = on_readied,
		.context = queue,
	};
	return timekeeper_new(&conf, &queue->timekeeper, error);
}

static enum status
open_maintenance(struct queue *queue, struct error *error)
{
	const struct maintenance_conf conf = {
		.store = queue->store,
		.admission = &queue->admission,
		.data_dir = queue->conf.data_dir,
		.disk_free_min_bytes = queue->conf.disk_free_min_bytes,
		.retention = queue->conf.retention,
		.recent = queue->recent,
		.hosts = queue->hosts,
	};
	return maintenance_open(&conf, &queue->maintenance, error);
}

static enum status
open_parts(struct queue *queue, struct error *error)
{
	struct store_counts counts;
	enum status status = store_counts(queue->store, &counts, error);
	if (status != STATUS_OK)
		return status;
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		admission_returned(&queue->admission, (enum lane)lane, counts.queued_by_lane[lane]);
		admission_held(&queue->admission, counts.held_by_lane[lane]);
		admission_deferred(
		    &queue->admission, (enum lane)lane, counts.deferred_by_lane[lane]);
	}
	const struct hosts_conf hosts = {
		.places = queue->conf.host_places,
		.slots = queue->conf.io_slots,
		.pause_max_ms = queue->conf.host_pause_max_ms,
	};
	status = hosts_new(&hosts, &queue->hosts, error);
	if (status == STATUS_OK)
		status = final_cache_new(queue->conf.recent_tasks, &queue->recent, error);
	if (status == STATUS_OK)
		status = waiters_new(&queue->waiters, error);
	if (status == STATUS_OK)
		status = progress_board_new(queue->waiters, &queue->progress, error);
	if (status == STATUS_OK)
		status = open_timekeeper(queue, error);
	if (status == STATUS_OK)
		status = open_maintenance(queue, error);
	for (int i = 0; i < LANE_COUNT && status == STATUS_OK; i++) {
		const struct lane_conf lane = {
			.lane = (enum lane)i,
			.executors = queue->conf.cpu_executors,
			.slots = queue->conf.io_slots,
			.kinds = queue->conf.kinds,
			.store = queue->store,
			.admission = &queue->admission,
			.recent = queue->recent,
			.waiters = queue->waiters,
			.progress = queue->progress,
			.timekeeper = queue->timekeeper,
			.hosts = i == LANE_IO ? queue->hosts : NULL,
			.figures = &queue->figures,
		};
		status = lane_open(&lane, &queue->lanes[i], error);
	}
	if (status == STATUS_OK)
		status = timekeeper_start(queue->timekeeper, error);
	return status;
}

enum status
queue_open(const struct queue_conf *conf, struct store *store, struct queue **ret_queue,
    struct error *error)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	if (queue == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the queue");
	queue->conf = *conf;
	queue->store = store;
	admission_init(&queue->admission, conf->waiting_max, conf->held_max, conf->wait_max_s);
	kind_figures_init(&queue->figures);
	store_on_start(store, on_started, queue);
	enum status status = open_parts(queue, error);
	if (status != STATUS_OK) {
		queue_close(queue);
		return status;
	}
	*ret_queue = queue;
	return STATUS_OK;
}

/* A task does not wait any more. */
static void
note_rejected(struct queue *queue, enum lane lane, enum task_wait waited)
{
	switch (waited) {
	case WAIT_FOR_LANE:
		admission_leave(&queue->admission, lane, 1);
		break;
	case WAIT_FOR_TIME:
		admission_unhold(&queue->admission, 1);
		break;
	case WAIT_FOR_HOST:
		admission_undefer(&queue->admission, lane, 1);
		break;
	}
}

enum status
queue_cancel(
    struct queue *queue, const char *id, struct store_cancelled *ret_cancelled, struct error *error)
{
	enum status status =
	    store_cancel(queue->store, id, service_clock_ms(), ret_cancelled, error);
	if (status != STATUS_OK)
		return status;
	enum lane lane = ret_cancelled->lane;
	if (ret_cancelled->what == STORE_CANCEL_REQUESTED) {
		lane_cancel(queue->lanes[lane], id);
	} else if (ret_cancelled->what == STORE_CANCEL_REJECTED) {
		note_rejected(queue, lane, ret_cancelled->waited);
		waiters_tell(queue->waiters, id, WAITER_ENDED);
	}
	return STATUS_OK;
}

enum status
queue_read_status(
    struct queue *queue, const char *id, struct task_status *ret_status, struct error *error)
{
	int64_t now_mono_ms = clock_mono_ms();
	if (final_cache_get_status(queue->recent, id, now_mono_ms, ret_status))
		return STATUS_OK;
	struct final_cache_moment moment = final_cache_moment(queue->recent, now_mono_ms);
	enum status status = store_read_status(queue->store, id, ret_status, error);
	if (status == STATUS_OK)
		final_cache_put_status(queue->recent, ret_status, moment);
	return status;
}

enum status
queue_read_result(
    struct queue *queue, const char *id, struct task_result *ret_result, struct error *error)
{
	int64_t now_mono_ms = clock_mono_ms();
	if (final_cache_get_result(queue->recent, id, now_mono_ms, ret_result))
		return STATUS_OK;
	struct final_cache_moment moment = final_cache_moment(queue->recent, now_mono_ms);
	enum status status = store_read_result(queue->store, id, ret_result, error);
	if (status == STATUS_OK)
		final_cache_put_result(queue->recent, ret_result, moment);
	return status;
}

enum status
queue_list(struct queue *queue, const struct store_list_query *query, struct store_list *ret_list,
    struct error *error)
{
	return store_list(queue->store, query, ret_list, error);
}

enum status
queue_read_submission(struct queue *queue, const char *id, struct store_submission *ret_submission,
    struct error *error)
{
	return store_read_submission(queue->store, id, ret_submission, error);
}

enum status
queue_read_attempts(
    struct queue *queue, const char *id, struct store_attempts *ret_attempts, struct error *error)
{
	return store_read_attempts(queue->store, id, ret_attempts, error);
}

struct waiters *
queue_waiters(struct queue *queue)
{
	return queue->waiters;
}

int
queue_progress(struct queue *queue, const struct task_status *status)
{
	if (status->state == TASK_RUNNING)
		return progress_board_read(queue->progress, status->id, status->attempt);
	return status->state == TASK_SUCCEEDED ? QUEUE_PROGRESS_WHOLE : QUEUE_PROGRESS_UNKNOWN;
}

int
queue_await_progress(struct queue *queue, const struct task_status *status, int seen)
{
	if (status->state == TASK_RUNNING)
		return progress_board_await(queue->progress, status->id, status->attempt, seen);
	return queue_progress(queue, status);
}

enum refusal
queue_readiness(struct queue *queue)
{
	return admission_check(&queue->admission);
}

const struct kind_settings *
queue_kind_settings(const struct queue *queue)
{
	return queue->conf.kinds;
}

const struct task_terms *
queue_default_terms(const struct queue *queue)
{
	return &queue->conf.default_terms;
}

void
queue_refuse(struct queue *queue)
{
	atomic_store_explicit(&queue->admission.draining, true, memory_order_release);
	if (queue->waiters != NULL)
		waiters_close(queue->waiters);
}

void
queue_drain(struct queue *queue, int64_t deadline_mono_ms)
{
	queue_refuse(queue);
	for (int i = 0; i < LANE_COUNT; i++)
		lane_hold(queue->lanes[i]);
	for (int i = 0; i < LANE_COUNT; i++) {
		bool empty = lane_wait_empty(queue->lanes[i], deadline_mono_ms);
		log_info(LOG_EVENT("lane_drained"), LOG_STR("lane", lane_word((enum lane)i)),
		    LOG_STR("finished", empty ? "all" : "some"));
	}
	/* What has not finished by now is handed back. The lanes stay until the queue is closed,
	   because a submission that was admitted before may still wake one. */
	for (int i = 0; i < LANE_COUNT; i++)
		lane_stop(queue->lanes[i]);
}

void
queue_close(struct queue *queue)
{
	if (queue == NULL)
		return;
	queue_refuse(queue);
	/* Before the lanes, which it wakes. What they still put back is found at the next start. */
	timekeeper_stop(queue->timekeeper);
	for (int i = 0; i < LANE_COUNT; i++)
		lane_close(queue->lanes[i]);
	timekeeper_free(queue->timekeeper);
	maintenance_close(queue->maintenance);
	hosts_free(queue->hosts);
	final_cache_free(queue->recent);
	progress_board_free(queue->progress);
	waiters_free(queue->waiters);
	free(queue);
}
