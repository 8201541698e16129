/* SPDX-License-Identifier: MIT */
/*
 * Submissions, by connection threads. A task whose result its kind has at hand is stored as ended
 * and takes no place anywhere, so that trivial work is done whatever else waits. Any other starts
 * with its submission where its lane has room and nobody waits, or waits.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/service_clock.h"
#include "queue/queue_parts.h"

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

/* Whether tasks were stored: not where something is known under their key. */
static bool
is_stored(enum status status, const struct idempotency *key)
{
	return status == STATUS_OK && !idempotency_is_known(key);
}

/* How long a key holds is a setting. */
static void
set_keep(const struct queue *queue, struct idempotency *key)
{
	if (key != NULL)
		key->keep_ms = queue->conf.idempotency_keep_ms;
}

enum status
queue_read_idempotency(struct queue *queue, struct idempotency *key, struct error *error)
{
	set_keep(queue, key);
	return store_read_idempotency(queue->store, key, service_clock_ms(), error);
}

/* A task as it is stored to wait; the rest of it is set where it does not. */
static struct task_new
new_task(const struct queue *queue, const struct queue_task *task, int64_t now_ms)
{
	return (struct task_new){
		.type = task->kind->type,
		.lane = task->kind->lane,
		.args = task->args,
		.args_size = task->args_size,
		.terms = task->terms != NULL ? *task->terms : queue->conf.default_terms,
		.created_at_ms = task->created_at_ms > 0 ? task->created_at_ms : now_ms,
		.retry_of = task->retry_of,
	};
}

/* Lets the timekeeper know of a task that was stored to wait, as far as time concerns it. */
static void
note_times(struct queue *queue, const struct task_new *task)
{
	if (task_new_is_held(task))
		timekeeper_note(queue->timekeeper, task->terms.run_at_ms);
	if (task->terms.expires_at_ms > 0)
		timekeeper_note(queue->timekeeper, task->terms.expires_at_ms);
}

/*
 * Looks for a result that the kind has at hand. One that the store would put into a file gets there
 * by the usual way.
 */
static bool
find_answer(const struct queue *queue, const struct task_new *task, const struct kind *kind,
    struct task_ended *ret_ended)
{
	if (kind->answer == NULL || task_new_is_held(task) ||
	    !kind->answer(queue->conf.kinds, task->args, task->args_size, ret_ended))
		return false;
	ret_ended->finished_at_ms = task->created_at_ms;
	return ret_ended->content_size <= store_output_conf(queue->store)->memory_max_bytes;
}

/* Stores a task that takes no place, because it has ended or starts at once; *ret_refusal is set on
   BUSY. */
static enum status
submit_passing(struct queue *queue, const struct task_new *task, struct task_start *start,
    struct idempotency *key, enum refusal *ret_refusal, struct error *error)
{
	enum refusal refusal = admission_pass(&queue->admission);
	if (refusal != REFUSAL_NONE)
		return refuse_admission(refusal, ret_refusal, error);
	struct final_cache_moment moment = final_cache_moment(queue->recent, clock_mono_ms());
	enum status status = store_submit(queue->store, task, 1, start, key, error);
	if (is_stored(status, key) && task->ended != NULL)
		final_cache_put_ended(queue->recent, task, moment);
	return refuse_stored(queue, status, ret_refusal);
}

/* Whether others wait already for the host that a task would ask. */
static bool
is_behind(const struct queue *queue, const struct kind *kind, const struct task_new *task)
{
	char name[TASK_HOST_SIZE];
	return kind->host_of != NULL && kind->host_of(task->args, task->args_size, name) &&
	       hosts_is_deferring(queue->hosts, name);
}

/* Stores a task that waits for its lane, or for its time; *ret_refusal is set on BUSY. */
static enum status
submit_waiting(struct queue *queue, const struct task_new *task, const struct kind *kind,
    struct idempotency *key, enum refusal *ret_refusal, struct error *error)
{
	bool held = task_new_is_held(task);
	const struct admission_places places = { .held = held };
	enum status can = admission_can_ever_enter(&queue->admission, &places, error);
	if (can != STATUS_OK)
		return can;
	enum refusal refusal =
	    held ? admission_enter_held(&queue->admission)
		 : admission_enter(&queue->admission, task->lane, is_behind(queue, kind, task));
	if (refusal != REFUSAL_NONE)
		return refuse_admission(refusal, ret_refusal, error);
	enum status status = store_submit(queue->store, task, 1, NULL, key, error);
	if (is_stored(status, key)) {
		note_times(queue, task);
		if (!held)
			lane_wake(queue->lanes[task->lane]);
		return STATUS_OK;
	}
	if (held)
		admission_unhold(&queue->admission, 1);
	else
		admission_leave(&queue->admission, task->lane, 1);
	return refuse_stored(queue, status, ret_refusal);
}

/* Stores a task that is to run; *ret_refusal is set on BUSY. */
static enum status
submit_to_run(struct queue *queue, const struct task_new *task, const struct kind *kind,
    struct idempotency *key, enum refusal *ret_refusal, struct error *error)
{
	struct lane_pool *lane = queue->lanes[task->lane];
	struct task_start *start = task_new_is_held(task) ? NULL : lane_reserve(lane, task);
	if (start == NULL)
		return submit_waiting(queue, task, kind, key, ret_refusal, error);
	enum status status = submit_passing(queue, task, start, key, ret_refusal, error);
	if (!is_stored(status, key))
		lane_unreserve(lane, start);
	return status;
}

