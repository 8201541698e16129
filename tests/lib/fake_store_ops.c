/* SPDX-License-Identifier: MIT */
/*
 * The in-memory back end: an array of tasks in the order of their submission, under one lock. Slow
 * where the real one is fast; tests have few tasks. What reads a task is in fake_store_reads.c.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_store_parts.h"

/* How fake_store_open hands its tasks to the back end's open, which has no argument for them. */
static _Thread_local struct fake_store *opening;

static void
end(struct fake_store *fake, struct fake_task *task, enum task_state state, enum failure failure,
    const char *message, int64_t now_ms)
{
	task->status.state = state;
	task->status.finished_at_ms = now_ms;
	task->held_until_ms = 0;
	fake_task_undefer(task);
	outcome_fail(&task->outcome, failure, "%s", message);
	fake_note_end(fake, task);
}

void
fake_end_cancelled(struct fake_store *fake, struct fake_task *task, int64_t now_ms)
{
	end(fake, task, TASK_FAILED, FAILURE_CANCELLED, "Cancelled while running", now_ms);
}

/* Records the attempt that is to be followed by another; the response is copied. */
static void
keep_attempt(struct fake_task *task, enum attempt_outcome outcome, const struct outcome *failed,
    int64_t ended_at_ms)
{
	size_t count = task->past.count++;
	struct store_attempt *attempt;

	task->past.list =
	    fake_must(realloc(task->past.list, task->past.count * sizeof(*task->past.list)));
	attempt = &task->past.list[count];
	*attempt = (struct store_attempt){
		.attempt = task->status.attempt,
		.started_at_ms = task->status.started_at_ms,
		.ended_at_ms = ended_at_ms,
		.outcome = outcome,
	};
	if (failed == NULL)
		return;
	attempt->failure = failed->failure;
	memcpy(attempt->message, failed->message, sizeof(attempt->message));
	if (failed->response != NULL)
		attempt->response = fake_must(strdup(failed->response));
}

/* What a crash leaves behind is mended as the real store does it. */
static void
recover(struct fake_store *fake, int64_t now_ms, struct store_recovery *recovery)
{
	for (size_t i = 0; i < fake->count; i++) {
		struct fake_task *task = &fake->tasks[i];
		int left = task->terms.max_attempts - task->status.attempt;

		if (task->status.state != TASK_RUNNING)
			continue;
		fake_events(fake, task)->interrupted++;
		if (task->is_cancelled) {
			fake_end_cancelled(fake, task, now_ms);
			recovery->cancelled++;
		} else if (left > 0) {
			keep_attempt(task, ATTEMPT_CRASHED, NULL, now_ms);
			task->status.state = TASK_QUEUED;
			task->status.started_at_ms = 0;
			task->waits_since_ms = now_ms;
			task->isolated = task->terms.max_attempts > 1 && left == 1;
			recovery->requeued++;
		} else {
			end(fake, task, TASK_FAILED, FAILURE_ATTEMPTS_EXHAUSTED,
			    "The last attempt ended with the service going down", now_ms);
			recovery->exhausted++;
		}
	}
}

static enum status
fake_open(const struct store_conf *conf, int64_t now_ms, void **ret_db,
    struct store_recovery *ret_recovery, struct error *error)
{
	struct fake_store *fake = opening;

	if (fake->is_open)
		return error_set(error, STATUS_BUSY, "the fake store is open");
	free(fake->spill_dir);
	if (asprintf(&fake->spill_dir, "%s/results", conf->data_dir) < 0)
		abort();
	(void)mkdir(fake->spill_dir, 0700);
	fake->output_conf = (struct output_conf){
		.run_name = "fake",
		.spill_dir = fake->spill_dir,
		.memory_max_bytes = conf->inline_max_bytes,
	};
	fake->fatal = conf->fatal;
	fake->context = conf->context;
	store_histograms_init(&fake->histograms);
	memset(fake->types, 0, sizeof(fake->types));
	fake->type_count = 0;
	fake->is_open = true;
	fake->is_dead = false;
	recover(fake, now_ms, ret_recovery);
	*ret_db = fake;
	return STATUS_OK;
}

static void
fake_close(void *db)
{
	struct fake_store *fake = db;

	fake->is_open = false;
}

static const struct output_conf *
fake_output_conf(const void *db)
{
	const struct fake_store *fake = db;

	return &fake->output_conf;
}

struct fake_task *
fake_find(struct fake_store *fake, const char *id)
{
	for (size_t i = 0; i < fake->count; i++) {
		if (strcmp(fake->tasks[i].status.id, id) == 0)
			return &fake->tasks[i];
	}
	return NULL;
}

