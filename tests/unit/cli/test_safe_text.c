/* SPDX-License-Identifier: MIT */
/*
 * Text that may stand in a terminal: that nothing of what controls one comes through, whatever the
 * bytes are and however they are cut.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "cli/safe_text.h"

#define FFFD "\xef\xbf\xbd"

static char made[4096];

/* The safe form, fed in pieces of `piece` bytes. */
static const char *
feed(bool is_utf8, bool keeps_lines, const char *text, size_t size, size_t piece)
{
	struct safe_text safe;
	struct buf out;

	buf_init(&out, sizeof(made) - 1);
	safe_text_init(&safe, is_utf8, keeps_lines);
	for (size_t at = 0; at < size; at += piece)
		safe_text_feed(&safe, text + at, size - at < piece ? size - at : piece, &out);
	safe_text_end(&safe, &out);
	assert_int_equal(buf_status(&out), STATUS_OK);
	assert_true(out.size <= size * SAFE_TEXT_GROWTH);
	memcpy(made, out.size > 0 ? out.data : "", out.size);
	made[out.size] = '\0';
	assert_int_equal(strlen(made), out.size);
	buf_done(&out);
	return made;
}

static void
check(bool is_utf8, bool keeps_lines, const char *text, size_t size, const char *expected)
{
	for (size_t piece = 1; piece <= size; piece++)
		assert_string_equal(feed(is_utf8, keeps_lines, text, size, piece), expected);
}

#define LINE(text, expected)  check(true, false, text, sizeof(text) - 1, expected)
#define LINES(text, expected) check(true, true, text, sizeof(text) - 1, expected)
#define ASCII(text, expected) check(false, true, text, sizeof(text) - 1, expected)

static void
test_plain_text_stays_as_it_is(void **state)
{
	(void)state;
	LINE("plain text, ~!@#$%^&*()", "plain text, ~!@#$%^&*()");
	LINE("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	/* A family: characters with joiners between them. */
	LINE("\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
	    "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9");
}

static void
test_sequences_that_control_a_terminal_are_shown(void **state)
{
	(void)state;
	LINE("a\033[31mred\033[0m", "a^[[31mred^[[0m");
	LINE("\033]0;title\007", "^[]0;title^G");
	LINE("\033P+q544e\033\\", "^[P+q544e^[\\");
	LINE("a\bb\x7f", "a^Hb^?");
	LINE("a\0b", "a^@b");
	/* The same as ESC [, in one byte of ISO 8859-1 and as U+009B. */
	LINE("\x9b"
	     "31m",
	    FFFD "31m");
	LINE("\xc2\x9b"
	     "31m",
	    FFFD "31m");
}

static void
test_a_line_has_no_line_ends(void **state)
{
	(void)state;
	LINE("a\nb\tc\r\n", "a^Jb^Ic^M^J");
}

static void
test_lines_keep_their_ends_and_nothing_goes_back_in_them(void **state)
{
	(void)state;
	LINES("a\nb\tc\r\nd", "a\nb\tc\nd");
	LINES("hidden\rshown", "hidden^Mshown");
	LINES("a\r\r\n", "a^M\n");
	LINES("a\r", "a^M");
	LINES("a\r\xc3\xa4", "a^M\xc3\xa4");
	LINES("a\v\f", "a^K^L");
}

static void
test_what_changes_how_others_are_shown_is_replaced(void **state)
{
	(void)state;
	LINE("a\xe2\x80\xae"
	     "b",
	    "a" FFFD "b");              /* U+202E, right to left from here */
	LINE("\xe2\x80\xa8", FFFD);     /* U+2028 */
	LINE("\xe2\x81\xa6", FFFD);     /* U+2066 */
	LINE("\xe2\x80\x8f", FFFD);     /* U+200F */
	LINE("\xd8\x9c", FFFD);         /* U+061C */
	LINE("\xef\xbf\xb9", FFFD);     /* U+FFF9 */
	LINE("\xf3\xa0\x81\x81", FFFD); /* U+E0041 */
	/* Their neighbours. */
	LINE("\xc2\xa0", "\xc2\xa0");
	LINE("\xe2\x80\xaf", "\xe2\x80\xaf");
	LINE("\xe2\x81\xa5\xe2\x81\xaa", "\xe2\x81\xa5\xe2\x81\xaa");
}

static void
test_bytes_that_are_no_utf8_are_replaced_and_swallow_nothing(void **state)
{
	(void)state;
	LINE("\xff\xfe", FFFD FFFD);
	LINE("\xc3(", FFFD "(");
	LINE("\xe2\x82\033[", FFFD "^[[");
	LINE("\xc3\xc3\xa4", FFFD "\xc3\xa4");
	LINE("\xed\xa0\x80", FFFD FFFD FFFD); /* half of a surrogate pair */
	LINE("\xc0\x9b", FFFD FFFD);          /* ESC in two bytes */
	LINE("a\xe2\x82", "a" FFFD);          /* the end cuts it */
}

static void
test_a_terminal_without_utf8_gets_ascii(void **state)
{
	(void)state;
	ASCII("a\xc3\xa4\xff\n", "a??\n");
	ASCII("\x9b"
	      "1m\xc2\x9b",
	    "?1m?");
	ASCII("\033", "^[");
}

static void
test_no_byte_in_any_place_makes_a_control_character(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[12];
		const char *safe;

		for (size_t i = 0; i < sizeof(text); i++) {
			random = random * 1664525 + 1013904223;
			text[i] = (char)(random >> 24);
		}
		safe = feed(round % 2 == 0, round % 3 == 0, text, sizeof(text), 5);
		assert_true(utf8_is_valid(safe, strlen(safe)));
		for (size_t i = 0; safe[i] != '\0'; i++) {
			uint8_t byte = (uint8_t)safe[i];
			bool is_line = round % 3 == 0 && (byte == '\n' || byte == '\t');

			assert_true(byte >= 0x20 || is_line);
			assert_true(byte != 0x7f);
			assert_true(round % 2 == 0 || byte < 0x80);
			assert_false(byte == 0xc2 && (uint8_t)safe[i + 1] < 0xa0);
		}
	}
}

