/* SPDX-License-Identifier: MIT */
/*
 * What completed tasks count for on every back end, however they ended, and the cap on it: beyond
 * it the oldest go, no more of them than have to, and what is not completed has no part in it. In
 * the real database each test ends with the counters compared with the rows (store_env.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "store_env.h"

#define ARGS_BYTES strlen("{\"n\":\"1\"}") /* of tasks 0 to 9 */

static int64_t
kept_bytes(struct store_env *env)
{
	struct store_counts counts;

	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	return counts.kept_bytes;
}

/* What a task with arguments of this size counts for. */
static int64_t
bytes_of(size_t args, const char *message, const char *response, uint64_t content, int attempts)
{
	return store_kept_bytes(&(struct store_kept){
	    .args = args,
	    .message = strlen(message),
	    .response = strlen(response),
	    .content = content,
	    .attempts = attempts,
	});
}

static void
test_the_sum_is_of_the_parts_a_row_and_further_attempts(void **state)
{
	(void)state;
	assert_int_equal(bytes_of(0, "", "", 0, 0), 256);
	assert_int_equal(bytes_of(1, "ab", "cdef", 8, 1), 256 + 1 + 2 + 4 + 8);
	assert_int_equal(bytes_of(0, "", "", 0, 3), 256 + 2 * 1024);
	assert_int_equal(bytes_of(0, "", "", UINT64_C(1) << 40, 1), 256 + (INT64_C(1) << 40));
}

/* Ends a claimed task; returns its ret_status. */
static enum status
end(struct store_env *env, const struct task *task, enum failure failure, const char *response,
    size_t content, bool is_retried)
{
	struct outcome outcome;
	struct output output;
	struct completion completion = {
		.task = task,
		.outcome = &outcome,
		.output = &output,
		.finished_at_ms = env->now_ms,
		.is_retried = is_retried,
		.retry_at_ms = env->now_ms,
	};
	char *bytes = calloc(1, content + 1);

	assert_non_null(bytes);
	output_init(&output, store_output_conf(env->store));
	assert_int_equal(output_write(&output, bytes, content, NULL), STATUS_OK);
	outcome_init(&outcome);
	outcome_succeed(&outcome, "text/plain");
	if (failure != FAILURE_NONE)
		outcome_fail(&outcome, failure, "Caf\xc3\xa9");
	if (response[0] != '\0')
		outcome.response = strdup(response);
	assert_int_equal(store_complete(env->store, &completion, 1, &env->error), STATUS_OK);
	outcome_done(&outcome);
	output_done(&output);
	free(bytes);
	return completion.ret_status;
}

static void
claim(struct store_env *env, unsigned n, struct task *ret_task)
{
	store_env_submit(env, n);
	store_env_claim_one(env, false, ret_task);
}

static void
cancel(struct store_env *env, unsigned n)
{
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
}

/* Each way an attempt can end a task. A byte is a byte, also of text beyond ASCII. */
static void
test_attempts_that_end_a_task_count_it(void **state)
{
	static const struct {
		enum failure failure;
		const char *response;
		size_t content;
	} ends[] = {
		{ FAILURE_NONE, "", 0 },
		{ FAILURE_NONE, "", 5 },
		{ FAILURE_NONE, "{\"url\":\"\xc3\xbc\"}", 2 * STORE_ENV_INLINE_MAX },
		{ FAILURE_TLS, "", 0 },
		{ FAILURE_HTTP_STATUS, "{\"status\":404}", 7 },
		{ FAILURE_HTTP_STATUS, "{\"status\":404}", 3 * STORE_ENV_INLINE_MAX },
	};
	struct store_env *env = *state;
	int64_t expected = 0;

	for (unsigned n = 0; n < ARRAY_SIZE(ends); n++) {
		struct task task;

		claim(env, n, &task);
		assert_int_equal(kept_bytes(env), expected);
		assert_int_equal(
		    end(env, &task, ends[n].failure, ends[n].response, ends[n].content, false),
		    STATUS_OK);
		expected +=
		    bytes_of(ARGS_BYTES, ends[n].failure == FAILURE_NONE ? "" : "Caf\xc3\xa9",
			ends[n].response, ends[n].content, 1);
		assert_int_equal(kept_bytes(env), expected);
		/* What comes too late changes nothing. */
		assert_int_equal(end(env, &task, FAILURE_NONE, "", 99, false), STATUS_CONFLICT);
		assert_int_equal(kept_bytes(env), expected);
		task_done(&task);
	}
	/* One that ends with its submission. */
	assert_int_equal(store_env_submit_ended(env, 9, "xyz", 3), STATUS_OK);
	assert_int_equal(kept_bytes(env), expected + bytes_of(ARGS_BYTES, "", "", 3, 1));
}

