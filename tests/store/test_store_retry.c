/* SPDX-License-Identifier: MIT */
/*
 * What it takes to run a task again, on every back end: what it was submitted as can be read,
 * whatever has become of it, and the new task names the old one wherever it is read, for good.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "store_env.h"

#define ARGS "{\"n\":\"5\",\"\xc3\xa9\":1}"

static struct store_submission
read_submission(struct store_env *env, unsigned n)
{
	struct store_submission submission;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(
	    store_read_submission(env->store, id, &submission, &env->error), STATUS_OK);
	return submission;
}

static void
assert_terms_equal(const struct task_terms *found, const struct task_terms *expected)
{
	assert_int_equal(found->priority, expected->priority);
	assert_int_equal(found->run_at_ms, expected->run_at_ms);
	assert_int_equal(found->expires_at_ms, expected->expires_at_ms);
	assert_int_equal(found->timeout_ms, expected->timeout_ms);
	assert_int_equal(found->max_attempts, expected->max_attempts);
	assert_int_equal(found->backoff_ms, expected->backoff_ms);
	assert_int_equal(found->max_backoff_ms, expected->max_backoff_ms);
}

static void
test_every_term_of_a_submission_comes_back(void **state)
{
	static const struct task_terms all = {
		.priority = 9,
		.run_at_ms = STORE_ENV_START_MS + 5000,
		.expires_at_ms = STORE_ENV_START_MS + 6000,
		.timeout_ms = 7000,
		.max_attempts = 100,
		.backoff_ms = 8000,
		.max_backoff_ms = 9000,
	};
	static const struct task_terms none = { .max_attempts = 1 };
	const struct task_terms *const terms[] = { &all, &none };
	struct store_env *env = *state;

	for (unsigned n = 0; n < ARRAY_SIZE(terms); n++) {
		struct task_new task = { .type = "http-fetch",
			.lane = LANE_IO,
			.args = ARGS,
			.args_size = sizeof(ARGS) - 1,
			.terms = *terms[n],
			.created_at_ms = env->now_ms };
		struct store_submission found;

		store_env_id(n, task.id);
		assert_int_equal(store_submit(env->store, &task, 1, NULL, NULL, NULL), STATUS_OK);
		found = read_submission(env, n);
		assert_string_equal(found.type, "http-fetch");
		assert_int_equal(found.state, TASK_QUEUED);
		assert_terms_equal(&found.terms, terms[n]);
		assert_int_equal(found.args_size, sizeof(ARGS) - 1);
		assert_string_equal(found.args, ARGS);
		store_submission_done(&found);
	}
}

static void
test_it_tells_what_has_become_of_the_task(void **state)
{
	struct store_env *env = *state;
	struct store_cancelled cancelled;
	struct store_submission found;
	struct task task;
	char id[UUID_TEXT_SIZE];

	for (unsigned n = 1; n <= 4; n++)
		store_env_submit(env, n);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	task_done(&task);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_fail(env, &task, FAILURE_TLS), STATUS_OK);
	task_done(&task);
	store_env_claim_one(env, false, &task);
	task_done(&task);
	store_env_id(4, id);
	assert_int_equal(store_cancel(env->store, id, env->now_ms, &cancelled, NULL), STATUS_OK);

	static const enum task_state states[] = { TASK_SUCCEEDED, TASK_FAILED, TASK_RUNNING,
		TASK_REJECTED };

	for (unsigned n = 1; n <= 4; n++) {
		found = read_submission(env, n);
		assert_int_equal(found.state, states[n - 1]);
		assert_int_equal(found.terms.max_attempts, 3);
		store_submission_done(&found);
	}
	store_env_id(5, id);
	assert_int_equal(store_read_submission(env->store, id, &found, NULL), STATUS_NOT_FOUND);
}

static void
test_of_a_deleted_task_nothing_is_known(void **state)
{
	static const struct store_retention nothing = { .bytes_max = 1 };
	static struct store_purged purged;
	struct store_env *env = *state;
	struct store_submission found;
	char id[UUID_TEXT_SIZE];

	assert_int_equal(store_env_submit_ended(env, 1, "x", 1), STATUS_OK);
	assert_int_equal(store_purge(env->store, &nothing, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 1);
	store_env_id(1, id);
	assert_int_equal(store_read_submission(env->store, id, &found, NULL), STATUS_NOT_FOUND);
}

/* Submits task n, which runs task `of` again, as one that waits, starts or has ended. */
enum way {
	WAITS,
	IS_HELD,
	STARTS,
	HAS_ENDED,
	WAYS,
};

