/* SPDX-License-Identifier: MIT */
/*
 * The names of the settings: lookup, environment names, suggestions and how found text is shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf_table.h"

static void
test_every_setting_is_found_by_exactly_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
		const char *name = conf_settings[i].name;

		assert_int_equal(conf_table_find(name, strlen(name)), i);
		assert_int_not_equal(conf_table_find(name, strlen(name) - 1), i);
	}
	assert_int_equal(conf_table_find("queue-maxx", 10), CONF_SETTING_COUNT);
	assert_int_equal(conf_table_find("", 0), CONF_SETTING_COUNT);
}

static void
test_every_name_is_small_letters_digits_and_single_dashes(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
		const char *name = conf_settings[i].name;

		assert_int_equal(
		    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
		assert_null(strstr(name, "--"));
		assert_true(name[0] != '-');
	}
}

static void
test_environment_names_are_capitals_behind_a_prefix(void **state)
{
	char name[CONF_ENV_NAME_SIZE];

	(void)state;
	conf_table_env_name("fetch-max-bytes", name);
	assert_string_equal(name, "TASKQD_FETCH_MAX_BYTES");
}

static void
test_two_edits_give_a_suggestion_and_three_do_not(void **state)
{
	(void)state;
	assert_string_equal(conf_table_suggest("lsiten", 6, NULL), "listen");
	assert_string_equal(conf_table_suggest("listn", 5, NULL), "listen");
	assert_string_equal(conf_table_suggest("queue_max", 9, NULL), "queue-max");
	assert_string_equal(conf_table_suggest("queue-mxa", 9, NULL), "queue-max");
	assert_null(conf_table_suggest("quxxx-max", 9, NULL));
	assert_null(conf_table_suggest("", 0, NULL));
}

static void
test_further_names_are_suggested_too(void **state)
{
	static const char *const more[] = { "help", NULL };

	(void)state;
	assert_string_equal(conf_table_suggest("hlp", 3, more), "help");
	assert_null(conf_table_suggest("hlp", 3, NULL));
}

static void
test_long_names_are_compared_up_to_the_limit_and_not_past_it(void **state)
{
	char name[49];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_null(conf_table_suggest(name, 47, NULL));
	assert_null(conf_table_suggest(name, 48, NULL));
	assert_null(conf_table_suggest(name, 49, NULL));
}

static void
test_found_text_is_cut_one_byte_past_its_limit(void **state)
{
	char text[CONF_QUOTE_SIZE];
	char shown[CONF_QUOTE_SIZE];

	(void)state;
	memset(text, 'a', sizeof(text));
	conf_quote(text, CONF_QUOTE_SIZE - 1, shown);
	assert_int_equal(strlen(shown), CONF_QUOTE_SIZE - 1);
	assert_null(strchr(shown, '.'));
	conf_quote(text, CONF_QUOTE_SIZE, shown);
	assert_int_equal(strlen(shown), CONF_QUOTE_SIZE - 1);
	assert_string_equal(shown + CONF_QUOTE_SIZE - 4, "...");
}

static void
test_found_text_is_shown_in_printable_ascii(void **state)
{
	char shown[CONF_QUOTE_SIZE];

	(void)state;
	conf_quote("a\n\x7f\xc3\xa4\0b", 7, shown);
	assert_string_equal(shown, "a?????b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_setting_is_found_by_exactly_its_name),
		cmocka_unit_test(test_every_name_is_small_letters_digits_and_single_dashes),
		cmocka_unit_test(test_environment_names_are_capitals_behind_a_prefix),
		cmocka_unit_test(test_two_edits_give_a_suggestion_and_three_do_not),
		cmocka_unit_test(test_further_names_are_suggested_too),
		cmocka_unit_test(test_long_names_are_compared_up_to_the_limit_and_not_past_it),
		cmocka_unit_test(test_found_text_is_cut_one_byte_past_its_limit),
		cmocka_unit_test(test_found_text_is_shown_in_printable_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