static void
test_further_attempts_count_with_the_end(void **state)
{
	struct store_env *env = *state;
	int64_t expected = 0;
	struct task task;

	claim(env, 1, &task);
	for (int attempt = 1; attempt < 3; attempt++) {
		assert_int_equal(end(env, &task, FAILURE_DNS, "{\"lost\":1}", 50, true), STATUS_OK);
		assert_int_equal(kept_bytes(env), 0);
		task_done(&task);
		store_env_claim_one(env, false, &task);
		/* What is handed back does not count. */
		assert_int_equal(store_env_release(env, &task), 1);
		task_done(&task);
		store_env_claim_one(env, false, &task);
		assert_int_equal(task.attempt, attempt + 1);
	}
	assert_int_equal(end(env, &task, FAILURE_NONE, "", 4, false), STATUS_OK);
	expected += bytes_of(ARGS_BYTES, "", "", 4, 3);
	assert_int_equal(kept_bytes(env), expected);
	task_done(&task);
	/* Cancelled between two attempts. */
	claim(env, 2, &task);
	assert_int_equal(end(env, &task, FAILURE_DNS, "", 0, true), STATUS_OK);
	task_done(&task);
	cancel(env, 2);
	expected += bytes_of(ARGS_BYTES, "Cancelled before it started", "", 0, 1);
	assert_int_equal(kept_bytes(env), expected);
}

static void
test_what_is_cancelled_or_expires_counts(void **state)
{
	struct store_env *env = *state;
	struct store_advance advance;
	int64_t expected;
	struct task task;
	struct task_new expiring = { .type = "factorial",
		.args = "{}",
		.args_size = 2,
		.terms = { .max_attempts = 1, .expires_at_ms = env->now_ms + 5 },
		.created_at_ms = env->now_ms };

	store_env_submit(env, 1);
	cancel(env, 1);
	expected = bytes_of(ARGS_BYTES, "Cancelled before it started", "", 0, 0);
	assert_int_equal(kept_bytes(env), expected);
	cancel(env, 1);
	assert_int_equal(kept_bytes(env), expected);
	for (unsigned n = 2; n <= 4; n++) {
		claim(env, n, &task);
		cancel(env, n);
		assert_int_equal(kept_bytes(env), expected);
		if (n == 2)
			assert_int_equal(end(env, &task, FAILURE_NONE, "{}", 9, false), STATUS_OK);
		else if (n == 3)
			assert_int_equal(end(env, &task, FAILURE_DNS, "{}", 9, true), STATUS_OK);
		else
			assert_int_equal(store_env_release(env, &task), 0);
		expected += bytes_of(ARGS_BYTES, "Cancelled while running", "", 0, 1);
		assert_int_equal(kept_bytes(env), expected);
		task_done(&task);
	}
	store_env_id(5, expiring.id);
	assert_int_equal(store_submit(env->store, &expiring, 1, NULL, NULL, NULL), STATUS_OK);
	store_env_id(6, expiring.id);
	expiring.terms.run_at_ms = env->now_ms + 4; /* one that is held */
	assert_int_equal(store_submit(env->store, &expiring, 1, NULL, NULL, NULL), STATUS_OK);
	assert_int_equal(store_advance(env->store, env->now_ms + 5, &advance, NULL), STATUS_OK);
	assert_int_equal(advance.expired_count, 2);
	expected += 2 * bytes_of(2, "Expired before it started", "", 0, 0);
	assert_int_equal(kept_bytes(env), expected);
}

