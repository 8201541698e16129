/* SPDX-License-Identifier: MIT */
/* Accounting for the bytes of a header, laid out as the library leaves them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_layout.h"

/* The pieces of "GET /a HTTP/1.1", "A: b", "C:d" and the empty line, separators already NUL. */
static const char good[] = "GET\0/a\0HTTP/1.1\0\0A\0 b\0\0C\0d\0\0\0";

static bool
is_intact(const char *text, size_t size, size_t a_value, size_t c_name, size_t c_value)
{
	struct layout layout;

	layout_begin(&layout, text, text + 4, 2, text + 7);
	layout_field(&layout, text + 17, 1, text + a_value, strlen(text + a_value));
	layout_field(&layout, text + c_name, 1, text + c_value, strlen(text + c_value));
	return layout_end(&layout, text, size);
}

static void
test_a_header_as_it_should_be_is_intact(void **state)
{
	(void)state;
	assert_true(is_intact(good, sizeof(good), 20, 23, 25));
}

static void
test_one_byte_more_or_less_before_the_end_is_noticed(void **state)
{
	(void)state;
	assert_false(is_intact(good, sizeof(good) + 1, 20, 23, 25));
	assert_false(is_intact(good, sizeof(good) - 1, 20, 23, 25));
}

static void
test_a_bare_line_end_between_fields_is_noticed(void **state)
{
	static const char text[] = "GET\0/a\0HTTP/1.1\0\0A\0 b\0C\0d\0\0\0";

	(void)state;
	assert_false(is_intact(text, sizeof(text), 20, 22, 24));
}

static void
test_a_nul_in_a_value_is_noticed(void **state)
{
	static const char text[] = "GET\0/a\0HTTP/1.1\0\0A\0 b\0x\0\0C\0d\0\0\0";

	(void)state;
	assert_false(is_intact(text, sizeof(text), 20, 25, 27));
}

static void
test_control_characters_in_a_value_are_noticed_and_tabs_are_not(void **state)
{
	char text[sizeof(good)];

	(void)state;
	memcpy(text, good, sizeof(good));
	text[20] = '\t';
	assert_true(is_intact(text, sizeof(text), 20, 23, 25));
	for (int c = 1; c < 0x20; c++) {
		text[20] = (char)c;
		if (c != '\t' && is_intact(text, sizeof(text), 20, 23, 25))
			fail_msg("control character %d", c);
	}
	text[20] = 0x7f;
	assert_false(is_intact(text, sizeof(text), 20, 23, 25));
	text[20] = (char)0x80;
	assert_true(is_intact(text, sizeof(text), 20, 23, 25));
}

static void
test_bytes_that_are_no_blanks_before_a_value_are_noticed(void **state)
{
	char text[sizeof(good)];

	(void)state;
	memcpy(text, good, sizeof(good));
	text[19] = '\t';
	assert_true(is_intact(text, sizeof(text), 20, 23, 25));
	text[19] = 'x';
	assert_false(is_intact(text, sizeof(text), 20, 23, 25));
}

static void
test_a_piece_from_elsewhere_is_noticed(void **state)
{
	static const char elsewhere[] = "b";
	struct layout layout;

	(void)state;
	layout_begin(&layout, good, good + 4, 2, good + 7);
	layout_field(&layout, good + 17, 1, elsewhere, 1);
	assert_false(layout.is_intact);
	layout_begin(&layout, good, elsewhere, 1, good + 7);
	assert_false(layout.is_intact);
	layout_begin(&layout, good, good + 4, 2, good + 7);
	layout_field(&layout, good + 17, 1, NULL, 0);
	assert_false(layout.is_intact);
}

static void
test_a_target_cut_by_nul_is_noticed(void **state)
{
	static const char text[] = "GET\0/a\0b\0HTTP/1.1\0\0\0";
	struct layout layout;

	(void)state;
	layout_begin(&layout, text, text + 4, 2, text + 9);
	assert_false(layout.is_intact);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_header_as_it_should_be_is_intact),
		cmocka_unit_test(test_one_byte_more_or_less_before_the_end_is_noticed),
		cmocka_unit_test(test_a_bare_line_end_between_fields_is_noticed),
		cmocka_unit_test(test_a_nul_in_a_value_is_noticed),
		cmocka_unit_test(test_control_characters_in_a_value_are_noticed_and_tabs_are_not),
		cmocka_unit_test(test_bytes_that_are_no_blanks_before_a_value_are_noticed),
		cmocka_unit_test(test_a_piece_from_elsewhere_is_noticed),
		cmocka_unit_test(test_a_target_cut_by_nul_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
