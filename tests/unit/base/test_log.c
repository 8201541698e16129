/* SPDX-License-Identifier: MIT */
/*
 * Log lines as they leave through standard error. A socket that keeps packets apart stands in for
 * it, so that the number of write(2) calls shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static int saved_stderr = -1;
static int reader = -1;

static int
capture_begin(void **state)
{
	int pair[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(pair[1], STDERR_FILENO);
	close(pair[1]);
	reader = pair[0];
	log_set_level(LOG_LEVEL_INFO);
	return 0;
}

static int
capture_end(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(reader);
	return 0;
}

/* The next line without its timestamp; checks the timestamp's form. Empty when none was written. */
static const char *
next_line(char *line, size_t capacity)
{
	ssize_t size = recv(reader, line, capacity - 1, MSG_DONTWAIT);
	static const char form[] = "ts=dddd-dd-ddTdd:dd:dd.dddZ level=";

	if (size < 0)
		return "";
	line[size] = '\0';
	assert_true((size_t)size == strlen(line));
	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		if (form[i] == 'd')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], form[i]);
	}
	return line + strlen("ts=2026-01-02T03:04:05.678Z ");
}

static void
test_a_line_has_time_level_and_pairs_and_one_write(void **state)
{
	char line[4096];

	(void)state;
	log_warn(LOG_EVENT("listening"), LOG_STR("address", "127.0.0.1"), LOG_INT("port", 18991),
	    LOG_INT("least", INT64_MIN), LOG_STR("none", NULL));
	assert_string_equal(next_line(line, sizeof(line)),
	    "level=warn event=listening address=127.0.0.1 port=18991 "
	    "least=-9223372036854775808 none=-\n");
	assert_string_equal(next_line(line, sizeof(line)), "");
}

static void
test_a_value_cannot_forge_a_line_or_a_pair(void **state)
{
	char line[4096];

	(void)state;
	log_info(LOG_STR("v", "a b\n level=error\t\"q\" \\ \x1b[31m \xc2\x9b \x7f"));
	assert_string_equal(next_line(line, sizeof(line)),
	    "level=info v=\"a b\\n level=error\\x09\\\"q\\\" \\\\ \\x1b[31m \\xc2\\x9b \\x7f\"\n");
	log_info(LOG_STR("v", "a=b"), LOG_STR("w", ""));
	assert_string_equal(next_line(line, sizeof(line)), "level=info v=\"a=b\" w=\"\"\n");
}

static void
test_levels_below_the_threshold_are_dropped(void **state)
{
	char line[4096];
	int evaluations = 0;

	(void)state;
	log_set_level(LOG_LEVEL_WARN);
	log_info(LOG_EVENT("quiet"));
	assert_string_equal(next_line(line, sizeof(line)), "");
	log_error(LOG_EVENT("loud"));
	assert_string_equal(next_line(line, sizeof(line)), "level=error event=loud\n");
	log_debug(LOG_INT("n", ++evaluations));
	assert_int_equal(evaluations, 0);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug(LOG_INT("n", ++evaluations));
	assert_string_equal(next_line(line, sizeof(line)), "level=debug n=1\n");
	assert_true(log_is_enabled(LOG_LEVEL_DEBUG));
}

/* Logs a value of `size` times `byte` and returns the line's size; checks how it ends. */
static size_t
logged_size(size_t size, char byte, bool *ret_is_cut)
{
	static char value[8192], line[8192];
	const char *text;
	size_t length;

	memset(value, byte, size);
	value[size] = '\0';
	log_info(LOG_STR("v", value));
	text = next_line(line, sizeof(line));
	length = strlen(text);
	assert_true(length > 0);
	assert_int_equal(text[length - 1], '\n');
	assert_null(memchr(text, '\n', length - 1));
	*ret_is_cut = strstr(text, " cut=yes\n") != NULL;
	return strlen(line);
}

static void
test_a_line_of_any_length_stays_within_2048_bytes_and_ends(void **state)
{
	(void)state;
	for (size_t size = 1900; size < 2100; size++) {
		bool is_cut;
		size_t line_size = logged_size(size, 'x', &is_cut);

		assert_true(line_size <= 2048);
		assert_true(is_cut || line_size > size);
		line_size = logged_size(size, ' ', &is_cut);
		assert_true(line_size <= 2048);
		assert_true(is_cut || line_size > size);
	}
	for (size_t size = 400; size < 600; size++) {
		bool is_cut;
		size_t line_size = logged_size(size, '\x01', &is_cut); /* 4 bytes each */

		assert_true(line_size <= 2048);
		assert_true(is_cut || line_size > 4 * size);
	}
}

static void
test_a_cut_value_keeps_whole_escapes_and_its_closing_quote(void **state)
{
	char value[3001], line[4096];
	const char *text;

	(void)state;
	memset(value, '\x01', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_info(LOG_STR("v", value), LOG_STR("after", "lost"));
	text = next_line(line, sizeof(line));
	assert_non_null(strstr(text, "\\x01\" cut=yes\n"));
	assert_null(strstr(text, "after"));
}

static void
test_many_fields_stay_within_the_line_too(void **state)
{
	struct log_field fields[1001];
	char line[4096];

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		fields[i] = LOG_STR("k", "");
	fields[1000] = (struct log_field){ LOG_FIELD_END, NULL, NULL, 0 };
	log_write(LOG_LEVEL_INFO, fields);
	assert_non_null(strstr(next_line(line, sizeof(line)), " cut=yes\n"));
	assert_true(strlen(line) <= 2048);
}

static void
test_logging_keeps_errno(void **state)
{
	(void)state;
	errno = ENOENT;
	log_info(LOG_EVENT("x"));
	assert_int_equal(errno, ENOENT);
}

/* A pager that is not read on, a terminal that was stopped: the service goes on without a reader.
 */
static void
test_a_reader_that_stands_still_loses_lines_and_stops_nobody(void **state)
{
	enum {
		LINES = 20000
	};

	char line[256];
	unsigned taken = 0;
	char expected[64];

	(void)state;
	(void)alarm(60); /* where it stops */
	for (int i = 0; i < LINES; i++) {
		errno = 77;
		log_info(LOG_EVENT("many"));
		assert_int_equal(errno, 77);
	}
	(void)alarm(0);
	while (strcmp(next_line(line, sizeof(line)), "") != 0)
		taken++;
	assert_in_range(taken, 1, LINES - 1);
	log_info(LOG_EVENT("again"));
	(void)snprintf(
	    expected, sizeof(expected), "level=warn event=log_lost lines=%u\n", LINES - taken);
	assert_string_equal(next_line(line, sizeof(line)), expected);
	assert_string_equal(next_line(line, sizeof(line)), "level=info event=again\n");
	log_info(LOG_EVENT("and again"));
	assert_string_equal(next_line(line, sizeof(line)), "level=info event=\"and again\"\n");
}

int
main(void)
{
#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture_begin, capture_end)
	const struct CMUnitTest tests[] = {
		CAPTURED(test_a_line_has_time_level_and_pairs_and_one_write),
		CAPTURED(test_a_value_cannot_forge_a_line_or_a_pair),
		CAPTURED(test_levels_below_the_threshold_are_dropped),
		CAPTURED(test_a_line_of_any_length_stays_within_2048_bytes_and_ends),
		CAPTURED(test_a_cut_value_keeps_whole_escapes_and_its_closing_quote),
		CAPTURED(test_many_fields_stay_within_the_line_too),
		CAPTURED(test_logging_keeps_errno),
		CAPTURED(test_a_reader_that_stands_still_loses_lines_and_stops_nobody),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
