/* SPDX-License-Identifier: MIT */
/* The arguments of http-fetch: every fault is named, what is stored can be read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kinds/fetch/fetch_args.h"

static void
check(const char *text, struct faults *faults, struct buf *ret_args)
{
	json_t *args = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	assert_non_null(args);
	faults_init(faults);
	buf_init(ret_args, 8192);
	fetch_args_check(args, faults, ret_args);
	json_decref(args);
}

static void
test_a_url_is_stored_in_its_normal_form_and_read_back(void **state)
{
	struct faults faults;
	struct buf args;
	struct url_parts url;

	(void)state;
	check("{\"url\": \"HTTP://Example.com:80/a\\\"b#frag\"}", &faults, &args);
	assert_int_equal(faults.count, 0);
	assert_int_equal(buf_status(&args), STATUS_OK);
	assert_string_equal(args.data, "{\"url\":\"http://example.com/a\\\"b\"}");
	assert_int_equal(fetch_args_read(args.data, args.size, &url, NULL), STATUS_OK);
	assert_string_equal(url.url, "http://example.com/a\"b");
	url_parts_done(&url);
	buf_done(&args);
}

static void
test_each_fault_has_its_place(void **state)
{
	static const char *const bad[][3] = {
		{ "[]", "/args", "an array" },
		{ "\"http://example.com/\"", "/args", "a string" },
		{ "null", "/args", "null" },
		{ "7", "/args", "an integer" },
		{ "true", "/args", "true" },
		{ "{}", "/args/url", "missing" },
		{ "{\"url\": 5}", "/args/url", "an integer" },
		{ "{\"url\": null}", "/args/url", "null" },
		{ "{\"url\": [\"http://example.com/\"]}", "/args/url", "an array" },
		{ "{\"url\": {}}", "/args/url", "an object" },
		{ "{\"url\": \"\"}", "/args/url", "empty" },
		{ "{\"url\": \"ftp://example.com/\"}", "/args/url", "unsupported_scheme" },
		{ "{\"url\": \"http://u@example.com/\"}", "/args/url", "user information" },
		{ "{\"url\": \"http://example.com/\\u0000x\"}", "/args/url", "0x00" },
		{ "{\"url\": \"http://example.com/\", \"URL\": 1}", "/args/URL", "" },
		{ "{\"url\": \"http://example.com/\", \"max_bytes\": 1}", "/args/max_bytes", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct faults faults;
		struct buf args;

		check(bad[i][0], &faults, &args);
		assert_int_equal(faults.count, 1);
		assert_string_equal(faults.list[0].pointer, bad[i][1]);
		if (strstr(faults.list[0].detail, bad[i][2]) == NULL)
			fail_msg("%s: '%s'", bad[i][0], faults.list[0].detail);
		assert_int_equal(args.size, 0);
		buf_done(&args);
	}
}

static void
test_all_faults_are_named_at_once(void **state)
{
	struct faults faults;
	struct buf args;

	(void)state;
	check("{\"url\": \"ftp://x/\", \"a\": 1, \"b\": 2}", &faults, &args);
	assert_int_equal(faults.count, 3);
	buf_done(&args);
}

static void
test_a_missing_value_is_a_fault(void **state)
{
	struct faults faults;
	struct buf args;

	(void)state;
	faults_init(&faults);
	buf_init(&args, 100);
	fetch_args_check(NULL, &faults, &args);
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].pointer, "/args");
	buf_done(&args);
}

static void
test_a_buffer_that_is_too_small_says_so(void **state)
{
	json_t *args = json_loads("{\"url\": \"http://example.com/\"}", 0, NULL);
	struct faults faults;
	struct buf text;

	(void)state;
	faults_init(&faults);
	buf_init(&text, 10);
	fetch_args_check(args, &faults, &text);
	assert_int_equal(faults.count, 0);
	assert_int_equal(buf_status(&text), STATUS_FULL);
	buf_done(&text);
	json_decref(args);
}

static void
test_stored_arguments_are_checked_again(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "null", "{\"url\":1}",
		"{\"url\":\"file:///etc/passwd\"}", "{\"url\":\"http://a/\",\"url\":\"http://b/\"}",
		"{\"url\":\"http://a/\"} x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct url_parts url = { .url = NULL };
		struct error error = { "" };

		assert_int_equal(
		    fetch_args_read(bad[i], strlen(bad[i]), &url, &error), STATUS_INVALID);
		assert_true(error.text[0] != '\0');
		assert_null(url.url);
	}
}

static void
test_a_prefix_is_how_arguments_with_such_a_url_begin(void **state)
{
	static const char url[] = "http://example.com/a?b=%22c%22&d='e'~";
	json_t *args = json_pack("{s:s}", "url", url);
	struct faults faults;
	struct buf whole, begin;

	(void)state;
	faults_init(&faults);
	buf_init(&whole, 1000);
	fetch_args_check(args, &faults, &whole);
	assert_int_equal(faults.count, 0);
	json_decref(args);
	for (size_t size = 1; size <= strlen(url); size++) {
		char prefix[sizeof(url)] = "";

		memcpy(prefix, url, size);
		buf_init(&begin, 1000);
		fetch_args_prefix(prefix, &begin);
		assert_int_equal(buf_status(&begin), STATUS_OK);
		assert_int_equal(begin.size, strlen("{\"url\":\"") + size);
		assert_int_equal(strlen(begin.data), begin.size);
		assert_memory_equal(begin.data, whole.data, begin.size);
		buf_done(&begin);
	}
	buf_done(&whole);
	buf_init(&begin, 10);
	fetch_args_prefix("http://a", &begin);
	assert_int_equal(buf_status(&begin), STATUS_FULL);
	buf_done(&begin);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_url_is_stored_in_its_normal_form_and_read_back),
		cmocka_unit_test(test_each_fault_has_its_place),
		cmocka_unit_test(test_all_faults_are_named_at_once),
		cmocka_unit_test(test_a_missing_value_is_a_fault),
		cmocka_unit_test(test_a_buffer_that_is_too_small_says_so),
		cmocka_unit_test(test_stored_arguments_are_checked_again),
		cmocka_unit_test(test_a_prefix_is_how_arguments_with_such_a_url_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
