/* SPDX-License-Identifier: MIT */
/*
 * Since when the oldest task waits, and since when a claimed one has waited, on every back end:
 * whatever a task has been through, by lane and priority.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/store_claim.h"
#include "store/store_oldest.h"
#include "store_env.h"

static void
submit(struct store_env *env, unsigned n, enum lane lane, struct task_terms terms)
{
	struct task_new task = {
		.type = lane == LANE_CPU ? "factorial" : "http-fetch",
		.lane = lane,
		.args = "{}",
		.args_size = 2,
		.terms = terms,
		.created_at_ms = env->now_ms,
	};

	task.terms.max_attempts = 3;
	store_env_id(n, task.id);
	assert_int_equal(store_submit(env->store, &task, 1, NULL, NULL, &env->error), STATUS_OK);
}

static void
submit_cpu(struct store_env *env, unsigned n)
{
	submit(env, n, LANE_CPU, (struct task_terms){ .priority = TASK_PRIORITY_DEFAULT });
}

/* Milliseconds since the beginning of the test's time; -1: nobody waits. */
static int64_t
oldest_of(struct store_env *env, enum lane lane)
{
	int64_t since_ms[LANE_COUNT] = { -7, -7 };

	assert_int_equal(store_oldest_waiting(env->store, since_ms, &env->error), STATUS_OK);
	return since_ms[lane] == 0 ? -1 : since_ms[lane] - STORE_ENV_START_MS;
}

static void
pass_ms(struct store_env *env, int64_t ms)
{
	struct store_advance found;

	env->now_ms += ms;
	assert_int_equal(store_advance(env->store, env->now_ms, &found, &env->error), STATUS_OK);
}

/* Claims one and tells since when it has waited, as oldest_of does. */
static int64_t
claim(struct store_env *env, struct task *ret_task)
{
	store_env_claim_one(env, false, ret_task);
	return ret_task->waits_since_ms - STORE_ENV_START_MS;
}

static void
retry(struct store_env *env, const struct task *task, int64_t pause_ms)
{
	struct output output;
	struct outcome outcome;
	struct completion completion = {
		.task = task,
		.outcome = &outcome,
		.output = &output,
		.finished_at_ms = env->now_ms,
		.is_retried = true,
		.retry_at_ms = env->now_ms + pause_ms,
	};

	outcome_init(&outcome);
	outcome_fail(&outcome, FAILURE_CONNECT, "x");
	output_init(&output, store_output_conf(env->store));
	assert_int_equal(store_complete(env->store, &completion, 1, &env->error), STATUS_OK);
	assert_int_equal(completion.ret_state, TASK_QUEUED);
	output_done(&output);
}

static void
test_where_nobody_waits_there_is_no_oldest(void **state)
{
	struct store_env *env = *state;
	struct task task;

	assert_int_equal(oldest_of(env, LANE_CPU), -1);
	submit_cpu(env, 1);
	assert_int_equal(claim(env, &task), 0);
	assert_int_equal(oldest_of(env, LANE_CPU), -1);
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	task_done(&task);
	assert_int_equal(store_env_submit_ended(env, 2, "1", 1), STATUS_OK);
	assert_int_equal(oldest_of(env, LANE_CPU), -1);
}

static void
test_it_is_told_by_lane_and_follows_who_leaves(void **state)
{
	struct store_env *env = *state;
	struct task tasks[3];

	for (unsigned n = 1; n <= 3; n++) {
		submit_cpu(env, n);
		pass_ms(env, 10);
	}
	submit(env, 4, LANE_IO, (struct task_terms){ 0 });
	assert_int_equal(oldest_of(env, LANE_CPU), 0);
	assert_int_equal(oldest_of(env, LANE_IO), 30);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(oldest_of(env, LANE_CPU), i * 10);
		assert_int_equal(claim(env, &tasks[i]), i * 10);
		task_done(&tasks[i]);
	}
	assert_int_equal(oldest_of(env, LANE_CPU), -1);
	assert_int_equal(oldest_of(env, LANE_IO), 30);
}

