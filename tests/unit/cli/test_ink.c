/* SPDX-License-Identifier: MIT */
/* Writing for people: cells have their width, bars their length, and nothing gets through. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/ink.h"
#include "cli/safe_text.h"

#define FULL "\xe2\x96\x88"
#define DOT  "\xc2\xb7"

/* An ink that writes into memory. */
struct page {
	struct ink ink;
	char *text;
	size_t size;
};

static int
set_locale(void **state)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	uselocale(locale);
	*state = (void *)locale;
	return locale == (locale_t)0;
}

static int
free_locale(void **state)
{
	uselocale(LC_GLOBAL_LOCALE);
	freelocale((locale_t)*state);
	return 0;
}

static void
begin(struct page *page, bool has_colours, bool is_utf8)
{
	*page = (struct page){ .text = NULL };
	page->ink = (struct ink){
		.stream = open_memstream(&page->text, &page->size),
		.is_terminal = true,
		.has_colours = has_colours,
		.is_utf8 = is_utf8,
	};
	assert_non_null(page->ink.stream);
}

static void
check(struct page *page, const char *expected)
{
	assert_int_equal(fclose(page->ink.stream), 0);
	assert_string_equal(page->text, expected);
	free(page->text);
}

static void
test_colours_stand_around_the_text_and_only_there(void **state)
{
	struct page page;

	(void)state;
	begin(&page, true, true);
	ink_put(&page.ink, PAINT_BAD, "a%s", "\033[0mb");
	ink_put(&page.ink, PAINT_PLAIN, "c");
	check(&page, "\033[31ma^[[0mb\033[0mc");
	begin(&page, false, true);
	ink_put(&page.ink, PAINT_BAD, "a");
	ink_bar(&page.ink, PAINT_BAD, 2, 0.5);
	check(&page, "a" FULL DOT);
}

static void
test_a_text_cannot_end_its_line(void **state)
{
	struct page page;

	(void)state;
	begin(&page, false, true);
	ink_put(&page.ink, PAINT_PLAIN, "%s", "a\nb\r\tc");
	ink_line(&page.ink);
	check(&page, "a^Jb^M^Ic\n");
}

static void
test_cells_are_padded_or_cut_to_their_width(void **state)
{
	struct page page;

	(void)state;
	begin(&page, false, true);
	ink_cell(&page.ink, PAINT_PLAIN, 4, "ab");
	ink_cell_right(&page.ink, PAINT_PLAIN, 4, "cd");
	ink_cell(&page.ink, PAINT_PLAIN, 4, "abcdef");
	ink_cell(&page.ink, PAINT_PLAIN, 4, "abcd");
	ink_cell(&page.ink, PAINT_PLAIN, 1, "xy");
	ink_cell(&page.ink, PAINT_PLAIN, 0, "xy");
	check(&page, "ab    cdabc\xe2\x80\xa6"
		     "abcd\xe2\x80\xa6");
	begin(&page, false, false);
	ink_cell(&page.ink, PAINT_PLAIN, 4, "abcdef");
	check(&page, "abc~");
}

static void
test_wide_characters_take_two_columns_of_a_cell(void **state)
{
	struct page page;

	(void)state;
	begin(&page, false, true);
	ink_cell(&page.ink, PAINT_PLAIN, 5, "\xe4\xb8\xad\xe6\x96\x87");
	check(&page, "\xe4\xb8\xad\xe6\x96\x87 ");
	begin(&page, false, true);
	ink_cell(&page.ink, PAINT_PLAIN, 4, "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad");
	check(&page, "\xe4\xb8\xad\xe2\x80\xa6 ");
}

static void
test_a_very_long_text_comes_whole(void **state)
{
	struct page page;
	char *text = malloc(200001);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 200000);
	text[200000] = '\0';
	begin(&page, false, true);
	ink_put(&page.ink, PAINT_PLAIN, "%s", text);
	assert_int_equal(fclose(page.ink.stream), 0);
	assert_int_equal(page.size, 200000);
	free(page.text);
	free(text);
}

static void
test_bars_have_their_length_whatever_the_share_is(void **state)
{
	static const double shares[] = { -1, 0, 0.001, 0.33, 0.5, 0.999, 1, 2, (double)NAN };
	struct page page;

	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		for (int is_utf8 = 0; is_utf8 < 2; is_utf8++) {
			size_t used;

			begin(&page, false, is_utf8 != 0);
			ink_bar(&page.ink, PAINT_PLAIN, 7, shares[i]);
			assert_int_equal(fclose(page.ink.stream), 0);
			safe_text_fit(page.text, 100, &used);
			assert_int_equal(used, 7);
			free(page.text);
		}
	}
	begin(&page, false, false);
	ink_bar(&page.ink, PAINT_PLAIN, 4, 0.5);
	check(&page, "##..");
	begin(&page, false, true);
	ink_bar(&page.ink, PAINT_PLAIN, 2, 0.75);
	check(&page, FULL "\xe2\x96\x8c");
}

static void
test_a_sweep_goes_to_and_fro_in_its_length(void **state)
{
	(void)state;
	for (size_t columns = 0; columns < 20; columns++) {
		for (size_t step = 0; step < 50; step++) {
			struct page page;

			begin(&page, false, false);
			ink_sweep(&page.ink, PAINT_PLAIN, columns, step);
			assert_int_equal(fclose(page.ink.stream), 0);
			assert_int_equal(page.size, columns);
			assert_int_equal(strspn(page.text, ".#"), columns);
			assert_true(columns == 0 || strchr(page.text, '#') != NULL);
			free(page.text);
		}
	}
}

static void
test_ticks_rise_with_the_share(void **state)
{
	struct page page;

	(void)state;
	begin(&page, false, false);
	for (int i = 0; i <= 7; i++)
		ink_tick(&page.ink, PAINT_PLAIN, i / 7.0);
	ink_tick(&page.ink, PAINT_PLAIN, 9);
	check(&page, "_.-=+*%##");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_colours_stand_around_the_text_and_only_there),
		cmocka_unit_test(test_a_text_cannot_end_its_line),
		cmocka_unit_test(test_cells_are_padded_or_cut_to_their_width),
		cmocka_unit_test(test_wide_characters_take_two_columns_of_a_cell),
		cmocka_unit_test(test_a_very_long_text_comes_whole),
		cmocka_unit_test(test_bars_have_their_length_whatever_the_share_is),
		cmocka_unit_test(test_a_sweep_goes_to_and_fro_in_its_length),
		cmocka_unit_test(test_ticks_rise_with_the_share),
	};

	return cmocka_run_group_tests(tests, set_locale, free_locale);
}
