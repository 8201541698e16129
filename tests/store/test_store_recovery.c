/* SPDX-License-Identifier: MIT */
/*
 * What a crash leaves, on every back end: attempts counted, the last one isolated, no one for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sync.h"
#include "store_env.h"

static void
test_a_crash_gives_a_running_task_back_and_counts_the_attempt(void **state)
{
	struct store_env *env = *state;
	struct task_status status;
	struct task before, after;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &before);
	store_env_crash(env);
	assert_int_equal(env->recovery.requeued, 1);
	assert_int_equal(env->recovery.exhausted, 0);
	assert_int_equal(store_read_status(env->store, before.id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 1);
	assert_int_equal(status.started_at_ms, 0);
	store_env_claim_one(env, false, &after);
	assert_int_equal(after.attempt, 2);
	assert_true(after.lease > before.lease);
	assert_int_equal(store_env_succeed(env, &before, "old", 3), STATUS_CONFLICT);
	assert_int_equal(store_env_succeed(env, &after, "new", 3), STATUS_OK);
	task_done(&before);
	task_done(&after);
}

static void
test_a_task_on_its_last_attempt_after_crashes_is_claimed_in_isolation_alone(void **state)
{
	struct store_env *env = *state;
	struct task tasks[4];
	size_t count = 9;

	store_env_submit(env, 1);
	store_env_submit(env, 2);
	for (int crash = 0; crash < 2; crash++) {
		assert_int_equal(store_env_claim(env, 4, tasks), 2);
		task_done(&tasks[0]);
		task_done(&tasks[1]);
		store_env_crash(env);
		assert_int_equal(env->recovery.requeued, 2);
	}
	assert_int_equal(store_env_claim(env, 4, tasks), 0);
	assert_int_equal(
	    store_claim(env->store, LANE_IO, true, 4, env->now_ms, tasks, &count, NULL), STATUS_OK);
	assert_int_equal(count, 0);
	/* At most one, whatever is asked for; it stays one of its kind when it is handed back. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    store_claim(env->store, LANE_CPU, true, 4, env->now_ms, tasks, &count, NULL),
		    STATUS_OK);
		assert_int_equal(count, 1);
		assert_int_equal(tasks[0].attempt, 3);
		store_env_release(env, &tasks[0]);
		task_done(&tasks[0]);
		assert_int_equal(store_env_claim(env, 4, tasks), 0);
	}
	store_env_claim_one(env, true, &tasks[0]);
	assert_int_equal(store_env_succeed(env, &tasks[0], "1", 1), STATUS_OK);
	task_done(&tasks[0]);
}

static void
test_a_task_without_an_attempt_left_after_a_crash_has_failed(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	struct task task;
	char id[UUID_TEXT_SIZE];

	store_env_id(1, id);
	assert_int_equal(store_env_submit_as(env, 1, "factorial", LANE_CPU, 2), STATUS_OK);
	store_env_claim_one(env, false, &task);
	task_done(&task);
	store_env_crash(env);
	store_env_claim_one(env, true, &task);
	task_done(&task);
	env->now_ms += 50;
	store_env_crash(env);
	assert_int_equal(env->recovery.requeued, 0);
	assert_int_equal(env->recovery.exhausted, 1);
	assert_int_equal(store_read_result(env->store, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.status.state, TASK_FAILED);
	assert_int_equal(result.status.attempt, 2);
	assert_int_equal(result.status.finished_at_ms, env->now_ms);
	assert_int_equal(result.failure, FAILURE_ATTEMPTS_EXHAUSTED);
	assert_true(strlen(result.message) > 0);
	assert_false(result.has_content);
	task_result_done(&result);
}

static void
test_a_task_with_one_attempt_is_not_isolated_but_fails_at_the_first_crash(void **state)
{
	struct store_env *env = *state;
	struct task task;

	assert_int_equal(store_env_submit_as(env, 1, "factorial", LANE_CPU, 1), STATUS_OK);
	store_env_claim_one(env, false, &task);
	task_done(&task);
	store_env_crash(env);
	assert_int_equal(env->recovery.exhausted, 1);
	assert_int_equal(store_env_state(env, 1), TASK_FAILED);
}

static void
test_a_crash_leaves_waiting_and_final_tasks_alone(void **state)
{
	struct store_env *env = *state;
	struct store_counts before, after;
	struct task tasks[2];

	for (unsigned n = 1; n <= 5; n++)
		store_env_submit(env, n);
	assert_int_equal(store_env_claim(env, 2, tasks), 2);
	assert_int_equal(store_env_succeed(env, &tasks[0], "1", 1), STATUS_OK);
	assert_int_equal(store_env_fail(env, &tasks[1], FAILURE_DNS), STATUS_OK);
	task_done(&tasks[0]);
	task_done(&tasks[1]);
	assert_int_equal(store_counts(env->store, &before, NULL), STATUS_OK);
	store_env_crash(env);
	assert_int_equal(env->recovery.requeued, 0);
	assert_int_equal(env->recovery.exhausted, 0);
	assert_int_equal(store_counts(env->store, &after, NULL), STATUS_OK);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(store_env_state(env, 1), TASK_SUCCEEDED);
	assert_int_equal(store_env_state(env, 2), TASK_FAILED);
	assert_int_equal(store_env_state(env, 3), TASK_QUEUED);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_a_crash_gives_a_running_task_back_and_counts_the_attempt),
		STORE_ENV_TEST(
		    test_a_task_on_its_last_attempt_after_crashes_is_claimed_in_isolation_alone),
		STORE_ENV_TEST(test_a_task_without_an_attempt_left_after_a_crash_has_failed),
		STORE_ENV_TEST(
		    test_a_task_with_one_attempt_is_not_isolated_but_fails_at_the_first_crash),
		STORE_ENV_TEST(test_a_crash_leaves_waiting_and_final_tasks_alone),
	};

	return store_env_main(tests, sizeof(tests) / sizeof(tests[0]));
}
