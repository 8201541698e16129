/* SPDX-License-Identifier: MIT */
/*
 * When a task is to run and what may end it, on every back end: priorities, tasks that are held,
 * tasks that expire, further attempts, and cancels in every state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_env.h"

static void
submit(struct store_env *env, unsigned n, struct task_terms terms)
{
	struct task_new task = {
		.type = "factorial",
		.lane = LANE_CPU,
		.args = "{}",
		.args_size = 2,
		.terms = terms,
		.created_at_ms = env->now_ms,
	};

	if (task.terms.max_attempts == 0)
		task.terms.max_attempts = 3;
	store_env_id(n, task.id);
	assert_int_equal(store_submit(env->store, &task, 1, NULL, NULL, &env->error), STATUS_OK);
}

static struct store_counts
counts_of(struct store_env *env)
{
	struct store_counts counts;

	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	return counts;
}

static void
assert_waiting(struct store_env *env, int64_t ready, int64_t held)
{
	struct store_counts counts = counts_of(env);

	assert_int_equal(counts.queued_by_lane[LANE_CPU], ready);
	assert_int_equal(counts.held_by_lane[LANE_CPU], held);
	assert_int_equal(counts.by_state[TASK_QUEUED], ready + held);
}

static struct store_advance
advance(struct store_env *env)
{
	struct store_advance found;

	memset(&found, 0x55, sizeof(found));
	assert_int_equal(store_advance(env->store, env->now_ms, &found, &env->error), STATUS_OK);
	return found;
}

/* Claims everything there is; the numbers of the tasks, as text. */
static const char *
claim_all(struct store_env *env)
{
	static char text[256];
	struct task tasks[16];
	size_t count = store_env_claim(env, 16, tasks);
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		char id[UUID_TEXT_SIZE];
		unsigned n = 0;

		do
			store_env_id(++n, id);
		while (strcmp(id, tasks[i].id) != 0);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%u ", n);
		task_done(&tasks[i]);
	}
	return text;
}

static struct task_result
result_of(struct store_env *env, unsigned n)
{
	struct task_result result;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(store_read_result(env->store, id, &result, &env->error), STATUS_OK);
	return result;
}

static struct store_cancelled
cancel(struct store_env *env, unsigned n)
{
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
	return cancelled;
}

static void
test_the_lower_number_goes_first_and_within_it_the_older_task(void **state)
{
	struct store_env *env = *state;

	submit(env, 1, (struct task_terms){ .priority = 9 });
	submit(env, 2, (struct task_terms){ .priority = 5 });
	submit(env, 3, (struct task_terms){ .priority = 0 });
	submit(env, 4, (struct task_terms){ .priority = 5 });
	submit(env, 5, (struct task_terms){ .priority = 0 });
	submit(env, 6, (struct task_terms){ .priority = 9 });
	assert_string_equal(claim_all(env), "3 5 2 4 1 6 ");
}

static void
test_what_is_claimed_knows_its_terms(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit(env, 1,
	    (struct task_terms){
		.timeout_ms = 250, .max_attempts = 7, .backoff_ms = 10, .max_backoff_ms = 20 });
	store_env_claim_one(env, false, &task);
	assert_int_equal(task.terms.timeout_ms, 250);
	assert_int_equal(task.terms.max_attempts, 7);
	assert_int_equal(task.terms.backoff_ms, 10);
	assert_int_equal(task.terms.max_backoff_ms, 20);
	assert_false(task.is_isolated);
	task_done(&task);
}

