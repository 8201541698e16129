/* SPDX-License-Identifier: MIT */
/* Lines that are submitted together: limits, bodies with lines left out, pointers, keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "cli/chunk.h"

static void
open_chunk(struct chunk *chunk, size_t most)
{
	struct error error;

	assert_int_equal(chunk_init(chunk, most, &error), STATUS_OK);
}

static enum status
add(struct chunk *chunk, uint64_t line, const char *text)
{
	return chunk_add(chunk, line, text, strlen(text));
}

static void
check_body(const struct chunk *chunk, size_t first, size_t count, const char *expected,
    size_t expected_tasks)
{
	struct buf body;
	size_t tasks;

	buf_init(&body, CHUNK_BYTES_MAX);
	chunk_body(chunk, first, count, &body, &tasks);
	assert_int_equal(buf_status(&body), STATUS_OK);
	assert_string_equal(body.data, expected);
	assert_int_equal(tasks, expected_tasks);
	buf_done(&body);
}

static void
test_a_body_has_the_lines_as_they_came(void **state)
{
	struct chunk chunk;

	(void)state;
	open_chunk(&chunk, 10);
	assert_int_equal(add(&chunk, 1, "{\"a\": 1}"), STATUS_OK);
	assert_int_equal(add(&chunk, 3, "{}"), STATUS_OK);
	assert_int_equal(add(&chunk, 4, "{ }"), STATUS_OK);
	check_body(&chunk, 0, 3, "{\"tasks\":[{\"a\": 1},{},{ }]}", 3);
	check_body(&chunk, 1, 2, "{\"tasks\":[{},{ }]}", 2);
	chunk_clear(&chunk);
	assert_int_equal(add(&chunk, 9, "{\"b\":2}"), STATUS_OK);
	check_body(&chunk, 0, 1, "{\"tasks\":[{\"b\":2}]}", 1);
	chunk_done(&chunk);
}

static void
test_lines_that_are_refused_are_left_out_and_indexes_go_on(void **state)
{
	struct chunk chunk;

	(void)state;
	open_chunk(&chunk, 10);
	assert_int_equal(add(&chunk, 1, "{1}"), STATUS_OK);
	assert_int_equal(chunk_add_refused(&chunk, 2), STATUS_OK);
	assert_int_equal(add(&chunk, 3, "{3}"), STATUS_OK);
	assert_int_equal(add(&chunk, 4, "{4}"), STATUS_OK);
	check_body(&chunk, 0, 4, "{\"tasks\":[{1},{3},{4}]}", 3);
	assert_int_equal(chunk_entry_of(&chunk, 0, 4, 0)->line, 1);
	assert_int_equal(chunk_entry_of(&chunk, 0, 4, 1)->line, 3);
	assert_int_equal(chunk_entry_of(&chunk, 0, 4, 2)->line, 4);
	assert_null(chunk_entry_of(&chunk, 0, 4, 3));
	assert_int_equal(chunk_entry_of(&chunk, 1, 2, 0)->line, 3);
	assert_null(chunk_entry_of(&chunk, 1, 2, 1));
	chunk_entry_of(&chunk, 0, 4, 0)->is_refused = true;
	check_body(&chunk, 0, 4, "{\"tasks\":[{3},{4}]}", 2);
	check_body(&chunk, 0, 2, "{\"tasks\":[]}", 0);
	chunk_done(&chunk);
}

static void
test_as_many_tasks_as_were_asked_for(void **state)
{
	struct chunk chunk;

	(void)state;
	open_chunk(&chunk, 2);
	assert_int_equal(add(&chunk, 1, "{}"), STATUS_OK);
	assert_int_equal(chunk_add_refused(&chunk, 2), STATUS_OK);
	assert_int_equal(add(&chunk, 3, "{}"), STATUS_FULL);
	assert_int_equal(chunk_add_refused(&chunk, 3), STATUS_FULL);
	chunk_done(&chunk);
	open_chunk(&chunk, CHUNK_TASKS_MAX);
	for (uint64_t i = 0; i < CHUNK_TASKS_MAX; i++)
		assert_int_equal(add(&chunk, i, "{}"), STATUS_OK);
	assert_int_equal(add(&chunk, 1001, "{}"), STATUS_FULL);
	chunk_done(&chunk);
}

/* A line of so many bytes. */
static char *
line_of(size_t size)
{
	char *line = malloc(size);

	assert_non_null(line);
	memset(line, ' ', size);
	return line;
}

