/* SPDX-License-Identifier: MIT */
/*
 * Tasks that ended of late: what is kept, what is not, for how long, that a result which had to
 * make room is gone as a whole, and that readers and writers at once see whole entries. The tests'
 * clock is an argument.
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

#include "base/compiler.h"
#include "base/sync.h"
#include "base/utf8.h"
#include "queue/final_cache.h"

#define NOW_MS INT64_C(1000000)

static int
setup(void **state)
{
	struct final_cache *cache;

	assert_int_equal(final_cache_new(1000, &cache, NULL), STATUS_OK);
	*state = cache;
	return 0;
}

static int
teardown(void **state)
{
	final_cache_free(*state);
	return 0;
}

static struct final_cache_moment
at(const struct final_cache *cache, int64_t now_ms)
{
	return final_cache_moment(cache, now_ms);
}

static void
make_id(unsigned n, char ret_id[UUID_TEXT_SIZE])
{
	(void)snprintf(ret_id, UUID_TEXT_SIZE, "018f0000-0000-7000-8000-%012x", n);
}

static struct task_status
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

static bool
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

static bool
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

/* A result as a test describes it: put as a completion and as what the store has read. */
struct sample {
	enum failure failure; /* FAILURE_NONE: SUCCEEDED */
	const char *message;
	const char *media_type;
	const char *response; /* or NULL */
	const char *content;
	size_t content_size;
};

static bool
sample_has_content(const struct sample *sample)
{
	return sample->failure == FAILURE_NONE || sample->content_size > 0;
}

/* As the lane's finisher does; the content spills from spill_above bytes on. */
static void
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

/* As a reader does with what came from the store. */
static void
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

static void
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

static void
test_an_id_that_was_never_put_is_unknown(void **state)
{
	assert_false(knows_status(*state, 1, NOW_MS));
	assert_false(knows_result(*state, 1, NOW_MS));
	for (unsigned n = 2; n < 500; n++) {
		struct task_status status = make_status(n, TASK_SUCCEEDED);

		final_cache_put_status(*state, &status, at(*state, NOW_MS));
	}
	assert_false(knows_status(*state, 1, NOW_MS));
	assert_false(knows_result(*state, 1, NOW_MS));
}