static void
test_a_task_is_held_until_its_time_and_then_takes_its_old_place(void **state)
{
	struct store_env *env = *state;
	struct store_advance found;

	submit(env, 1, (struct task_terms){ .run_at_ms = env->now_ms + 1000 });
	submit(env, 2, (struct task_terms){ .run_at_ms = env->now_ms }); /* not after: at once */
	submit(env, 3, (struct task_terms){ .run_at_ms = env->now_ms + 2000 });
	assert_waiting(env, 1, 2);
	assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
	found = advance(env);
	assert_int_equal(found.next_at_ms, env->now_ms + 1000);
	assert_int_equal(found.readied[LANE_CPU], 0);
	assert_string_equal(claim_all(env), "2 ");
	env->now_ms += 999;
	assert_int_equal(advance(env).readied[LANE_CPU], 0);
	assert_string_equal(claim_all(env), "");
	submit(env, 4, (struct task_terms){ 0 });
	env->now_ms += 1;
	found = advance(env);
	assert_int_equal(found.readied[LANE_CPU], 1);
	assert_int_equal(found.readied[LANE_IO], 0);
	assert_int_equal(found.next_at_ms, env->now_ms + 1000);
	assert_waiting(env, 2, 1);
	assert_string_equal(claim_all(env), "1 4 ");
	env->now_ms += 5000;
	found = advance(env);
	assert_int_equal(found.readied[LANE_CPU], 1);
	assert_int_equal(found.next_at_ms, INT64_MAX);
	assert_string_equal(claim_all(env), "3 ");
}

static void
test_what_is_held_is_so_after_a_crash(void **state)
{
	struct store_env *env = *state;

	submit(env, 1, (struct task_terms){ .run_at_ms = env->now_ms + 1000 });
	submit(env, 2, (struct task_terms){ 0 });
	store_env_crash(env);
	assert_waiting(env, 1, 1);
	assert_string_equal(claim_all(env), "2 ");
	env->now_ms += 1000;
	assert_int_equal(advance(env).readied[LANE_CPU], 1);
	assert_string_equal(claim_all(env), "1 ");
}

static void
test_many_become_ready_in_slices(void **state)
{
	struct store_env *env = *state;
	const unsigned many = 2 * STORE_ADVANCE_MAX + 10;
	struct store_advance found;

	for (unsigned n = 1; n <= many; n++)
		submit(env, n, (struct task_terms){ .run_at_ms = env->now_ms + n });
	env->now_ms += many;
	found = advance(env);
	assert_int_equal(found.readied[LANE_CPU], STORE_ADVANCE_MAX);
	assert_true(found.next_at_ms <= env->now_ms);
	assert_int_equal(advance(env).readied[LANE_CPU], STORE_ADVANCE_MAX);
	found = advance(env);
	assert_int_equal(found.readied[LANE_CPU], 10);
	assert_int_equal(found.next_at_ms, INT64_MAX);
	assert_waiting(env, many, 0);
}

static void
test_of_many_that_become_ready_at_once_those_do_first_that_go_first(void **state)
{
	struct store_env *env = *state;
	const unsigned many = STORE_ADVANCE_MAX + 2;

	for (unsigned n = 1; n <= many; n++)
		submit(env, n,
		    (struct task_terms){
			.run_at_ms = env->now_ms + 1, .priority = n < many ? 5 : 1 });
	env->now_ms += 1;
	assert_int_equal(advance(env).readied[LANE_CPU], STORE_ADVANCE_MAX);
	assert_string_equal(claim_all(env), "258 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 ");
	assert_int_equal(advance(env).readied[LANE_CPU], 2);
}

static void
test_a_task_that_has_not_started_expires(void **state)
{
	struct store_env *env = *state;
	int64_t expiry_ms = env->now_ms + 100;
	struct store_advance found;
	struct task_result result;
	char id[UUID_TEXT_SIZE];

	submit(env, 1, (struct task_terms){ .expires_at_ms = expiry_ms });
	submit(env, 2, (struct task_terms){ 0 });
	env->now_ms += 99;
	found = advance(env);
	assert_int_equal(found.expired_count, 0);
	assert_int_equal(found.next_at_ms, expiry_ms);
	env->now_ms += 1;
	/* Nobody has looked yet: it must not be started all the same. */
	assert_string_equal(claim_all(env), "2 ");
	found = advance(env);
	store_env_id(1, id);
	assert_int_equal(found.expired_count, 1);
	assert_string_equal(found.expired_ids[0], id);
	assert_int_equal(found.expired_ready[LANE_CPU], 1);
	assert_int_equal(found.next_at_ms, INT64_MAX);
	result = result_of(env, 1);
	assert_int_equal(result.status.state, TASK_REJECTED);
	assert_int_equal(result.failure, FAILURE_EXPIRED);
	assert_int_equal(result.status.finished_at_ms, env->now_ms);
	assert_int_equal(result.status.started_at_ms, 0);
	assert_int_equal(result.status.attempt, 0);
	assert_false(result.has_content);
	task_result_done(&result);
	assert_int_equal(counts_of(env).by_state[TASK_REJECTED], 1);
	assert_int_equal(advance(env).expired_count, 0);
}