static void
test_a_body_is_never_larger_than_the_service_takes(void **state)
{
	char *line = line_of(CHUNK_LINE_MAX);
	struct chunk chunk;
	struct buf body;
	size_t tasks;

	(void)state;
	open_chunk(&chunk, CHUNK_TASKS_MAX);
	buf_init(&body, CHUNK_BYTES_MAX);
	/* One line alone always has room, as long as it may be. */
	assert_int_equal(chunk_add(&chunk, 1, line, CHUNK_LINE_MAX), STATUS_OK);
	assert_int_equal(chunk_add(&chunk, 2, line, 100), STATUS_FULL);
	chunk_body(&chunk, 0, 1, &body, &tasks);
	assert_int_equal(buf_status(&body), STATUS_OK);
	chunk_clear(&chunk);
	for (uint64_t i = 1; chunk_add(&chunk, i, line, 4099) == STATUS_OK; i++)
		;
	assert_true(chunk.count > 250);
	chunk_body(&chunk, 0, chunk.count, &body, &tasks);
	assert_int_equal(buf_status(&body), STATUS_OK);
	assert_in_range(body.size, CHUNK_BYTES_MAX - 4200, CHUNK_BYTES_MAX);
	buf_done(&body);
	chunk_done(&chunk);
	free(line);
}

static void
test_values_are_counted_as_the_service_counts_them(void **state)
{
	struct chunk chunk;
	char line[256] = "{\"a\":[1,2,3],\"b\":\"no, [commas] {here} \\\", or here\"}";
	/* As a value in a list: itself, {, [, and three commas. */
	const size_t values = 6;

	(void)state;
	open_chunk(&chunk, CHUNK_TASKS_MAX);
	for (size_t before = 0;; before = chunk.values) {
		if (add(&chunk, 1, line) != STATUS_OK)
			break;
		assert_int_equal(chunk.values, before == 0 ? chunk.values : before + values);
	}
	assert_int_equal(chunk.count, CHUNK_TASKS_MAX);
	chunk_clear(&chunk);
	/* Twenty each: 800 of them would do, were it not for the frame. */
	memcpy(line, "[,,,,,,,,,,,,,,,,,,]", 21);
	while (add(&chunk, 1, line) == STATUS_OK)
		;
	assert_int_equal(chunk.count, 799);
	chunk_done(&chunk);
}

static void
test_pointers_name_a_task_and_a_place_in_it(void **state)
{
	static const struct {
		const char *pointer, *rest;
		size_t index;
	} cases[] = {
		{ "/tasks/0/args/n", "/args/n", 0 },
		{ "/tasks/999", "", 999 },
		{ "/tasks/12/", "/", 12 },
		{ "/tasks/1000/args", NULL, 0 },
		{ "/tasks/01", NULL, 0 },
		{ "/tasks/-1", NULL, 0 },
		{ "/tasks/", NULL, 0 },
		{ "/tasks", NULL, 0 },
		{ "", NULL, 0 },
		{ "/tasks/99999999999999999999/x", NULL, 0 },
		{ "/other/1", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t index = 0;
		const char *rest = chunk_pointer(cases[i].pointer, &index);

		if (cases[i].rest == NULL)
			assert_null(rest);
		else
			assert_string_equal(rest, cases[i].rest);
		assert_int_equal(index, cases[i].index);
	}
}

static void
test_a_key_is_that_of_the_lines_and_of_nothing_else(void **state)
{
	char a[CHUNK_KEY_SIZE], b[CHUNK_KEY_SIZE], prefix[CHUNK_PREFIX_MAX + 1];
	struct buf body;

	(void)state;
	buf_init(&body, 100);
	buf_text(&body, "{\"tasks\":[{}]}");
	chunk_key("p", 1, &body, a);
	chunk_key("p", 1, &body, b);
	assert_string_equal(a, b);
	assert_int_equal(strncmp(a, "p.1.", 4), 0);
	chunk_key("q", 1, &body, b);
	assert_string_not_equal(a, b);
	chunk_key("p", 2, &body, b);
	assert_string_not_equal(a, b);
	buf_text(&body, " ");
	chunk_key("p", 1, &body, b);
	assert_string_not_equal(a, b);
	/* The longest there can be is one that the service takes. */
	memset(prefix, 'p', CHUNK_PREFIX_MAX);
	prefix[CHUNK_PREFIX_MAX] = '\0';
	chunk_key(prefix, UINT64_MAX, &body, a);
	assert_int_equal(strlen(a), CHUNK_PREFIX_MAX + 1 + 20 + 1 + 16);
	assert_true(strlen(a) <= 128);
	buf_done(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_body_has_the_lines_as_they_came),
		cmocka_unit_test(test_lines_that_are_refused_are_left_out_and_indexes_go_on),
		cmocka_unit_test(test_as_many_tasks_as_were_asked_for),
		cmocka_unit_test(test_a_body_is_never_larger_than_the_service_takes),
		cmocka_unit_test(test_values_are_counted_as_the_service_counts_them),
		cmocka_unit_test(test_pointers_name_a_task_and_a_place_in_it),
		cmocka_unit_test(test_a_key_is_that_of_the_lines_and_of_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
