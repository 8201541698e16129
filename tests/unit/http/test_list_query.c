/* SPDX-License-Identifier: MIT */
/* The query of a list: every parameter, on both sides of its limits, and what goes with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_target.h"
#include "http/list_cursor.h"
#include "http/list_query.h"

#define ID     "018f0000-0000-7000-8000-00000000000a"
#define MOMENT "2026-01-02T03:04:05Z"
#define CURSOR "djE6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDBh"

/* Reads a query that is to be taken; list_query_done. */
static void
read_good(const char *text, struct list_query *query)
{
	enum problem problem;
	struct error error = { "" };

	if (list_query_read(text, query, &problem, &error) != STATUS_OK)
		fail_msg("'%s': %s", text, error.text);
}

static void
assert_bad(const char *text, enum problem expected, const char *say)
{
	struct list_query query;
	enum problem problem;
	struct error error;

	if (list_query_read(text, &query, &problem, &error) != STATUS_INVALID)
		fail_msg("'%s' is taken", text);
	assert_int_equal(problem, expected);
	if (strstr(error.text, say) == NULL)
		fail_msg("'%s': %s", text, error.text);
	list_query_done(&query);
}

static void
test_without_parameters_it_is_the_newest_tasks_of_any_kind(void **state)
{
	struct list_query query;

	(void)state;
	read_good("", &query);
	assert_int_equal(query.store.states, 0);
	assert_null(query.store.type);
	assert_int_equal(query.store.args_prefix_size, 0);
	assert_int_equal(query.store.created_from_ms, 0);
	assert_true(query.store.created_before_ms == INT64_MAX);
	assert_null(query.store.before_id);
	assert_int_equal(query.store.tasks_max, 50);
	assert_int_equal(query.store.looks_max, 10000);
	list_query_done(&query);
}

static void
test_all_parameters_at_once(void **state)
{
	struct list_query query;

	(void)state;
	read_good(
	    "cursor=" CURSOR "&limit=500&status=FAILED,REJECTED&type=http-fetch"
	    "&created_after=2026-01-02T03:04:05.678Z&created_before=2026-01-03T00:00:00%2B01:00"
	    "&url_prefix=http://a/%22",
	    &query);
	assert_int_equal(query.store.states, 1u << TASK_FAILED | 1u << TASK_REJECTED);
	assert_string_equal(query.store.type, "http-fetch");
	assert_int_equal(query.store.created_from_ms, 1767323045678);
	assert_int_equal(query.store.created_before_ms, 1767394800000);
	assert_string_equal(query.store.before_id, ID);
	assert_int_equal(query.store.tasks_max, 500);
	assert_string_equal(query.store.args_prefix, "{\"url\":\"http://a/\\\"");
	assert_int_equal(query.store.args_prefix_size, strlen(query.store.args_prefix));
	list_query_done(&query);
}

static void
test_status_takes_words_with_commas(void **state)
{
	static const struct {
		const char *text;
		unsigned states;
	} good[] = {
		{ "status=QUEUED", 1u << TASK_QUEUED },
		{ "status=RUNNING", 1u << TASK_RUNNING },
		{ "status=SUCCEEDED,QUEUED", 1u << TASK_SUCCEEDED | 1u << TASK_QUEUED },
		{ "status=FAILED%2CFAILED", 1u << TASK_FAILED },
		{ "status=QUEUED,RUNNING,SUCCEEDED,FAILED,REJECTED", 31 },
	};

	static const char *const bad[] = { "status=", "status", "status=queued", "status=,",
		"status=QUEUED,", "status=,QUEUED", "status=QUEUED,,FAILED", "status=QUEUED%20",
		"status=QUEUED;FAILED", "status=SCHEDULED", "status=SUCCEEDEDSUCCEEDED",
		"status=*" };
	struct list_query query;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		read_good(good[i].text, &query);
		assert_int_equal(query.store.states, good[i].states);
		list_query_done(&query);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_bad(bad[i], PROBLEM_INVALID_PARAMETER, "\"status\" takes words of QUEUED,");
}

static void
test_type_is_one_known_word(void **state)
{
	static const char *const bad[] = { "type=", "type=fetch", "type=Factorial",
		"type=factorial,http-fetch" };
	struct list_query query;

	(void)state;
	read_good("type=factorial", &query);
	assert_string_equal(query.store.type, "factorial");
	list_query_done(&query);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_bad(bad[i], PROBLEM_INVALID_PARAMETER, "\"type\" takes");
}

static void
test_times_are_rfc_3339(void **state)
{
	static const char *const bad[] = { "", "2026-01-02", "2026-01-02T03:04:05",
		"2026-01-02%2003:04:05Z", "1767323045678", "2026-02-29T00:00:00Z", "now",
		"10000-01-01T00:00:00Z" };
	struct list_query query;
	char text[100];

	(void)state;
	read_good(
	    "created_after=1970-01-01T00:00:00Z&created_before=9999-12-31T23:59:59.999Z", &query);
	assert_int_equal(query.store.created_from_ms, 0);
	assert_int_equal(query.store.created_before_ms, 253402300799999);
	list_query_done(&query);
	/* Which is nothing, and no fault. */
	read_good("created_after=2026-01-02T00:00:00Z&created_before=2026-01-01T00:00:00Z", &query);
	list_query_done(&query);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(text, sizeof(text), "created_after=%s", bad[i]);
		assert_bad(text, PROBLEM_INVALID_PARAMETER, "\"created_after\" takes a time");
		(void)snprintf(text, sizeof(text), "created_before=%s", bad[i]);
		assert_bad(text, PROBLEM_INVALID_PARAMETER, "\"created_before\" takes a time");
	}
}

