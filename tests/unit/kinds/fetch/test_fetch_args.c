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

static const struct fetch_settings settings = { .body_max_bytes = 1000, .redirects_max = 5 };

static void
check(const char *text, struct faults *faults, struct buf *ret_args)
{
	json_t *args = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	assert_non_null(args);
	faults_init(faults);
	buf_init(ret_args, 8192);
	fetch_args_check(&settings, args, faults, ret_args);
	json_decref(args);
}

static void
test_a_url_is_stored_in_its_normal_form_and_read_back(void **state)
{
	struct faults faults;
	struct buf args;
	struct fetch_args read;

	(void)state;
	check("{\"url\": \"HTTP://Example.com:80/a\\\"b#frag\"}", &faults, &args);
	assert_int_equal(faults.count, 0);
	assert_int_equal(buf_status(&args), STATUS_OK);
	assert_string_equal(args.data, "{\"url\":\"http://example.com/a\\\"b\"}");
	assert_int_equal(fetch_args_read(&settings, args.data, args.size, &read, NULL), STATUS_OK);
	assert_string_equal(read.url.url, "http://example.com/a\"b");
	assert_null(read.headers);
	assert_int_equal(read.body_max_bytes, 1000);
	assert_int_equal(read.redirects_max, 5);
	fetch_args_done(&read);
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
		{ "{\"url\": \"http://a/\", \"max_bytes\": -1}", "/args/max_bytes", "is -1" },
		{ "{\"url\": \"http://a/\", \"max_bytes\": 1001}", "/args/max_bytes", "0 to 1000" },
		{ "{\"url\": \"http://a/\", \"max_bytes\": \"1\"}", "/args/max_bytes", "a string" },
		{ "{\"url\": \"http://a/\", \"max_redirects\": 6}", "/args/max_redirects",
		    "0 to 5" },
		{ "{\"url\": \"http://a/\", \"max_redirects\": 1.0}", "/args/max_redirects",
		    "expected an integer" },
		{ "{\"url\": \"http://a/\", \"headers\": []}", "/args/headers", "an array" },
		{ "{\"url\": \"http://a/\", \"headers\": {\"Host\": \"b\"}}", "/args/headers/Host",
		    "not for a submission" },
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
	fetch_args_check(&settings, NULL, &faults, &args);
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
	fetch_args_check(&settings, args, &faults, &text);
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
		"{\"url\":\"http://a/\"} x", "{\"url\":\"http://a/\",\"max_bytes\":1001}",
		"{\"url\":\"http://a/\",\"max_redirects\":6}",
		"{\"url\":\"http://a/\",\"headers\":{\"Host\":\"b\"}}",
		"{\"url\":\"http://a/\",\"what\":1}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fetch_args args = { .headers = NULL };
		struct error error = { "" };

		assert_int_equal(fetch_args_read(&settings, bad[i], strlen(bad[i]), &args, &error),
		    STATUS_INVALID);
		assert_true(error.text[0] != '\0');
		assert_null(args.url.url);
		assert_null(args.headers);
	}
}

static void
test_wishes_are_stored_behind_the_url_and_read_back(void **state)
{
	struct fetch_args read;
	struct faults faults;
	struct buf args;

	(void)state;
	check("{\"max_redirects\": 0, \"max_bytes\": 1000,"
	      " \"headers\": {\"X-Key\": \"a b\", \"accept\": \"*/*\"}, \"url\": \"http://a/\"}",
	    &faults, &args);
	assert_int_equal(faults.count, 0);
	assert_string_equal(args.data,
	    "{\"url\":\"http://a/\",\"headers\":{\"X-Key\":\"a b\",\"accept\":\"*/*\"},"
	    "\"max_bytes\":1000,\"max_redirects\":0}");
	assert_int_equal(fetch_args_read(&settings, args.data, args.size, &read, NULL), STATUS_OK);
	assert_string_equal(read.headers->data, "X-Key: a b");
	assert_string_equal(read.headers->next->data, "accept: */*");
	assert_null(read.headers->next->next);
	assert_int_equal(read.body_max_bytes, 1000);
	assert_int_equal(read.redirects_max, 0);
	fetch_args_done(&read);
	buf_done(&args);

	check("{\"url\": \"http://a/\", \"headers\": {}, \"max_bytes\": 0, \"max_redirects\": 5}",
	    &faults, &args);
	assert_int_equal(faults.count, 0);
	assert_int_equal(fetch_args_read(&settings, args.data, args.size, &read, NULL), STATUS_OK);
	assert_null(read.headers);
	assert_int_equal(read.body_max_bytes, 0);
	assert_int_equal(read.redirects_max, 5);
	fetch_args_done(&read);
	buf_done(&args);
}

