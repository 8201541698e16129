/* SPDX-License-Identifier: MIT */
/* Lines from a descriptor: ends of every kind, limits, pieces of any size. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/lines.h"

#define MOST 40

/* A descriptor from which this text can be read; up to what a pipe holds. */
static int
descriptor_of(const char *text, size_t size)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, size), (ssize_t)size);
	close(ends[1]);
	return ends[0];
}

/* Every line of a text, with | behind each, and how it ended. */
static char *
read_all(const char *text, size_t size, size_t max_bytes, enum status *ret_end)
{
	char *all = calloc(1, 2 * size + 2);
	int fd = descriptor_of(text, size);
	struct lines lines;
	struct error error = { "" };
	const char *line;
	size_t at = 0, length;

	assert_non_null(all);
	lines_init(&lines, fd, max_bytes);
	while ((*ret_end = lines_next(&lines, &line, &length, &error)) == STATUS_OK) {
		memcpy(all + at, line, length);
		at += length;
		all[at++] = '|';
	}
	if (*ret_end == STATUS_NOT_FOUND)
		assert_int_equal(lines.bytes, size);
	lines_done(&lines);
	close(fd);
	return all;
}

static void
check(const char *text, const char *expected, enum status expected_end)
{
	enum status end;
	char *all = read_all(text, strlen(text), MOST, &end);

	assert_string_equal(all, expected);
	assert_int_equal(end, expected_end);
	free(all);
}

static void
test_lines_end_with_or_without_a_carriage_return_or_with_the_text(void **state)
{
	(void)state;
	check("", "", STATUS_NOT_FOUND);
	check("a", "a|", STATUS_NOT_FOUND);
	check("a\n", "a|", STATUS_NOT_FOUND);
	check("a\r\n", "a|", STATUS_NOT_FOUND);
	check("a\r", "a|", STATUS_NOT_FOUND);
	check("a\n\nb\r\n\r\n", "a||b||", STATUS_NOT_FOUND);
	check("\n", "|", STATUS_NOT_FOUND);
	check("a\rb\n", "a\rb|", STATUS_NOT_FOUND);
}

static void
test_a_line_at_the_limit_passes_and_one_past_it_does_not(void **state)
{
	char text[MOST + 8], expected[MOST + 8];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text + MOST, "\ny", 3);
	memset(expected, 'x', MOST);
	memcpy(expected + MOST, "|y|", 4);
	check(text, expected, STATUS_NOT_FOUND);
	memcpy(text + MOST, "\r\ny", 4);
	check(text, expected, STATUS_NOT_FOUND);
	memcpy(text + MOST, "", 1);
	expected[MOST + 1] = '\0';
	check(text, expected, STATUS_NOT_FOUND);
	memcpy(text + MOST, "x\ny", 4);
	check(text, "", STATUS_FULL);
	memcpy(text + MOST, "x", 2);
	check(text, "", STATUS_FULL);
	memcpy(text + MOST, "xx\n", 4);
	check(text, "", STATUS_FULL);
}

static void
test_what_stands_before_a_line_that_is_too_long_is_given_out(void **state)
{
	char text[2 * MOST + 8];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "a\nb\n", 4);
	check(text, "a|b|", STATUS_FULL);
}

static void
test_nul_is_a_character_like_others(void **state)
{
	int fd = descriptor_of("a\0b\nc", 5);
	struct lines lines;
	struct error error;
	const char *line;
	size_t size;

	(void)state;
	lines_init(&lines, fd, MOST);
	assert_int_equal(lines_next(&lines, &line, &size, &error), STATUS_OK);
	assert_int_equal(size, 3);
	assert_memory_equal(line, "a\0b", 3);
	assert_int_equal(lines.number, 1);
	assert_int_equal(lines_next(&lines, &line, &size, &error), STATUS_OK);
	assert_int_equal(size, 1);
	assert_int_equal(lines.number, 2);
	lines_done(&lines);
	close(fd);
}

/* Lines of many lengths, in memory that has to grow and be moved meanwhile. */
static void
test_lines_of_all_lengths_come_out_whole(void **state)
{
	size_t capacity = 60000, size = 0;
	char *text = malloc(capacity);
	struct lines lines;
	struct error error;
	const char *line;
	size_t length, expected = 0;
	int fd;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; size + i + 1 < capacity; i++) {
		memset(text + size, 'a' + (int)(i % 26), i);
		size += i;
		text[size++] = '\n';
	}
	fd = descriptor_of(text, size);
	lines_init(&lines, fd, 20000);
	while (lines_next(&lines, &line, &length, &error) == STATUS_OK) {
		assert_int_equal(length, expected);
		for (size_t i = 0; i < length; i++)
			assert_int_equal(line[i], 'a' + (int)(expected % 26));
		expected++;
	}
	assert_int_equal(lines.bytes, size);
	assert_true(expected > 300);
	assert_true(lines.capacity <= 20002);
	lines_done(&lines);
	close(fd);
	free(text);
}

static void
test_a_descriptor_that_cannot_be_read_is_an_error(void **state)
{
	struct lines lines;
	struct error error;
	const char *line;
	size_t size;
	int fd = open("/", O_RDONLY);

	(void)state;
	lines_init(&lines, fd, MOST);
	assert_int_equal(lines_next(&lines, &line, &size, &error), STATUS_IO);
	assert_non_null(strstr(error.text, "cannot read line 1"));
	lines_done(&lines);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_end_with_or_without_a_carriage_return_or_with_the_text),
		cmocka_unit_test(test_a_line_at_the_limit_passes_and_one_past_it_does_not),
		cmocka_unit_test(test_what_stands_before_a_line_that_is_too_long_is_given_out),
		cmocka_unit_test(test_nul_is_a_character_like_others),
		cmocka_unit_test(test_lines_of_all_lengths_come_out_whole),
		cmocka_unit_test(test_a_descriptor_that_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
