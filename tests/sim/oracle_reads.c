/* SPDX-License-Identifier: MIT */
/* Whether what is read is what has happened; see oracle.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oracle.h"

/* Whether the task was found that is there; the task, where both say so. */
static const struct oracle_task *
found(const struct oracle *oracle, const char *id, const char *what, enum status status)
{
	const struct oracle_task *task = oracle_find(oracle, id);

	if (status != (task != NULL ? STATUS_OK : STATUS_NOT_FOUND))
		oracle_fail(
		    oracle, task, "%s of %s was answered with %s", what, id, status_name(status));
	return task;
}

static void
check_status(
    const struct oracle *oracle, const struct oracle_task *task, const struct task_status *told)
{
	if (strcmp(told->id, task->id) != 0 || strcmp(told->type, task->type) != 0 ||
	    told->state != task->state || told->attempt != task->attempt ||
	    told->created_at_ms != task->created_at_ms ||
	    told->started_at_ms != task->started_at_ms ||
	    told->finished_at_ms != task->finished_at_ms ||
	    strcmp(told->retry_of, task->retry_of) != 0)
		oracle_fail(oracle, task,
		    "it is read as %s, type %s, attempt %d, created at %" PRId64
		    ", started at %" PRId64 ", finished at %" PRId64
		    "; should be started at %" PRId64 ", finished at %" PRId64,
		    task_state_name(told->state), told->type, told->attempt, told->created_at_ms,
		    told->started_at_ms, told->finished_at_ms, task->started_at_ms,
		    task->finished_at_ms);
	if (told->attempt > task->terms.max_attempts)
		oracle_fail(oracle, task, "an attempt above its maximum");
}

void
oracle_read_status(
    const struct oracle *oracle, const char *id, const struct task_status *told, enum status status)
{
	const struct oracle_task *task = found(oracle, id, "the status", status);

	if (task != NULL)
		check_status(oracle, task, told);
}

void
oracle_read_submission(const struct oracle *oracle, const char *id,
    const struct store_submission *told, enum status status)
{
	const struct oracle_task *task = found(oracle, id, "the submission", status);

	if (task == NULL)
		return;
	if (strcmp(told->type, task->type) != 0 || told->state != task->state ||
	    told->args_size != strlen(task->args) || strcmp(told->args, task->args) != 0 ||
	    memcmp(&told->terms, &task->terms, sizeof(told->terms)) != 0)
		oracle_fail(oracle, task, "it is told to have been submitted as %s, %s, %s",
		    told->type, told->args, task_state_name(told->state));
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static uint64_t
hash_of(const struct oracle *oracle, const struct oracle_task *task, const struct task_result *told)
{
	uint64_t hash;
	char *data;

	if (told->data != NULL)
		return oracle_hash(told->data, told->bytes);
	data = malloc(told->bytes + 1);
	if (data == NULL)
		abort();
	if (pread(told->fd, data, told->bytes + 1, 0) != (ssize_t)told->bytes)
		oracle_fail(
		    oracle, task, "the file of its result has not %" PRIu64 " bytes", told->bytes);
	hash = oracle_hash(data, told->bytes);
	free(data);
	return hash;
}

void
oracle_read_result(
    const struct oracle *oracle, const char *id, const struct task_result *told, enum status status)
{
	const struct oracle_task *task = found(oracle, id, "the result", status);
	const struct oracle_content *content;

	if (task == NULL)
		return;
	content = &task->content;
	check_status(oracle, task, &told->status);
	if (task_state_is_final(task->state) &&
	    strlen(told->message) != (size_t)task->message_bytes)
		oracle_fail(oracle, task, "its result says '%s'", told->message);
	if (told->failure != task->failure || !is_same_text(told->response, task->response))
		oracle_fail(oracle, task, "its result has failure %d and %s, should have %d and %s",
		    (int)told->failure, told->response, (int)task->failure, task->response);
	if (told->has_content != content->exists)
		oracle_fail(oracle, task, "its result %s content",
		    told->has_content ? "has" : "has lost its");
	if (content->exists &&
	    (told->bytes != content->bytes || told->is_utf8 != content->is_utf8 ||
		strcmp(told->media_type, content->media_type) != 0 ||
		hash_of(oracle, task, told) != content->hash))
		oracle_fail(oracle, task,
		    "its content is another one: %" PRIu64 " bytes of %s, should be %" PRIu64
		    " of %s",
		    told->bytes, told->media_type, content->bytes, content->media_type);
}

static void
check_attempt(const struct oracle *oracle, const struct oracle_task *task,
    const struct store_attempt *told, int number, const struct oracle_attempt *attempt)
{
	if (told->attempt != number || told->started_at_ms != attempt->started_at_ms ||
	    told->ended_at_ms != attempt->ended_at_ms || told->outcome != attempt->outcome ||
	    (attempt->outcome == ATTEMPT_FAILED && told->failure != attempt->failure) ||
	    !is_same_text(told->response, attempt->response))
		oracle_fail(oracle, task,
		    "its attempt %d is told as %d, %s, failure %d, %" PRId64 " to %" PRId64
		    ", %s; should be %s, failure %d, %" PRId64 " to %" PRId64 ", %s",
		    number, told->attempt, attempt_outcome_name(told->outcome), (int)told->failure,
		    told->started_at_ms, told->ended_at_ms, told->response,
		    attempt_outcome_name(attempt->outcome), (int)attempt->failure,
		    attempt->started_at_ms, attempt->ended_at_ms, attempt->response);
}

/* How an attempt ended that has not been followed by another. */
static enum attempt_outcome
latest_outcome(const struct oracle_task *task)
{
	if (task->state == TASK_RUNNING)
		return ATTEMPT_RUNNING;
	if (task->state == TASK_SUCCEEDED)
		return ATTEMPT_SUCCEEDED;
	if (task->failure == FAILURE_ATTEMPTS_EXHAUSTED)
		return ATTEMPT_CRASHED;
	return task->failure == FAILURE_CANCELLED ? ATTEMPT_CANCELLED : ATTEMPT_FAILED;
}

void
oracle_read_attempts(const struct oracle *oracle, const char *id, const struct store_attempts *told,
    enum status status)
{
	const struct oracle_task *task = found(oracle, id, "the attempts", status);
	bool has_latest = task != NULL && task->started_at_ms != 0;

	if (task == NULL)
		return;
	if (told->count != task->past_count + has_latest || told->count != (size_t)task->attempt)
		oracle_fail(oracle, task,
		    "it is told to have %zu attempts on record, should have %zu", told->count,
		    task->past_count + has_latest);
	for (size_t i = 0; i < task->past_count; i++)
		check_attempt(oracle, task, &told->list[i], (int)i + 1, &task->past[i]);
	if (has_latest) {
		const struct oracle_attempt latest = {
			.started_at_ms = task->started_at_ms,
			.ended_at_ms = task->finished_at_ms,
			.outcome = latest_outcome(task),
			.failure = task->failure,
			.response = task->response,
		};

		check_attempt(oracle, task, &told->list[told->count - 1], task->attempt, &latest);
	}
}

void
oracle_oldest_waiting(const struct oracle *oracle, const int64_t since_ms[LANE_COUNT])
{
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		if ((since_ms[lane] != 0) != (oracle->counts.queued_by_lane[lane] > 0))
			oracle_fail(oracle, NULL,
			    "in lane %d somebody is said to wait since %" PRId64 ", and %" PRId64
			    " tasks wait",
			    lane, since_ms[lane], oracle->counts.queued_by_lane[lane]);
	}
}

