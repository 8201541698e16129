/* SPDX-License-Identifier: MIT */
/* Places in JSON text: depth and pointers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/json_place.h"

static size_t
depth(const char *text, size_t limit)
{
	size_t position = 0;

	return json_place_depth(text, strlen(text), limit, &position);
}

static void
test_depth_counts_brackets_outside_strings(void **state)
{
	(void)state;
	assert_int_equal(depth("", 9), 0);
	assert_int_equal(depth("1", 9), 0);
	assert_int_equal(depth("[]", 9), 1);
	assert_int_equal(depth("[{}, {\"a\": []}]", 9), 3);
	assert_int_equal(depth("[\"[[[[\\\"[[[\"]", 9), 1);
	assert_int_equal(depth("]]]]]][", 9), 1);
	assert_int_equal(depth("\"[", 9), 0);
	assert_int_equal(depth("\"\\", 9), 0);
}

static void
test_depth_ends_one_past_its_limit_and_tells_where(void **state)
{
	size_t position = 0;

	(void)state;
	assert_int_equal(json_place_depth("[[]]", 4, 2, &position), 2);
	assert_int_equal(position, 0);
	assert_int_equal(json_place_depth(" [[{}]]", 7, 2, &position), 3);
	assert_int_equal(position, 3);
}

static void
assert_pointer(const char *text, const char *at, const char *expected)
{
	const char *found = strstr(text, at);
	char pointer[64];

	assert_non_null(found);
	json_place_pointer(
	    text, strlen(text), (size_t)(found - text) + strlen(at), pointer, sizeof(pointer));
	assert_string_equal(pointer, expected);
}

static void
test_pointers_name_the_value_that_is_being_read(void **state)
{
	static const char text[] =
	    "{\"type\": \"x\", \"args\": {\"n\": 5, \"list\": [1, {\"deep\": 22}, 3]}, \"z\": 77}";

	(void)state;
	assert_pointer(text, "{", "");
	assert_pointer(text, "\"type\"", "/type");
	assert_pointer(text, "\"x\"", "/type");
	assert_pointer(text, "5", "/args/n");
	assert_pointer(text, "1", "/args/list/0");
	assert_pointer(text, "22", "/args/list/1/deep");
	assert_pointer(text, "3", "/args/list/2");
	assert_pointer(text, "77", "/z");
}

static void
test_names_are_escaped(void **state)
{
	(void)state;
	assert_pointer("{\"a/b~c\": 1}", "1", "/a~1b~0c");
	assert_pointer("{\"\": {\"x\": 1}}", "1", "//x");
}

static void
test_a_pointer_that_does_not_fit_is_cut_at_a_segment(void **state)
{
	static const char text[] = "{\"aaaa\": {\"bbbb\": {\"cccc\": 1}}}";
	char pointer[12];

	(void)state;
	json_place_pointer(text, sizeof(text) - 1, sizeof(text) - 1 - 3, pointer, sizeof(pointer));
	assert_string_equal(pointer, "/aaaa/bbbb");
}

static void
test_text_that_ends_anywhere_is_no_harm(void **state)
{
	static const char text[] = "{\"a\\\"\": [1, \"x\\\\\", {\"b\": [[]]}]}";
	char pointer[64];

	(void)state;
	for (size_t size = 0; size < sizeof(text); size++)
		for (size_t position = 0; position <= size + 2; position++)
			json_place_pointer(text, size, position, pointer, sizeof(pointer));
	json_place_pointer("]}],:", 5, 5, pointer, sizeof(pointer));
	assert_string_equal(pointer, "");
}

static void
test_nesting_beyond_what_is_remembered_is_no_harm(void **state)
{
	char text[400], pointer[1000];

	(void)state;
	memset(text, '[', sizeof(text));
	json_place_pointer(text, sizeof(text), sizeof(text), pointer, sizeof(pointer));
	assert_int_equal(strlen(pointer), 64 * 2);
	memset(text + 200, ']', 200);
	json_place_pointer(text, sizeof(text), sizeof(text), pointer, sizeof(pointer));
	assert_string_equal(pointer, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_depth_counts_brackets_outside_strings),
		cmocka_unit_test(test_depth_ends_one_past_its_limit_and_tells_where),
		cmocka_unit_test(test_pointers_name_the_value_that_is_being_read),
		cmocka_unit_test(test_names_are_escaped),
		cmocka_unit_test(test_a_pointer_that_does_not_fit_is_cut_at_a_segment),
		cmocka_unit_test(test_text_that_ends_anywhere_is_no_harm),
		cmocka_unit_test(test_nesting_beyond_what_is_remembered_is_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
