/* SPDX-License-Identifier: MIT */
/*
 * The fake queue. Any thread. It implements every function of queue.h, so that the linker has no
 * reason to take the real one from the archive.
 */
#include "fake_queue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/waiters.h"
#include "store/store_backend.h"

#define TASKS_MAX 32

struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct task_result tasks[TASKS_MAX];
	size_t task_count;
	struct kind_settings kinds;
	struct task_terms default_terms;
	struct task_terms last_terms;
	struct fake_queue_task last_task;
	char submission_id[UUID_TEXT_SIZE]; /* of what was put as a submission */
	struct store_submission submission;
	enum status submit_status;
	enum status read_status;
	enum status cancel_status;
	struct store_cancelled cancelled;
	enum idempotency_verdict key_read, key_submitted;
	size_t key_count;
	struct idempotency last_key;
	enum refusal refusal;
	unsigned retry_after_s;
	struct queue_stats stats;
	struct store_list_query last_query;
	unsigned submitted;
	unsigned held;
	bool hold;
	struct waiters *waiters;
	int progress; /* of every task that is RUNNING */
};

struct queue *
fake_queue_new(void)
{
	struct queue *queue = calloc(1, sizeof(*queue));

	pthread_mutex_init(&queue->mutex, NULL);
	pthread_cond_init(&queue->changed, NULL);
	if (waiters_new(&queue->waiters, NULL) != STATUS_OK)
		abort();
	queue->progress = QUEUE_PROGRESS_UNKNOWN;
	queue->kinds.factorial.n_max = 100000;
	queue->kinds.fetch.body_max_bytes = 16 << 20;
	queue->kinds.fetch.redirects_max = 5;
	queue->default_terms = (struct task_terms){
		.priority = TASK_PRIORITY_DEFAULT,
		.max_attempts = 3,
		.backoff_ms = 1000,
		.max_backoff_ms = 60000,
	};
	return queue;
}

void
fake_queue_free(struct queue *queue)
{
	for (size_t i = 0; i < queue->task_count; i++)
		task_result_done(&queue->tasks[i]);
	waiters_free(queue->waiters);
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->mutex);
	free(queue);
}

static void
copy_result(struct task_result *to, const struct task_result *from)
{
	*to = *from;
	if (from->response != NULL)
		to->response = strdup(from->response);
	if (from->data != NULL) {
		to->data = malloc(from->bytes + 1);
		memcpy(to->data, from->data, from->bytes);
		to->data[from->bytes] = '\0';
	}
	if (from->fd >= 0) {
		to->fd = dup(from->fd);
		lseek(to->fd, 0, SEEK_SET);
	}
}

void
fake_queue_put(struct queue *queue, const struct task_result *result)
{
	pthread_mutex_lock(&queue->mutex);
	copy_result(&queue->tasks[queue->task_count++], result);
	pthread_mutex_unlock(&queue->mutex);
}

void
fake_queue_put_submission(
    struct queue *queue, const char *id, const struct store_submission *submission)
{
	pthread_mutex_lock(&queue->mutex);
	(void)snprintf(queue->submission_id, sizeof(queue->submission_id), "%s", id);
	queue->submission = *submission;
	pthread_mutex_unlock(&queue->mutex);
}

struct fake_queue_task
fake_queue_last_task(struct queue *queue)
{
	struct fake_queue_task task;

	pthread_mutex_lock(&queue->mutex);
	task = queue->last_task;
	pthread_mutex_unlock(&queue->mutex);
	return task;
}

static void
note_task(struct queue *queue, const struct queue_task *task)
{
	struct fake_queue_task *last = &queue->last_task;

	queue->last_terms = *task->terms;
	(void)snprintf(last->type, sizeof(last->type), "%s", task->kind->type);
	(void)snprintf(last->args, sizeof(last->args), "%.*s", (int)task->args_size, task->args);
	(void)snprintf(last->retry_of, sizeof(last->retry_of), "%s",
	    task->retry_of == NULL ? "" : task->retry_of);
}

