/* SPDX-License-Identifier: MIT */
/*
 * Tasks that ended of late, in tests; see final_cache_rig.h. What asserts is for the test's own
 * thread, the rest for any.
 */
#include "final_cache_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

struct final_cache_moment
at(const struct final_cache *cache, int64_t now_ms)
{
	return final_cache_moment(cache, now_ms);
}

void
make_id(unsigned n, char ret_id[UUID_TEXT_SIZE])
{
	(void)snprintf(ret_id, UUID_TEXT_SIZE, "018f0000-0000-7000-8000-%012x", n);
}

struct task_status
make_status(unsigned n, enum task_state state)
{
	struct task_status status = {
		.type = "http-fetch",
		.state = state,
		.attempt = 2,
		.created_at_ms = 100 + n,
		.started_at_ms = 200 + n,
		.finished_at_ms = 300 + n,
	};

	make_id(n, status.id);
	return status;
}

static void
assert_status_equal(const struct task_status *found, const struct task_status *expected)
{
	assert_string_equal(found->id, expected->id);
	assert_string_equal(found->type, expected->type);
	assert_int_equal(found->state, expected->state);
	assert_int_equal(found->attempt, expected->attempt);
	assert_int_equal(found->created_at_ms, expected->created_at_ms);
	assert_int_equal(found->started_at_ms, expected->started_at_ms);
	assert_int_equal(found->finished_at_ms, expected->finished_at_ms);
}

bool
knows_status(struct final_cache *cache, unsigned n, int64_t now_ms)
{
	struct task_status found, expected = make_status(n, TASK_SUCCEEDED);

	if (!final_cache_get_status(cache, expected.id, now_ms, &found))
		return false;
	expected.state = found.state;
	assert_true(task_state_is_final(found.state));
	assert_status_equal(&found, &expected);
	return true;
}

bool
knows_result(struct final_cache *cache, unsigned n, int64_t now_ms)
{
	struct task_result found;
	char id[UUID_TEXT_SIZE];

	make_id(n, id);
	if (!final_cache_get_result(cache, id, now_ms, &found))
		return false;
	assert_string_equal(found.status.id, id);
	task_result_done(&found);
	return true;
}

static bool
sample_has_content(const struct sample *sample)
{
	return sample->failure == FAILURE_NONE || sample->content_size > 0;
}

void
put_completion(
    struct final_cache *cache, unsigned n, const struct sample *sample, size_t spill_above)
{
	const struct output_conf conf = {
		.spill_dir = "/tmp", .run_name = "final-cache", .memory_max_bytes = spill_above
	};
	struct task_status status = make_status(n, TASK_SUCCEEDED);
	struct outcome outcome;
	struct output output;
	struct task task = {
		.seq = n + 1,
		.lease = 1,
		.attempt = status.attempt,
		.terms.max_attempts = 3,
		.created_at_ms = status.created_at_ms,
		.started_at_ms = status.started_at_ms,
	};
	const struct completion completion = {
		.task = &task,
		.outcome = &outcome,
		.output = &output,
		.finished_at_ms = status.finished_at_ms,
	};

	memcpy(task.id, status.id, sizeof(task.id));
	memcpy(task.type, status.type, sizeof(task.type));
	output_init(&output, &conf);
	assert_int_equal(
	    output_write(&output, sample->content, sample->content_size, NULL), STATUS_OK);
	assert_int_equal(output_is_spilled(&output), sample->content_size > spill_above);
	outcome_init(&outcome);
	outcome_succeed(&outcome, sample->media_type);
	if (sample->failure != FAILURE_NONE)
		outcome_fail(&outcome, sample->failure, "%s", sample->message);
	if (sample->response != NULL)
		outcome.response = strdup(sample->response);
	final_cache_put_completion(cache, &completion, at(cache, NOW_MS));
	outcome_done(&outcome);
	output_done(&output);
}

void
put_result(struct final_cache *cache, unsigned n, const struct sample *sample)
{
	struct task_result result;

	task_result_init(&result);
	result.status =
	    make_status(n, sample->failure == FAILURE_NONE ? TASK_SUCCEEDED : TASK_FAILED);
	result.failure = sample->failure;
	(void)snprintf(result.message, sizeof(result.message), "%s", sample->message);
	if (sample->response != NULL)
		result.response = strdup(sample->response);
	result.has_content = sample_has_content(sample);
	if (result.has_content) {
		(void)snprintf(
		    result.media_type, sizeof(result.media_type), "%s", sample->media_type);
		result.is_utf8 = utf8_is_valid(sample->content, sample->content_size);
		result.bytes = sample->content_size;
		result.data = malloc(sample->content_size + 1);
		assert_non_null(result.data);
		memcpy(result.data, sample->content, sample->content_size);
		result.data[sample->content_size] = '\0';
	}
	final_cache_put_result(cache, &result, at(cache, NOW_MS));
	task_result_done(&result);
}

void
assert_known(struct final_cache *cache, unsigned n, const struct sample *sample, bool is_utf8)
{
	bool succeeded = sample->failure == FAILURE_NONE;
	struct task_status expected = make_status(n, succeeded ? TASK_SUCCEEDED : TASK_FAILED);
	struct task_status status;
	struct task_result result;

	assert_true(final_cache_get_status(cache, expected.id, NOW_MS, &status));
	assert_status_equal(&status, &expected);
	assert_true(final_cache_get_result(cache, expected.id, NOW_MS, &result));
	assert_status_equal(&result.status, &expected);
	assert_int_equal(result.failure, sample->failure);
	assert_string_equal(result.message, succeeded ? "" : sample->message);
	assert_int_equal(result.fd, -1);
	if (sample->response == NULL)
		assert_null(result.response);
	else
		assert_string_equal(result.response, sample->response);
	assert_int_equal(result.has_content, sample_has_content(sample));
	if (result.has_content) {
		assert_string_equal(result.media_type, sample->media_type);
		assert_int_equal(result.is_utf8, is_utf8);
		assert_int_equal(result.bytes, sample->content_size);
		assert_memory_equal(result.data, sample->content, sample->content_size);
		assert_int_equal(result.data[sample->content_size], '\0');
	} else {
		assert_string_equal(result.media_type, "");
		assert_false(result.is_utf8);
		assert_int_equal(result.bytes, 0);
		assert_null(result.data);
	}
	task_result_done(&result);
}
