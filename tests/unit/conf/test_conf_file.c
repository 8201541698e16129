/* SPDX-License-Identifier: MIT */
/*
 * conf_parse_file: the syntax of the configuration file, with the place of each fault. The text is
 * given to it from an allocation of exactly its size, so that AddressSanitizer sees a read past it.
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

static struct conf conf;
static struct error error;

static int
setup(void **state)
{
	(void)state;
	error.text[0] = '\0';
	return conf_init(&conf, &error) == STATUS_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	conf_done(&conf);
	return 0;
}

static enum status
parse_bytes(const char *text, size_t size)
{
	char *exact = malloc(size > 0 ? size : 1);
	enum status status;

	assert_non_null(exact);
	memcpy(exact, text, size);
	status = conf_parse_file(&conf, "file", exact, size, &error);
	free(exact);
	return status;
}

static enum status
parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void
assert_refused(const char *text, const char *message)
{
	assert_int_equal(parse(text), STATUS_INVALID);
	if (strcmp(error.text, message) != 0)
		fail_msg("'%s' instead of '%s'", error.text, message);
	conf_done(&conf);
	assert_int_equal(conf_init(&conf, &error), STATUS_OK);
}

static void
test_blank_lines_and_comments_mean_nothing(void **state)
{
	(void)state;
	assert_int_equal(parse("\n \t \n# queue-max = x\n   # more\n#\n"), STATUS_OK);
	assert_int_equal(conf.queue_max, 100000);
}

static void
test_blanks_around_name_and_value_are_dropped(void **state)
{
	(void)state;
	assert_int_equal(parse(" \tqueue-max \t = \t 5 \t \nattempts-max=6"), STATUS_OK);
	assert_int_equal(conf.queue_max, 5);
	assert_int_equal(conf.attempts_max, 6);
	assert_int_equal(conf.origins[0], CONF_FROM_DEFAULT);
}

static void
test_a_comment_may_follow_a_value(void **state)
{
	(void)state;
	assert_int_equal(parse("queue-max = 5    # file (tasks)\ndata-dir = /a#b # c\n"
			       "fetch-allow =# none\n"),
	    STATUS_OK);
	assert_int_equal(conf.queue_max, 5);
	assert_string_equal(conf.data_dir, "/a#b");
	assert_int_equal(conf.fetch_allow.count, 0);
}

static void
test_quotes_keep_blanks_hashes_and_escapes(void **state)
{
	(void)state;
	assert_int_equal(parse("data-dir = \" a # \\\"b\\\" \\\\ \"\t# comment\n"), STATUS_OK);
	assert_string_equal(conf.data_dir, " a # \"b\" \\ ");
}

static void
test_a_quote_inside_a_plain_value_is_itself(void **state)
{
	(void)state;
	assert_int_equal(parse("data-dir = a\"b\\n\n"), STATUS_OK);
	assert_string_equal(conf.data_dir, "a\"b\\n");
}

static void
test_faulty_quotes_are_refused(void **state)
{
	(void)state;
	assert_refused("data-dir = \"a",
	    "file:1: data-dir: found no closing quote, expected one on the same line");
	assert_refused("data-dir = \"a\\\"",
	    "file:1: data-dir: found no closing quote, expected one on the same line");
	assert_refused("data-dir = \"a\\n\"",
	    "file:1: data-dir: found a lone backslash in quotes, expected \\\\ or \\\"");
	assert_refused("data-dir = \"a\\",
	    "file:1: data-dir: found a lone backslash in quotes, expected \\\\ or \\\"");
	assert_refused("data-dir = \"a\" b",
	    "file:1: data-dir: found text behind the closing quote, expected a comment or nothing");
	assert_refused("data-dir = \"a\"# b",
	    "file:1: data-dir: found text behind the closing quote, expected a comment or nothing");
}

static void
test_a_quoted_value_is_bounded(void **state)
{
	char text[2200];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "data-dir = \"", 12);
	text[12 + 2047] = '"';
	assert_int_equal(parse_bytes(text, 12 + 2047 + 1), STATUS_INVALID);
	assert_non_null(strstr(error.text, "expected 1 to 480 bytes"));
	text[12 + 2047] = 'a';
	assert_int_equal(parse_bytes(text, sizeof(text)), STATUS_INVALID);
	assert_non_null(strstr(error.text, "found a value over 2047 bytes"));
}

static void
test_crlf_ends_a_line_and_a_lone_carriage_return_does_not(void **state)
{
	(void)state;
	assert_int_equal(
	    parse("queue-max = 5\r\ndata-dir = a\r\n\r\nattempts-max = 2\r"), STATUS_OK);
	assert_int_equal(conf.queue_max, 5);
	assert_string_equal(conf.data_dir, "a");
	assert_int_equal(conf.attempts_max, 2);
	assert_refused("data-dir = a\rb\n",
	    "file:1: data-dir: found 'a?b', expected 1 to 480 bytes without control characters");
}

static void
test_lines_of_a_list_add_up(void **state)
{
	(void)state;
	assert_int_equal(parse("fetch-deny = a\nqueue-max = 1\nfetch-deny = b\n"), STATUS_OK);
	assert_int_equal(conf.fetch_deny.count, 2);
	assert_string_equal(conf.fetch_deny.items[0], "a");
	assert_string_equal(conf.fetch_deny.items[1], "b");
}

static void
test_a_second_file_replaces_the_lists_of_the_first(void **state)
{
	(void)state;
	assert_int_equal(parse("fetch-deny = a\nqueue-max = 1\n"), STATUS_OK);
	assert_int_equal(parse("fetch-deny = b\nqueue-max = 2\n"), STATUS_OK);
	assert_int_equal(conf.fetch_deny.count, 1);
	assert_string_equal(conf.fetch_deny.items[0], "b");
	assert_int_equal(conf.queue_max, 2);
}

static void
test_a_second_value_is_refused(void **state)
{
	(void)state;
	assert_refused("queue-max = 1\nqueue-max = 1\n",
	    "file:2: queue-max: found a second time, expected once");
	assert_refused("fetch-deny =\nfetch-deny = a\n",
	    "file:2: fetch-deny: found an empty value beside another one, which would mean no items");
	assert_refused("fetch-deny = a\nfetch-deny =\n",
	    "file:2: fetch-deny: found an empty value beside another one, which would mean no items");
}

static void
test_unknown_names_are_refused(void **state)
{
	(void)state;
	assert_refused("\nqueue-mix = 1\n",
	    "file:2: found unknown setting 'queue-mix', did you mean 'queue-max'?");
	assert_refused("Queue-Max = 1\n",
	    "file:1: found unknown setting 'Queue-Max', did you mean 'queue-max'?");
	assert_refused("config = other\n",
	    "file:1: found unknown setting 'config', expected one that --help lists");
	assert_refused("= 1\n", "file:1: found unknown setting '', expected one that --help lists");
	assert_refused("queue max = 1\n",
	    "file:1: found unknown setting 'queue max', did you mean 'queue-max'?");
}

static void
test_a_line_without_equals_is_refused(void **state)
{
	(void)state;
	assert_refused("queue-max 5\n", "file:1: found 'queue-max 5', expected NAME = VALUE");
	assert_refused("[section]\n", "file:1: found '[section]', expected NAME = VALUE");
	assert_refused("\xef\xbb\xbf# x\n", "file:1: found '???# x', expected NAME = VALUE");
}

static void
test_nul_bytes_are_refused_even_in_comments(void **state)
{
	(void)state;
	assert_int_equal(parse_bytes("queue-max = 1\n# a\0b\n", 19), STATUS_INVALID);
	assert_string_equal(error.text, "file:2: found a NUL byte, expected a text file");
	assert_int_equal(parse_bytes("\0", 1), STATUS_INVALID);
}

static void
test_text_is_accepted_at_its_limit_and_refused_one_byte_past(void **state)
{
	size_t limit = 1024 * 1024;
	char *text = malloc(limit + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', limit + 1);
	assert_int_equal(parse_bytes(text, limit), STATUS_OK);
	assert_int_equal(parse_bytes(text, limit + 1), STATUS_INVALID);
	free(text);
}

static void
test_a_long_path_keeps_its_end_and_the_line(void **state)
{
	char path[300];

	(void)state;
	memset(path, 'a', sizeof(path));
	memcpy(path + 290, "/end.conf", 10);
	assert_int_equal(conf_parse_file(&conf, path, "x\n", 2, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "a/end.conf:1: found 'x'"));
	assert_int_equal(strncmp(error.text, "...aaa", 6), 0);
}

static void
test_a_failure_without_an_error_to_fill_is_fine(void **state)
{
	(void)state;
	assert_int_equal(conf_parse_file(&conf, "file", "queue-max = 0", 13, NULL), STATUS_INVALID);
	assert_int_equal(conf_parse_file(&conf, "file", "x", 1, NULL), STATUS_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_blank_lines_and_comments_mean_nothing),
		TEST(test_blanks_around_name_and_value_are_dropped),
		TEST(test_a_comment_may_follow_a_value),
		TEST(test_quotes_keep_blanks_hashes_and_escapes),
		TEST(test_a_quote_inside_a_plain_value_is_itself),
		TEST(test_faulty_quotes_are_refused),
		TEST(test_a_quoted_value_is_bounded),
		TEST(test_crlf_ends_a_line_and_a_lone_carriage_return_does_not),
		TEST(test_lines_of_a_list_add_up),
		TEST(test_a_second_file_replaces_the_lists_of_the_first),
		TEST(test_a_second_value_is_refused),
		TEST(test_unknown_names_are_refused),
		TEST(test_a_line_without_equals_is_refused),
		TEST(test_nul_bytes_are_refused_even_in_comments),
		TEST(test_text_is_accepted_at_its_limit_and_refused_one_byte_past),
		TEST(test_a_long_path_keeps_its_end_and_the_line),
		TEST(test_a_failure_without_an_error_to_fill_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
