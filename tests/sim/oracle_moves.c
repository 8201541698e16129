/* SPDX-License-Identifier: MIT */
/* How tasks move and end; see oracle.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

static void
end(struct oracle *oracle, struct oracle_task *task, enum task_state state, enum failure failure,
    int64_t now_ms)
{
	if (task_state_is_final(task->state))
		oracle_fail(oracle, task, "it was final, and is to be %s", task_state_name(state));
	oracle_move(oracle, task, state, 0);
	task->finished_at_ms = now_ms;
	task->is_hidden = now_ms < oracle->looked_ms;
	task->message_bytes = -1;
	oracle->unread++;
	task->failure = failure;
	oracle->succeeded += state == TASK_SUCCEEDED;
	oracle->failed += state == TASK_FAILED;
	oracle->rejected += state == TASK_REJECTED;
}

/* The attempt of a task is followed by another. */
static void
requeue(struct oracle *oracle, struct oracle_task *task, enum attempt_outcome outcome,
    enum failure failure, const char *response, int64_t now_ms, int64_t held_until_ms)
{
	struct oracle_attempt *past = &task->past[task->past_count++];

	if (task->past_count > ORACLE_ATTEMPTS)
		oracle_fail(oracle, task, "the simulation makes too many attempts");
	*past = (struct oracle_attempt){
		.started_at_ms = task->started_at_ms,
		.ended_at_ms = now_ms,
		.outcome = outcome,
		.failure = failure,
		.response = response != NULL ? strdup(response) : NULL,
	};
	task->started_at_ms = 0;
	oracle_move(oracle, task, TASK_QUEUED, held_until_ms);
}

/* The task of a claim if its lease still holds. */
static struct oracle_task *
find_held(const struct oracle *oracle, const struct task *claim)
{
	struct oracle_task *task = oracle_find(oracle, claim->id);

	return task != NULL && task->state == TASK_RUNNING && task->lease == claim->lease ? task
											  : NULL;
}

/* What becomes of a task whose lease holds. */
static void
complete(struct oracle *oracle, struct oracle_task *task, const struct completion *completion,
    const struct oracle_content *content)
{
	const struct outcome *outcome = completion->outcome;
	int64_t now_ms = completion->finished_at_ms;
	bool succeeded = outcome->verdict == VERDICT_SUCCEEDED;

	if (!succeeded && outcome->verdict != VERDICT_FAILED)
		oracle_fail(oracle, task, "an attempt that did not end was written down");
	/* In the simulation of the queue it is known which attempts were begun. */
	if (oracle->host_of != NULL && !succeeded && outcome->failure != FAILURE_CANCELLED &&
	    task->lease < 64 && (task->executed & UINT64_C(1) << task->lease) == 0)
		oracle_fail(oracle, task, "an attempt has failed that was not begun");
	if (task->is_cancelled && (succeeded || completion->is_retried)) {
		end(oracle, task, TASK_FAILED, FAILURE_CANCELLED, now_ms);
	} else if (completion->is_retried) {
		bool is_held = completion->retry_at_ms > now_ms;

		requeue(oracle, task, ATTEMPT_FAILED, outcome->failure, outcome->response, now_ms,
		    is_held ? completion->retry_at_ms : 0);
		oracle->retried++;
	} else {
		end(oracle, task, succeeded ? TASK_SUCCEEDED : TASK_FAILED, outcome->failure,
		    now_ms);
		task->response = outcome->response != NULL ? strdup(outcome->response) : NULL;
		if (succeeded || content->bytes > 0)
			task->content = *content;
		task->message_bytes = succeeded ? 0 : (int)strlen(outcome->message);
		oracle->unread--;
		oracle->counts.kept_bytes += oracle_kept_bytes(task);
	}
}

void
oracle_completed(struct oracle *oracle, const struct completion *completions, size_t count,
    const struct oracle_content *contents)
{
	for (size_t i = 0; i < count; i++) {
		const struct completion *completion = &completions[i];
		struct oracle_task *task = find_held(oracle, completion->task);

		if (task == NULL) {
			oracle->superseded++;
			task = oracle_find(oracle, completion->task->id);
			if (completion->ret_status != STATUS_CONFLICT)
				oracle_fail(oracle, task,
				    "a completion of %s with lease %" PRId64
				    " was answered with %s, although that does not hold",
				    completion->task->id, completion->task->lease,
				    status_name(completion->ret_status));
			if (task != NULL)
				oracle_note(oracle, task, completion->finished_at_ms,
				    "completion with lease %" PRId64 " dropped",
				    completion->task->lease);
			continue;
		}
		complete(oracle, task, completion, &contents[i]);
		oracle_note(oracle, task, completion->finished_at_ms,
		    "completed with lease %" PRId64 ": %s%s", completion->task->lease,
		    task_state_name(task->state), task->held_until_ms != 0 ? ", held" : "");
		if (completion->ret_status != STATUS_OK || completion->ret_state != task->state)
			oracle_fail(oracle, task, "its completion was answered with %s, %s",
			    status_name(completion->ret_status),
			    task_state_name(completion->ret_state));
	}
}