enum status
queue_submit(struct queue *queue, const struct queue_task *task, struct idempotency *key,
    char ret_id[UUID_TEXT_SIZE], enum refusal *ret_refusal, unsigned *ret_retry_after_s,
    struct error *error)
{
	struct task_new new = new_task(queue, task, service_clock_ms());
	struct task_ended ended;
	enum status status = uuid_v7(new.created_at_ms, new.id, error);
	if (status != STATUS_OK)
		return status;
	set_keep(queue, key);
	if (find_answer(queue, &new, task->kind, &ended)) {
		new.ended = &ended;
		status = submit_passing(queue, &new, NULL, key, ret_refusal, error);
	} else {
		status = submit_to_run(queue, &new, task->kind, key, ret_refusal, error);
	}
	if (is_stored(status, key))
		memcpy(ret_id, new.id, UUID_TEXT_SIZE);
	else if (status == STATUS_BUSY)
		*ret_retry_after_s =
		    admission_retry_after_s(&queue->admission, new.lane, 1, *ret_refusal);
	return status;
}

/* A batch on its way into the store. */
struct batch {
	struct task_new *tasks;
	struct task_ended *endeds; /* room for one each */
	size_t count;
	struct idempotency *key; /* NULL: none */
	struct admission_places places;
};

static void
batch_add_waiting(const struct queue *queue, const struct kind *kind, const struct task_new *task,
    struct admission_places *places)
{
	places->waiting[task->lane]++;
	if (!places->is_behind[task->lane])
		places->is_behind[task->lane] = is_behind(queue, kind, task);
}

/* Makes tasks of what was submitted, but for their ids. */
static enum status
batch_make(const struct queue *queue, const struct queue_task *tasks, size_t count,
    struct idempotency *key, struct batch *batch, struct error *error)
{
	assert(count > 0);
	int64_t now_ms = service_clock_ms();
	*batch = (struct batch){ .count = count, .key = key };
	batch->tasks = calloc(count, sizeof(batch->tasks[0]));
	batch->endeds = calloc(count, sizeof(batch->endeds[0]));
	if (batch->tasks == NULL || batch->endeds == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a batch");
	for (size_t i = 0; i < count; i++) {
		struct task_new *task = &batch->tasks[i];
		*task = new_task(queue, &tasks[i], now_ms);
		if (find_answer(queue, task, tasks[i].kind, &batch->endeds[i]))
			task->ended = &batch->endeds[i];
		else if (task_new_is_held(task))
			batch->places.held++;
		else
			batch_add_waiting(queue, tasks[i].kind, task, &batch->places);
	}
	return STATUS_OK;
}

static void
batch_done(struct batch *batch)
{
	free(batch->tasks);
	free(batch->endeds);
}

/* What follows from a batch that has been stored. */
static void
batch_stored(struct queue *queue, const struct batch *batch, struct final_cache_moment moment)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->tasks[i].ended != NULL)
			final_cache_put_ended(queue->recent, &batch->tasks[i], moment);
		else
			note_times(queue, &batch->tasks[i]);
	}
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		if (batch->places.waiting[lane] > 0)
			lane_wake(queue->lanes[lane]);
	}
}

/* Stores a batch that was admitted, under ids that grow. */
static enum status
batch_store(
    struct queue *queue, struct batch *batch, char (*ret_ids)[UUID_TEXT_SIZE], struct error *error)
{
	enum status status =
	    uuid_v7_many(batch->tasks[0].created_at_ms, ret_ids, batch->count, error);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < batch->count; i++)
		memcpy(batch->tasks[i].id, ret_ids[i], UUID_TEXT_SIZE);
	return store_submit(queue->store, batch->tasks, batch->count, NULL, batch->key, error);
}

/* Admits and stores a batch; *ret_refusal is set on BUSY, *ret_full_lane with QUEUE_FULL. */
static enum status
batch_submit(struct queue *queue, struct batch *batch, char (*ret_ids)[UUID_TEXT_SIZE],
    enum refusal *ret_refusal, enum lane *ret_full_lane, struct error *error)
{
	const struct admission_places *places = &batch->places;
	enum status can = admission_can_ever_enter(&queue->admission, places, error);
	if (can != STATUS_OK)
		return can;
	enum refusal refusal = admission_enter_batch(&queue->admission, places, ret_full_lane);
	if (refusal != REFUSAL_NONE)
		return refuse_admission(refusal, ret_refusal, error);
	struct final_cache_moment moment = final_cache_moment(queue->recent, clock_mono_ms());
	enum status status = batch_store(queue, batch, ret_ids, error);
	if (is_stored(status, batch->key)) {
		batch_stored(queue, batch, moment);
		return STATUS_OK;
	}
	for (int lane = 0; lane < LANE_COUNT; lane++)
		admission_leave(&queue->admission, (enum lane)lane, places->waiting[lane]);
	admission_unhold(&queue->admission, places->held);
	return refuse_stored(queue, status, ret_refusal);
}

enum status
queue_submit_batch(struct queue *queue, const struct queue_task *tasks, size_t count,
    struct idempotency *key, char (*ret_ids)[UUID_TEXT_SIZE], enum refusal *ret_refusal,
    unsigned *ret_retry_after_s, struct error *error)
{
	enum lane full_lane = LANE_CPU;
	struct batch batch;
	set_keep(queue, key);
	enum status status = batch_make(queue, tasks, count, key, &batch, error);
	if (status == STATUS_OK)
		status = batch_submit(queue, &batch, ret_ids, ret_refusal, &full_lane, error);
	if (status == STATUS_BUSY)
		*ret_retry_after_s = admission_retry_after_s(
		    &queue->admission, full_lane, batch.places.waiting[full_lane], *ret_refusal);
	batch_done(&batch);
	return status;
}