static void
test_one_that_is_last_in_line_is_the_oldest_all_the_same(void **state)
{
	struct store_env *env = *state;

	submit(env, 1, LANE_CPU, (struct task_terms){ .priority = 9 });
	pass_ms(env, 100);
	submit(env, 2, LANE_CPU, (struct task_terms){ .priority = 0 });
	assert_int_equal(oldest_of(env, LANE_CPU), 0);
}

static void
test_who_is_cancelled_or_expires_is_the_oldest_no_more(void **state)
{
	struct store_env *env = *state;
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];

	submit_cpu(env, 1);
	pass_ms(env, 10);
	submit(env, 2, LANE_CPU,
	    (struct task_terms){
		.priority = TASK_PRIORITY_DEFAULT, .expires_at_ms = env->now_ms + 50 });
	pass_ms(env, 10);
	submit_cpu(env, 3);
	assert_int_equal(oldest_of(env, LANE_CPU), 0);
	store_env_id(1, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
	assert_int_equal(oldest_of(env, LANE_CPU), 10);
	pass_ms(env, 100);
	assert_int_equal(oldest_of(env, LANE_CPU), 20);
}

static void
test_what_was_held_waits_since_its_time_and_not_before(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit(env, 1, LANE_CPU,
	    (struct task_terms){
		.priority = TASK_PRIORITY_DEFAULT, .run_at_ms = env->now_ms + 1000 });
	pass_ms(env, 500);
	assert_int_equal(oldest_of(env, LANE_CPU), -1);
	submit_cpu(env, 2);
	/* Readied late, it waits since it was due; first in line, and not the oldest. */
	pass_ms(env, 700);
	assert_int_equal(oldest_of(env, LANE_CPU), 500);
	assert_int_equal(claim(env, &task), 1000);
	task_done(&task);
	assert_int_equal(claim(env, &task), 500);
	task_done(&task);
}

static void
test_another_attempt_waits_since_the_pause_or_the_end_of_the_one_before(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit_cpu(env, 1);
	pass_ms(env, 100);
	assert_int_equal(claim(env, &task), 0);
	retry(env, &task, 0);
	task_done(&task);
	pass_ms(env, 10);
	assert_int_equal(oldest_of(env, LANE_CPU), 100);
	assert_int_equal(claim(env, &task), 100);
	retry(env, &task, 1000);
	task_done(&task);
	pass_ms(env, 999);
	assert_int_equal(oldest_of(env, LANE_CPU), -1);
	pass_ms(env, 1);
	assert_int_equal(oldest_of(env, LANE_CPU), 1110);
	assert_int_equal(claim(env, &task), 1110);
	task_done(&task);
}

static void
test_what_is_handed_back_goes_on_waiting_as_before(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit_cpu(env, 1);
	pass_ms(env, 100);
	assert_int_equal(claim(env, &task), 0);
	assert_int_equal(store_env_release(env, &task), 1);
	task_done(&task);
	assert_int_equal(oldest_of(env, LANE_CPU), 0);
	assert_int_equal(claim(env, &task), 0);
	task_done(&task);
}

static void
on_begin(void *context)
{
	(void)context;
}

static enum store_gate_word
on_judge(void *context, const char *type, const char *args, size_t args_size, const char **ret_host)
{
	const enum store_gate_word *word = context;

	(void)type;
	(void)args;
	(void)args_size;
	(void)ret_host;
	return *word;
}

/* Recalls a task of the host, and claims it where the gate says so. */
static size_t
recall(struct store_env *env, enum store_gate_word word, struct task *ret_task)
{
	struct store_recall recall = { .host = "slow:80", .max = 1 };
	struct store_gate gate = {
		.begin = on_begin,
		.judge = on_judge,
		.context = &word,
		.recalls = &recall,
		.recall_count = 1,
	};
	size_t count = 0;

	assert_int_equal(store_claim_through(env->store, &gate, LANE_IO, false, 1, env->now_ms,
			     ret_task, &count, &env->error),
	    STATUS_OK);
	assert_int_equal(recall.ret_count, 1);
	return count;
}

