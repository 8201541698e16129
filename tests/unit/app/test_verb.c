/* SPDX-License-Identifier: MIT */
/* How commands stand on the command line: which are known, what they take, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "app/verb.h"

#define T(text) ((char *)(uintptr_t)(text)) /* argument vectors are not const */

static enum status
parse(int argc, char *const *argv, const struct verb **verb, const char **operand, int *words,
    struct error *error)
{
	memset(error, 0, sizeof(*error));
	return verb_parse(argc, argv, verb, operand, words, error);
}

static void
test_without_a_command_nothing_is_taken(void **state)
{
	char *const nothing[] = { T("taskqd"), NULL };
	char *const option[] = { T("taskqd"), T("--listen"), T("check"), NULL };
	const struct verb *verb;
	const char *operand;
	struct error error;
	int words;

	(void)state;
	assert_int_equal(parse(0, nothing, &verb, &operand, &words, &error), STATUS_OK);
	assert_null(verb);
	assert_int_equal(parse(1, nothing, &verb, &operand, &words, &error), STATUS_OK);
	assert_null(verb);
	assert_int_equal(words, 0);
	assert_int_equal(parse(3, option, &verb, &operand, &words, &error), STATUS_OK);
	assert_null(verb);
	assert_int_equal(words, 0);
}

static void
test_each_command_takes_its_operand_and_no_more(void **state)
{
	static const struct {
		const char *name;
		bool has_operand;
	} cases[] = { { "check", false }, { "backup", true }, { "restore", true },
		{ "healthcheck", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *const argv[] = { T("taskqd"), T(cases[i].name), T("dir"), T("--x"), NULL };
		const struct verb *verb;
		const char *operand;
		struct error error;
		int words;

		assert_int_equal(parse(4, argv, &verb, &operand, &words, &error), STATUS_OK);
		assert_string_equal(verb->name, cases[i].name);
		assert_int_equal(words, cases[i].has_operand ? 2 : 1);
		if (cases[i].has_operand)
			assert_string_equal(operand, "dir");
		else
			assert_null(operand);
	}
}

static void
test_what_is_no_command_and_what_lacks_its_operand_is_refused(void **state)
{
	static const struct {
		const char *words[3];
		const char *text;
	} cases[] = {
		{ { "chek" }, "'chek'" },
		{ { "" }, "''" },
		{ { "Check" }, "'Check'" },
		{ { "run" }, "--help" },
		{ { "backup" }, "expected a DIRECTORY" },
		{ { "restore" }, "expected a DIRECTORY" },
		{ { "backup", "" }, "expected a DIRECTORY" },
		{ { "backup", "--data-dir" }, "'--data-dir'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *argv[4] = { T("taskqd"), T(cases[i].words[0]), T(cases[i].words[1]), NULL };
		const struct verb *verb;
		const char *operand;
		struct error error;
		int words;
		int argc = cases[i].words[1] == NULL ? 2 : 3;

		assert_int_equal(
		    parse(argc, argv, &verb, &operand, &words, &error), STATUS_INVALID);
		if (strstr(error.text, cases[i].text) == NULL)
			fail_msg("%s", error.text);
	}
}

static void
test_the_usage_names_every_command(void **state)
{
	static const char *const lines[] = { "usage: taskqd [OPTION]...\n",
		" taskqd check [OPTION]...\n", " taskqd backup DIRECTORY [OPTION]...\n",
		" taskqd restore DIRECTORY [OPTION]...\n", " taskqd healthcheck [OPTION]...\n" };
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	assert_non_null(stream);
	verb_print_usage(stream);
	assert_int_equal(fclose(stream), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_non_null(strstr(text, lines[i]));
	free(text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_command_nothing_is_taken),
		cmocka_unit_test(test_each_command_takes_its_operand_and_no_more),
		cmocka_unit_test(test_what_is_no_command_and_what_lacks_its_operand_is_refused),
		cmocka_unit_test(test_the_usage_names_every_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