static void
test_what_a_crash_ends_counts_and_the_sum_outlives_it(void **state)
{
	struct store_env *env = *state;
	int64_t expected;
	struct task task;

	assert_int_equal(store_env_submit_as(env, 1, "factorial", LANE_CPU, 1), STATUS_OK);
	store_env_claim_one(env, false, &task);
	task_done(&task);
	claim(env, 2, &task);
	cancel(env, 2);
	task_done(&task);
	claim(env, 3, &task);
	task_done(&task);
	assert_int_equal(store_env_submit_ended(env, 4, "four", 4), STATUS_OK);
	expected = bytes_of(ARGS_BYTES, "", "", 4, 1);
	assert_int_equal(kept_bytes(env), expected);
	store_env_crash(env);
	expected +=
	    bytes_of(ARGS_BYTES, "The last attempt ended with the service going down", "", 0, 1);
	expected += bytes_of(ARGS_BYTES, "Cancelled while running", "", 0, 1);
	assert_int_equal(kept_bytes(env), expected);
	store_env_close(env);
	store_env_open(env);
	assert_int_equal(kept_bytes(env), expected);
}

static size_t
purge(struct store_env *env, int64_t bytes_max, struct store_purged *ret_purged)
{
	const struct store_retention retention = { .bytes_max = bytes_max };

	assert_int_equal(
	    store_purge(env->store, &retention, env->now_ms, ret_purged, &env->error), STATUS_OK);
	assert_int_equal(ret_purged->early_count, ret_purged->count);
	return ret_purged->count;
}

static bool
is_there(struct store_env *env, unsigned n)
{
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	return store_read_status(env->store, id, &status, NULL) == STATUS_OK;
}

static void
submit_ended(struct store_env *env, unsigned n, size_t content)
{
	char *bytes = calloc(1, content + 1);

	assert_non_null(bytes);
	assert_int_equal(store_env_submit_ended(env, n, bytes, content), STATUS_OK);
	env->now_ms++;
	free(bytes);
}

static void
test_at_the_cap_nothing_goes_and_a_byte_beyond_it_the_oldest(void **state)
{
	static struct store_purged purged;
	struct store_env *env = *state;
	int64_t sum = 0;

	for (unsigned n = 1; n <= 9; n++) {
		submit_ended(env, n, 100 * n);
		sum += bytes_of(ARGS_BYTES, "", "", 100 * n, 1);
	}
	assert_int_equal(kept_bytes(env), sum);
	assert_int_equal(purge(env, 0, &purged), 0); /* any number */
	assert_int_equal(purge(env, sum, &purged), 0);
	assert_int_equal(purge(env, sum - 1, &purged), 1);
	assert_false(purged.has_more);
	assert_false(is_there(env, 1));
	sum -= bytes_of(ARGS_BYTES, "", "", 100, 1);
	assert_int_equal(kept_bytes(env), sum);
	/* The next two have to go for a byte more than the first of them brings. */
	assert_int_equal(purge(env, sum - bytes_of(ARGS_BYTES, "", "", 200, 1) - 1, &purged), 2);
	assert_true(!is_there(env, 2) && !is_there(env, 3) && is_there(env, 4));
	assert_int_equal(purge(env, 1, &purged), 6);
	assert_false(purged.has_more);
	assert_int_equal(kept_bytes(env), 0);
}

/* A queue that is long, or whose arguments are large, costs no history its place. */
static void
test_what_is_not_completed_does_not_count_and_does_not_go(void **state)
{
	static struct store_purged purged;
	struct store_env *env = *state;
	static char args[100000];
	struct task_new large = { .type = "factorial",
		.args = args,
		.args_size = sizeof(args),
		.terms.max_attempts = 1 };
	struct task task;

	memset(args, ' ', sizeof(args));
	for (unsigned n = 100; n < 110; n++) {
		store_env_id(n, large.id);
		assert_int_equal(store_submit(env->store, &large, 1, NULL, NULL, NULL), STATUS_OK);
	}
	store_env_claim_one(env, false, &task);
	submit_ended(env, 1, 10);
	submit_ended(env, 2, 10);
	assert_int_equal(purge(env, 1000, &purged), 0);
	assert_int_equal(purge(env, 1, &purged), 2);
	assert_false(purged.has_more);
	assert_int_equal(purge(env, 1, &purged), 0);
	assert_int_equal(kept_bytes(env), 0);
	/* It counts once it is completed, arguments and all. */
	assert_int_equal(store_env_succeed(env, &task, "x", 1), STATUS_OK);
	task_done(&task);
	assert_int_equal(kept_bytes(env), bytes_of(sizeof(args), "", "", 1, 1));
	assert_int_equal(purge(env, 1000, &purged), 1);
	assert_int_equal(kept_bytes(env), 0);
}