static void
test_every_member_of_a_result_comes_back_as_it_was_put(void **state)
{
	static const char binary[] = "\x00\xff\x80 \x00";
	static const struct sample samples[] = {
		{ .media_type = "text/plain",
		    .message = "",
		    .content = "caf\xc3\xa9",
		    .content_size = 5 },
		{ .media_type = "", .message = "", .content = "", .content_size = 0 },
		{ .media_type = "image/png",
		    .message = "",
		    .response = "{\"status\":200}",
		    .content = binary,
		    .content_size = sizeof(binary) },
		{ .failure = FAILURE_DNS,
		    .message = "No such host",
		    .media_type = "",
		    .content = "" },
		{ .failure = FAILURE_HTTP_STATUS,
		    .message = "The server answered 404",
		    .media_type = "text/html",
		    .response = "{\"status\":404,\"url\":\"http://x/\"}",
		    .content = "<p>none</p>",
		    .content_size = 11 },
		{ .failure = FAILURE_TIMEOUT,
		    .message = "It took too long",
		    .media_type = "text/html", /* of a content that never came */
		    .response = "",
		    .content = "" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(samples); i++) {
		bool is_utf8 = samples[i].content != binary;

		put_completion(*state, 2 * i, &samples[i], 100);
		assert_known(*state, 2 * i, &samples[i], is_utf8);
		put_result(*state, 2 * i + 1, &samples[i]);
		assert_known(*state, 2 * i + 1, &samples[i], is_utf8);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(samples); i++) {
		assert_true(knows_result(*state, 2 * i, NOW_MS));
		assert_true(knows_result(*state, 2 * i + 1, NOW_MS));
	}
}

static void
test_texts_of_the_largest_size_come_back(void **state)
{
	char message[TASK_MESSAGE_SIZE];
	char media_type[TASK_MEDIA_TYPE_SIZE];
	const struct sample sample = { .failure = FAILURE_HTTP_STATUS,
		.message = message,
		.media_type = media_type,
		.content = "c",
		.content_size = 1 };

	memset(message, 'm', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	memset(media_type, 't', sizeof(media_type) - 1);
	media_type[sizeof(media_type) - 1] = '\0';
	put_completion(*state, 1, &sample, 100);
	assert_known(*state, 1, &sample, true);
	put_result(*state, 2, &sample);
	assert_known(*state, 2, &sample, true);
}

/* Puts a sample both ways and sees that its state is served, and its result where it should be. */
static void
check_kept(struct final_cache *cache, unsigned n, const struct sample *sample, bool is_kept)
{
	put_completion(cache, n, sample, 1 << 20);
	put_result(cache, n + 1, sample);
	for (unsigned i = n; i < n + 2; i++) {
		assert_true(knows_status(cache, i, NOW_MS));
		assert_int_equal(knows_result(cache, i, NOW_MS), is_kept);
		if (is_kept)
			assert_known(cache, i, sample, true);
	}
}

static void
test_a_result_at_the_limit_is_kept_and_one_byte_more_is_not(void **state)
{
	char text[FINAL_CACHE_RESULT_MAX_BYTES + 2];
	struct sample sample = { .message = "", .media_type = "text/plain" };

	memset(text, 'x', sizeof(text));
	text[FINAL_CACHE_RESULT_MAX_BYTES + 1] = '\0';
	sample.content = text;
	sample.content_size = FINAL_CACHE_RESULT_MAX_BYTES;
	check_kept(*state, 10, &sample, true);
	sample.content_size++;
	check_kept(*state, 20, &sample, false);
	/* Message, response and content count together. */
	sample.failure = FAILURE_HTTP_STATUS;
	sample.message = "12345";
	sample.response = "{\"a\":1}";
	sample.content_size = FINAL_CACHE_RESULT_MAX_BYTES - 5 - 7;
	check_kept(*state, 30, &sample, true);
	sample.content_size++;
	check_kept(*state, 40, &sample, false);
	sample.response = text;
	sample.content_size = 0;
	check_kept(*state, 50, &sample, false);
}

static void
test_of_a_content_in_a_file_the_state_alone_is_kept(void **state)
{
	const struct sample sample = {
		.message = "", .media_type = "text/plain", .content = "spilled", .content_size = 7
	};
	struct task_result result;

	put_completion(*state, 1, &sample, 6);
	assert_true(knows_status(*state, 1, NOW_MS));
	assert_false(knows_result(*state, 1, NOW_MS));
	task_result_init(&result);
	result.status = make_status(2, TASK_SUCCEEDED);
	result.has_content = true;
	result.bytes = 7;
	result.fd = dup(STDERR_FILENO);
	final_cache_put_result(*state, &result, at(*state, NOW_MS));
	task_result_done(&result);
	assert_true(knows_status(*state, 2, NOW_MS));
	assert_false(knows_result(*state, 2, NOW_MS));
}

static void
test_what_is_not_final_is_not_kept(void **state)
{
	static const enum task_state states[] = { TASK_QUEUED, TASK_RUNNING };

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		struct task_status status = make_status(i, states[i]);
		struct task_result result;

		final_cache_put_status(*state, &status, at(*state, NOW_MS));
		assert_false(knows_status(*state, i, NOW_MS));
		task_result_init(&result);
		result.status = status;
		final_cache_put_result(*state, &result, at(*state, NOW_MS));
		assert_false(knows_status(*state, i, NOW_MS));
		assert_false(knows_result(*state, i, NOW_MS));
	}
	struct task_status status = make_status(9, TASK_REJECTED);
	final_cache_put_status(*state, &status, at(*state, NOW_MS));
	assert_true(knows_status(*state, 9, NOW_MS));
}

static void
test_an_entry_serves_until_the_age_limit_and_not_after_it(void **state)
{
	const struct sample sample = { .message = "", .media_type = "", .content = "" };
	struct task_status status = make_status(2, TASK_FAILED);
	int64_t last_ms = NOW_MS + FINAL_CACHE_AGE_MAX_MS;

	put_completion(*state, 1, &sample, 100);
	final_cache_put_status(*state, &status, at(*state, NOW_MS));
	for (unsigned n = 1; n <= 2; n++) {
		assert_true(knows_status(*state, n, last_ms));
		assert_false(knows_status(*state, n, last_ms + 1));
	}
	assert_true(knows_result(*state, 1, last_ms));
	assert_false(knows_result(*state, 1, last_ms + 1));
	/* Read afresh, it serves again. */
	final_cache_put_status(*state, &status, at(*state, last_ms + 1));
	assert_true(knows_status(*state, 2, last_ms + 1 + FINAL_CACHE_AGE_MAX_MS));
	assert_false(knows_status(*state, 2, last_ms + 2 + FINAL_CACHE_AGE_MAX_MS));
}

static void
test_a_state_that_is_put_over_a_result_keeps_the_result(void **state)
{
	const struct sample sample = { .failure = FAILURE_HTTP_STATUS,
		.message = "The server answered 500",
		.media_type = "text/plain",
		.response = "{\"status\":500}",
		.content = "sorry",
		.content_size = 5 };
	struct task_status status = make_status(1, TASK_FAILED);

	put_completion(*state, 1, &sample, 100);
	for (int i = 0; i < 3; i++) {
		final_cache_put_status(*state, &status, at(*state, NOW_MS + i));
		assert_known(*state, 1, &sample, true);
	}
	/* And a result over a state, or over itself, is taken. */
	status = make_status(2, TASK_FAILED);
	final_cache_put_status(*state, &status, at(*state, NOW_MS));
	assert_false(knows_result(*state, 2, NOW_MS));
	for (int i = 0; i < 3; i++) {
		put_result(*state, 2, &sample);
		assert_known(*state, 2, &sample, true);
	}
}

static void
test_a_full_set_drops_the_oldest(void **state)
{
	struct final_cache *cache;

	(void)state;
	/* One set of four: every id belongs to it. */
	assert_int_equal(final_cache_new(1, &cache, NULL), STATUS_OK);
	for (unsigned n = 0; n < 4; n++) {
		struct task_status status = make_status(n, TASK_SUCCEEDED);

		final_cache_put_status(cache, &status, at(cache, NOW_MS + n));
	}
	for (unsigned n = 0; n < 4; n++)
		assert_true(knows_status(cache, n, NOW_MS + 4));
	/* Put again, the first is the youngest; so the second goes, then the third. */
	struct task_status again = make_status(0, TASK_SUCCEEDED);
	final_cache_put_status(cache, &again, at(cache, NOW_MS + 4));
	for (unsigned n = 4; n < 6; n++) {
		struct task_status status = make_status(n, TASK_SUCCEEDED);

		final_cache_put_status(cache, &status, at(cache, NOW_MS + 1 + n));
		assert_true(knows_status(cache, 0, NOW_MS + 10));
		assert_int_equal(knows_status(cache, 1, NOW_MS + 10), false);
		assert_int_equal(knows_status(cache, 2, NOW_MS + 10), n == 4);
		assert_true(knows_status(cache, 3, NOW_MS + 10));
		assert_true(knows_status(cache, n, NOW_MS + 10));
	}
	final_cache_free(cache);
}

static void
test_a_dropped_entry_takes_its_result_with_it(void **state)
{
	const struct sample sample = {
		.message = "", .media_type = "", .content = "content", .content_size = 7
	};
	struct final_cache *cache;

	(void)state;
	assert_int_equal(final_cache_new(1, &cache, NULL), STATUS_OK);
	put_completion(cache, 0, &sample, 100);
	for (unsigned n = 1; n <= 4; n++) {
		struct task_status status = make_status(n, TASK_SUCCEEDED);

		final_cache_put_status(cache, &status, at(cache, NOW_MS + n));
	}
	assert_false(knows_status(cache, 0, NOW_MS + 5));
	/* The one that took its place does not inherit it. */
	for (unsigned n = 0; n <= 4; n++)
		assert_false(knows_result(cache, n, NOW_MS + 5));
	final_cache_free(cache);
}

static void
test_a_cache_of_size_0_keeps_nothing(void **state)
{
	const struct sample sample = { .message = "", .media_type = "", .content = "" };
	struct task_status status = make_status(3, TASK_SUCCEEDED);
	struct final_cache *cache;

	(void)state;
	assert_int_equal(final_cache_new(0, &cache, NULL), STATUS_OK);
	put_completion(cache, 1, &sample, 100);
	put_result(cache, 2, &sample);
	final_cache_put_status(cache, &status, at(cache, NOW_MS));
	for (unsigned n = 0; n < 4; n++) {
		assert_false(knows_status(cache, n, NOW_MS));
		assert_false(knows_result(cache, n, NOW_MS));
	}
	final_cache_free(cache);
	final_cache_free(NULL);
}

/* Each id has one content, its own number many times over, so that a mixture would show. */
static size_t
numbered_size(unsigned n)
{
	return FINAL_CACHE_RESULT_MAX_BYTES - n * 131 % 400;
}

static void
put_numbered(struct final_cache *cache, unsigned n, size_t size, int64_t now_ms)
{
	char data[FINAL_CACHE_RESULT_MAX_BYTES];
	struct task_result result;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(n >> 8 * (i % 4));
	task_result_init(&result);
	result.status = make_status(n, TASK_SUCCEEDED);
	(void)snprintf(result.media_type, sizeof(result.media_type), "text/%u", n);
	result.has_content = true;
	result.bytes = size;
	result.data = data;
	final_cache_put_result(cache, &result, at(cache, now_ms));
}

/* NULL, or what is wrong with it. Not known at all is not wrong. */
static const char *
fault_of_numbered(
    struct final_cache *cache, unsigned n, size_t size, int64_t now_ms, bool *ret_has_result)
{
	struct task_status status;
	struct task_result result;
	char media_type[TASK_MEDIA_TYPE_SIZE];
	char id[UUID_TEXT_SIZE];
	const char *fault = NULL;

	*ret_has_result = false;
	make_id(n, id);
	if (final_cache_get_status(cache, id, now_ms, &status) &&
	    (strcmp(status.id, id) != 0 || status.created_at_ms != 100 + n))
		return "a state of another task";
	if (!final_cache_get_result(cache, id, now_ms, &result))
		return NULL;
	*ret_has_result = true;
	(void)snprintf(media_type, sizeof(media_type), "text/%u", n);
	if (strcmp(result.status.id, id) != 0 || strcmp(result.media_type, media_type) != 0)
		fault = "a result of another task";
	if (!result.has_content || result.bytes != size || result.data[size] != '\0')
		fault = "a content of another size";
	for (uint64_t i = 0; i < result.bytes && fault == NULL; i++) {
		if (result.data[i] != (char)(n >> 8 * (i % 4)))
			fault = "a content of another task";
	}
	task_result_done(&result);
	return fault;
}

/* Whether its result is there; if so, it is its own. */
static bool
has_numbered(struct final_cache *cache, unsigned n, size_t size, int64_t now_ms)
{
	bool has_result;
	const char *fault = fault_of_numbered(cache, n, size, now_ms, &has_result);

	if (fault != NULL)
		fail_msg("%u: %s", n, fault);
	return has_result;
}

#define TASKS 4096
#define SURE  800 /* of the first and the last, chance has no say in */

static void
test_of_more_results_than_there_is_room_for_the_latest_are_served(void **state)
{
	struct final_cache *cache;
	unsigned whole = 0;

	(void)state;
	assert_int_equal(final_cache_new(TASKS, &cache, NULL), STATUS_OK);
	/* Each takes twice its share of the memory: half of them have room, by ids at random. */
	for (unsigned n = 0; n < TASKS; n++) {
		put_numbered(cache, n, 1000, NOW_MS + n);
		assert_true(has_numbered(cache, n, 1000, NOW_MS + n));
	}
	for (unsigned n = 0; n < TASKS; n++) {
		bool has_state = knows_status(cache, n, NOW_MS + TASKS);
		bool has_result = has_numbered(cache, n, 1000, NOW_MS + TASKS);

		assert_false(has_result && !has_state);
		if (n < SURE || n >= TASKS - SURE)
			assert_int_equal(has_result, n >= SURE && has_state);
		whole += has_result;
	}
	/* No more than the memory that the header tells, and that well used. */
	assert_in_range(whole, TASKS * 512 / 1000 * 7 / 10, TASKS * 512 / 1000);
	/* What had to make room is read from the store, and put again. */
	for (unsigned n = 0; n < SURE; n++) {
		put_numbered(cache, n, 1000, NOW_MS + TASKS);
		assert_true(has_numbered(cache, n, 1000, NOW_MS + TASKS));
	}
	final_cache_free(cache);
}

static void
test_results_within_their_share_last_as_long_as_their_states(void **state)
{
	struct final_cache *cache;

	(void)state;
	assert_int_equal(final_cache_new(TASKS, &cache, NULL), STATUS_OK);
	/* Two thirds of it, since ids fall into the rings at random. */
	for (unsigned n = 0; n < TASKS; n++)
		put_numbered(cache, n, 300, NOW_MS + n);
	for (unsigned n = 0; n < TASKS; n++)
		assert_int_equal(has_numbered(cache, n, 300, NOW_MS + TASKS),
		    knows_status(cache, n, NOW_MS + TASKS));
	final_cache_free(cache);
}

static void
test_the_smallest_ring_holds_four_of_the_largest_and_one_more_costs_the_oldest(void **state)
{
	static const unsigned order[] = { 0, 1, 2, 3, 3, 0 };
	char media_type[TASK_MEDIA_TYPE_SIZE] = "";
	char content[FINAL_CACHE_RESULT_MAX_BYTES] = "";
	const struct sample sample = {
		.message = "", .media_type = media_type, .content = content, .content_size = 1024
	};
	struct final_cache *cache;

	(void)state;
	memset(media_type, 't', sizeof(media_type) - 1);
	/* One set of four, and one ring. */
	assert_int_equal(final_cache_new(1, &cache, NULL), STATUS_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		content[0] = (char)('0' + order[i]);
		put_completion(cache, order[i], &sample, sizeof(content));
		for (unsigned n = 0; n < 4 && n <= i; n++) {
			struct task_status status = make_status(n, TASK_SUCCEEDED);

			content[0] = (char)('0' + n);
			if (n + 4 != i) {
				assert_known(cache, n, &sample, true);
				continue;
			}
			/* A state that is read again does not bring the result back. */
			assert_true(knows_status(cache, n, NOW_MS));
			assert_false(knows_result(cache, n, NOW_MS));
			final_cache_put_status(cache, &status, at(cache, NOW_MS));
			assert_false(knows_result(cache, n, NOW_MS));
		}
	}
	final_cache_free(cache);
}

#define THREADS 4
#define ROUNDS  3000

struct thread {
	struct final_cache *cache;
	pthread_t thread;
	unsigned index;
	unsigned ids;
	unsigned found;
	unsigned missed;
	const char *fault;
};

static void *
thread_main(void *arg)
{
	struct thread *thread = arg;
	unsigned seed = thread->index + 1;
	bool has_result;

	for (unsigned i = 0; i < ROUNDS && thread->fault == NULL; i++) {
		seed = seed * 1103515245 + 12345;
		unsigned n = (seed >> 16) % thread->ids;
		struct task_status status = make_status(n, TASK_SUCCEEDED);

		switch (i % 3) {
		case 0:
			put_numbered(thread->cache, n, numbered_size(n), NOW_MS + i);
			break;
		case 1:
			final_cache_put_status(
			    thread->cache, &status, at(thread->cache, NOW_MS + i));
			break;
		default:
			thread->fault = fault_of_numbered(
			    thread->cache, n, numbered_size(n), NOW_MS + i, &has_result);
			thread->found += has_result;
			thread->missed += !has_result;
		}
	}
	return NULL;
}

/* Tells how often the threads found a result, and how often not. */
static void
run_threads(struct final_cache *cache, unsigned ids, unsigned *ret_found, unsigned *ret_missed)
{
	struct thread threads[THREADS];

	*ret_found = 0;
	*ret_missed = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ .cache = cache, .index = i, .ids = ids };
		assert_int_equal(
		    thread_start(&threads[i].thread, "cache", 0, thread_main, &threads[i], NULL),
		    STATUS_OK);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		thread_join(threads[i].thread);
		if (threads[i].fault != NULL)
			fail_msg("%s", threads[i].fault);
		*ret_found += threads[i].found;
		*ret_missed += threads[i].missed;
	}
}

