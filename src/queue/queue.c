/* SPDX-License-Identifier: MIT */
/*
 * The queue's facade; see queue.h. Connection threads run submit and the reads; the main thread
 * opens, drains and closes. Holds no lock of its own: what is shared is atomic in admission, or
 * behind the store and the lanes.
 */
#include "queue/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/admission.h"
#include "queue/final_cache.h"
#include "queue/lane.h"
#include "queue/maintenance.h"
#include "queue/waiters.h"

struct queue {
	struct queue_conf conf;
	struct store *store;
	struct admission admission;
	struct lane_pool *lanes[LANE_COUNT];
	struct maintenance *maintenance;
	struct final_cache *recent; /* final tasks, for readers */
	struct waiters *waiters;    /* readers that wait for a task to end */
};

const char *
refusal_word(enum refusal refusal)
{
	switch (refusal) {
	case REFUSAL_NONE:
		return "none";
	case REFUSAL_QUEUE_FULL:
		return "queue_full";
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

static enum status
open_parts(struct queue *queue, struct error *error)
{
	struct store_counts counts;
	enum status status = store_counts(queue->store, &counts, error);
	if (status != STATUS_OK)
		return status;
	for (int lane = 0; lane < LANE_COUNT; lane++)
		admission_returned(&queue->admission, (enum lane)lane, counts.queued_by_lane[lane]);
	const struct maintenance_conf maintenance = {
		.store = queue->store,
		.admission = &queue->admission,
		.data_dir = queue->conf.data_dir,
		.disk_free_min_bytes = queue->conf.disk_free_min_bytes,
	};
	status = final_cache_new(queue->conf.recent_tasks, &queue->recent, error);
	if (status == STATUS_OK)
		status = waiters_new(&queue->waiters, error);
	if (status == STATUS_OK)
		status = maintenance_open(&maintenance, &queue->maintenance, error);
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
		};
		status = lane_open(&lane, &queue->lanes[i], error);
	}
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
	admission_init(&queue->admission, conf->waiting_max);
	store_on_start(store, on_started, queue);
	enum status status = open_parts(queue, error);
	if (status != STATUS_OK) {
		queue_close(queue);
		return status;
	}
	*ret_queue = queue;
	return STATUS_OK;
}

/* What a failed insert means for the one who submitted. A refusal is counted. */
static enum status
refuse_stored(struct queue *queue, enum status status, enum refusal *ret_refusal)
{
	if (status != STATUS_FULL && status != STATUS_BUSY)
		return status;
	*ret_refusal = status == STATUS_FULL ? REFUSAL_DISK_LOW : REFUSAL_STORE_BUSY;
	if (status == STATUS_FULL)
		admission_note_disk_full(&queue->admission);
	admission_note_refusal(&queue->admission, *ret_refusal);
	return STATUS_BUSY;
}

/* What a refusal by admission means for the one who submitted. */
static enum status
refuse_admission(enum refusal refusal, enum refusal *ret_refusal, struct error *error)
{
	*ret_refusal = refusal;
	return error_set(error, STATUS_BUSY, "refused: %s", refusal_word(refusal));
}

/* Stores a task that was admitted: to start at once, or to wait its turn. */
static enum status
submit_admitted(
    struct queue *queue, const struct task_new *task, struct task_start *start, struct error *error)
{
	struct lane_pool *lane = queue->lanes[task->lane];
	enum status status = store_submit(queue->store, task, 1, start, error);
	if (status == STATUS_OK) {
		if (start == NULL)
			lane_wake(lane);
		return STATUS_OK;
	}
	if (start != NULL)
		lane_unreserve(lane, start);
	else
		admission_leave(&queue->admission, task->lane, 1);
	return status;
}

/* Stores a task that has ended in its reserved place, which it gives back. */
static enum status
submit_ended(struct queue *queue, const struct task_new *task, struct task_start *start,
    const struct completion *completion, struct error *error)
{
	const struct task_ended ended = {
		.finished_at_ms = completion->finished_at_ms,
		.media_type = completion->outcome->media_type,
		.content = completion->output->memory.data,
		.content_size = completion->output->memory.size,
		.is_utf8 = output_is_utf8(completion->output),
	};
	struct task_new stored = *task;
	stored.ended = &ended;
	enum status status = store_submit(queue->store, &stored, 1, NULL, error);
	if (status == STATUS_OK) {
		admission_passed(&queue->admission, task->lane, 1);
		final_cache_put_completion(queue->recent, completion, clock_mono_ms());
	}
	lane_unreserve(queue->lanes[task->lane], start);
	return status;
}

/* Admits and stores; *ret_refusal is set on BUSY. */
static enum status
submit(struct queue *queue, const struct task_new *task, enum refusal *ret_refusal,
    struct error *error)
{
	struct task_start *start = lane_reserve(queue->lanes[task->lane], task);
	enum refusal refusal = start != NULL ? admission_pass(&queue->admission)
					     : admission_enter(&queue->admission, task->lane);
	if (refusal != REFUSAL_NONE) {
		if (start != NULL)
			lane_unreserve(queue->lanes[task->lane], start);
		return refuse_admission(refusal, ret_refusal, error);
	}
	struct completion completion;
	enum status status;
	if (start != NULL && lane_answer(queue->lanes[task->lane], start, &completion))
		status = submit_ended(queue, task, start, &completion, error);
	else
		status = submit_admitted(queue, task, start, error);
	return refuse_stored(queue, status, ret_refusal);
}

