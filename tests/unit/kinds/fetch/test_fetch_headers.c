/* SPDX-License-Identifier: MIT */
/* Header fields of a submission: what is refused, and where; the limits on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kinds/fetch/fetch_headers.h"

static struct faults
faults_of(json_t *headers)
{
	struct faults faults;

	assert_non_null(headers);
	faults_init(&faults);
	fetch_headers_check(headers, &faults);
	json_decref(headers);
	return faults;
}

static struct faults
faults_of_text(const char *text)
{
	return faults_of(json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
}

static void
test_ordinary_fields_are_taken(void **state)
{
	static const char *const good[] = {
		"{}",
		"{\"Accept\": \"text/html, */*;q=0.1\"}",
		"{\"Authorization\": \"Bearer abc\", \"Cookie\": \"a=b\", \"User-Agent\": \"me\"}",
		"{\"Range\": \"bytes=0-9\", \"!#$%&'*+-.^_`|~09\": \"~\"}",
		"{\"Hosts\": \"not Host\", \"Proxy\": \"not Proxy-\", \"T\": \"not TE\"}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(faults_of_text(good[i]).count, 0);
}

static void
test_each_fault_has_its_place(void **state)
{
	static const char *const bad[][3] = {
		{ "null", "/args/headers", "null" },
		{ "\"a: b\"", "/args/headers", "a string" },
		{ "{\"a\": null}", "/args/headers/a", "null" },
		{ "{\"a\": [\"b\"]}", "/args/headers/a", "an array" },
		{ "{\"\": \"b\"}", "/args/headers/", "no name" },
		{ "{\"a b\": \"c\"}", "/args/headers/a b", "no name" },
		{ "{\"a:\": \"c\"}", "/args/headers/a:", "no name" },
		{ "{\"a/b\": \"c\"}", "/args/headers/a~1b", "no name" },
		{ "{\"\\u00e4\": \"c\"}", "/args/headers/", "no name" },
		{ "{\"a\": \"\"}", "/args/headers/a", "empty" },
		{ "{\"a\": \" b\"}", "/args/headers/a", "blank" },
		{ "{\"a\": \"b \"}", "/args/headers/a", "blank" },
		{ "{\"a\": \"b\\r\\nHost: c\"}", "/args/headers/a", "printable" },
		{ "{\"a\": \"b\\u0000c\"}", "/args/headers/a", "printable" },
		{ "{\"a\": \"b\\tc\"}", "/args/headers/a", "printable" },
		{ "{\"a\": \"\\u007f\"}", "/args/headers/a", "printable" },
		{ "{\"a\": \"\\u00e4\"}", "/args/headers/a", "printable" },
		{ "{\"Key\": \"1\", \"kEY\": \"2\"}", "/args/headers/kEY", "twice" },
		{ "{\"host\": \"a\"}", "/args/headers/host", "not for" },
		{ "{\"CONNECTION\": \"a\"}", "/args/headers/CONNECTION", "not for" },
		{ "{\"Content-length\": \"0\"}", "/args/headers/Content-length", "not for" },
		{ "{\"Transfer-Encoding\": \"chunked\"}", "/args/headers/Transfer-Encoding",
		    "not for" },
		{ "{\"Expect\": \"100-continue\"}", "/args/headers/Expect", "not for" },
		{ "{\"Upgrade\": \"h2c\"}", "/args/headers/Upgrade", "not for" },
		{ "{\"te\": \"trailers\"}", "/args/headers/te", "not for" },
		{ "{\"Trailer\": \"a\"}", "/args/headers/Trailer", "not for" },
		{ "{\"Keep-Alive\": \"1\"}", "/args/headers/Keep-Alive", "not for" },
		{ "{\"HTTP2-Settings\": \"a\"}", "/args/headers/HTTP2-Settings", "not for" },
		{ "{\"proxy-authorization\": \"a\"}", "/args/headers/proxy-authorization",
		    "not for" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct faults faults = faults_of_text(bad[i][0]);

		assert_int_equal(faults.count, 1);
		if (strncmp(faults.list[0].pointer, bad[i][1], strlen(bad[i][1])) != 0 ||
		    strstr(faults.list[0].detail, bad[i][2]) == NULL)
			fail_msg("%s: %s '%s'", bad[i][0], faults.list[0].pointer,
			    faults.list[0].detail);
	}
}

static json_t *
fields(int count)
{
	json_t *headers = json_object();

	for (int i = 0; i < count; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "x-%d", i);
		assert_int_equal(json_object_set_new(headers, name, json_string("y")), 0);
	}
	return headers;
}

static json_t *
field_of(size_t bytes)
{
	static char value[FETCH_HEADERS_TOTAL_MAX_BYTES + 1];

	memset(value, 'v', sizeof(value));
	return json_pack("{s:s#}", "n", value, (int)(bytes - 1));
}

static void
test_number_and_size_have_limits(void **state)
{
	struct faults faults;

	(void)state;
	assert_int_equal(faults_of(fields(FETCH_HEADERS_MAX)).count, 0);
	faults = faults_of(fields(FETCH_HEADERS_MAX + 1));
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].pointer, "/args/headers");
	assert_int_equal(faults_of(field_of(FETCH_HEADERS_TOTAL_MAX_BYTES)).count, 0);
	faults = faults_of(field_of(FETCH_HEADERS_TOTAL_MAX_BYTES + 1));
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].pointer, "/args/headers");
}

static void
test_the_largest_is_whole_in_the_list(void **state)
{
	json_t *headers = field_of(FETCH_HEADERS_TOTAL_MAX_BYTES);
	struct curl_slist *list = NULL;

	(void)state;
	assert_int_equal(fetch_headers_list(headers, &list), STATUS_OK);
	assert_int_equal(strlen(list->data), FETCH_HEADERS_TOTAL_MAX_BYTES + strlen(": "));
	assert_null(list->next);
	curl_slist_free_all(list);
	json_decref(headers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary_fields_are_taken),
		cmocka_unit_test(test_each_fault_has_its_place),
		cmocka_unit_test(test_number_and_size_have_limits),
		cmocka_unit_test(test_the_largest_is_whole_in_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