static void
test_a_task_expires_while_it_is_held(void **state)
{
	struct store_env *env = *state;
	struct store_advance found;

	submit(env, 1,
	    (struct task_terms){
		.run_at_ms = env->now_ms + 50, .expires_at_ms = env->now_ms + 100 });
	env->now_ms += 100;
	/* Both are due: it has not started, so it must not be readied. */
	found = advance(env);
	assert_int_equal(found.expired_count, 1);
	assert_int_equal(found.expired_ready[LANE_CPU], 0);
	assert_int_equal(found.readied[LANE_CPU], 0);
	assert_int_equal(store_env_state(env, 1), TASK_REJECTED);
	assert_waiting(env, 0, 0);
}

static void
test_a_task_that_has_started_does_not_expire(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit(env, 1, (struct task_terms){ .expires_at_ms = env->now_ms + 100 });
	store_env_claim_one(env, false, &task);
	task_done(&task);
	store_env_crash(env);
	env->now_ms += 1000;
	assert_int_equal(advance(env).expired_count, 0);
	assert_string_equal(claim_all(env), "1 ");
}

static void
test_a_task_that_was_handed_back_has_not_started(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit(env, 1, (struct task_terms){ .expires_at_ms = env->now_ms + 100 });
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_release(env, &task), 1);
	task_done(&task);
	env->now_ms += 100;
	assert_string_equal(claim_all(env), "");
	assert_int_equal(advance(env).expired_count, 1);
}

static void
test_many_expire_in_slices(void **state)
{
	struct store_env *env = *state;
	const unsigned many = STORE_ADVANCE_MAX + 1;
	struct store_advance found;

	for (unsigned n = 1; n <= many; n++)
		submit(env, n, (struct task_terms){ .expires_at_ms = env->now_ms + n });
	submit(env, many + 1, (struct task_terms){ .run_at_ms = env->now_ms + 1 });
	env->now_ms += many;
	found = advance(env);
	assert_int_equal(found.expired_count, STORE_ADVANCE_MAX);
	assert_true(found.next_at_ms <= env->now_ms);
	found = advance(env);
	assert_int_equal(found.expired_count, 1);
	assert_int_equal(found.readied[LANE_CPU], 1);
	assert_waiting(env, 1, 0);
	assert_int_equal(counts_of(env).by_state[TASK_REJECTED], many);
}

/* What became of the completion of an attempt that another one is to follow. */
struct retried {
	enum status status;
	enum task_state state;
	bool is_kept;
};

/* Completes a failed attempt that another one is to follow; returns the completion as it was
 * filled. */
static struct retried
retry(struct store_env *env, const struct task *task, int64_t retry_at_ms, size_t content_size)
{
	struct outcome outcome;
	struct output output;
	char content[2 * STORE_ENV_INLINE_MAX] = "";
	struct completion completion = {
		.task = task,
		.outcome = &outcome,
		.output = &output,
		.finished_at_ms = env->now_ms,
		.is_retried = true,
		.retry_at_ms = retry_at_ms,
	};
	struct retried retried;

	outcome_init(&outcome);
	outcome_fail(&outcome, FAILURE_CONNECT, "Connection refused");
	output_init(&output, store_output_conf(env->store));
	assert_in_range(content_size, 0, sizeof(content));
	assert_int_equal(output_write(&output, content, content_size, NULL), STATUS_OK);
	assert_int_equal(store_complete(env->store, &completion, 1, &env->error), STATUS_OK);
	retried = (struct retried){
		.status = completion.ret_status,
		.state = completion.ret_state,
		.is_kept = completion_is_kept(&completion),
	};
	output_done(&output);
	outcome_done(&outcome);
	return retried;
}