static void
test_threads_that_overwrite_each_others_results_see_whole_ones_or_none(void **state)
{
	unsigned found, missed;
	struct final_cache *cache;

	(void)state;
	/* More ids than there is room for, in several rings. */
	assert_int_equal(final_cache_new(16, &cache, NULL), STATUS_OK);
	run_threads(cache, 24, &found, &missed);
	assert_true(found > 0);
	final_cache_free(cache);
	/* One ring, and an entry for each id: a result that is missed was overwritten. */
	assert_int_equal(final_cache_new(1, &cache, NULL), STATUS_OK);
	for (unsigned n = 0; n < 4; n++)
		put_numbered(cache, n, numbered_size(n), NOW_MS);
	run_threads(cache, 4, &found, &missed);
	for (unsigned n = 0; n < 4; n++)
		assert_true(knows_status(cache, n, NOW_MS));
	assert_true(found > 0 && missed > 0);
	final_cache_free(cache);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_an_id_that_was_never_put_is_unknown),
		TEST(test_every_member_of_a_result_comes_back_as_it_was_put),
		TEST(test_texts_of_the_largest_size_come_back),
		TEST(test_a_result_at_the_limit_is_kept_and_one_byte_more_is_not),
		TEST(test_of_a_content_in_a_file_the_state_alone_is_kept),
		TEST(test_what_is_not_final_is_not_kept),
		TEST(test_an_entry_serves_until_the_age_limit_and_not_after_it),
		TEST(test_a_state_that_is_put_over_a_result_keeps_the_result),
		TEST(test_a_full_set_drops_the_oldest),
		TEST(test_a_dropped_entry_takes_its_result_with_it),
		TEST(test_a_cache_of_size_0_keeps_nothing),
		TEST(test_of_more_results_than_there_is_room_for_the_latest_are_served),
		TEST(test_results_within_their_share_last_as_long_as_their_states),
		TEST(
		    test_the_smallest_ring_holds_four_of_the_largest_and_one_more_costs_the_oldest),
		TEST(test_threads_that_overwrite_each_others_results_see_whole_ones_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
