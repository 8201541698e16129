/* SPDX-License-Identifier: MIT */
/*
 * --help and --print-config: complete, and what is printed is read back as the same configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/conf_table.h"

#define T(text) ((char *)(uintptr_t)(text)) /* argument vectors are not const */

static char *
printed(const struct conf *conf)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	if (conf != NULL)
		conf_print(conf, stream);
	else
		conf_print_help(stream);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void
assert_same(const struct conf *a, const struct conf *b)
{
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
		const void *left = (const char *)a + conf_settings[i].offset;
		const void *right = (const char *)b + conf_settings[i].offset;
		const struct conf_list *left_list = left;
		const struct conf_list *right_list = right;

		switch (conf_settings[i].type) {
		case CONF_TYPE_INT:
			assert_int_equal(*(const int64_t *)left, *(const int64_t *)right);
			break;
		case CONF_TYPE_BOOL:
			assert_int_equal(*(const bool *)left, *(const bool *)right);
			break;
		case CONF_TYPE_TEXT:
		case CONF_TYPE_WORD:
			assert_string_equal(*(char *const *)left, *(char *const *)right);
			break;
		case CONF_TYPE_LIST:
			assert_int_equal(left_list->count, right_list->count);
			for (size_t j = 0; j < left_list->count; j++)
				assert_string_equal(left_list->items[j], right_list->items[j]);
			break;
		}
	}
}

static void
assert_round_trip(const struct conf *conf)
{
	struct conf again;
	struct error error;
	char *text = printed(conf);

	assert_int_equal(conf_init(&again, &error), STATUS_OK);
	if (conf_parse_file(&again, "printed", text, strlen(text), &error) != STATUS_OK)
		fail_msg("%s in\n%s", error.text, text);
	assert_same(conf, &again);
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++)
		assert_int_equal(again.origins[i], CONF_FROM_FILE);
	conf_done(&again);
	free(text);
}

static void
test_defaults_are_read_back_as_printed(void **state)
{
	struct conf conf;
	struct error error;

	(void)state;
	assert_int_equal(conf_init(&conf, &error), STATUS_OK);
	assert_round_trip(&conf);
	conf_done(&conf);
}

static void
test_every_kind_of_value_is_read_back_as_printed(void **state)
{
	static const char text[] =
	    "queue-max = 1\nallow-open-listen = yes\nlog-level = debug\n"
	    "fetch-allow = a\nfetch-allow = #b\nfetch-allow = \"\\\"c\\\\\"\n"
	    "host-name = x\nfetch-deny =\n";
	struct conf conf;
	struct error error;

	(void)state;
	assert_int_equal(conf_init(&conf, &error), STATUS_OK);
	/* '#b' begins a comment, so that line says "no items" and stands beside another. */
	assert_int_equal(
	    conf_parse_file(&conf, "file", text, sizeof(text) - 1, &error), STATUS_INVALID);
	conf_done(&conf);
	assert_int_equal(conf_init(&conf, &error), STATUS_OK);
	{
		static const char quoted[] =
		    "queue-max = 1\nallow-open-listen = yes\nlog-level = debug\nfetch-allow = a\n"
		    "fetch-allow = \"#b\"\nfetch-allow = \"\\\"c\\\\\"\nhost-name = x\nfetch-deny =\n";

		assert_int_equal(
		    conf_parse_file(&conf, "file", quoted, sizeof(quoted) - 1, &error), STATUS_OK);
	}
	assert_int_equal(conf.fetch_allow.count, 3);
	assert_string_equal(conf.fetch_allow.items[1], "#b");
	assert_string_equal(conf.fetch_allow.items[2], "\"c\\");
	assert_round_trip(&conf);
	conf_done(&conf);
}

/* Every text of up to four bytes over the bytes that mean something to the syntax. */
static void
test_awkward_texts_are_read_back_as_printed(void **state)
{
	static const char alphabet[] = "a \"#\\=,";
	const size_t letters = sizeof(alphabet) - 1;
	struct conf conf;
	struct error error;

	(void)state;
	assert_int_equal(conf_init(&conf, &error), STATUS_OK);
	for (size_t i = 0; i < letters * letters * letters * letters; i++) {
		struct conf_source source = { .origin = CONF_FROM_COMMAND_LINE };
		char text[5];
		size_t rest = i;

		for (size_t j = 0; j < 4; j++, rest /= letters)
			text[j] = alphabet[rest % letters];
		text[4] = '\0';
		for (size_t size = 1; size <= 4; size++) {
			assert_int_equal(conf_value_apply(&conf, &source, CONF_INDEX_data_dir, text,
					     size, &error),
			    STATUS_OK);
			assert_round_trip(&conf);
		}
	}
	conf_done(&conf);
}

static void
test_each_line_says_where_its_value_comes_from(void **state)
{
	char *args[] = { T("taskqd"), T("--attempts-max=4"), NULL };
	char *variables[] = { T("TASKQD_LOG_LEVEL=warn"), T("TASKQD_FETCH_DENY=a,b"), NULL };
	struct conf conf;
	enum conf_action action;
	struct error error;
	char *text;

	(void)state;
	assert_int_equal(conf_load(2, args, variables, &conf, &action, &error), STATUS_OK);
	text = printed(&conf);
	assert_non_null(strstr(text, "listen = 127.0.0.1:18991    # default\n"));
	assert_non_null(strstr(text, "\nqueue-max = 100000    # default (tasks)\n"));
	assert_non_null(strstr(text, "\nattempts-max = 4    # command line (attempts)\n"));
	assert_non_null(strstr(text, "\nlog-level = warn    # environment\n"));
	assert_non_null(
	    strstr(text, "\nfetch-deny = a    # environment\nfetch-deny = b    # environment\n"));
	assert_non_null(strstr(text, "\nfetch-allow =    # default\n"));
	assert_non_null(strstr(text, "\nallow-open-listen = no    # default\n"));
	free(text);
	conf_done(&conf);
}

static void
test_help_names_every_setting_within_eighty_columns(void **state)
{
	char *text = printed(NULL);

	(void)state;
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
		char option[64];

		snprintf(option, sizeof(option), "\n  --%s ", conf_settings[i].name);
		assert_non_null(strstr(text, option));
	}
	assert_non_null(strstr(text, "1 to 100000000 tasks; default 100000\n"));
	assert_non_null(strstr(text, "error, warn, info or debug; default info\n"));
	for (const char *line = text; *line != '\0';) {
		size_t size = strcspn(line, "\n");

		if (size > 79)
			fail_msg("%zu columns: %.*s", size, (int)size, line);
		line += size + 1;
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_read_back_as_printed),
		cmocka_unit_test(test_every_kind_of_value_is_read_back_as_printed),
		cmocka_unit_test(test_awkward_texts_are_read_back_as_printed),
		cmocka_unit_test(test_each_line_says_where_its_value_comes_from),
		cmocka_unit_test(test_help_names_every_setting_within_eighty_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