static void
test_a_failed_attempt_is_followed_by_another_after_its_pause(void **state)
{
	struct store_env *env = *state;
	struct retried retried;
	struct task_status status;
	struct task task;
	char id[UUID_TEXT_SIZE];

	submit(env, 1, (struct task_terms){ 0 });
	store_env_claim_one(env, false, &task);
	retried = retry(env, &task, env->now_ms + 500, 10);
	assert_int_equal(retried.status, STATUS_OK);
	assert_int_equal(retried.state, TASK_QUEUED);
	assert_true(retried.is_kept);
	task_done(&task);
	store_env_id(1, id);
	assert_int_equal(store_read_status(env->store, id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 1);
	assert_int_equal(status.started_at_ms, 0);
	assert_waiting(env, 0, 1);
	assert_int_equal(advance(env).next_at_ms, env->now_ms + 500);
	env->now_ms += 500;
	assert_int_equal(advance(env).readied[LANE_CPU], 1);
	store_env_claim_one(env, false, &task);
	assert_int_equal(task.attempt, 2);
	assert_int_equal(task.lease, 2);
	assert_int_equal(store_env_succeed(env, &task, "x", 1), STATUS_OK);
	task_done(&task);
	assert_int_equal(store_env_state(env, 1), TASK_SUCCEEDED);
}

static void
test_without_a_pause_the_next_attempt_is_ready_at_once(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit(env, 1, (struct task_terms){ .expires_at_ms = env->now_ms + 10 });
	store_env_claim_one(env, false, &task);
	(void)retry(env, &task, env->now_ms, 0);
	task_done(&task);
	assert_waiting(env, 1, 0);
	env->now_ms += 100; /* it has started: no more expiry */
	assert_int_equal(advance(env).expired_count, 0);
	assert_string_equal(claim_all(env), "1 ");
}

static void
test_a_superseded_attempt_is_not_retried(void **state)
{
	struct store_env *env = *state;
	struct retried retried;
	struct task old, task;

	submit(env, 1, (struct task_terms){ 0 });
	store_env_claim_one(env, false, &old);
	store_env_crash(env);
	store_env_claim_one(env, false, &task);
	retried = retry(env, &old, env->now_ms + 500, 0);
	assert_int_equal(retried.status, STATUS_CONFLICT);
	assert_false(retried.is_kept);
	assert_int_equal(store_env_state(env, 1), TASK_RUNNING);
	assert_waiting(env, 0, 0);
	assert_int_equal(store_env_succeed(env, &task, "x", 1), STATUS_OK);
	task_done(&old);
	task_done(&task);
}

static void
test_the_content_of_an_attempt_that_is_followed_is_dropped(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	struct task task;

	submit(env, 1, (struct task_terms){ .max_attempts = 2 });
	store_env_claim_one(env, false, &task);
	(void)retry(env, &task, env->now_ms, 2 * STORE_ENV_INLINE_MAX);
	task_done(&task);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_fail(env, &task, FAILURE_CONNECT), STATUS_OK);
	task_done(&task);
	result = result_of(env, 1);
	assert_int_equal(result.status.state, TASK_FAILED);
	assert_int_equal(result.status.attempt, 2);
	assert_false(result.has_content);
	task_result_done(&result);
}

static void
test_each_attempt_has_its_record(void **state)
{
	struct store_env *env = *state;
	struct task task;
	char *rows;

	if (env->kind != STORE_ENV_SQLITE)
		return;
	submit(env, 1, (struct task_terms){ 0 });
	store_env_claim_one(env, false, &task);
	env->now_ms += 7;
	(void)retry(env, &task, env->now_ms, 0);
	task_done(&task);
	store_env_claim_one(env, false, &task);
	task_done(&task);
	store_env_crash(env);
	store_env_claim_one(env, true, &task);
	assert_true(task.is_isolated);
	assert_int_equal(store_env_fail(env, &task, FAILURE_DNS), STATUS_OK);
	task_done(&task);
	rows = store_env_sql(
	    env, "SELECT attempt, outcome, code, message FROM task_attempts ORDER BY attempt");
	assert_string_equal(
	    rows, "1|failed|connect|Connection refused\n2|crashed||\n3|failed|dns|Told to fail\n");
	free(rows);
	rows =
	    store_env_sql(env, "SELECT started_at, ended_at FROM task_attempts WHERE attempt = 1");
	assert_string_equal(rows, "2026-01-01T00:00:00.000Z|2026-01-01T00:00:00.007Z\n");
	free(rows);
}