static void
on_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	(void)context;
	(void)lane;
	(void)starts;
	(void)count;
}

static void
submit_retry(struct store_env *env, unsigned n, unsigned of, enum way way)
{
	const struct task_ended ended = { .finished_at_ms = env->now_ms,
		.media_type = "text/plain",
		.content = "x",
		.content_size = 1 };
	char old_id[UUID_TEXT_SIZE];
	struct task_start start;
	struct task_new task = { .type = "factorial",
		.args = "{}",
		.args_size = 2,
		.terms.max_attempts = 2,
		.created_at_ms = env->now_ms,
		.retry_of = old_id };

	store_env_id(n, task.id);
	store_env_id(of, old_id);
	if (way == IS_HELD)
		task.terms.run_at_ms = env->now_ms + 1000;
	if (way == HAS_ENDED)
		task.ended = &ended;
	store_on_start(env->store, on_started, NULL);
	assert_int_equal(
	    store_submit(env->store, &task, 1, way == STARTS ? &start : NULL, NULL, NULL),
	    STATUS_OK);
}

/* Task n names task `of`, or none where that is 0, wherever it is read. */
static void
assert_names(struct store_env *env, unsigned n, unsigned of)
{
	const struct store_list_query query = {
		.created_before_ms = INT64_MAX, .tasks_max = 100, .looks_max = 100
	};
	char id[UUID_TEXT_SIZE], expected[UUID_TEXT_SIZE] = "";
	struct task_status status;
	struct task_result result;
	struct store_list list;
	bool is_listed = false;

	store_env_id(n, id);
	if (of != 0)
		store_env_id(of, expected);
	assert_int_equal(store_read_status(env->store, id, &status, NULL), STATUS_OK);
	assert_string_equal(status.retry_of, expected);
	assert_int_equal(store_read_result(env->store, id, &result, NULL), STATUS_OK);
	assert_string_equal(result.status.retry_of, expected);
	task_result_done(&result);
	assert_int_equal(store_list(env->store, &query, &list, NULL), STATUS_OK);
	for (size_t i = 0; i < list.count; i++) {
		if (strcmp(list.tasks[i].status.id, id) != 0)
			continue;
		is_listed = true;
		assert_string_equal(list.tasks[i].status.retry_of, expected);
	}
	assert_true(is_listed);
	store_list_done(&list);
}

static void
test_it_names_the_other_task_however_it_is_submitted(void **state)
{
	struct store_env *env = *state;

	store_env_submit(env, 1);
	for (int way = 0; way < WAYS; way++)
		submit_retry(env, 10 + (unsigned)way, 1, (enum way)way);
	/* A chain: each names the one before it. One that there is not any more may be named. */
	submit_retry(env, 20, 10, WAITS);
	submit_retry(env, 21, 99, WAITS);
	for (int i = 0; i < 2; i++) {
		assert_names(env, 1, 0);
		for (int way = 0; way < WAYS; way++)
			assert_names(env, 10 + (unsigned)way, 1);
		assert_names(env, 20, 10);
		assert_names(env, 21, 99);
		store_env_crash(env);
	}
}

static void
test_a_claim_tells_it_and_an_end_keeps_it(void **state)
{
	struct store_env *env = *state;
	struct task task;
	char old_id[UUID_TEXT_SIZE];

	store_env_id(1, old_id);
	submit_retry(env, 2, 1, WAITS);
	store_env_submit(env, 3);
	store_env_claim_one(env, false, &task);
	assert_string_equal(task.retry_of, old_id);
	/* Also when the claim is one after a crash. */
	task_done(&task);
	store_env_crash(env);
	store_env_claim_one(env, true, &task);
	assert_string_equal(task.retry_of, old_id);
	assert_int_equal(store_env_fail(env, &task, FAILURE_TLS), STATUS_OK);
	task_done(&task);
	store_env_claim_one(env, false, &task);
	assert_string_equal(task.retry_of, "");
	task_done(&task);
	assert_names(env, 2, 1);
	assert_names(env, 3, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_every_term_of_a_submission_comes_back),
		STORE_ENV_TEST(test_it_tells_what_has_become_of_the_task),
		STORE_ENV_TEST(test_of_a_deleted_task_nothing_is_known),
		STORE_ENV_TEST(test_it_names_the_other_task_however_it_is_submitted),
		STORE_ENV_TEST(test_a_claim_tells_it_and_an_end_keeps_it),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