void
fake_queue_complete(struct queue *queue, const char *id)
{
	pthread_mutex_lock(&queue->mutex);
	for (size_t i = 0; i < queue->task_count; i++) {
		struct task_result *task = &queue->tasks[i];

		if (strcmp(task->status.id, id) == 0) {
			task->status.state = TASK_SUCCEEDED;
			task->has_content = true;
			task->is_utf8 = true;
			task->data = strdup("120");
			task->bytes = 3;
		}
	}
	pthread_mutex_unlock(&queue->mutex);
	waiters_tell(queue->waiters, id, WAITER_ENDED);
}

void
fake_queue_change(struct queue *queue, const char *id, enum task_state state, int attempt)
{
	pthread_mutex_lock(&queue->mutex);
	for (size_t i = 0; i < queue->task_count; i++) {
		struct task_status *status = &queue->tasks[i].status;

		if (strcmp(status->id, id) != 0)
			continue;
		status->state = state;
		status->attempt = attempt;
		if (attempt > 0)
			status->started_at_ms = status->created_at_ms + attempt;
		if (task_state_is_final(state))
			status->finished_at_ms = status->created_at_ms + 100;
	}
	pthread_mutex_unlock(&queue->mutex);
	waiters_tell(
	    queue->waiters, id, task_state_is_final(state) ? WAITER_ENDED : WAITER_CHANGED);
}

void
fake_queue_answer(
    struct queue *queue, enum status status, enum refusal refusal, unsigned retry_after_s)
{
	pthread_mutex_lock(&queue->mutex);
	queue->submit_status = status;
	queue->refusal = refusal;
	queue->retry_after_s = retry_after_s;
	pthread_mutex_unlock(&queue->mutex);
}

void
fake_queue_answer_cancel(struct queue *queue, enum status status, struct store_cancelled cancelled)
{
	pthread_mutex_lock(&queue->mutex);
	queue->cancel_status = status;
	queue->cancelled = cancelled;
	pthread_mutex_unlock(&queue->mutex);
}

void
fake_queue_answer_key(struct queue *queue, enum idempotency_verdict read,
    enum idempotency_verdict submitted, size_t count)
{
	pthread_mutex_lock(&queue->mutex);
	queue->key_read = read;
	queue->key_submitted = submitted;
	queue->key_count = count;
	pthread_mutex_unlock(&queue->mutex);
}

struct idempotency
fake_queue_last_key(struct queue *queue)
{
	struct idempotency key;

	pthread_mutex_lock(&queue->mutex);
	key = queue->last_key;
	pthread_mutex_unlock(&queue->mutex);
	return key;
}

/* The ids that submissions get. */
static void
make_ids(char (*ret_ids)[UUID_TEXT_SIZE], size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)snprintf(ret_ids[i], UUID_TEXT_SIZE, "018f0000-0000-7000-8000-%012u",
		    (unsigned)i % 1000000);
}

static void
answer_key(struct queue *queue, struct idempotency *key, enum idempotency_verdict verdict)
{
	idempotency_reset(key);
	queue->last_key = *key;
	key->ret_verdict = verdict;
	if (verdict != IDEMPOTENCY_REPLAYED)
		return;
	key->ret_count = queue->key_count;
	key->ret_ids = calloc(key->ret_count, sizeof(*key->ret_ids));
	make_ids(key->ret_ids, key->ret_count);
}

enum status
queue_read_idempotency(struct queue *queue, struct idempotency *key, struct error *error)
{
	enum status status;

	pthread_mutex_lock(&queue->mutex);
	status = queue->read_status;
	if (status == STATUS_OK)
		answer_key(queue, key, queue->key_read);
	pthread_mutex_unlock(&queue->mutex);
	return status == STATUS_OK ? status : error_set(error, status, "as the test says");
}

void
fake_queue_hold(struct queue *queue, bool hold)
{
	pthread_mutex_lock(&queue->mutex);
	queue->hold = hold;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->mutex);
}