static void
test_a_cancel_of_a_waiting_task_rejects_it(void **state)
{
	struct store_env *env = *state;
	struct store_cancelled cancelled;
	struct task_result result;

	submit(env, 1, (struct task_terms){ 0 });
	submit(env, 2, (struct task_terms){ .run_at_ms = env->now_ms + 100 });
	env->now_ms += 5;
	cancelled = cancel(env, 1);
	assert_int_equal(cancelled.what, STORE_CANCEL_REJECTED);
	assert_int_equal(cancelled.state, TASK_REJECTED);
	assert_int_equal(cancelled.lane, LANE_CPU);
	assert_int_equal(cancelled.waited, WAIT_FOR_LANE);
	assert_int_equal(cancel(env, 2).waited, WAIT_FOR_TIME);
	assert_waiting(env, 0, 0);
	result = result_of(env, 1);
	assert_int_equal(result.status.state, TASK_REJECTED);
	assert_int_equal(result.failure, FAILURE_CANCELLED);
	assert_int_equal(result.status.finished_at_ms, env->now_ms);
	task_result_done(&result);
	env->now_ms += 1000;
	assert_int_equal(advance(env).readied[LANE_CPU], 0);
	assert_string_equal(claim_all(env), "");
	/* Again: it stays as it is. */
	cancelled = cancel(env, 1);
	assert_int_equal(cancelled.what, STORE_CANCEL_BEFORE);
	assert_int_equal(cancelled.state, TASK_REJECTED);
	result = result_of(env, 1);
	assert_int_equal(result.status.finished_at_ms, env->now_ms - 1000);
	task_result_done(&result);
}

static void
assert_failed_by_cancel(struct store_env *env, unsigned n)
{
	struct task_result result = result_of(env, n);

	assert_int_equal(result.status.state, TASK_FAILED);
	assert_int_equal(result.failure, FAILURE_CANCELLED);
	assert_int_equal(result.status.finished_at_ms, env->now_ms);
	assert_false(result.has_content);
	task_result_done(&result);
	assert_int_equal(cancel(env, n).what, STORE_CANCEL_BEFORE);
	assert_int_equal(counts_of(env).by_state[TASK_RUNNING], 0);
}

static void
test_a_cancelled_running_task_fails_although_its_attempt_succeeds(void **state)
{
	static const size_t sizes[] = { 1, 2 * STORE_ENV_INLINE_MAX };
	static const char content[2 * STORE_ENV_INLINE_MAX];
	struct store_env *env = *state;

	for (unsigned i = 0; i < 2; i++) {
		struct outcome outcome;
		struct output output;
		struct task task;
		struct completion completion = {
			.task = &task, .outcome = &outcome, .output = &output
		};

		submit(env, i, (struct task_terms){ 0 });
		store_env_claim_one(env, false, &task);
		assert_int_equal(cancel(env, i).what, STORE_CANCEL_REQUESTED);
		assert_int_equal(cancel(env, i).what, STORE_CANCEL_REQUESTED);
		assert_int_equal(cancel(env, i).state, TASK_RUNNING);
		outcome_init(&outcome);
		outcome_succeed(&outcome, "text/plain");
		output_init(&output, store_output_conf(env->store));
		assert_int_equal(output_write(&output, content, sizes[i], NULL), STATUS_OK);
		completion.finished_at_ms = env->now_ms;
		assert_int_equal(
		    store_complete(env->store, &completion, 1, &env->error), STATUS_OK);
		assert_int_equal(completion.ret_status, STATUS_OK);
		assert_int_equal(completion.ret_state, TASK_FAILED);
		assert_false(completion_is_kept(&completion));
		assert_failed_by_cancel(env, i);
		output_done(&output);
		outcome_done(&outcome);
		task_done(&task);
	}
}

static void
test_a_cancelled_task_is_not_tried_again(void **state)
{
	struct store_env *env = *state;
	struct retried retried;
	struct task task;

	submit(env, 1, (struct task_terms){ 0 });
	store_env_claim_one(env, false, &task);
	(void)cancel(env, 1);
	retried = retry(env, &task, env->now_ms + 100, 0);
	assert_int_equal(retried.state, TASK_FAILED);
	assert_failed_by_cancel(env, 1);
	task_done(&task);
}