void
oracle_released(struct oracle *oracle, const struct task *tasks, const char *const *hosts,
    size_t count, int64_t now_ms, size_t queued)
{
	for (size_t i = 0; i < count; i++) {
		struct oracle_task *task = find_held(oracle, &tasks[i]);

		if (task == NULL) {
			oracle->superseded++;
			continue;
		}
		if (task->is_cancelled) {
			end(oracle, task, TASK_FAILED, FAILURE_CANCELLED, now_ms);
		} else {
			task->attempt--;
			task->started_at_ms = 0;
			oracle_move(oracle, task, TASK_QUEUED, 0);
			if (hosts != NULL)
				oracle_defer(oracle, task, hosts[i]);
			oracle->released++;
			queued--;
		}
		oracle_note(oracle, task, now_ms, "released with lease %" PRId64 ": %s, %s",
		    tasks[i].lease, task_state_name(task->state), task->deferred_for);
	}
	if (queued != 0)
		oracle_fail(oracle, NULL,
		    "%zd more tasks than were handed back are said to be queued", (ssize_t)queued);
}

void
oracle_cancelled(struct oracle *oracle, const char *id, int64_t now_ms,
    const struct store_cancelled *cancelled, enum status status)
{
	struct oracle_task *task = oracle_find(oracle, id);
	enum store_cancel what = STORE_CANCEL_TOO_LATE;
	enum task_wait waited;

	if ((status == STATUS_NOT_FOUND) != (task == NULL))
		oracle_fail(
		    oracle, task, "the cancel of %s was answered with %s", id, status_name(status));
	if (task == NULL)
		return;
	waited = oracle_wait(task);
	if (task->state == TASK_QUEUED) {
		what = STORE_CANCEL_REJECTED;
		end(oracle, task, TASK_REJECTED, FAILURE_CANCELLED, now_ms);
	} else if (task->state == TASK_RUNNING) {
		what = STORE_CANCEL_REQUESTED;
		task->is_cancelled = true;
		oracle_touch(oracle, task);
	} else if (task->failure == FAILURE_CANCELLED) {
		what = STORE_CANCEL_BEFORE;
	}
	oracle_note(oracle, task, now_ms, "cancelled: %d", (int)what);
	oracle->cancelled += what == STORE_CANCEL_REJECTED || what == STORE_CANCEL_REQUESTED;
	if (cancelled->what != what || cancelled->state != task->state ||
	    cancelled->lane != task->lane ||
	    (what == STORE_CANCEL_REJECTED && cancelled->waited != waited))
		oracle_fail(oracle, task, "its cancel was answered with %d, %s, lane %d, waited %d",
		    (int)cancelled->what, task_state_name(cancelled->state), (int)cancelled->lane,
		    (int)cancelled->waited);
}

static int64_t
expires_at_ms(const struct oracle_task *task)
{
	return oracle_is_new(task) ? task->terms.expires_at_ms : 0;
}

static int64_t
held_until_ms(const struct oracle_task *task)
{
	return task->state == TASK_QUEUED ? task->held_until_ms : 0;
}

/* The task that is due for longest by one of these times, of several the one that goes first; NULL:
   none has one. */
static struct oracle_task *
first_due(struct oracle *oracle, int64_t (*time_ms)(const struct oracle_task *task))
{
	struct oracle_task *first = NULL;

	for (size_t i = 0; i < oracle->count; i++) {
		struct oracle_task *task = oracle->tasks[i];

		if (time_ms(task) == 0)
			continue;
		if (first == NULL || time_ms(task) < time_ms(first) ||
		    (time_ms(task) == time_ms(first) &&
			task->terms.priority < first->terms.priority))
			first = task;
	}
	return first;
}