enum status
queue_submit(struct queue *queue, const struct kind *kind, const char *args, size_t args_size,
    char ret_id[UUID_TEXT_SIZE], enum refusal *ret_refusal, unsigned *ret_retry_after_s,
    struct error *error)
{
	struct task_new task = {
		.type = kind->type,
		.lane = kind->lane,
		.args = args,
		.args_size = args_size,
		.max_attempts = queue->conf.attempts_max,
		.created_at_ms = clock_wall_ms(),
	};
	enum status status = uuid_v7(task.created_at_ms, task.id, error);
	if (status == STATUS_OK)
		status = submit(queue, &task, ret_refusal, error);
	if (status == STATUS_OK)
		memcpy(ret_id, task.id, UUID_TEXT_SIZE);
	else if (status == STATUS_BUSY)
		*ret_retry_after_s =
		    admission_retry_after_s(&queue->admission, kind->lane, 1, *ret_refusal);
	return status;
}

/* Stores tasks that were admitted, under ids that grow. */
static enum status
store_batch(struct queue *queue, const struct queue_task *tasks, size_t count,
    char (*ret_ids)[UUID_TEXT_SIZE], struct error *error)
{
	assert(count > 0);
	int64_t now_ms = clock_wall_ms();
	struct task_new *news = calloc(count, sizeof(*news));
	if (news == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a batch");
	enum status status = uuid_v7_many(now_ms, ret_ids, count, error);
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		news[i] = (struct task_new){
			.type = tasks[i].kind->type,
			.lane = tasks[i].kind->lane,
			.args = tasks[i].args,
			.args_size = tasks[i].args_size,
			.max_attempts = queue->conf.attempts_max,
			.created_at_ms = now_ms,
		};
		memcpy(news[i].id, ret_ids[i], UUID_TEXT_SIZE);
	}
	if (status == STATUS_OK)
		status = store_submit(queue->store, news, count, NULL, error);
	free(news);
	return status;
}

/* Lets the lanes know of a batch that was stored, or gives back the places that it took. */
static void
settle_places(struct queue *queue, const int64_t places[LANE_COUNT], enum status status)
{
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		if (places[lane] == 0)
			continue;
		if (status == STATUS_OK)
			lane_wake(queue->lanes[lane]);
		else
			admission_leave(&queue->admission, (enum lane)lane, places[lane]);
	}
}

enum status
queue_submit_batch(struct queue *queue, const struct queue_task *tasks, size_t count,
    char (*ret_ids)[UUID_TEXT_SIZE], enum refusal *ret_refusal, unsigned *ret_retry_after_s,
    struct error *error)
{
	int64_t places[LANE_COUNT] = { 0 };
	enum lane full_lane = LANE_CPU;
	enum status status;
	for (size_t i = 0; i < count; i++)
		places[tasks[i].kind->lane]++;
	/* Before anything is allocated, so that what refused batches take is nothing. */
	enum refusal refusal = admission_enter_batch(&queue->admission, places, &full_lane);
	if (refusal != REFUSAL_NONE) {
		status = refuse_admission(refusal, ret_refusal, error);
	} else {
		status = store_batch(queue, tasks, count, ret_ids, error);
		settle_places(queue, places, status);
		status = refuse_stored(queue, status, ret_refusal);
	}
	if (status == STATUS_BUSY)
		*ret_retry_after_s = admission_retry_after_s(
		    &queue->admission, full_lane, places[full_lane], *ret_refusal);
	return status;
}

enum status
queue_read_status(
    struct queue *queue, const char *id, struct task_status *ret_status, struct error *error)
{
	int64_t now_mono_ms = clock_mono_ms();
	if (final_cache_get_status(queue->recent, id, now_mono_ms, ret_status))
		return STATUS_OK;
	enum status status = store_read_status(queue->store, id, ret_status, error);
	if (status == STATUS_OK)
		final_cache_put_status(queue->recent, ret_status, now_mono_ms);
	return status;
}

enum status
queue_read_result(
    struct queue *queue, const char *id, struct task_result *ret_result, struct error *error)
{
	int64_t now_mono_ms = clock_mono_ms();
	if (final_cache_get_result(queue->recent, id, now_mono_ms, ret_result))
		return STATUS_OK;
	enum status status = store_read_result(queue->store, id, ret_result, error);
	if (status == STATUS_OK)
		final_cache_put_result(queue->recent, ret_result, now_mono_ms);
	return status;
}

struct waiters *
queue_waiters(struct queue *queue)
{
	return queue->waiters;
}

enum refusal
queue_readiness(struct queue *queue)
{
	return admission_check(&queue->admission);
}

void
queue_stats(struct queue *queue, struct queue_stats *ret_stats)
{
	store_stats(queue->store, &ret_stats->store);
	admission_stats(&queue->admission, ret_stats);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		const struct store_counts *counts = &ret_stats->store.counts;
		ret_stats->lanes[lane].queued = counts->queued_by_lane[lane];
		ret_stats->lanes[lane].running = counts->running_by_lane[lane];
	}
	ret_stats->lanes[LANE_CPU].slots = queue->conf.cpu_executors;
	ret_stats->lanes[LANE_IO].slots = queue->conf.io_slots;
}

const struct kind_settings *
queue_kind_settings(const struct queue *queue)
{
	return queue->conf.kinds;
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
		log_info(LOG_EVENT("lane_drained"), LOG_STR("lane", i == LANE_CPU ? "cpu" : "io"),
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
	for (int i = 0; i < LANE_COUNT; i++)
		lane_close(queue->lanes[i]);
	maintenance_close(queue->maintenance);
	final_cache_free(queue->recent);
	waiters_free(queue->waiters);
	free(queue);
}