void
fake_queue_await_held(struct queue *queue, unsigned count)
{
	pthread_mutex_lock(&queue->mutex);
	while (queue->held < count)
		pthread_cond_wait(&queue->changed, &queue->mutex);
	pthread_mutex_unlock(&queue->mutex);
}

void
fake_queue_fail_reads(struct queue *queue, enum status status)
{
	pthread_mutex_lock(&queue->mutex);
	queue->read_status = status;
	pthread_mutex_unlock(&queue->mutex);
}

void
fake_queue_put_stats(struct queue *queue, const struct queue_stats *stats)
{
	pthread_mutex_lock(&queue->mutex);
	queue->stats = *stats;
	pthread_mutex_unlock(&queue->mutex);
}

unsigned
fake_queue_submitted(struct queue *queue)
{
	unsigned submitted;

	pthread_mutex_lock(&queue->mutex);
	submitted = queue->submitted;
	pthread_mutex_unlock(&queue->mutex);
	return submitted;
}

enum status
queue_open(const struct queue_conf *conf, struct store *store, struct queue **ret_queue,
    struct error *error)
{
	(void)conf;
	(void)store;
	*ret_queue = fake_queue_new();
	(void)error;
	return STATUS_OK;
}

struct task_terms
fake_queue_last_terms(struct queue *queue)
{
	struct task_terms terms;

	pthread_mutex_lock(&queue->mutex);
	terms = queue->last_terms;
	pthread_mutex_unlock(&queue->mutex);
	return terms;
}

/* Answers a submission of so many tasks as the test says. */
static enum status
submit(struct queue *queue, const struct queue_task *tasks, size_t count, struct idempotency *key,
    enum refusal *ret_refusal, unsigned *ret_retry_after_s, struct error *error)
{
	enum status status;

	pthread_mutex_lock(&queue->mutex);
	queue->held++;
	pthread_cond_broadcast(&queue->changed);
	while (queue->hold)
		pthread_cond_wait(&queue->changed, &queue->mutex);
	queue->held--;
	status = queue->submit_status;
	if (key == NULL)
		queue->last_key.key[0] = '\0';
	else if (status == STATUS_OK)
		answer_key(queue, key, queue->key_submitted);
	if (status == STATUS_OK && !idempotency_is_known(key)) {
		queue->submitted += (unsigned)count;
		note_task(queue, &tasks[count - 1]);
	} else if (status != STATUS_OK) {
		*ret_refusal = queue->refusal;
		*ret_retry_after_s = queue->retry_after_s;
		(void)error_set(error, status, "as the test says");
	}
	pthread_mutex_unlock(&queue->mutex);
	return status;
}

enum status
queue_submit(struct queue *queue, const struct queue_task *task, struct idempotency *key,
    char ret_id[UUID_TEXT_SIZE], enum refusal *ret_refusal, unsigned *ret_retry_after_s,
    struct error *error)
{
	enum status status = submit(queue, task, 1, key, ret_refusal, ret_retry_after_s, error);

	if (status == STATUS_OK && !idempotency_is_known(key))
		strcpy(ret_id, FAKE_QUEUE_ID(0));
	return status;
}

enum status
queue_submit_batch(struct queue *queue, const struct queue_task *tasks, size_t count,
    struct idempotency *key, char (*ret_ids)[UUID_TEXT_SIZE], enum refusal *ret_refusal,
    unsigned *ret_retry_after_s, struct error *error)
{
	enum status status =
	    submit(queue, tasks, count, key, ret_refusal, ret_retry_after_s, error);

	if (status == STATUS_OK && !idempotency_is_known(key))
		make_ids(ret_ids, count);
	return status;
}

enum status
queue_read_result(
    struct queue *queue, const char *id, struct task_result *ret_result, struct error *error)
{
	enum status status;