/* All of what it frees in the database has to be read: nobody is to wait for more than that. */
static void
test_a_slice_frees_no_more_of_the_database_than_it_may(void **state)
{
	static struct store_purged purged;
	struct store_env *env = *state;
	const unsigned content = 50000, tasks = 100;
	const int64_t each = bytes_of(ARGS_BYTES + 2, "", "", content, 1);
	const size_t per_slice = (size_t)((STORE_PURGE_BYTES_MAX + each - 1) / each);
	size_t left = tasks;

	for (unsigned n = 100; n < 100 + tasks; n++)
		submit_ended(env, n, content);
	while (left > 0) {
		size_t expected = left < per_slice ? left : per_slice;

		assert_int_equal(purge(env, 1, &purged), expected);
		left -= expected;
		assert_int_equal(purged.has_more, left > 0);
		assert_int_equal(kept_bytes(env), (int64_t)left * each);
	}
}

static void
test_contents_in_files_are_no_reason_to_end_a_slice(void **state)
{
	static struct store_purged purged;
	struct store_env *env = *state;
	struct task task;

	for (unsigned n = 1; n <= 9; n++) {
		claim(env, n, &task);
		assert_int_equal(end(env, &task, FAILURE_NONE, "", 500000, false), STATUS_OK);
		task_done(&task);
	}
	assert_int_equal(kept_bytes(env), 9 * bytes_of(ARGS_BYTES, "", "", 500000, 1));
	assert_int_equal(purge(env, 1, &purged), 9);
	assert_int_equal(kept_bytes(env), 0);
}

/* What happens to a task at random, and what is deleted at random. */
static void
test_the_sum_stays_true_whatever_happens(void **state)
{
	static struct store_purged purged;
	struct store_env *env = *state;
	unsigned seed = 20260101;

	for (unsigned step = 0; step < 400; step++) {
		unsigned dice = (seed = seed * 1103515245 + 12345) >> 16;
		struct task task;
		size_t count = 0;

		env->now_ms += dice % 3;
		switch (dice % 8) {
		case 0:
			submit_ended(env, step, dice % 3000);
			break;
		case 1:
			if (step > 0 && is_there(env, step - 1))
				cancel(env, step - 1);
			break;
		case 2:
			(void)purge(env, 1 + dice % 20000, &purged);
			break;
		case 3:
			if (dice % 5 == 0)
				store_env_crash(env);
			break;
		default:
			store_env_submit(env, step);
			assert_int_equal(store_claim(env->store, LANE_CPU, dice % 7 == 0, 1,
					     env->now_ms, &task, &count, NULL),
			    STATUS_OK);
			if (count == 1 && dice % 5 != 0)
				(void)end(env, &task, dice % 3 == 0 ? FAILURE_DNS : FAILURE_NONE,
				    dice % 4 == 0 ? "{\"a\":1}" : "", dice % 2500, dice % 6 == 0);
			if (count == 1)
				task_done(&task);
		}
		if (step % 50 == 0 && env->kind == STORE_ENV_SQLITE)
			store_env_check_counters(env);
	}
	assert_true(kept_bytes(env) > 0);
	while (purge(env, 1, &purged) > 0)
		;
	assert_int_equal(kept_bytes(env), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_the_sum_is_of_the_parts_a_row_and_further_attempts),
		STORE_ENV_TEST(test_attempts_that_end_a_task_count_it),
		STORE_ENV_TEST(test_further_attempts_count_with_the_end),
		STORE_ENV_TEST(test_what_is_cancelled_or_expires_counts),
		STORE_ENV_TEST(test_what_a_crash_ends_counts_and_the_sum_outlives_it),
		STORE_ENV_TEST(test_at_the_cap_nothing_goes_and_a_byte_beyond_it_the_oldest),
		STORE_ENV_TEST(test_what_is_not_completed_does_not_count_and_does_not_go),
		STORE_ENV_TEST(test_a_slice_frees_no_more_of_the_database_than_it_may),
		STORE_ENV_TEST(test_contents_in_files_are_no_reason_to_end_a_slice),
		STORE_ENV_TEST(test_the_sum_stays_true_whatever_happens),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