static void
test_what_fits_is_counted_in_columns(void **state)
{
	static const struct {
		const char *text;
		size_t columns, bytes, used;
	} cases[] = {
		{ "abc", 10, 3, 3 }, { "abc", 3, 3, 3 }, { "abc", 2, 2, 2 }, { "abc", 0, 0, 0 },
		{ "", 5, 0, 0 }, { "\xc3\xa4\xc3\xb6", 1, 2, 1 },
		{ "\xe4\xb8\xad\xe6\x96\x87", 4, 6, 4 }, /* two columns each */
		{ "\xe4\xb8\xad\xe6\x96\x87", 3, 3, 2 },
		{ "a\xcc\x88"
		  "b",
		    1, 3, 1 }, /* the dots stay with their letter */
	};

	locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	(void)state;
	assert_true(locale != (locale_t)0);
	uselocale(locale);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t used;

		assert_int_equal(
		    safe_text_fit(cases[i].text, cases[i].columns, &used), cases[i].bytes);
		assert_int_equal(used, cases[i].used);
	}
	uselocale(LC_GLOBAL_LOCALE);
	freelocale(locale);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_text_stays_as_it_is),
		cmocka_unit_test(test_sequences_that_control_a_terminal_are_shown),
		cmocka_unit_test(test_a_line_has_no_line_ends),
		cmocka_unit_test(test_lines_keep_their_ends_and_nothing_goes_back_in_them),
		cmocka_unit_test(test_what_changes_how_others_are_shown_is_replaced),
		cmocka_unit_test(test_bytes_that_are_no_utf8_are_replaced_and_swallow_nothing),
		cmocka_unit_test(test_a_terminal_without_utf8_gets_ascii),
		cmocka_unit_test(test_no_byte_in_any_place_makes_a_control_character),
		cmocka_unit_test(test_what_fits_is_counted_in_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