static bool
is_wanted(const struct store_list_query *query, const struct oracle_task *task)
{
	if (query->before_id != NULL && strcmp(task->id, query->before_id) >= 0)
		return false;
	if (query->states != 0 && (query->states & 1u << task->state) == 0)
		return false;
	if (query->type != NULL && strcmp(query->type, task->type) != 0)
		return false;
	return query->args_prefix_size == 0 ||
	       strncmp(query->args_prefix, task->args, query->args_prefix_size) == 0;
}

void
oracle_listed(const struct oracle *oracle, const struct store_list_query *query,
    const struct store_list *list)
{
	size_t wanted = 0;

	if (list->count > query->tasks_max)
		oracle_fail(oracle, NULL, "a page has %zu tasks, %zu were asked for", list->count,
		    query->tasks_max);
	for (size_t i = 0; i < list->count; i++) {
		const struct store_list_task *told = &list->tasks[i];
		const struct oracle_task *task = oracle_find(oracle, told->status.id);

		if (task == NULL || !is_wanted(query, task))
			oracle_fail(oracle, task,
			    "a page has task %s, which is not there, or not "
			    "wanted",
			    told->status.id);
		if (i > 0 && strcmp(list->tasks[i - 1].status.id, told->status.id) <= 0)
			oracle_fail(oracle, task, "it stands below %s on a page",
			    list->tasks[i - 1].status.id);
		check_status(oracle, task, &told->status);
		if (told->priority != task->terms.priority || told->failure != task->failure ||
		    told->run_at_ms != task->terms.run_at_ms ||
		    told->expires_at_ms != task->terms.expires_at_ms ||
		    !is_same_text(told->args, task->args))
			oracle_fail(oracle, task,
			    "a page tells it otherwise: priority %d, failure %d, "
			    "%s",
			    told->priority, (int)told->failure, told->args);
	}
	for (size_t i = 0; i < oracle->count; i++) {
		const struct oracle_task *task = oracle->tasks[i];

		/* What the page has looked at and passed over is not wanted. */
		wanted += is_wanted(query, task) &&
			  (!list->has_more || strcmp(task->id, list->next_id) >= 0);
	}
	if (wanted != list->count)
		oracle_fail(
		    oracle, NULL, "a page has %zu tasks, %zu belong there", list->count, wanted);
}
