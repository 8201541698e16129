/* SPDX-License-Identifier: MIT */
/* The tests' fake store: failures on demand, and gates. That it keeps the contract is tested beside
 * the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sync.h"
#include "store_env.h"

static int
setup(void **state)
{
	*state = store_env_new(STORE_ENV_FAKE);
	return 0;
}

static int
teardown(void **state)
{
	store_env_free(*state);
	return 0;
}

static void
test_it_fails_as_often_as_told_and_changes_nothing(void **state)
{
	const enum status statuses[] = { STATUS_BUSY, STATUS_FULL, STATUS_IO };
	struct store_env *env = *state;
	struct store_counts counts;

	for (size_t i = 0; i < 3; i++) {
		fake_store_fail(env->fake, FAKE_SUBMIT, statuses[i], 2);
		for (int j = 0; j < 2; j++)
			assert_int_equal(
			    store_env_submit_as(env, i, "factorial", LANE_CPU, 3), statuses[i]);
		assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
		assert_int_equal(counts.by_state[TASK_QUEUED], i);
		assert_int_equal(store_env_submit_as(env, i, "factorial", LANE_CPU, 3), STATUS_OK);
	}
	assert_int_equal(atomic_load(&env->deaths), 0);
	assert_int_equal(fake_store_calls(env->fake, FAKE_SUBMIT), 9);
}

static void
test_unknown_kills_it_and_a_reopening_revives_it(void **state)
{
	struct store_env *env = *state;
	struct store_counts counts;
	struct store_stats stats;

	store_env_submit(env, 1);
	fake_store_fail(env->fake, FAKE_CLAIM, STATUS_UNKNOWN, 1);
	struct task task;
	size_t count;
	assert_int_equal(
	    store_claim(env->store, LANE_CPU, false, 1, 1, &task, &count, NULL), STATUS_UNKNOWN);
	assert_int_equal(
	    store_claim(env->store, LANE_CPU, false, 1, 1, &task, &count, NULL), STATUS_UNKNOWN);
	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_UNKNOWN);
	assert_int_equal(atomic_load(&env->deaths), 1);
	store_stats(env->store, &stats);
	assert_int_equal(stats.counts.by_state[TASK_QUEUED], 1);
	assert_int_equal(stats.commit_us.count, 1);
	store_env_close(env);
	store_env_open(env);
	assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
}

static void *
submit_main(void *arg)
{
	struct store_env *env = arg;

	return store_env_submit_as(env, 1, "factorial", LANE_CPU, 3) == STATUS_OK ? arg : NULL;
}

static void
test_a_gate_holds_calls_until_they_are_let_through(void **state)
{
	struct store_env *env = *state;
	struct store_counts counts;
	pthread_t thread;

	fake_store_close_gate(env->fake, FAKE_SUBMIT);
	assert_int_equal(thread_start(&thread, "submit", 0, submit_main, env, NULL), STATUS_OK);
	fake_store_await_gate(env->fake, FAKE_SUBMIT, 1);
	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.by_state[TASK_QUEUED], 0);
	fake_store_pass_gate(env->fake, FAKE_SUBMIT, 1);
	fake_store_await_calls(env->fake, FAKE_SUBMIT, 1);
	thread_join(thread);
	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.by_state[TASK_QUEUED], 1);
	fake_store_open_gate(env->fake, FAKE_SUBMIT);
	store_env_submit(env, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_it_fails_as_often_as_told_and_changes_nothing),
		TEST(test_unknown_kills_it_and_a_reopening_revives_it),
		TEST(test_a_gate_holds_calls_until_they_are_let_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