static void
test_what_was_deferred_waits_for_its_lane_since_it_was_recalled(void **state)
{
	static const char *const host = "slow:80";
	struct store_env *env = *state;
	struct task task;
	size_t count = 0;

	for (unsigned n = 1; n <= 2; n++) {
		submit(env, n, LANE_IO, (struct task_terms){ 0 });
		pass_ms(env, 10);
		assert_int_equal(store_claim(env->store, LANE_IO, false, 1, env->now_ms, &task,
				     &count, &env->error),
		    STATUS_OK);
		assert_int_equal(
		    store_defer(env->store, &task, &host, 1, env->now_ms, &count, &env->error),
		    STATUS_OK);
		assert_int_equal(count, 1);
		task_done(&task);
	}
	pass_ms(env, 1000);
	assert_int_equal(oldest_of(env, LANE_IO), -1);
	assert_int_equal(recall(env, STORE_GATE_ADMIT, &task), 1);
	assert_int_equal(task.waits_since_ms - STORE_ENV_START_MS, 1020);
	task_done(&task);
	/* One that is not claimed at once waits like any other. */
	pass_ms(env, 80);
	assert_int_equal(recall(env, STORE_GATE_PASS_OVER, &task), 0);
	pass_ms(env, 5);
	assert_int_equal(oldest_of(env, LANE_IO), 1100);
}

static void
test_what_a_crash_leaves_waits_since_the_next_start(void **state)
{
	struct store_env *env = *state;
	struct task task;

	submit_cpu(env, 1);
	submit(env, 2, LANE_IO, (struct task_terms){ 0 });
	assert_int_equal(claim(env, &task), 0);
	task_done(&task);
	env->now_ms += 100;
	store_env_crash(env);
	assert_int_equal(oldest_of(env, LANE_CPU), 100);
	assert_int_equal(oldest_of(env, LANE_IO), 0);
	assert_int_equal(claim(env, &task), 100);
	task_done(&task);
	/* On its last attempt it is claimed apart, and waits like others. */
	env->now_ms += 100;
	store_env_crash(env);
	assert_int_equal(oldest_of(env, LANE_CPU), 200);
	store_env_claim_one(env, true, &task);
	assert_int_equal(task.waits_since_ms - STORE_ENV_START_MS, 200);
	task_done(&task);
	assert_int_equal(oldest_of(env, LANE_CPU), -1);
}

/* More than are looked at stand before it, and have waited for less time. */
static void
test_one_that_was_found_is_followed_whatever_comes_before_it(void **state)
{
	struct store_env *env = *state;
	const unsigned many = STORE_OLDEST_LOOKS_MAX + 10;

	for (unsigned n = 1; n <= many; n++)
		submit(env, n, LANE_CPU,
		    (struct task_terms){
			.priority = TASK_PRIORITY_DEFAULT, .run_at_ms = env->now_ms + 500 });
	submit_cpu(env, many + 1);
	assert_int_equal(oldest_of(env, LANE_CPU), 0);
	env->now_ms += 500;
	for (unsigned n = 1; n <= many; n += STORE_ADVANCE_MAX)
		pass_ms(env, 0);
	assert_int_equal(oldest_of(env, LANE_CPU), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_where_nobody_waits_there_is_no_oldest),
		STORE_ENV_TEST(test_it_is_told_by_lane_and_follows_who_leaves),
		STORE_ENV_TEST(test_one_that_is_last_in_line_is_the_oldest_all_the_same),
		STORE_ENV_TEST(test_who_is_cancelled_or_expires_is_the_oldest_no_more),
		STORE_ENV_TEST(test_what_was_held_waits_since_its_time_and_not_before),
		STORE_ENV_TEST(
		    test_another_attempt_waits_since_the_pause_or_the_end_of_the_one_before),
		STORE_ENV_TEST(test_what_is_handed_back_goes_on_waiting_as_before),
		STORE_ENV_TEST(test_what_was_deferred_waits_for_its_lane_since_it_was_recalled),
		STORE_ENV_TEST(test_what_a_crash_leaves_waits_since_the_next_start),
		STORE_ENV_TEST(test_one_that_was_found_is_followed_whatever_comes_before_it),
	};

	return store_env_main(tests, sizeof(tests) / sizeof(tests[0]));
}
