/* SPDX-License-Identifier: MIT */
/*
 * What is stored of a finished attempt, and read back, on every back end.
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
test_success_is_final_and_its_result_readable(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	env->now_ms += 9;
	assert_int_equal(store_env_succeed(env, &task, "3628800", 7), STATUS_OK);
	assert_int_equal(store_read_result(env->store, task.id, &result, NULL), STATUS_OK);
	assert_int_equal(result.status.state, TASK_SUCCEEDED);
	assert_int_equal(result.status.finished_at_ms, env->now_ms);
	assert_int_equal(result.failure, FAILURE_NONE);
	assert_string_equal(result.media_type, "text/plain");
	assert_true(result.has_content);
	assert_true(result.is_utf8);
	assert_int_equal(result.bytes, 7);
	assert_string_equal(result.data, "3628800");
	assert_int_equal(result.fd, -1);
	assert_null(result.response);
	task_result_done(&result);
	/* A second completion of the same attempt changes nothing. */
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_CONFLICT);
	assert_int_equal(store_env_fail(env, &task, FAILURE_TIMEOUT), STATUS_CONFLICT);
	assert_int_equal(store_read_result(env->store, task.id, &result, NULL), STATUS_OK);
	assert_string_equal(result.data, "3628800");
	task_result_done(&result);
	task_done(&task);
}

static void
test_a_result_of_a_task_that_is_not_final_has_no_content(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_read_result(env->store, task.id, &result, NULL), STATUS_OK);
	assert_int_equal(result.status.state, TASK_RUNNING);
	assert_false(result.has_content);
	assert_int_equal(result.fd, -1);
	task_result_done(&result);
	task_done(&task);
}

static void
test_failure_keeps_its_code_message_response_and_content(void **state)
{
	struct store_env *env = *state;
	struct outcome outcome;
	struct output output;
	struct task_result result;
	struct task task;
	struct completion completion = {
		.task = &task, .outcome = &outcome, .output = &output, .finished_at_ms = 5
	};

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	output_init(&output, store_output_conf(env->store));
	outcome_init(&outcome);
	outcome_fail(&outcome, FAILURE_HTTP_STATUS, "The server answered 404");
	outcome.response = strdup("{\"status\":404}");
	memcpy(outcome.media_type, "text/html", sizeof("text/html"));
	assert_int_equal(output_write(&output, "gone", 4, NULL), STATUS_OK);
	assert_int_equal(store_complete(env->store, &completion, 1, NULL), STATUS_OK);
	assert_int_equal(completion.ret_status, STATUS_OK);
	output_done(&output);
	outcome_done(&outcome);
	assert_int_equal(store_read_result(env->store, task.id, &result, NULL), STATUS_OK);
	assert_int_equal(result.status.state, TASK_FAILED);
	assert_int_equal(result.failure, FAILURE_HTTP_STATUS);
	assert_string_equal(result.message, "The server answered 404");
	assert_string_equal(result.response, "{\"status\":404}");
	assert_string_equal(result.media_type, "text/html");
	assert_true(result.has_content);
	assert_string_equal(result.data, "gone");
	task_result_done(&result);
	task_done(&task);
}

static void
test_a_failure_without_bytes_has_no_content_and_a_success_has_an_empty_one(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	struct task tasks[2];

	store_env_submit(env, 1);
	store_env_submit(env, 2);
	assert_int_equal(store_env_claim(env, 2, tasks), 2);
	assert_int_equal(store_env_fail(env, &tasks[0], FAILURE_DNS), STATUS_OK);
	assert_int_equal(store_env_succeed(env, &tasks[1], "", 0), STATUS_OK);
	assert_int_equal(store_read_result(env->store, tasks[0].id, &result, NULL), STATUS_OK);
	assert_false(result.has_content);
	assert_null(result.data);
	task_result_done(&result);
	assert_int_equal(store_read_result(env->store, tasks[1].id, &result, NULL), STATUS_OK);
	assert_true(result.has_content);
	assert_int_equal(result.bytes, 0);
	assert_true(result.is_utf8);
	assert_string_equal(result.data, "");
	task_result_done(&result);
	task_done(&tasks[0]);
	task_done(&tasks[1]);
}

/* Completes task n with `size` bytes and checks what is read back. */
static void
check_content_of(struct store_env *env, unsigned n, size_t size, bool is_file)
{
	char *content = malloc(size), *back = malloc(size + 1);
	struct task_result result;
	struct task task;

	assert_non_null(content);
	assert_non_null(back);
	for (size_t i = 0; i < size; i++)
		content[i] = (char)('a' + i % 26);
	store_env_submit(env, n);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, content, size), STATUS_OK);
	assert_int_equal(store_read_result(env->store, task.id, &result, NULL), STATUS_OK);
	assert_true(result.has_content);
	assert_true(result.is_utf8);
	assert_int_equal(result.bytes, size);
	if (is_file) {
		assert_null(result.data);
		assert_int_equal(pread(result.fd, back, size + 1, 0), size);
		assert_int_equal(lseek(result.fd, 0, SEEK_CUR), 0);
	} else {
		assert_int_equal(result.fd, -1);
		assert_non_null(result.data);
		memcpy(back, result.data, size);
	}
	assert_memory_equal(back, content, size);
	task_result_done(&result);
	task_done(&task);
	free(content);
	free(back);
}