static void
fake_on_start(void *db,
    void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count),
    void *context)
{
	struct fake_store *fake = db;

	lock_acquire(&fake->lock);
	fake->started = started;
	fake->started_context = context;
	lock_release(&fake->lock);
}

/* Whether an id of these is taken, or stands among them twice. */
static const char *
find_taken(struct fake_store *fake, const struct task_new *tasks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fake_find(fake, tasks[i].id) != NULL)
			return tasks[i].id;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(tasks[i].id, tasks[j].id) == 0)
				return tasks[i].id;
		}
	}
	return NULL;
}

static void
keep_content(struct fake_task *task, const void *content, size_t size)
{
	task->data = fake_must(malloc(size + 1));
	if (size > 0)
		memcpy(task->data, content, size);
	task->data[size] = '\0';
}

static void
insert_ended(struct fake_task *task, const struct task_new *new)
{
	task->status.state = TASK_SUCCEEDED;
	task->status.attempt = 1;
	task->status.started_at_ms = new->created_at_ms;
	task->status.finished_at_ms = new->ended->finished_at_ms;
	task->lease = 1;
	outcome_succeed(&task->outcome, new->ended->media_type);
	task->has_content = true;
	task->is_utf8 = new->ended->is_utf8;
	task->bytes = new->ended->content_size;
	keep_content(task, new->ended->content, new->ended->content_size);
}

static void
insert(struct fake_store *fake, const struct task_new *new, struct task_start *start)
{
	struct fake_task *task;

	if (fake->count == fake->capacity) {
		fake->capacity = fake->capacity == 0 ? 64 : fake->capacity * 2;
		fake->tasks = fake_must(realloc(fake->tasks, fake->capacity * sizeof(*task)));
	}
	task = &fake->tasks[fake->count++];
	*task = (struct fake_task){
		.seq = ++fake->last_seq,
		.status = { .state = TASK_QUEUED, .created_at_ms = new->created_at_ms },
		.lane = new->lane,
		.args = fake_must(malloc(new->args_size + 1)),
		.args_size = new->args_size,
		.terms = new->terms,
		.held_until_ms =
		    new->terms.run_at_ms > new->created_at_ms ? new->terms.run_at_ms : 0,
		.waits_since_ms = new->created_at_ms,
	};
	memcpy(task->status.id, new->id, UUID_TEXT_SIZE);
	memcpy(task->status.type, new->type, strlen(new->type) + 1);
	if (new->retry_of != NULL)
		memcpy(task->status.retry_of, new->retry_of, UUID_TEXT_SIZE);
	memcpy(task->args, new->args, new->args_size);
	task->args[new->args_size] = '\0';
	outcome_init(&task->outcome);
	fake_events(fake, task)->submitted++;
	if (new->ended != NULL) {
		insert_ended(task, new);
		fake_events(fake, task)->answered++;
		fake_note_end(fake, task);
	}
	if (start == NULL)
		return;
	task->status.state = TASK_RUNNING;
	task->status.attempt = 1;
	task->status.started_at_ms = new->created_at_ms;
	task->lease = 1;
	*start = (struct task_start){ .seq = task->seq };
}

static enum status
fake_submit(void *db, const struct task_new *tasks, size_t count, struct task_start *start,
    struct idempotency *idempotency, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_SUBMIT, error);
	const char *taken;

	if (status != STATUS_OK)
		return status;
	if (idempotency != NULL)
		fake_key_find(fake, idempotency, tasks[0].created_at_ms);
	if (idempotency_is_known(idempotency))
		return fake_op_end(fake, FAKE_SUBMIT, STATUS_OK);
	taken = find_taken(fake, tasks, count);
	if (taken != NULL)
		return fake_op_end(
		    fake, FAKE_SUBMIT, error_set(error, STATUS_CONFLICT, "task %s exists", taken));
	for (size_t i = 0; i < count; i++)
		insert(fake, &tasks[i], start);
	if (idempotency != NULL)
		fake_key_keep(fake, idempotency, tasks, count);
	fake_note_commit(fake, true);
	status = fake_op_end(fake, FAKE_SUBMIT, STATUS_OK);
	if (start != NULL)
		fake->started(fake->started_context, tasks[0].lane, start, 1);
	return status;
}

static int
compare_seq(const void *seq, const void *task)
{
	int64_t a = *(const int64_t *)seq, b = ((const struct fake_task *)task)->seq;

	return (a > b) - (a < b);
}

struct fake_task *
fake_find_claimed(struct fake_store *fake, const struct task *task)
{
	struct fake_task *found = NULL;

	if (fake->count > 0)
		found = bsearch(&task->seq, fake->tasks, fake->count, sizeof(*found), compare_seq);
	return found != NULL && found->status.state == TASK_RUNNING && found->lease == task->lease
		   ? found
		   : NULL;
}