/* Returns whether everything that has expired has been told. */
static bool
expire(struct oracle *oracle, int64_t now_ms, const struct store_advance *advance)
{
	int64_t ready[LANE_COUNT] = { 0 };
	int64_t deferred[LANE_COUNT] = { 0 };
	struct oracle_task *task;

	for (size_t i = 0; i < advance->expired_count; i++) {
		const struct oracle_task *first = first_due(oracle, expires_at_ms);

		task = oracle_find(oracle, advance->expired_ids[i]);
		if (task == NULL || first == NULL)
			oracle_fail(oracle, task,
			    "task %s has expired, which is not there, or cannot",
			    advance->expired_ids[i]);
		if (expires_at_ms(task) == 0 || expires_at_ms(task) > now_ms)
			oracle_fail(
			    oracle, task, "it has expired at %" PRId64 ", too early", now_ms);
		if (expires_at_ms(task) != expires_at_ms(first))
			oracle_fail(oracle, first,
			    "it was due for longer than %s, which has expired", task->id);
		ready[task->lane] += oracle_wait(task) == WAIT_FOR_LANE;
		deferred[task->lane] += oracle_wait(task) == WAIT_FOR_HOST;
		end(oracle, task, TASK_REJECTED, FAILURE_EXPIRED, now_ms);
		oracle_note(oracle, task, now_ms, "expired");
		oracle->expired++;
	}
	if (memcmp(ready, advance->expired_ready, sizeof(ready)) != 0)
		oracle_fail(oracle, NULL,
		    "of what has expired, %" PRId64 " and %" PRId64
		    " tasks waited for their lanes, not %" PRId64 " and %" PRId64,
		    ready[LANE_CPU], ready[LANE_IO], advance->expired_ready[LANE_CPU],
		    advance->expired_ready[LANE_IO]);
	if (memcmp(deferred, advance->expired_deferred, sizeof(deferred)) != 0)
		oracle_fail(oracle, NULL,
		    "of what has expired, %" PRId64 " and %" PRId64
		    " tasks waited for their hosts, not %" PRId64 " and %" PRId64,
		    deferred[LANE_CPU], deferred[LANE_IO], advance->expired_deferred[LANE_CPU],
		    advance->expired_deferred[LANE_IO]);
	task = first_due(oracle, expires_at_ms);
	if (task == NULL || expires_at_ms(task) > now_ms)
		return true;
	if (advance->expired_count < STORE_ADVANCE_MAX)
		oracle_fail(oracle, task, "it had to expire at %" PRId64, now_ms);
	return false;
}

void
oracle_advanced(struct oracle *oracle, int64_t now_ms, const struct store_advance *advance)
{
	int64_t left[LANE_COUNT] = { advance->readied[LANE_CPU], advance->readied[LANE_IO] };
	bool has_all = expire(oracle, now_ms, advance);
	int64_t next_at_ms = INT64_MAX;
	struct oracle_task *task;

	for (int64_t n = left[LANE_CPU] + left[LANE_IO]; n > 0; n--) {
		task = first_due(oracle, held_until_ms);
		if (task == NULL || task->held_until_ms > now_ms || left[task->lane] == 0)
			oracle_fail(oracle, task,
			    "%" PRId64 " and %" PRId64 " tasks are said to be "
			    "ready at %" PRId64 ", it would be next",
			    advance->readied[LANE_CPU], advance->readied[LANE_IO], now_ms);
		left[task->lane]--;
		oracle_move(oracle, task, TASK_QUEUED, 0);
		oracle_note(oracle, task, now_ms, "ready");
		oracle->readied++;
	}
	oracle->full_slices += !has_all;
	task = first_due(oracle, held_until_ms);
	if (task != NULL) {
		next_at_ms = task->held_until_ms;
		if (has_all && next_at_ms <= now_ms &&
		    advance->readied[LANE_CPU] + advance->readied[LANE_IO] < STORE_ADVANCE_MAX)
			oracle_fail(oracle, task, "it had to be made ready at %" PRId64, now_ms);
	}
	task = first_due(oracle, expires_at_ms);
	if (task != NULL && expires_at_ms(task) < next_at_ms)
		next_at_ms = expires_at_ms(task);
	/* Where there is more to do at once, any time that has come says so. */
	if (next_at_ms <= now_ms ? advance->next_at_ms > now_ms : advance->next_at_ms != next_at_ms)
		oracle_fail(oracle, NULL,
		    "at %" PRId64 " there is said to be something to do at %" PRId64
		    ", and there is at %" PRId64,
		    now_ms, advance->next_at_ms, next_at_ms);
}

void
oracle_recovered(struct oracle *oracle, int64_t now_ms, const struct store_recovery *recovery)
{
	struct store_recovery expected = { .orphans = recovery->orphans };

	for (size_t i = 0; i < oracle->count; i++) {
		struct oracle_task *task = oracle->tasks[i];
		int left = task->terms.max_attempts - task->attempt;

		if (task->state != TASK_RUNNING)
			continue;
		if (task->is_cancelled) {
			end(oracle, task, TASK_FAILED, FAILURE_CANCELLED, now_ms);
			expected.cancelled++;
		} else if (left == 0) {
			end(oracle, task, TASK_FAILED, FAILURE_ATTEMPTS_EXHAUSTED, now_ms);
			expected.exhausted++;
			oracle->exhausted++;
		} else {
			requeue(oracle, task, ATTEMPT_CRASHED, FAILURE_NONE, NULL, now_ms, 0);
			task->is_isolated = left == 1;
			expected.requeued++;
		}
		oracle_note(oracle, task, now_ms, "the service went down: %s%s",
		    task_state_name(task->state), task->is_isolated ? ", isolated" : "");
	}
	oracle->crashed++;
	oracle->looked_ms = INT64_MIN;
	if (memcmp(&expected, recovery, sizeof(expected)) != 0)
		oracle_fail(oracle, NULL,
		    "recovered: %" PRId64 " queued, %" PRId64 " exhausted, %" PRId64
		    " cancelled; should be %" PRId64 ", %" PRId64 ", %" PRId64,
		    recovery->requeued, recovery->exhausted, recovery->cancelled, expected.requeued,
		    expected.exhausted, expected.cancelled);
}