static void
test_a_result_at_the_inline_limit_is_in_memory_and_one_past_it_in_a_file(void **state)
{
	struct store_env *env = *state;

	check_content_of(env, 1, STORE_ENV_INLINE_MAX, false);
	check_content_of(env, 2, STORE_ENV_INLINE_MAX + 1, true);
	check_content_of(env, 3, STORE_ENV_INLINE_MAX * 100, true);
}

static void
test_a_file_result_is_there_after_a_crash(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	char id[UUID_TEXT_SIZE];

	check_content_of(env, 1, STORE_ENV_INLINE_MAX + 1, true);
	store_env_crash(env);
	store_env_id(1, id);
	assert_int_equal(store_read_result(env->store, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.status.state, TASK_SUCCEEDED);
	assert_true(result.fd >= 0);
	assert_int_equal(result.bytes, STORE_ENV_INLINE_MAX + 1);
	task_result_done(&result);
}

static void
test_content_that_is_not_utf8_says_so(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "a\xff\0b", 4), STATUS_OK);
	assert_int_equal(store_read_result(env->store, task.id, &result, NULL), STATUS_OK);
	assert_false(result.is_utf8);
	assert_int_equal(result.bytes, 4);
	assert_memory_equal(result.data, "a\xff\0b", 4);
	task_result_done(&result);
	task_done(&task);
}

static void
test_a_batch_of_completions_tells_the_fate_of_each(void **state)
{
	struct store_env *env = *state;
	struct completion completions[3];
	struct outcome outcome;
	struct output outputs[3];
	struct task tasks[3];

	for (unsigned n = 1; n <= 3; n++)
		store_env_submit(env, n);
	assert_int_equal(store_env_claim(env, 3, tasks), 3);
	assert_int_equal(store_env_fail(env, &tasks[1], FAILURE_TIMEOUT), STATUS_OK);
	outcome_init(&outcome);
	outcome_succeed(&outcome, "text/plain");
	for (size_t i = 0; i < 3; i++) {
		output_init(&outputs[i], store_output_conf(env->store));
		assert_int_equal(output_write(&outputs[i], "42", 2, NULL), STATUS_OK);
		completions[i] = (struct completion){
			.task = &tasks[i],
			.outcome = &outcome,
			.output = &outputs[i],
			.finished_at_ms = env->now_ms,
			.ret_status = STATUS_INTERNAL,
		};
	}
	assert_int_equal(store_complete(env->store, completions, 3, NULL), STATUS_OK);
	assert_int_equal(completions[0].ret_status, STATUS_OK);
	assert_int_equal(completions[1].ret_status, STATUS_CONFLICT);
	assert_int_equal(completions[2].ret_status, STATUS_OK);
	assert_int_equal(store_env_state(env, 1), TASK_SUCCEEDED);
	assert_int_equal(store_env_state(env, 2), TASK_FAILED);
	assert_int_equal(store_env_state(env, 3), TASK_SUCCEEDED);
	for (size_t i = 0; i < 3; i++) {
		output_done(&outputs[i]);
		task_done(&tasks[i]);
	}
	outcome_done(&outcome);
}

static void
test_a_superseded_file_result_is_dropped(void **state)
{
	struct store_env *env = *state;
	char content[STORE_ENV_INLINE_MAX + 1];
	struct task_result result;
	struct task first, again;
	char back[4];

	memset(content, 'x', sizeof(content));
	store_env_submit(env, 1);
	store_env_claim_one(env, false, &first);
	store_env_release(env, &first);
	store_env_claim_one(env, false, &again);
	assert_int_equal(store_env_succeed(env, &first, content, sizeof(content)), STATUS_CONFLICT);
	memset(content, 'y', sizeof(content));
	assert_int_equal(store_env_succeed(env, &again, content, sizeof(content)), STATUS_OK);
	/* Nor may a repeated completion of the attempt that won touch its file. */
	memset(content, 'z', sizeof(content));
	assert_int_equal(store_env_succeed(env, &again, content, sizeof(content)), STATUS_CONFLICT);
	assert_int_equal(store_read_result(env->store, again.id, &result, NULL), STATUS_OK);
	assert_int_equal(read(result.fd, back, 4), 4);
	assert_memory_equal(back, "yyyy", 4);
	task_result_done(&result);
	task_done(&first);
	task_done(&again);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_success_is_final_and_its_result_readable),
		STORE_ENV_TEST(test_a_result_of_a_task_that_is_not_final_has_no_content),
		STORE_ENV_TEST(test_failure_keeps_its_code_message_response_and_content),
		STORE_ENV_TEST(
		    test_a_failure_without_bytes_has_no_content_and_a_success_has_an_empty_one),
		STORE_ENV_TEST(
		    test_a_result_at_the_inline_limit_is_in_memory_and_one_past_it_in_a_file),
		STORE_ENV_TEST(test_a_file_result_is_there_after_a_crash),
		STORE_ENV_TEST(test_content_that_is_not_utf8_says_so),
		STORE_ENV_TEST(test_a_batch_of_completions_tells_the_fate_of_each),
		STORE_ENV_TEST(test_a_superseded_file_result_is_dropped),
	};

	return store_env_main(tests, sizeof(tests) / sizeof(tests[0]));
}
