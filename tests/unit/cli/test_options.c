/* SPDX-License-Identifier: MIT */
/* The command line: where options may stand, what they take, and what is said of faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "cli/options.h"

#define ALL    (~0u)
#define NOW_MS INT64_C(1773144000000)

/* A command line under test. */
struct line {
	const char *words[80];
	size_t count;
	struct options options;
	struct error error;
};

#define PARSE(line, groups, ...) parse((line), (groups), (const char *const[]){ __VA_ARGS__, NULL })

static enum status
parse(struct line *line, unsigned groups, const char *const *words)
{
	*line = (struct line){ .count = 0 };
	for (; words[line->count] != NULL; line->count++)
		line->words[line->count] = words[line->count];
	options_init(&line->options);
	return options_parse(
	    &line->options, groups, line->words, line->count, NOW_MS, &line->error);
}

static void
test_nothing_is_given_at_first(void **state)
{
	struct options options;

	(void)state;
	options_init(&options);
	assert_null(options.url);
	assert_false(options.is_json);
	assert_int_equal(options.headers.count, 0);
	assert_int_equal(options.priority, OPTION_UNSET);
	assert_int_equal(options.delay_ms, OPTION_UNSET);
	assert_int_equal(options.max_bytes, OPTION_UNSET);
	assert_int_equal(options.run_at_ms, OPTION_UNSET);
	assert_int_equal(options.since_ms, OPTION_UNSET);
}

static void
test_every_type_gets_into_its_field(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(PARSE(&line, ALL, "--url", "http://a", "--json", "--priority", "3",
			     "--delay=1m", "--max-bytes", "2K", "--header", "A: 1", "-H", "B: 2",
			     "--run-at", "1h", "--since", "1h"),
	    STATUS_OK);
	assert_string_equal(line.options.url, "http://a");
	assert_true(line.options.is_json);
	assert_int_equal(line.options.priority, 3);
	assert_int_equal(line.options.delay_ms, 60000);
	assert_int_equal(line.options.max_bytes, 2048);
	assert_int_equal(line.options.headers.count, 2);
	assert_string_equal(line.options.headers.items[1], "B: 2");
	assert_int_equal(line.options.run_at_ms, NOW_MS + 3600000);
	assert_int_equal(line.options.since_ms, NOW_MS - 3600000);
	assert_int_equal(line.options.argument_count, 0);
}

static void
test_options_may_stand_anywhere_among_the_arguments(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(
	    PARSE(&line, ALL, "fetch", "-p", "1", "http://a/", "--wait", "-", "x"), STATUS_OK);
	assert_int_equal(line.options.argument_count, 4);
	assert_string_equal(line.options.arguments[0], "fetch");
	assert_string_equal(line.options.arguments[1], "http://a/");
	assert_string_equal(line.options.arguments[2], "-");
	assert_string_equal(line.options.arguments[3], "x");
	assert_true(line.options.is_waiting);
	assert_int_equal(line.options.priority, 1);
}

static void
test_two_dashes_end_the_options(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(PARSE(&line, ALL, "-j", "--", "--json", "-x", "--"), STATUS_OK);
	assert_int_equal(line.options.argument_count, 3);
	assert_string_equal(line.options.arguments[0], "--json");
	assert_string_equal(line.options.arguments[2], "--");
}

static void
test_letters_may_stand_together_and_have_their_value_behind_them(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(PARSE(&line, ALL, "-jqwofile", "-p7"), STATUS_OK);
	assert_true(line.options.is_json && line.options.is_quiet && line.options.is_waiting);
	assert_string_equal(line.options.output, "file");
	assert_int_equal(line.options.priority, 7);
	assert_int_equal(PARSE(&line, ALL, "-jo", "file"), STATUS_OK);
	assert_string_equal(line.options.output, "file");
	assert_int_equal(PARSE(&line, ALL, "-o", "-"), STATUS_OK);
	assert_string_equal(line.options.output, "-");
}

static void
test_the_last_of_several_counts(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(PARSE(&line, ALL, "-p1", "--priority=2", "--url=a", "--url=b"), STATUS_OK);
	assert_int_equal(line.options.priority, 2);
	assert_string_equal(line.options.url, "b");
}

static void
test_an_equals_sign_in_a_value_stays(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(PARSE(&line, ALL, "--url=http://a/?b=c", "--url-prefix="), STATUS_OK);
	assert_string_equal(line.options.url, "http://a/?b=c");
	assert_string_equal(line.options.url_prefix, "");
}