	pthread_mutex_lock(&queue->mutex);
	status = queue->read_status;
	if (status == STATUS_OK) {
		status = STATUS_NOT_FOUND;
		for (size_t i = 0; i < queue->task_count; i++) {
			if (strcmp(queue->tasks[i].status.id, id) == 0) {
				copy_result(ret_result, &queue->tasks[i]);
				status = STATUS_OK;
			}
		}
	}
	if (status != STATUS_OK)
		(void)error_set(error, status, "as the test says");
	pthread_mutex_unlock(&queue->mutex);
	return status;
}

enum status
queue_cancel(
    struct queue *queue, const char *id, struct store_cancelled *ret_cancelled, struct error *error)
{
	enum status status;

	pthread_mutex_lock(&queue->mutex);
	status = queue->cancel_status;
	*ret_cancelled = queue->cancelled;
	pthread_mutex_unlock(&queue->mutex);
	(void)id;
	return status == STATUS_OK ? status : error_set(error, status, "as the test says");
}

enum status
queue_read_status(
    struct queue *queue, const char *id, struct task_status *ret_status, struct error *error)
{
	struct task_result result;
	enum status status;

	task_result_init(&result);
	status = queue_read_result(queue, id, &result, error);
	if (status == STATUS_OK)
		*ret_status = result.status;
	task_result_done(&result);
	return status;
}

/* The task with the highest id below one; NULL: none. */
static const struct task_result *
next_older(const struct queue *queue, const char *before_id)
{
	const struct task_result *next = NULL;

	for (size_t i = 0; i < queue->task_count; i++) {
		const char *id = queue->tasks[i].status.id;

		if (strcmp(id, before_id) < 0 && (next == NULL || strcmp(id, next->status.id) > 0))
			next = &queue->tasks[i];
	}
	return next;
}

/* With what the tests' tasks have no members for. */
static struct store_list_task
list_task(const struct task_result *task)
{
	static char args[] = "{\"n\":\"5\"}";
	struct store_list_task row = {
		.status = task->status,
		.priority = 5,
		.failure = task->failure,
		.args = args,
		.args_size = sizeof(args) - 1,
	};

	if (task->status.state == TASK_QUEUED) {
		row.run_at_ms = task->status.created_at_ms + 1000;
		row.expires_at_ms = task->status.created_at_ms + 2000;
	}
	return row;
}

enum status
queue_list(struct queue *queue, const struct store_list_query *query, struct store_list *ret_list,
    struct error *error)
{
	char from_id[UUID_TEXT_SIZE], before_id[UUID_TEXT_SIZE];
	enum list_offer offer = LIST_OFFER_NEXT;
	const struct task_result *task;
	struct store_list_page page;
	enum status status;

	pthread_mutex_lock(&queue->mutex);
	queue->last_query = *query;
	status = queue->read_status;
	if (status != STATUS_OK) {
		pthread_mutex_unlock(&queue->mutex);
		return error_set(error, status, "as the test says");
	}
	if (store_list_begin(query, &page, error) != STATUS_OK)
		abort();
	store_list_range(query, from_id, before_id);
	while (offer == LIST_OFFER_NEXT && (task = next_older(queue, before_id)) != NULL) {
		const struct store_list_task row = list_task(task);

		offer = store_list_offer(&page, &row);
		memcpy(before_id, task->status.id, UUID_TEXT_SIZE);
	}
	*ret_list = page.list;
	pthread_mutex_unlock(&queue->mutex);
	return STATUS_OK;
}

struct store_list_query
fake_queue_last_query(struct queue *queue)
{
	struct store_list_query query;

	pthread_mutex_lock(&queue->mutex);
	query = queue->last_query;
	pthread_mutex_unlock(&queue->mutex);
	return query;
}

enum status
queue_read_submission(struct queue *queue, const char *id, struct store_submission *ret_submission,
    struct error *error)
{
	enum status status;

