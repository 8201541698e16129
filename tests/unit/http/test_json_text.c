/* SPDX-License-Identifier: MIT */
/* JSON text by hand: every byte's escape, and pieces that are cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "http/json_text.h"

static void
assert_string(const char *text, size_t size, const char *expected)
{
	struct buf buf;

	buf_init(&buf, 4096);
	json_text_string(&buf, text, size);
	assert_int_equal(buf_status(&buf), STATUS_OK);
	assert_string_equal(buf.data, expected);
	buf_done(&buf);
}

static void
test_strings_are_escaped(void **state)
{
	(void)state;
	assert_string("", 0, "\"\"");
	assert_string("abc", 3, "\"abc\"");
	assert_string("\"\\/", 3, "\"\\\"\\\\/\"");
	assert_string("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
	assert_string("a\0\x01\x1f\x7f", 5, "\"a\\u0000\\u0001\\u001f\x7f\"");
	assert_string("\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void
test_every_ascii_byte_survives_a_parser(void **state)
{
	char text[128];
	struct buf buf;
	json_t *value;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	buf_init(&buf, 4096);
	json_text_string(&buf, text, sizeof(text));
	value = json_loadb(buf.data, buf.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(value);
	assert_int_equal(json_string_length(value), sizeof(text));
	assert_memory_equal(json_string_value(value), text, sizeof(text));
	json_decref(value);
	buf_done(&buf);
}

static void
test_a_text_cut_anywhere_gives_the_same_escapes(void **state)
{
	static const char text[] = "plain \"quoted\"\n\0\x01 \xc3\xa9 \\ end";
	const size_t size = sizeof(text) - 1;
	char whole[sizeof(text) * JSON_ESCAPE_MAX], pieces[sizeof(whole)];
	size_t whole_size = json_text_escape(text, size, whole);

	(void)state;
	for (size_t cut = 0; cut <= size; cut++) {
		size_t used = json_text_escape(text, cut, pieces);

		used += json_text_escape(text + cut, size - cut, pieces + used);
		assert_int_equal(used, whole_size);
		assert_memory_equal(pieces, whole, used);
	}
}

static void
test_the_longest_escape_is_the_promised_one(void **state)
{
	char out[JSON_ESCAPE_MAX];

	(void)state;
	assert_int_equal(json_text_escape("\x01", 1, out), JSON_ESCAPE_MAX);
}

static void
assert_int(int64_t value, const char *expected)
{
	struct buf buf;

	buf_init(&buf, 64);
	json_text_int(&buf, value);
	assert_string_equal(buf.data, expected);
	buf_done(&buf);
}

static void
test_integers_at_both_ends(void **state)
{
	(void)state;
	assert_int(0, "0");
	assert_int(-1, "-1");
	assert_int(10, "10");
	assert_int(INT64_MAX, "9223372036854775807");
	assert_int(INT64_MIN, "-9223372036854775808");
}

static void
assert_thousandths(int64_t value, const char *expected)
{
	struct buf buf;

	buf_init(&buf, 64);
	json_text_thousandths(&buf, value);
	assert_string_equal(buf.data, expected);
	buf_done(&buf);
}

static void
test_thousandths_have_no_more_decimals_than_they_need(void **state)
{
	(void)state;
	assert_thousandths(0, "0");
	assert_thousandths(1, "0.001");
	assert_thousandths(20, "0.02");
	assert_thousandths(300, "0.3");
	assert_thousandths(1000, "1");
	assert_thousandths(10203, "10.203");
	assert_thousandths(100230, "100.23");
	assert_thousandths(INT64_MAX, "9223372036854775.807");
}

static void
test_times_are_strings_and_zero_is_null(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 64);
	json_text_time(&buf, 0);
	json_text_time(&buf, 1767323045678);
	assert_string_equal(buf.data, "null\"2026-01-02T03:04:05.678Z\"");
	buf_done(&buf);
}

static void
test_a_full_buffer_sticks(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 4);
	json_text_string(&buf, "ab\ncd", 5);
	assert_int_equal(buf_status(&buf), STATUS_FULL);
	buf_done(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings_are_escaped),
		cmocka_unit_test(test_every_ascii_byte_survives_a_parser),
		cmocka_unit_test(test_a_text_cut_anywhere_gives_the_same_escapes),
		cmocka_unit_test(test_the_longest_escape_is_the_promised_one),
		cmocka_unit_test(test_integers_at_both_ends),
		cmocka_unit_test(test_thousandths_have_no_more_decimals_than_they_need),
		cmocka_unit_test(test_times_are_strings_and_zero_is_null),
		cmocka_unit_test(test_a_full_buffer_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
