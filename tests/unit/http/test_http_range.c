/* SPDX-License-Identifier: MIT */
/* Byte ranges and entity tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_range.h"

static void
assert_part(const char *value, uint64_t size, uint64_t first, uint64_t length)
{
	uint64_t got_first = 0, got_length = 0;

	if (range_parse(value, size, &got_first, &got_length) != RANGE_PART)
		fail_msg("'%s' is no part of %llu", value, (unsigned long long)size);
	assert_true(got_first == first);
	assert_true(got_length == length);
}

static void
assert_verdict(const char *value, uint64_t size, enum range_verdict expected)
{
	uint64_t first = 4711, length = 4711;

	if (range_parse(value, size, &first, &length) != expected)
		fail_msg("'%s' of %llu", value, (unsigned long long)size);
	assert_true(first == 4711 && length == 4711);
}

static void
test_single_ranges_are_cut_to_the_content(void **state)
{
	(void)state;
	assert_part("bytes=0-0", 10, 0, 1);
	assert_part("bytes=0-9", 10, 0, 10);
	assert_part("bytes=0-10", 10, 0, 10);
	assert_part("bytes=9-9", 10, 9, 1);
	assert_part("bytes=3-", 10, 3, 7);
	assert_part("Bytes= 3-4 ", 10, 3, 2);
	assert_part("bytes=-1", 10, 9, 1);
	assert_part("bytes=-10", 10, 0, 10);
	assert_part("bytes=-11", 10, 0, 10);
	assert_part("bytes=0-99999999999999999999999", 10, 0, 10);
	assert_part("bytes=-99999999999999999999999", 10, 0, 10);
	assert_part("bytes=0-18446744073709551615", UINT64_MAX, 0, UINT64_MAX);
}

static void
test_ranges_outside_the_content_are_unsatisfiable(void **state)
{
	(void)state;
	assert_verdict("bytes=10-", 10, RANGE_UNSATISFIABLE);
	assert_verdict("bytes=10-20", 10, RANGE_UNSATISFIABLE);
	assert_verdict("bytes=-0", 10, RANGE_UNSATISFIABLE);
	assert_verdict("bytes=0-", 0, RANGE_UNSATISFIABLE);
	assert_verdict("bytes=-1", 0, RANGE_UNSATISFIABLE);
	assert_verdict("bytes=99999999999999999999999-", 10, RANGE_UNSATISFIABLE);
}

static void
test_other_units_several_ranges_and_nonsense_get_the_whole(void **state)
{
	static const char *const values[] = { "", "bytes", "bytes=", "bytes=-", "bytes=x-y",
		"bytes=1", "bytes=9-2", "lines=0-1", "bytes=0-1,3-4", "bytes=,0-1", "bytes=--5",
		"bytes=1-2x", "bytes=+1-2", "bytes=1 -2", "bytes 0-1", "bytes=1-2-3",
		"bytes=0x1-2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_verdict(values[i], 10, RANGE_WHOLE);
}

static void
test_if_none_match_compares_weakly(void **state)
{
	(void)state;
	assert_true(etag_list_has("\"a\"", "\"a\""));
	assert_true(etag_list_has("W/\"a\"", "\"a\""));
	assert_true(etag_list_has("\"b,\", \"a\"", "\"a\""));
	assert_true(etag_list_has(" * ", "\"a\""));
	assert_false(etag_list_has("", "\"a\""));
	assert_false(etag_list_has("a", "\"a\""));
	assert_false(etag_list_has("w/\"a\"", "\"a\""));
	assert_false(etag_list_has("\"A\"", "\"a\""));
	assert_false(etag_list_has("\"x,\"a\"", "\"a\""));
	assert_false(etag_list_has("\"b\", *", "\"a\""));
}

static void
test_if_range_compares_strongly(void **state)
{
	(void)state;
	assert_true(if_range_holds(" \"a\" ", "\"a\""));
	assert_false(if_range_holds("W/\"a\"", "\"a\""));
	assert_false(if_range_holds("\"b\"", "\"a\""));
	assert_false(if_range_holds("Mon, 23 Nov 2026 16:00:00 GMT", "\"a\""));
	assert_false(if_range_holds("*", "\"a\""));
}

static void
test_who_has_another_tag_does_not_want_this_one(void **state)
{
	static const char *const none[] = { NULL };
	static const char *const wanted[] = { "\"b\", \"a\"" };
	static const char *const second[] = { "\"b\"", "\"a\"" };
	static const char *const any[] = { " * " };
	static const char *const others[] = { "\"b\"", "W/\"a\", a, \"x,\"a\"" };
	static const char *const empty[] = { "" };

	(void)state;
	assert_true(etag_is_wanted(none, 0, "\"a\""));
	assert_true(etag_is_wanted(wanted, 1, "\"a\""));
	assert_true(etag_is_wanted(second, 2, "\"a\""));
	assert_true(etag_is_wanted(any, 1, "\"a\""));
	assert_false(etag_is_wanted(others, 2, "\"a\""));
	assert_false(etag_is_wanted(empty, 1, "\"a\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_has_another_tag_does_not_want_this_one),
		cmocka_unit_test(test_single_ranges_are_cut_to_the_content),
		cmocka_unit_test(test_ranges_outside_the_content_are_unsatisfiable),
		cmocka_unit_test(test_other_units_several_ranges_and_nonsense_get_the_whole),
		cmocka_unit_test(test_if_none_match_compares_weakly),
		cmocka_unit_test(test_if_range_compares_strongly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
