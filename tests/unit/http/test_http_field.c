/* SPDX-License-Identifier: MIT */
/* The grammar that header fields share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_field.h"

static void
test_tokens_are_told_from_everything_else(void **state)
{
	static const char *const others[] = { "", " ", "a b", "a:", "a(", "\"", "/", "[", "{",
		"a\x01", "\x7f", "\xe9", "a\t", "@", "a,b", ";", "=", "?", "<", "\\" };

	(void)state;
	assert_true(field_is_token("Content-Type", 12));
	assert_true(field_is_token("!#$%&'*+-.^_`|~09azAZ", 21));
	assert_false(field_is_token("a\0b", 3));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (field_is_token(others[i], strlen(others[i])))
			fail_msg("'%s' is a token", others[i]);
}

static void
test_words_compare_in_any_case_and_whole(void **state)
{
	(void)state;
	assert_true(field_span_is(field_text("CHUNKED"), "chunked"));
	assert_true(field_span_is(field_text(" \tchunked \t"), "chunked"));
	assert_false(field_span_is(field_text("chunke"), "chunked"));
	assert_false(field_span_is(field_text("chunked,"), "chunked"));
	assert_false(field_span_is(field_text("\vchunked"), "chunked"));
	assert_true(field_span_is(field_text("  "), ""));
}

static void
assert_elements(const char *value, const char *const *expected, size_t count)
{
	struct span rest = field_text(value);
	struct span element;

	for (size_t i = 0; i < count; i++) {
		assert_true(field_next(&rest, ',', &element));
		assert_int_equal(element.size, strlen(expected[i]));
		assert_memory_equal(element.data, expected[i], element.size);
	}
	assert_false(field_next(&rest, ',', &element));
}

static void
test_lists_are_cut_outside_quotes_and_empty_elements_skipped(void **state)
{
	static const char *const plain[] = { "a", "b c", "d" };
	static const char *const quoted[] = { "a=\"x,\\\",y\"", "b" };
	static const char *const open_quote[] = { "a", "\"b,c" };
	static const char *const open_escape[] = { "\"a\\" };

	(void)state;
	assert_elements("", NULL, 0);
	assert_elements(" , ,", NULL, 0);
	assert_elements(",a , b c ,,d,", plain, ARRAY_SIZE(plain));
	assert_elements("a=\"x,\\\",y\", b", quoted, ARRAY_SIZE(quoted));
	assert_elements("a,\"b,c", open_quote, ARRAY_SIZE(open_quote));
	assert_elements("\"a\\", open_escape, ARRAY_SIZE(open_escape));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens_are_told_from_everything_else),
		cmocka_unit_test(test_words_compare_in_any_case_and_whole),
		cmocka_unit_test(test_lists_are_cut_outside_quotes_and_empty_elements_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
