/* SPDX-License-Identifier: MIT */
/*
 * Tasks that ended of late: what is kept, what is not, and for how long. Results that have to make
 * room: test_final_cache_room.c; what is forgotten: test_final_cache_forget.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "final_cache_rig.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
