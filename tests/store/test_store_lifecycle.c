/* SPDX-License-Identifier: MIT */
/*
 * The life of a task on every back end: submitted, claimed, handed back, kept.
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
test_a_submitted_task_is_queued_and_readable(void **state)
{
	struct store_env *env = *state;
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	store_env_id(7, id);
	store_env_submit(env, 7);
	assert_int_equal(store_read_status(env->store, id, &status, NULL), STATUS_OK);
	assert_string_equal(status.id, id);
	assert_string_equal(status.type, "factorial");
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 0);
	assert_int_equal(status.created_at_ms, STORE_ENV_START_MS);
	assert_int_equal(status.started_at_ms, 0);
	assert_int_equal(status.finished_at_ms, 0);
}

static void
test_an_unknown_task_is_not_found(void **state)
{
	struct store_env *env = *state;
	struct task_status status;
	struct task_result result;
	char id[UUID_TEXT_SIZE];

	store_env_submit(env, 1);
	store_env_id(2, id);
	assert_int_equal(store_read_status(env->store, id, &status, NULL), STATUS_NOT_FOUND);
	assert_int_equal(store_read_result(env->store, id, &result, NULL), STATUS_NOT_FOUND);
}

static void
test_an_id_is_taken_once(void **state)
{
	struct store_env *env = *state;
	struct store_counts counts;

	store_env_submit(env, 1);
	assert_int_equal(store_env_submit_as(env, 1, "other", LANE_IO, 1), STATUS_CONFLICT);
	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.by_state[TASK_QUEUED], 1);
	/* The failed one left nothing that could stand in the way of the next. */
	store_env_submit(env, 2);
}

static void
test_claims_come_in_the_order_of_submission(void **state)
{
	struct store_env *env = *state;
	struct task tasks[8];
	char id[UUID_TEXT_SIZE];
	const unsigned order[] = { 5, 3, 9, 1, 4 };

	for (size_t i = 0; i < 5; i++)
		store_env_submit(env, order[i]);
	assert_int_equal(store_env_claim(env, 3, tasks), 3);
	assert_int_equal(store_env_claim(env, 8, tasks + 3), 2);
	for (size_t i = 0; i < 5; i++) {
		store_env_id(order[i], id);
		assert_string_equal(tasks[i].id, id);
		task_done(&tasks[i]);
	}
	assert_int_equal(store_env_claim(env, 8, tasks), 0);
}

static void
test_a_claimed_task_carries_what_was_submitted(void **state)
{
	struct store_env *env = *state;
	struct task_status status;
	struct task task;

	store_env_submit(env, 11);
	env->now_ms += 5;
	store_env_claim_one(env, false, &task);
	assert_string_equal(task.type, "factorial");
	assert_int_equal(task.lane, LANE_CPU);
	assert_string_equal(task.args, "{\"n\":\"11\"}");
	assert_int_equal(task.args_size, strlen("{\"n\":\"11\"}"));
	assert_int_equal(task.attempt, 1);
	assert_int_equal(task.terms.max_attempts, 3);
	assert_true(task.lease > 0);
	assert_true(task.seq > 0);
	assert_int_equal(task.started_at_ms, env->now_ms);
	assert_int_equal(store_read_status(env->store, task.id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_RUNNING);
	assert_int_equal(status.attempt, 1);
	assert_int_equal(status.started_at_ms, env->now_ms);
	task_done(&task);
}

static void
test_a_lane_gets_its_own_tasks_alone(void **state)
{
	struct store_env *env = *state;
	struct store_counts counts;
	struct task tasks[4];
	size_t count = 0;

	store_env_submit(env, 1);
	assert_int_equal(store_env_submit_as(env, 2, "http-fetch", LANE_IO, 3), STATUS_OK);
	store_env_submit(env, 3);
	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.queued_by_lane[LANE_CPU], 2);
	assert_int_equal(counts.queued_by_lane[LANE_IO], 1);
	assert_int_equal(
	    store_claim(env->store, LANE_IO, false, 4, env->now_ms, tasks, &count, NULL),
	    STATUS_OK);
	assert_int_equal(count, 1);
	assert_string_equal(tasks[0].type, "http-fetch");
	assert_int_equal(tasks[0].lane, LANE_IO);
	task_done(&tasks[0]);
}

static void
test_a_released_task_is_first_again_and_its_attempt_does_not_count(void **state)
{
	struct store_env *env = *state;
	struct task_status status;
	struct task first, again;

	store_env_submit(env, 1);
	store_env_submit(env, 2);
	store_env_claim_one(env, false, &first);
	store_env_release(env, &first);
	assert_int_equal(store_read_status(env->store, first.id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 0);
	assert_int_equal(status.started_at_ms, 0);
	store_env_claim_one(env, false, &again);
	assert_string_equal(again.id, first.id);
	assert_int_equal(again.attempt, 1);
	assert_true(again.lease > first.lease);
	/* The lease of before is worth nothing now, for whatever call. */
	assert_int_equal(store_env_succeed(env, &first, "old", 3), STATUS_CONFLICT);
	store_env_release(env, &first);
	assert_int_equal(store_env_state(env, 1), TASK_RUNNING);
	assert_int_equal(store_env_succeed(env, &again, "new", 3), STATUS_OK);
	task_done(&first);
	task_done(&again);
}

static void
test_a_close_and_open_keeps_everything(void **state)
{
	struct store_env *env = *state;
	struct task task;

	store_env_submit(env, 1);
	store_env_submit(env, 2);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	task_done(&task);
	store_env_close(env);
	store_env_open(env);
	assert_int_equal(store_env_state(env, 1), TASK_SUCCEEDED);
	assert_int_equal(store_env_state(env, 2), TASK_QUEUED);
	store_env_submit(env, 3);
	store_env_claim_one(env, false, &task);
	task_done(&task);
}

static void
test_maintenance_changes_nothing_that_can_be_read(void **state)
{
	struct store_env *env = *state;

	store_env_submit(env, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_maintain(env->store, &env->error), STATUS_OK);
	assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
	store_env_submit(env, 2);
}

static void
test_a_second_store_on_the_same_data_is_refused(void **state)
{
	struct store_env *env = *state;
	struct store *first = env->store;

	env->store = NULL;
	assert_int_equal(store_env_try_open(env), STATUS_BUSY);
	assert_true(strlen(env->error.text) > 0);
	assert_null(env->store);
	env->store = first;
	store_env_submit(env, 1);
	store_env_close(env);
	store_env_open(env);
	assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_a_submitted_task_is_queued_and_readable),
		STORE_ENV_TEST(test_an_unknown_task_is_not_found),
		STORE_ENV_TEST(test_an_id_is_taken_once),
		STORE_ENV_TEST(test_claims_come_in_the_order_of_submission),
		STORE_ENV_TEST(test_a_claimed_task_carries_what_was_submitted),
		STORE_ENV_TEST(test_a_lane_gets_its_own_tasks_alone),
		STORE_ENV_TEST(test_a_released_task_is_first_again_and_its_attempt_does_not_count),
		STORE_ENV_TEST(test_a_close_and_open_keeps_everything),
		STORE_ENV_TEST(test_maintenance_changes_nothing_that_can_be_read),
		STORE_ENV_TEST(test_a_second_store_on_the_same_data_is_refused),
	};

	return store_env_main(tests, sizeof(tests) / sizeof(tests[0]));
}
