/* SPDX-License-Identifier: MIT */
/* Request targets: what is decoded, what is refused, and every limit at and one past. */
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

static struct target
parse(const char *raw)
{
	struct target target;

	target_parse(raw, &target);
	return target;
}

static void
assert_path(const char *raw, const char *path, const char *query)
{
	struct target target = parse(raw);

	if (target.verdict != TARGET_PATH)
		fail_msg("'%s' is refused: %s", raw, target.fault != NULL ? target.fault : "-");
	assert_string_equal(target.path, path);
	assert_string_equal(target.query, query);
}

static void
test_paths_are_decoded_once(void **state)
{
	(void)state;
	assert_path("/", "/", "");
	assert_path("/tasks/submissions", "/tasks/submissions", "");
	assert_path("/%68ealthz", "/healthz", "");
	assert_path("/a%2541", "/a%41", "");
	assert_path("/%C3%a9", "/\xc3\xa9", "");
	assert_path("//a//", "//a//", "");
	assert_path("/.a/..b/...", "/.a/..b/...", "");
	assert_path("/{x}|^\"<>`\\[]", "/{x}|^\"<>`\\[]", "");
	assert_path("/-._~!$&'()*+,;=:@", "/-._~!$&'()*+,;=:@", "");
}

static void
test_queries_are_kept_as_received(void **state)
{
	(void)state;
	assert_path("/a?", "/a", "");
	assert_path("/a?b=c%20d&e", "/a", "b=c%20d&e");
	assert_path("/a?"
		    "?/?",
	    "/a", "?/?");
}

static void
test_absolute_form_loses_scheme_and_authority(void **state)
{
	(void)state;
	assert_path("http://evil/a", "/a", "");
	assert_path("HTTP://user@evil:99/a?b", "/a", "b");
	assert_path("https://h/", "/", "");
	assert_path("http://h", "/", "");
	assert_path("http://h?b=c", "/", "b=c");
}

static void
test_other_forms_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(parse("*").verdict, TARGET_ASTERISK);
	assert_int_equal(parse("**").verdict, TARGET_INVALID);
	assert_int_equal(parse("").verdict, TARGET_INVALID);
}

static void
test_what_needs_a_guess_is_invalid(void **state)
{
	static const char *const refused[] = { "a", "ftp://h/a", "http://", "http:///a", "http:/a",
		"127.0.0.1:80", "/a b", "/a#f", "/\x01", "/\x7f", "/\xc3\xa9", "/%", "/%2", "/%zz",
		"/%2z", "/a%00b", "/%1f", "/%7F", "/%2f", "/%2F", "/%2e%2e%2f", "/..", "/.",
		"/a/../b", "/a/./b", "/%2e%2e/a", "/a/%2E", "/a/.%2e", "/a?b c", "/a?b#c", "/a?%",
		"/a?%zz", "/a?%00", "/a?\xff", "http://h/..", "http://h/a b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct target target = parse(refused[i]);

		if (target.verdict != TARGET_INVALID)
			fail_msg("'%s' is accepted", refused[i]);
		assert_non_null(target.fault);
	}
}

static void
test_path_at_its_limit_fits_and_one_past_is_unroutable(void **state)
{
	char raw[TARGET_PATH_SIZE + 1];

	(void)state;
	memset(raw, 'a', sizeof(raw));
	raw[0] = '/';
	raw[TARGET_PATH_SIZE - 1] = '\0';
	assert_path(raw, raw, "");
	raw[TARGET_PATH_SIZE - 1] = 'a';
	raw[TARGET_PATH_SIZE] = '\0';
	assert_int_equal(parse(raw).verdict, TARGET_UNROUTABLE);
}

static void
test_long_path_is_still_checked(void **state)
{
	char raw[1000];

	(void)state;
	memset(raw, 'a', sizeof(raw));
	raw[0] = '/';
	strcpy(raw + 900, "%00");
	assert_int_equal(parse(raw).verdict, TARGET_INVALID);
}

static void
test_query_at_its_limit_fits_and_one_past_is_too_long(void **state)
{
	char raw[TARGET_QUERY_SIZE + 3];

	(void)state;
	memset(raw, 'q', sizeof(raw));
	raw[0] = '/';
	raw[1] = '?';
	raw[TARGET_QUERY_SIZE + 1] = '\0';
	assert_path(raw, "/", raw + 2);
	raw[TARGET_QUERY_SIZE + 1] = 'q';
	raw[TARGET_QUERY_SIZE + 2] = '\0';
	assert_int_equal(parse(raw).verdict, TARGET_LONG_QUERY);
}

static void
assert_parameters(
    const char *query, const char *const *names, const char *const *values, size_t count)
{
	struct query_walk walk = { query };
	char name[TARGET_NAME_SIZE], value[TARGET_VALUE_SIZE];

	for (size_t i = 0; i < count; i++) {
		assert_true(query_next(&walk, name, value));
		assert_string_equal(name, names[i]);
		assert_string_equal(value, values[i]);
	}
	assert_false(query_next(&walk, name, value));
	assert_false(query_next(&walk, name, value));
}

static void
test_query_parameters_are_walked_and_decoded(void **state)
{
	static const char *const names[] = { "a", "bc", "", "d e", "f", "i" };
	static const char *const values[] = { "1", "", "x", "", "g=h", "j&k=" };

	(void)state;
	assert_parameters("", NULL, NULL, 0);
	assert_parameters("&&&", NULL, NULL, 0);
	assert_parameters("a=1&bc&=x&d%20e=&&f=g=h&i=j%26k%3d&", names, values, ARRAY_SIZE(names));
}

static void
test_long_query_name_is_cut(void **state)
{
	char query[TARGET_NAME_SIZE + 20];
	char name[TARGET_NAME_SIZE], value[TARGET_VALUE_SIZE];
	struct query_walk walk = { query };

	(void)state;
	memset(query, 'n', sizeof(query));
	query[sizeof(query) - 1] = '\0';
	assert_true(query_next(&walk, name, value));
	assert_int_equal(strlen(name), TARGET_NAME_SIZE - 1);
	assert_false(query_next(&walk, name, value));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_are_decoded_once),
		cmocka_unit_test(test_queries_are_kept_as_received),
		cmocka_unit_test(test_absolute_form_loses_scheme_and_authority),
		cmocka_unit_test(test_other_forms_are_told_apart),
		cmocka_unit_test(test_what_needs_a_guess_is_invalid),
		cmocka_unit_test(test_path_at_its_limit_fits_and_one_past_is_unroutable),
		cmocka_unit_test(test_long_path_is_still_checked),
		cmocka_unit_test(test_query_at_its_limit_fits_and_one_past_is_too_long),
		cmocka_unit_test(test_query_parameters_are_walked_and_decoded),
		cmocka_unit_test(test_long_query_name_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