void
fake_file_name(const struct task_status *status, int64_t lease, char *ret_name, size_t size)
{
	(void)snprintf(ret_name, size, "%s-%lld", status->id, (long long)lease);
}

/* Puts a spilled content into place, as the real store does it before the commit. */
static enum status
persist(struct fake_task *task, struct output *output, struct error *error)
{
	char name[64];

	if (!output_is_spilled(output) || output->spill_path == NULL)
		return STATUS_OK;
	fake_file_name(&task->status, task->lease, name, sizeof(name));
	return output_persist(output, name, error);
}

static void
complete_one(struct fake_store *fake, struct fake_task *task, struct completion *completion)
{
	const struct outcome *outcome = completion->outcome;
	struct output *output = completion->output;
	bool succeeded = outcome->verdict == VERDICT_SUCCEEDED;

	completion->ret_status = STATUS_OK;
	if (task->is_cancelled && (succeeded || completion->is_retried)) {
		fake_end_cancelled(fake, task, completion->finished_at_ms);
	} else if (completion->is_retried) {
		keep_attempt(task, ATTEMPT_FAILED, outcome, completion->finished_at_ms);
		fake_events(fake, task)->retried[outcome->failure]++;
		task->status.state = TASK_QUEUED;
		task->status.started_at_ms = 0;
		task->waits_since_ms = completion->finished_at_ms;
		if (completion->retry_at_ms > completion->finished_at_ms)
			task->held_until_ms = completion->retry_at_ms;
	} else {
		task->status.state = succeeded ? TASK_SUCCEEDED : TASK_FAILED;
		task->status.finished_at_ms = completion->finished_at_ms;
		task->outcome = *outcome;
		task->outcome.pause_host = NULL;
		if (outcome->response != NULL)
			task->outcome.response = fake_must(strdup(outcome->response));
		task->has_content = completion_has_content(completion);
		task->is_utf8 = output_is_utf8(output);
		task->is_file = output_is_spilled(output);
		task->bytes = output->bytes;
		if (task->has_content && !task->is_file)
			keep_content(task, output->memory.data, output->memory.size);
		fake_note_end(fake, task);
	}
	completion->ret_state = task->status.state;
}

static enum status
fake_complete(void *db, struct completion *completions, size_t count, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_COMPLETE, error);
	bool wrote = false;

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		struct fake_task *task = fake_find_claimed(fake, completions[i].task);

		if (task != NULL && !completions[i].is_retried)
			status = persist(task, completions[i].output, error);
	}
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		struct fake_task *task = fake_find_claimed(fake, completions[i].task);

		completions[i].ret_status = STATUS_CONFLICT;
		if (task != NULL)
			complete_one(fake, task, &completions[i]);
		wrote = wrote || task != NULL;
	}
	fake_note_commit(fake, wrote);
	return fake_op_end(fake, FAKE_COMPLETE, status);
}

static void
cancel_one(
    struct fake_store *fake, struct fake_task *task, int64_t now_ms, struct store_cancelled *ret)
{
	*ret = (struct store_cancelled){ .lane = task->lane, .waited = fake_task_wait(task) };
	if (task->status.state == TASK_QUEUED) {
		ret->what = STORE_CANCEL_REJECTED;
		end(fake, task, TASK_REJECTED, FAILURE_CANCELLED, "Cancelled before it started",
		    now_ms);
	} else if (task->status.state == TASK_RUNNING) {
		ret->what = STORE_CANCEL_REQUESTED;
		task->is_cancelled = true;
	} else if (task->outcome.failure == FAILURE_CANCELLED) {
		ret->what = STORE_CANCEL_BEFORE;
	} else {
		ret->what = STORE_CANCEL_TOO_LATE;
	}
	ret->state = task->status.state;
}

static enum status
fake_cancel(void *db, const char *id, int64_t now_ms, struct store_cancelled *ret_cancelled,
    struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_CANCEL, error);
	struct fake_task *task;

	if (status != STATUS_OK)
		return status;
	task = fake_find(fake, id);
	if (task == NULL)
		return fake_op_end(fake, FAKE_CANCEL,
		    error_set(error, STATUS_NOT_FOUND, "there is no task %s", id));
	cancel_one(fake, task, now_ms, ret_cancelled);
	fake_note_commit(fake, ret_cancelled->what == STORE_CANCEL_REJECTED ||
				   ret_cancelled->what == STORE_CANCEL_REQUESTED);
	return fake_op_end(fake, FAKE_CANCEL, STATUS_OK);
}

/* The task that is due for longest by one of two times, of several the one that goes first; NULL:
   none is due. *next_ms tells when the first of the others will be. */