static void
test_faults_are_told_with_the_option_and_what_is_expected(void **state)
{
	static const struct {
		const char *first, *second;
		const char *told;
	} faults[] = {
		{ "--nothing", NULL, "there is no option '--nothing'" },
		{ "--prioritty", "1", "did you mean '--priority'?" },
		{ "-Z", NULL, "there is no option '-Z'" },
		{ "-jZ", NULL, "there is no option '-Z'" },
		{ "--json=yes", NULL, "--json: found a value, expected none" },
		{ "--delay", NULL, "--delay: found nothing behind it, expected DURATION" },
		{ "-o", NULL, "-o: found nothing behind it, expected FILE" },
		{ "--delay", "--json", "--delay: found '--json', expected DURATION" },
		{ "--delay", "soon", "--delay: found 'soon', expected a duration" },
		{ "-p", "x", "-p: found 'x', expected a whole number" },
		{ "--max-bytes", "1k", "--max-bytes: found '1k', expected bytes" },
		{ "--run-at", "x", "--run-at: found 'x', expected a time" },
		{ "--=", NULL, "there is no option '--'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct line line;
		const char *const words[] = { faults[i].first, faults[i].second, NULL };

		assert_int_equal(parse(&line, ALL, words), STATUS_INVALID);
		if (strstr(line.error.text, faults[i].told) == NULL)
			fail_msg("said '%s', not '%s'", line.error.text, faults[i].told);
	}
}

static void
test_options_of_other_verbs_are_refused_and_not_suggested(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(PARSE(&line, OPTION_COMMON, "--priority", "1"), STATUS_INVALID);
	assert_string_equal(line.error.text, "--priority means nothing here");
	assert_int_equal(PARSE(&line, OPTION_COMMON, "--prioritty"), STATUS_INVALID);
	assert_null(strstr(line.error.text, "did you mean"));
	assert_int_equal(PARSE(&line, OPTION_COMMON | OPTION_TERMS, "-p", "1"), STATUS_OK);
}

static void
test_a_list_has_its_limit(void **state)
{
	struct line line = { .count = 0 };

	(void)state;
	options_init(&line.options);
	for (int i = 0; i < OPTION_LIST_MAX; i++)
		line.words[line.count++] = "-HA: b";
	assert_int_equal(
	    options_parse(&line.options, ALL, line.words, line.count, NOW_MS, &line.error),
	    STATUS_OK);
	assert_int_equal(line.options.headers.count, OPTION_LIST_MAX);
	line.words[0] = "-HA: b";
	assert_int_equal(
	    options_parse(&line.options, ALL, line.words, 1, NOW_MS, &line.error), STATUS_INVALID);
}

static void
test_a_line_may_be_parsed_in_two_parts(void **state)
{
	const char *first[] = { "--json" };
	const char *second[] = { "a", "--quiet" };
	struct options options;
	struct error error;

	(void)state;
	options_init(&options);
	assert_int_equal(options_parse(&options, ALL, first, 1, NOW_MS, &error), STATUS_OK);
	assert_int_equal(options_parse(&options, ALL, second, 2, NOW_MS, &error), STATUS_OK);
	assert_true(options.is_json && options.is_quiet);
	assert_int_equal(options.argument_count, 1);
}

static void
test_the_verb_stands_behind_the_options(void **state)
{
	static const struct {
		const char *words[5];
		size_t skipped;
	} lines[] = {
		{ { "list", "--json" }, 0 },
		{ { "--json", "list" }, 1 },
		{ { "--url", "list", "list" }, 2 },
		{ { "--url=x", "-jq", "list" }, 2 },
		{ { "-", "list" }, 0 },
		{ { "--json" }, 1 },
		{ { "--nonsense", "list" }, 2 }, /* told by options_parse */
		{ { "--url" }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		size_t count = 0;

		while (count < 5 && lines[i].words[count] != NULL)
			count++;
		assert_int_equal(options_skip(lines[i].words, count), lines[i].skipped);
	}
}

static void
test_names_and_letters_are_unique_and_every_option_is_told_about(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		assert_true(option_table[i].groups != 0);
		assert_true(option_table[i].help[0] != '\0');
		assert_int_equal(
		    option_table[i].type == OPTION_TYPE_FLAG, option_table[i].value[0] == '\0');
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(option_table[i].name, option_table[k].name);
			if (option_table[i].letter != '\0')
				assert_true(option_table[i].letter != option_table[k].letter);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_given_at_first),
		cmocka_unit_test(test_every_type_gets_into_its_field),
		cmocka_unit_test(test_options_may_stand_anywhere_among_the_arguments),
		cmocka_unit_test(test_two_dashes_end_the_options),
		cmocka_unit_test(test_letters_may_stand_together_and_have_their_value_behind_them),
		cmocka_unit_test(test_the_last_of_several_counts),
		cmocka_unit_test(test_an_equals_sign_in_a_value_stays),
		cmocka_unit_test(test_faults_are_told_with_the_option_and_what_is_expected),
		cmocka_unit_test(test_options_of_other_verbs_are_refused_and_not_suggested),
		cmocka_unit_test(test_a_list_has_its_limit),
		cmocka_unit_test(test_a_line_may_be_parsed_in_two_parts),
		cmocka_unit_test(test_the_verb_stands_behind_the_options),
		cmocka_unit_test(test_names_and_letters_are_unique_and_every_option_is_told_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
