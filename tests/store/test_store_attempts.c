/* SPDX-License-Identifier: MIT */
/* What is known of the attempts of one task, on every back end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_env.h"

static struct store_attempts
attempts_of(struct store_env *env, unsigned n)
{
	struct store_attempts found;
	char id[UUID_TEXT_SIZE];

	memset(&found, 0x55, sizeof(found));
	store_env_id(n, id);
	assert_int_equal(store_read_attempts(env->store, id, &found, &env->error), STATUS_OK);
	return found;
}

/* Each attempt as "number outcome code start-end", times counted from the tests' start. */
static void
assert_attempts(struct store_env *env, unsigned n, const char *expected)
{
	struct store_attempts found = attempts_of(env, n);
	char text[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < found.count; i++) {
		const struct store_attempt *attempt = &found.list[i];
		int64_t ended_ms = attempt->ended_at_ms;

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%d %s %s %lld-%lld;",
		    attempt->attempt, attempt_outcome_name(attempt->outcome),
		    failure_word(attempt->failure),
		    (long long)(attempt->started_at_ms - STORE_ENV_START_MS),
		    (long long)(ended_ms == 0 ? -1 : ended_ms - STORE_ENV_START_MS));
	}
	store_attempts_done(&found);
	assert_string_equal(text, expected);
}

/* Ends an attempt that is to be followed by another. */
static void
retry(struct store_env *env, const struct task *task, const char *response)
{
	struct outcome outcome;
	struct output output;
	struct completion completion = { .task = task,
		.outcome = &outcome,
		.output = &output,
		.finished_at_ms = env->now_ms,
		.is_retried = true,
		.retry_at_ms = env->now_ms };

	outcome_init(&outcome);
	outcome_fail(&outcome, FAILURE_HTTP_STATUS, "Status 503");
	if (response != NULL)
		outcome.response = strdup(response);
	output_init(&output, store_output_conf(env->store));
	assert_int_equal(store_complete(env->store, &completion, 1, &env->error), STATUS_OK);
	output_done(&output);
	outcome_done(&outcome);
}

static void
test_a_task_that_has_not_been_started_has_no_attempts(void **state)
{
	struct store_env *env = *state;
	struct store_cancelled cancelled;
	struct task task;
	char id[UUID_TEXT_SIZE];

	store_env_submit(env, 1);
	assert_attempts(env, 1, "");
	/* Handed back it counts as if it had not been begun. */
	store_env_claim_one(env, false, &task);
	assert_attempts(env, 1, "1 running  0--1;");
	assert_int_equal(store_env_release(env, &task), 1);
	assert_attempts(env, 1, "");
	store_env_id(1, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
	assert_attempts(env, 1, "");
	task_done(&task);
}

static void
test_an_unknown_task_is_not_found(void **state)
{
	struct store_env *env = *state;
	struct store_attempts found;
	char id[UUID_TEXT_SIZE];

	store_env_submit(env, 1);
	store_env_id(2, id);
	assert_int_equal(
	    store_read_attempts(env->store, id, &found, &env->error), STATUS_NOT_FOUND);
}

static void
test_one_attempt_until_its_end(void **state)
{
	struct store_env *env = *state;
	struct task task;

	store_env_submit(env, 1);
	env->now_ms += 2;
	store_env_claim_one(env, false, &task);
	env->now_ms += 3;
	assert_attempts(env, 1, "1 running  2--1;");
	assert_int_equal(store_env_succeed(env, &task, "x", 1), STATUS_OK);
	assert_attempts(env, 1, "1 succeeded  2-5;");
	task_done(&task);
	assert_int_equal(store_env_submit_ended(env, 2, "y", 1), STATUS_OK);
	assert_attempts(env, 2, "1 succeeded  5-12;");
}

static void
test_every_attempt_of_a_task_that_was_retried(void **state)
{
	struct store_env *env = *state;
	struct store_attempts found;
	struct task task;

	store_env_submit(env, 1);
	for (int i = 0; i < 2; i++) {
		store_env_claim_one(env, false, &task);
		env->now_ms += 10;
		retry(env, &task, i == 0 ? "{\"status\":503}" : NULL);
		task_done(&task);
		env->now_ms += 5;
	}
	assert_attempts(env, 1, "1 failed http_status 0-10;2 failed http_status 15-25;");
	store_env_claim_one(env, false, &task);
	assert_attempts(
	    env, 1, "1 failed http_status 0-10;2 failed http_status 15-25;3 running  30--1;");
	assert_int_equal(store_env_fail(env, &task, FAILURE_DNS), STATUS_OK);
	assert_attempts(
	    env, 1, "1 failed http_status 0-10;2 failed http_status 15-25;3 failed dns 30-30;");
	task_done(&task);
	found = attempts_of(env, 1);
	assert_string_equal(found.list[0].message, "Status 503");
	assert_string_equal(found.list[0].response, "{\"status\":503}");
	assert_null(found.list[1].response);
	assert_string_equal(found.list[2].message, "Told to fail");
	store_attempts_done(&found);
	store_attempts_done(&found);
}

static void
test_a_cancel_between_attempts_leaves_those_there_were(void **state)
{
	struct store_env *env = *state;
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	retry(env, &task, NULL);
	task_done(&task);
	store_env_id(1, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
	assert_attempts(env, 1, "1 failed http_status 0-0;");
}

static void
test_an_attempt_that_was_cancelled(void **state)
{
	struct store_env *env = *state;
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	store_env_id(1, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
	assert_attempts(env, 1, "1 running  0--1;");
	env->now_ms++;
	assert_int_equal(store_env_succeed(env, &task, "x", 1), STATUS_OK);
	assert_attempts(env, 1, "1 cancelled cancelled 0-1;");
	task_done(&task);
}

static void
test_attempts_that_ended_with_the_service(void **state)
{
	struct store_env *env = *state;
	struct task task;

	store_env_submit(env, 1);
	for (int i = 0; i < 3; i++) {
		store_env_claim_one(env, i == 2, &task);
		task_done(&task);
		env->now_ms += 100;
		store_env_crash(env);
	}
	assert_attempts(
	    env, 1, "1 crashed  0-100;2 crashed  100-200;3 crashed attempts_exhausted 200-300;");
}

static void
test_as_many_attempts_as_there_may_be(void **state)
{
	struct store_env *env = *state;
	struct store_attempts found;
	struct task task;

	assert_int_equal(store_env_submit_as(env, 1, "factorial", LANE_CPU, 100), STATUS_OK);
	for (int i = 0; i < 99; i++) {
		store_env_claim_one(env, false, &task);
		retry(env, &task, "{}");
		task_done(&task);
	}
	store_env_claim_one(env, false, &task);
	found = attempts_of(env, 1);
	assert_int_equal(found.count, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(found.list[i].attempt, i + 1);
	store_attempts_done(&found);
	task_done(&task);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_a_task_that_has_not_been_started_has_no_attempts),
		STORE_ENV_TEST(test_an_unknown_task_is_not_found),
		STORE_ENV_TEST(test_one_attempt_until_its_end),
		STORE_ENV_TEST(test_every_attempt_of_a_task_that_was_retried),
		STORE_ENV_TEST(test_a_cancel_between_attempts_leaves_those_there_were),
		STORE_ENV_TEST(test_an_attempt_that_was_cancelled),
		STORE_ENV_TEST(test_attempts_that_ended_with_the_service),
		STORE_ENV_TEST(test_as_many_attempts_as_there_may_be),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