static void
test_every_fault_is_named_at_once(void **state)
{
	struct faults faults;
	struct buf args;

	(void)state;
	check(
	    "{\"url\": 1, \"max_bytes\": -1, \"max_redirects\": null, \"headers\": {\"a b\": \"c\", \"d\": 1}}",
	    &faults, &args);
	assert_int_equal(faults.count, 5);
	assert_int_equal(args.size, 0);
	buf_done(&args);
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
	fetch_args_check(&settings, args, &faults, &whole);
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

static void
test_the_host_is_the_authority_of_the_url(void **state)
{
	static const char *const urls[] = { "http://example.com", "https://example.com/",
		"http://EXAMPLE.com:80/a:81/b", "http://example.com:8080?c=d:9", "https://1.2.3.4",
		"https://1.2.3.4:8443/", "http://[2001:db8::1]/", "http://[2001:DB8::1]:2000/",
		"https://[::1]", "http://a.example:65535/\"\\u0041", "http://127.1/",
		"http://0x7f.1:1024/", "http://%65xample.com/", "http://user-less.example/@",
		"http://x_y.example./" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		json_t *args = json_pack("{s:s}", "url", urls[i]);
		char host[TASK_HOST_SIZE];
		struct url_parts parts;
		struct faults faults;
		struct buf stored;

		faults_init(&faults);
		buf_init(&stored, 1000);
		fetch_args_check(&settings, args, &faults, &stored);
		json_decref(args);
		if (strchr(urls[i], '\\') != NULL) {
			assert_int_equal(faults.count, 1);
			buf_done(&stored);
			continue;
		}
		assert_int_equal(faults.count, 0);
		assert_int_equal(
		    url_policy_check(urls[i], strlen(urls[i]), &parts, NULL), STATUS_OK);
		assert_true(fetch_args_host(stored.data, stored.size, host));
		assert_string_equal(host, parts.authority);
		url_parts_done(&parts);
		buf_done(&stored);
	}
}

static void
test_the_longest_host_fits_and_what_is_no_url_has_none(void **state)
{
	static const char *const none[] = { "", "{}", "{\"url\":\"http://\"}",
		"{\"url\":\"http:///\"}", "{\"url\":\"ftp://a/\"}", "{\"url\":5}",
		"{\"url\": \"http://a/\"}", "null" };
	char args[600], host[TASK_HOST_SIZE], name[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_false(fetch_args_host(none[i], strlen(none[i]), host));
	memset(name, 'h', sizeof(name));
	name[255] = '\0';
	snprintf(args, sizeof(args), "{\"url\":\"https://%s:65535/\"}", name);
	assert_true(fetch_args_host(args, strlen(args), host));
	assert_int_equal(strlen(host), 255 + strlen(":65535"));
	name[255] = 'h';
	name[300] = '\0';
	snprintf(args, sizeof(args), "{\"url\":\"https://%s/\"}", name);
	assert_false(fetch_args_host(args, strlen(args), host));
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
		cmocka_unit_test(test_wishes_are_stored_behind_the_url_and_read_back),
		cmocka_unit_test(test_every_fault_is_named_at_once),
		cmocka_unit_test(test_a_prefix_is_how_arguments_with_such_a_url_begin),
		cmocka_unit_test(test_the_host_is_the_authority_of_the_url),
		cmocka_unit_test(test_the_longest_host_fits_and_what_is_no_url_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