	pthread_mutex_lock(&queue->mutex);
	status = queue->read_status;
	if (status == STATUS_OK && strcmp(queue->submission_id, id) != 0)
		status = STATUS_NOT_FOUND;
	if (status == STATUS_OK) {
		*ret_submission = queue->submission;
		ret_submission->args_size = strlen(queue->submission.args);
		ret_submission->args = strdup(queue->submission.args);
	}
	pthread_mutex_unlock(&queue->mutex);
	return status == STATUS_OK ? status : error_set(error, status, "as the test says");
}

enum status
queue_read_attempts(
    struct queue *queue, const char *id, struct store_attempts *ret_attempts, struct error *error)
{
	struct store_attempts found = { 0 };
	struct task_result result;
	enum status status;

	task_result_init(&result);
	status = queue_read_result(queue, id, &result, error);
	if (status != STATUS_OK)
		return status;
	found.list = calloc(2, sizeof(*found.list));
	if (result.status.started_at_ms != 0) {
		found.list[found.count++] = (struct store_attempt){ .attempt = 1,
			.started_at_ms = 1767323045000,
			.ended_at_ms = 1767323045100,
			.outcome = ATTEMPT_CRASHED };
		found.list[found.count++] = (struct store_attempt){ .attempt = 2,
			.started_at_ms = result.status.started_at_ms,
			.ended_at_ms = result.status.finished_at_ms,
			.outcome = attempt_outcome_of_task(result.status.state, result.failure),
			.failure = result.failure,
			.response = result.response };
		memcpy(found.list[1].message, result.message, sizeof(result.message));
		result.response = NULL;
	}
	task_result_done(&result);
	*ret_attempts = found;
	return STATUS_OK;
}

enum refusal
queue_readiness(struct queue *queue)
{
	enum refusal refusal;

	pthread_mutex_lock(&queue->mutex);
	refusal = queue->refusal;
	pthread_mutex_unlock(&queue->mutex);
	return refusal;
}

void
queue_stats(struct queue *queue, struct queue_stats *ret_stats)
{
	pthread_mutex_lock(&queue->mutex);
	*ret_stats = queue->stats;
	if (queue->refusal != REFUSAL_NONE)
		ret_stats->admission = queue->refusal;
	if (queue->refusal == REFUSAL_DISK_LOW)
		ret_stats->disk_low = true;
	if (queue->refusal == REFUSAL_DRAINING)
		ret_stats->draining = true;
	pthread_mutex_unlock(&queue->mutex);
}

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
	return "?";
}

const struct kind_settings *
queue_kind_settings(const struct queue *queue)
{
	return &queue->kinds;
}

const struct task_terms *
queue_default_terms(const struct queue *queue)
{
	return &queue->default_terms;
}

struct waiters *
queue_waiters(struct queue *queue)
{
	return queue->waiters;
}

int
queue_progress(struct queue *queue, const struct task_status *status)
{
	int progress = QUEUE_PROGRESS_UNKNOWN;

	pthread_mutex_lock(&queue->mutex);
	if (status->state == TASK_RUNNING)
		progress = queue->progress;
	else if (status->state == TASK_SUCCEEDED)
		progress = QUEUE_PROGRESS_WHOLE;
	pthread_mutex_unlock(&queue->mutex);
	return progress;
}

int
queue_await_progress(struct queue *queue, const struct task_status *status, int seen)
{
	(void)seen;
	return queue_progress(queue, status);
}

void
fake_queue_progress(struct queue *queue, const char *id, int progress)
{
	pthread_mutex_lock(&queue->mutex);
	queue->progress = progress;
	pthread_mutex_unlock(&queue->mutex);
	waiters_tell(queue->waiters, id, WAITER_PROGRESSED);
}

void
queue_refuse(struct queue *queue)
{
	waiters_close(queue->waiters);
}

void
queue_drain(struct queue *queue, int64_t deadline_mono_ms)
{
	(void)queue;
	(void)deadline_mono_ms;
}

void
queue_close(struct queue *queue)
{
	fake_queue_free(queue);
}