static void
test_limit_is_1_to_500(void **state)
{
	static const char *const bad[] = { "limit=0", "limit=501", "limit=", "limit=-1",
		"limit=%2B5", "limit=05", "limit=5.0", "limit=5x",
		"limit=99999999999999999999999999" };
	struct list_query query;

	(void)state;
	read_good("limit=1", &query);
	assert_int_equal(query.store.tasks_max, 1);
	list_query_done(&query);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_bad(
		    bad[i], PROBLEM_INVALID_PARAMETER, "\"limit\" takes a whole number, 1 to 500");
}

static void
test_a_cursor_is_one_that_was_given(void **state)
{
	(void)state;
	assert_bad("cursor=", PROBLEM_INVALID_PARAMETER, "\"cursor\" takes the next_cursor");
	assert_bad("cursor=" ID, PROBLEM_INVALID_PARAMETER, "\"cursor\" takes the next_cursor");
	assert_bad("cursor=null", PROBLEM_INVALID_PARAMETER, "\"cursor\" takes the next_cursor");
}

/* A prefix of so many characters, each with the same escape. */
static void
escape_all(char text[TARGET_QUERY_SIZE], size_t count, const char escape[4])
{
	size_t used = strlen("url_prefix=");

	memcpy(text, "url_prefix=", used);
	for (size_t i = 0; i < count; i++, used += 3)
		memcpy(text + used, escape, 4);
	assert_true(used < TARGET_QUERY_SIZE);
}

static void
test_a_url_prefix_has_1_to_512_bytes_however_they_are_written(void **state)
{
	struct list_query query;
	char plain[600], escaped[TARGET_QUERY_SIZE];

	(void)state;
	for (size_t size = 1; size <= 513; size += 256) {
		(void)snprintf(plain, sizeof(plain), "url_prefix=%0*d", (int)size, 0);
		escape_all(escaped, size, "%30");
		for (int i = 0; i < 2; i++) {
			const char *text = i == 0 ? plain : escaped;

			if (size == 513) {
				assert_bad(text, PROBLEM_INVALID_PARAMETER, "1 to 512 bytes");
				continue;
			}
			read_good(text, &query);
			assert_int_equal(
			    query.store.args_prefix_size, strlen("{\"url\":\"") + size);
			assert_string_equal(query.store.type, "http-fetch");
			list_query_done(&query);
		}
	}
	(void)snprintf(plain, sizeof(plain), "url_prefix=%0512d", 0);
	read_good(plain, &query);
	list_query_done(&query);
	/* In the arguments a control character takes six bytes. */
	escape_all(escaped, 512, "%1f");
	read_good(escaped, &query);
	assert_int_equal(query.store.args_prefix_size, strlen("{\"url\":\"") + 6 * 512);
	list_query_done(&query);
	assert_bad("url_prefix=", PROBLEM_INVALID_PARAMETER, "1 to 512 bytes");
	assert_bad("url_prefix=%ff", PROBLEM_INVALID_PARAMETER, "UTF-8");
	assert_bad("url_prefix=http://a/%c3", PROBLEM_INVALID_PARAMETER, "UTF-8");
	read_good("url_prefix=http://a/%c3%a9", &query);
	assert_string_equal(query.store.args_prefix, "{\"url\":\"http://a/\xc3\xa9");
	list_query_done(&query);
}

static void
test_a_url_prefix_goes_with_its_type_alone(void **state)
{
	(void)state;
	assert_bad("url_prefix=h&type=factorial", PROBLEM_INVALID_PARAMETER,
	    "goes with the type http-fetch alone");
	assert_bad("type=factorial&url_prefix=h", PROBLEM_INVALID_PARAMETER,
	    "goes with the type http-fetch alone");
}

static void
test_each_parameter_once_and_no_other(void **state)
{
	static const char *const twice[] = { "limit=5&limit=5", "limit=5&type=factorial&limit=5",
		"status=FAILED&status=QUEUED", "cursor=" CURSOR "&cursor=" CURSOR,
		"url_prefix=a&url_prefix=b", "created_after=" MOMENT "&created_after=" MOMENT };
	static const char *const unknown[] = { "x", "x=1", "limit=5&x=1", "Limit=5", "offset=3",
		"page=2", "=5", "wait=3", "limi%74s=5" };
	struct list_query query;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(twice); i++)
		assert_bad(twice[i], PROBLEM_INVALID_PARAMETER, "may be given once");
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_bad(unknown[i], PROBLEM_UNKNOWN_PARAMETER, "is not known here");
	read_good("&&limi%74=7&", &query);
	assert_int_equal(query.store.tasks_max, 7);
	list_query_done(&query);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_parameters_it_is_the_newest_tasks_of_any_kind),
		cmocka_unit_test(test_all_parameters_at_once),
		cmocka_unit_test(test_status_takes_words_with_commas),
		cmocka_unit_test(test_type_is_one_known_word),
		cmocka_unit_test(test_times_are_rfc_3339),
		cmocka_unit_test(test_limit_is_1_to_500),
		cmocka_unit_test(test_a_cursor_is_one_that_was_given),
		cmocka_unit_test(test_a_url_prefix_has_1_to_512_bytes_however_they_are_written),
		cmocka_unit_test(test_a_url_prefix_goes_with_its_type_alone),
		cmocka_unit_test(test_each_parameter_once_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