static struct fake_task *
first_due(struct fake_store *fake, bool by_expiry, int64_t now_ms, int64_t *next_ms)
{
	struct fake_task *first = NULL;
	int64_t first_ms = INT64_MAX;

	for (size_t i = 0; i < fake->count; i++) {
		struct fake_task *task = &fake->tasks[i];
		bool can_expire = task->status.attempt == 0 && by_expiry;
		int64_t at_ms = by_expiry ? task->terms.expires_at_ms : task->held_until_ms;

		if (task->status.state != TASK_QUEUED || at_ms == 0 || (by_expiry && !can_expire) ||
		    at_ms > first_ms ||
		    (first != NULL && at_ms == first_ms &&
			task->terms.priority >= first->terms.priority))
			continue;
		first = task;
		first_ms = at_ms;
	}
	if (first_ms <= now_ms)
		return first;
	if (first_ms < *next_ms)
		*next_ms = first_ms;
	return NULL;
}

static bool
expire_some(struct fake_store *fake, int64_t now_ms, struct store_advance *advance)
{
	struct fake_task *task;

	while ((task = first_due(fake, true, now_ms, &advance->next_at_ms)) != NULL) {
		if (advance->expired_count == STORE_ADVANCE_MAX) {
			advance->next_at_ms = task->terms.expires_at_ms;
			return false;
		}
		if (fake_task_wait(task) == WAIT_FOR_LANE)
			advance->expired_ready[task->lane]++;
		else if (fake_task_wait(task) == WAIT_FOR_HOST)
			advance->expired_deferred[task->lane]++;
		memcpy(advance->expired_ids[advance->expired_count++], task->status.id,
		    UUID_TEXT_SIZE);
		end(fake, task, TASK_REJECTED, FAILURE_EXPIRED, "Expired before it started",
		    now_ms);
	}
	return true;
}

static void
ready_some(struct fake_store *fake, int64_t now_ms, struct store_advance *advance)
{
	struct fake_task *task;

	for (int count = 0; (task = first_due(fake, false, now_ms, &advance->next_at_ms)) != NULL;
	     count++) {
		if (count == STORE_ADVANCE_MAX) {
			advance->next_at_ms = task->held_until_ms;
			return;
		}
		advance->readied[task->lane]++;
		task->waits_since_ms = task->held_until_ms;
		task->held_until_ms = 0;
	}
}

static enum status
fake_advance(void *db, int64_t now_ms, struct store_advance *ret_advance, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_ADVANCE, error);

	if (status != STATUS_OK)
		return status;
	*ret_advance = (struct store_advance){ .next_at_ms = INT64_MAX };
	if (expire_some(fake, now_ms, ret_advance))
		ready_some(fake, now_ms, ret_advance);
	fake_note_commit(fake, ret_advance->expired_count > 0 ||
				   ret_advance->readied[LANE_CPU] > 0 ||
				   ret_advance->readied[LANE_IO] > 0);
	return fake_op_end(fake, FAKE_ADVANCE, STATUS_OK);
}

static enum status
fake_read_idempotency(
    void *db, struct idempotency *idempotency, int64_t now_ms, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_READ_IDEMPOTENCY, error);

	if (status != STATUS_OK)
		return status;
	fake_key_find(fake, idempotency, now_ms);
	return fake_op_end(fake, FAKE_READ_IDEMPOTENCY, STATUS_OK);
}

static enum status
fake_maintain(void *db, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_MAINTAIN, error);

	if (status != STATUS_OK)
		return status;
	return fake_op_end(fake, FAKE_MAINTAIN, STATUS_OK);
}

static const struct store_backend backend = {
	.name = "fake",
	.open = fake_open,
	.close = fake_close,
	.output_conf = fake_output_conf,
	.on_start = fake_on_start,
	.submit = fake_submit,
	.claim = fake_claim,
	.complete = fake_complete,
	.release = fake_release,
	.next_host = fake_next_host,
	.cancel = fake_cancel,
	.advance = fake_advance,
	.purge = fake_purge,
	.read_status = fake_read_status,
	.read_result = fake_read_result,
	.read_idempotency = fake_read_idempotency,
	.list = fake_list,
	.read_submission = fake_read_submission,
	.read_attempts = fake_read_attempts,
	.oldest_waiting = fake_oldest_waiting,
	.counts = fake_counts,
	.stats = fake_stats,
	.maintain = fake_maintain,
};

enum status
fake_store_open(struct fake_store *fake, const struct store_conf *conf, int64_t now_ms,
    struct store **ret_store, struct store_recovery *ret_recovery, struct error *error)
{
	enum status status;

	opening = fake;
	status = store_open_with(&backend, conf, now_ms, ret_store, ret_recovery, error);
	opening = NULL;
	return status;
}
