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

/* A task as it is stored to wait; the rest of it is set where it does not. */
static struct task_new
new_task(const struct queue *queue, const struct queue_task *task, int64_t now_ms)
{
	return (struct task_new){
		.type = task->kind->type,
		.lane = task->kind->lane,
		.args = task->args,
		.args_size = task->args_size,
		.terms.max_attempts = queue->conf.attempts_max,
		.created_at_ms = now_ms,
	};
}

/*
 * Looks for a result that the kind has at hand. One that the store would put into a file gets there
 * by the usual way.
 */
static bool
find_answer(const struct queue *queue, const struct queue_task *task, int64_t now_ms,
    struct task_ended *ret_ended)
{
	const struct kind *kind = task->kind;
	if (kind->answer == NULL ||
	    !kind->answer(queue->conf.kinds, task->args, task->args_size, ret_ended))
		return false;
	ret_ended->finished_at_ms = now_ms;
	return ret_ended->content_size <= store_output_conf(queue->store)->memory_max_bytes;
}

/* Admits and stores a task that is to run; *ret_refusal is set on BUSY. */
static enum status
submit_to_run(struct queue *queue, const struct task_new *task, enum refusal *ret_refusal,
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
	return refuse_stored(queue, submit_admitted(queue, task, start, error), ret_refusal);
}

/* Stores a task that has ended; *ret_refusal is set on BUSY. */
static enum status
submit_ended(struct queue *queue, const struct task_new *task, enum refusal *ret_refusal,
    struct error *error)
{
	enum refusal refusal = admission_pass(&queue->admission);
	if (refusal != REFUSAL_NONE)
		return refuse_admission(refusal, ret_refusal, error);
	enum status status = store_submit(queue->store, task, 1, NULL, error);
	if (status == STATUS_OK)
		final_cache_put_ended(queue->recent, task, clock_mono_ms());
	return refuse_stored(queue, status, ret_refusal);
}

enum status
queue_submit(struct queue *queue, const struct queue_task *task, char ret_id[UUID_TEXT_SIZE],
    enum refusal *ret_refusal, unsigned *ret_retry_after_s, struct error *error)
{
	struct task_new new = new_task(queue, task, clock_wall_ms());
	struct task_ended ended;
	enum status status = uuid_v7(new.created_at_ms, new.id, error);
	if (status != STATUS_OK)
		return status;
	if (find_answer(queue, task, new.created_at_ms, &ended)) {
		new.ended = &ended;
		status = submit_ended(queue, &new, ret_refusal, error);
	} else {
		status = submit_to_run(queue, &new, ret_refusal, error);
	}
	if (status == STATUS_OK)
		memcpy(ret_id, new.id, UUID_TEXT_SIZE);
	else if (status == STATUS_BUSY)
		*ret_retry_after_s =
		    admission_retry_after_s(&queue->admission, new.lane, 1, *ret_refusal);
	return status;
}

/* Stores tasks that were admitted, under ids that grow. `endeds` is room for one each. */
static enum status
store_batch(struct queue *queue, const struct queue_task *tasks, size_t count,
    struct task_new *news, struct task_ended *endeds, char (*ret_ids)[UUID_TEXT_SIZE],
    struct error *error)
{
	int64_t now_ms = clock_wall_ms();
	enum status status = uuid_v7_many(now_ms, ret_ids, count, error);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		news[i] = new_task(queue, &tasks[i], now_ms);
		memcpy(news[i].id, ret_ids[i], UUID_TEXT_SIZE);
		if (find_answer(queue, &tasks[i], now_ms, &endeds[i]))
			news[i].ended = &endeds[i];
	}
	status = store_submit(queue->store, news, count, NULL, error);
	if (status != STATUS_OK)
		return status;
	int64_t now_mono_ms = clock_mono_ms();
	for (size_t i = 0; i < count; i++) {
		if (news[i].ended != NULL)
			final_cache_put_ended(queue->recent, &news[i], now_mono_ms);
	}
	return STATUS_OK;
}

static enum status
submit_batch(struct queue *queue, const struct queue_task *tasks, size_t count,
    char (*ret_ids)[UUID_TEXT_SIZE], struct error *error)
{
	assert(count > 0);
	struct task_new *news = calloc(count, sizeof(*news));
	struct task_ended *endeds = calloc(count, sizeof(*endeds));
	enum status status = news != NULL && endeds != NULL
				 ? store_batch(queue, tasks, count, news, endeds, ret_ids, error)
				 : error_set(error, STATUS_NOMEM, "no memory for a batch");
	free(endeds);
	free(news);
	return status;
}

/* How many places a batch takes in each lane: none for those that have ended. */
static void
count_places(const struct queue *queue, const struct queue_task *tasks, size_t count,
    int64_t ret_places[LANE_COUNT])
{
	struct task_ended ended;
	for (int lane = 0; lane < LANE_COUNT; lane++)
		ret_places[lane] = 0;
	for (size_t i = 0; i < count; i++) {
		if (!find_answer(queue, &tasks[i], 0, &ended))
			ret_places[tasks[i].kind->lane]++;
	}
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
	int64_t places[LANE_COUNT];
	enum lane full_lane = LANE_CPU;
	enum status status;
	count_places(queue, tasks, count, places);
	/* Before anything is allocated, so that what refused batches take is nothing. */
	enum refusal refusal = admission_enter_batch(&queue->admission, places, &full_lane);
	if (refusal != REFUSAL_NONE) {
		status = refuse_admission(refusal, ret_refusal, error);
	} else {
		status = submit_batch(queue, tasks, count, ret_ids, error);
		settle_places(queue, places, status);
		status = refuse_stored(queue, status, ret_refusal);
	}
	if (status == STATUS_BUSY)
		*ret_retry_after_s = admission_retry_after_s(
		    &queue->admission, full_lane, places[full_lane], *ret_refusal);
	return status;
}
