/* SPDX-License-Identifier: MIT */
/* Content-Type and Accept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_media_type.h"

static void
test_json_is_recognised_in_every_spelling(void **state)
{
	static const char *const json[] = { "application/json", "APPLICATION/Json",
		" application/json ", "application/json;", "application/json; charset=utf-8",
		"application/json;charset=UTF-8", "application/json ; charset=\"utf-8\"",
		"application/json;;charset=utf-8;" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(json); i++)
		if (!media_type_is_json(json[i]))
			fail_msg("'%s' is refused", json[i]);
}

static void
test_everything_else_is_not_json(void **state)
{
	static const char *const others[] = { "", ";", "json", "application", "application/",
		"/json", "text/json", "application/jsonx", "application/x+json",
		"application/problem+json", "application / json", "application/json charset=utf-8",
		"application/json;charset=latin1", "application/json;charset",
		"application/json;charset=utf-8;charset=utf-8", "application/json;version=1",
		"application/json, application/json", "text/plain; application/json", "*/*",
		"application/*", "*", "application/json;charset=\"utf-8",
		"application/json; charset = utf-8" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (media_type_is_json(others[i]))
			fail_msg("'%s' is accepted", others[i]);
}

static void
test_only_media_types_that_can_stand_in_a_header_are_safe(void **state)
{
	static const char *const unsafe[] = { "", "text", "text/", " text/html",
		"text/html\r\nX: y", "text/html\t", "text/h\xc3\xa9", "text/\x7f", "*/*", "text/*",
		"te xt/html", "*" };

	(void)state;
	assert_true(media_type_is_safe("text/html"));
	assert_true(media_type_is_safe("text/html; charset=\"x y\""));
	assert_true(media_type_is_safe("image/svg+xml"));
	for (size_t i = 0; i < ARRAY_SIZE(unsafe); i++)
		if (media_type_is_safe(unsafe[i]))
			fail_msg("'%s' is safe", unsafe[i]);
}

static unsigned
quality(const char *accept)
{
	return accept_quality(&accept, 1, "application/json");
}

static void
test_no_accept_accepts_everything(void **state)
{
	(void)state;
	assert_int_equal(accept_quality(NULL, 0, "application/json"), 1000);
	assert_int_equal(quality(""), 1000);
	assert_int_equal(quality(" , "), 1000);
}

static void
test_the_most_specific_range_decides(void **state)
{
	(void)state;
	assert_int_equal(quality("*/*"), 1000);
	assert_int_equal(quality("application/*;q=0.5"), 500);
	assert_int_equal(quality("Application/JSON;q=0.25, */*"), 250);
	assert_int_equal(quality("*/*, application/json;q=0"), 0);
	assert_int_equal(quality("application/*;q=0, application/json;q=0.001"), 1);
	assert_int_equal(quality("application/*, */*;q=0"), 1000);
	assert_int_equal(quality("text/html, */*;q=0.1"), 100);
	assert_int_equal(quality("application/json;version=1;q=0.3"), 300);
	assert_int_equal(quality("application/json;x=\",\";q=0.3"), 300);
}

static void
test_what_does_not_match_is_not_accepted(void **state)
{
	(void)state;
	assert_int_equal(quality("text/html"), 0);
	assert_int_equal(quality("image/*, text/html"), 0);
	assert_int_equal(quality("application/jsonx"), 0);
	assert_int_equal(quality("application/jso"), 0);
	assert_int_equal(quality("*/*;q=0"), 0);
	assert_int_equal(quality("*/json"), 0);
}

static void
test_old_java_clients_and_malformed_ranges_are_borne_with(void **state)
{
	(void)state;
	assert_int_equal(quality("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"), 200);
	assert_int_equal(quality("text/html, application/json;q=2"), 0);
	assert_int_equal(quality("application/json;q=x"), 1000);
	assert_int_equal(quality("nonsense"), 1000);
	assert_int_equal(quality("text/html, nonsense"), 0);
}

static void
test_qualities_at_their_limits(void **state)
{
	(void)state;
	assert_int_equal(quality("application/json;q=1"), 1000);
	assert_int_equal(quality("application/json;q=1.000"), 1000);
	assert_int_equal(quality("application/json;q=0.999"), 999);
	assert_int_equal(quality("application/json;q=0.000, text/html"), 0);
	/* One past either limit is malformed and passed over. */
	assert_int_equal(quality("application/json;q=1.001, text/html"), 0);
	assert_int_equal(quality("application/json;q=0.1234, text/html"), 0);
}

static void
test_several_accept_fields_count_as_one(void **state)
{
	const char *const values[] = { "text/html", "application/json;q=0.7", "*/*;q=0.1" };

	(void)state;
	assert_int_equal(accept_quality(values, 3, "application/json"), 700);
	assert_int_equal(accept_quality(values, 3, "text/html; charset=utf-8"), 1000);
	assert_int_equal(accept_quality(values, 3, "image/png"), 100);
	assert_int_equal(accept_quality(values, 2, "image/png"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_is_recognised_in_every_spelling),
		cmocka_unit_test(test_everything_else_is_not_json),
		cmocka_unit_test(test_only_media_types_that_can_stand_in_a_header_are_safe),
		cmocka_unit_test(test_no_accept_accepts_everything),
		cmocka_unit_test(test_the_most_specific_range_decides),
		cmocka_unit_test(test_what_does_not_match_is_not_accepted),
		cmocka_unit_test(test_old_java_clients_and_malformed_ranges_are_borne_with),
		cmocka_unit_test(test_qualities_at_their_limits),
		cmocka_unit_test(test_several_accept_fields_count_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