static void
test_a_cancelled_task_is_not_handed_back(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit(env, 1, (struct task_terms){ 0 });
	store_env_claim_one(env, false, &task);
	(void)cancel(env, 1);
	assert_int_equal(store_env_release(env, &task), 0);
	assert_failed_by_cancel(env, 1);
	task_done(&task);
}

static void
test_a_cancelled_task_does_not_run_again_after_a_crash(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit(env, 1, (struct task_terms){ 0 });
	store_env_claim_one(env, false, &task);
	task_done(&task);
	(void)cancel(env, 1);
	store_env_crash(env);
	assert_int_equal(env->recovery.cancelled, 1);
	assert_int_equal(env->recovery.requeued, 0);
	assert_failed_by_cancel(env, 1);
	assert_waiting(env, 0, 0);
}

static void
test_a_failure_of_its_own_stays_the_reason(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	struct task task;

	submit(env, 1, (struct task_terms){ 0 });
	store_env_claim_one(env, false, &task);
	(void)cancel(env, 1);
	assert_int_equal(store_env_fail(env, &task, FAILURE_TLS), STATUS_OK);
	result = result_of(env, 1);
	assert_int_equal(result.failure, FAILURE_TLS);
	task_result_done(&result);
	assert_int_equal(cancel(env, 1).what, STORE_CANCEL_TOO_LATE);
	task_done(&task);
}

static void
test_a_cancel_of_what_has_ended_or_never_was_changes_nothing(void **state)
{
	struct store_env *env = *state;
	struct store_cancelled cancelled;
	struct task task;
	char id[UUID_TEXT_SIZE];

	submit(env, 1, (struct task_terms){ 0 });
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "x", 1), STATUS_OK);
	task_done(&task);
	cancelled = cancel(env, 1);
	assert_int_equal(cancelled.what, STORE_CANCEL_TOO_LATE);
	assert_int_equal(cancelled.state, TASK_SUCCEEDED);
	assert_int_equal(store_env_state(env, 1), TASK_SUCCEEDED);
	store_env_id(2, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_NOT_FOUND);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_the_lower_number_goes_first_and_within_it_the_older_task),
		STORE_ENV_TEST(test_what_is_claimed_knows_its_terms),
		STORE_ENV_TEST(test_a_task_is_held_until_its_time_and_then_takes_its_old_place),
		STORE_ENV_TEST(test_what_is_held_is_so_after_a_crash),
		STORE_ENV_TEST(test_many_become_ready_in_slices),
		STORE_ENV_TEST(test_of_many_that_become_ready_at_once_those_do_first_that_go_first),
		STORE_ENV_TEST(test_a_task_that_has_not_started_expires),
		STORE_ENV_TEST(test_a_task_expires_while_it_is_held),
		STORE_ENV_TEST(test_a_task_that_has_started_does_not_expire),
		STORE_ENV_TEST(test_a_task_that_was_handed_back_has_not_started),
		STORE_ENV_TEST(test_many_expire_in_slices),
		STORE_ENV_TEST(test_a_failed_attempt_is_followed_by_another_after_its_pause),
		STORE_ENV_TEST(test_without_a_pause_the_next_attempt_is_ready_at_once),
		STORE_ENV_TEST(test_a_superseded_attempt_is_not_retried),
		STORE_ENV_TEST(test_the_content_of_an_attempt_that_is_followed_is_dropped),
		STORE_ENV_TEST(test_each_attempt_has_its_record),
		STORE_ENV_TEST(test_a_cancel_of_a_waiting_task_rejects_it),
		STORE_ENV_TEST(test_a_cancelled_running_task_fails_although_its_attempt_succeeds),
		STORE_ENV_TEST(test_a_cancelled_task_is_not_tried_again),
		STORE_ENV_TEST(test_a_cancelled_task_is_not_handed_back),
		STORE_ENV_TEST(test_a_cancelled_task_does_not_run_again_after_a_crash),
		STORE_ENV_TEST(test_a_failure_of_its_own_stays_the_reason),
		STORE_ENV_TEST(test_a_cancel_of_what_has_ended_or_never_was_changes_nothing),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
