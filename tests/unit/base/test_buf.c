/* SPDX-License-Identifier: MIT */
/* The bounded buffer at its bound, one past it, and out of memory (realloc is wrapped). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static bool realloc_fails;
static int realloc_calls;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *
__wrap_realloc(void *old, size_t size)
{
	realloc_calls++;
	return realloc_fails ? NULL : __real_realloc(old, size);
}

static void
test_an_empty_buffer_has_allocated_nothing_and_gives_an_empty_string(void **state)
{
	struct buf buf;
	char *text;
	size_t size = 99;

	(void)state;
	buf_init(&buf, 10);
	assert_null(buf.data);
	assert_int_equal(buf_status(&buf), STATUS_OK);
	text = buf_take(&buf, &size);
	assert_string_equal(text, "");
	assert_int_equal(size, 0);
	free(text);
	buf_done(&buf);
	buf_done(&(struct buf){ 0 });
	buf_done(NULL);
}

static void
test_content_up_to_the_bound_is_kept_and_one_byte_more_is_full(void **state)
{
	(void)state;
	for (size_t max = 0; max < 300; max++) {
		struct buf buf;

		buf_init(&buf, max);
		for (size_t i = 0; i < max; i++)
			buf_append(&buf, "x", 1);
		assert_int_equal(buf_status(&buf), STATUS_OK);
		assert_int_equal(buf.size, max);
		assert_true(buf.capacity <= max + 1);
		buf_append(&buf, "", 0);
		assert_int_equal(buf_status(&buf), STATUS_OK);
		buf_append(&buf, "y", 1);
		assert_int_equal(buf_status(&buf), STATUS_FULL);
		assert_int_equal(buf.size, max);
		if (max > 0)
			assert_int_equal(strlen(buf.data), max);
		buf_done(&buf);
	}
}

static void
test_a_failure_sticks_and_later_appends_do_nothing(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 4);
	buf_text(&buf, "abc");
	buf_text(&buf, "de");
	assert_int_equal(buf_status(&buf), STATUS_FULL);
	buf_text(&buf, "f");
	buf_printf(&buf, "%d", 1);
	assert_null(buf_reserve(&buf, 1));
	assert_int_equal(buf.size, 3);
	assert_string_equal(buf.data, "abc");
	assert_null(buf_take(&buf, NULL));
	buf_done(&buf);
}

static void
test_printf_fits_at_the_bound_and_not_one_past(void **state)
{
	struct buf buf;

	(void)state;
	for (int width = 0; width <= 200; width++) {
		buf_init(&buf, 200);
		buf_text(&buf, "ab");
		buf_printf(&buf, "%*s", width, "");
		if (width <= 198) {
			assert_int_equal(buf_status(&buf), STATUS_OK);
			assert_int_equal(strlen(buf.data), 2 + width);
			assert_int_equal(buf.size, 2 + width);
		} else {
			assert_int_equal(buf_status(&buf), STATUS_FULL);
			assert_string_equal(buf.data, "ab");
		}
		buf_done(&buf);
	}
}

static void
test_reserved_room_is_usable_and_bounded(void **state)
{
	struct buf buf;
	char *room;

	(void)state;
	buf_init(&buf, 1000);
	buf_text(&buf, "x");
	room = buf_reserve(&buf, 999);
	assert_non_null(room);
	memset(room, 'y', 999);
	room[999] = '\0';
	buf.size += 999;
	assert_int_equal(strlen(buf.data), 1000);
	assert_null(buf_reserve(&buf, 1));
	assert_int_equal(buf_status(&buf), STATUS_FULL);
	buf_done(&buf);
	buf_init(&buf, 1000);
	assert_null(buf_reserve(&buf, SIZE_MAX));
	assert_int_equal(buf_status(&buf), STATUS_FULL);
	buf_done(&buf);
}

static void
test_taken_bytes_keep_their_nuls(void **state)
{
	struct buf buf;
	size_t size;
	char *data;

	(void)state;
	buf_init(&buf, 100);
	buf_append(&buf, "a\0b", 3);
	data = buf_take(&buf, &size);
	assert_int_equal(size, 3);
	assert_memory_equal(data, "a\0b\0", 4);
	free(data);
	assert_int_equal(buf.size, 0);
	buf_text(&buf, "again");
	assert_string_equal(buf.data, "again");
	buf_done(&buf);
}

static void
test_a_million_appends_cost_few_allocations(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, SIZE_MAX - 1);
	realloc_calls = 0;
	for (int i = 0; i < 1000000; i++)
		buf_append(&buf, "x", 1);
	assert_int_equal(buf.size, 1000000);
	assert_true(realloc_calls < 20);
	buf_done(&buf);
}

static void
test_lack_of_memory_sticks_and_keeps_the_content(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 100000);
	realloc_fails = true;
	buf_text(&buf, "x");
	assert_int_equal(buf_status(&buf), STATUS_NOMEM);
	assert_null(buf_take(&buf, NULL));
	buf_done(&buf);

	buf_init(&buf, 100000);
	realloc_fails = false;
	buf_text(&buf, "abc");
	realloc_fails = true;
	buf_printf(&buf, "%1000d", 1);
	realloc_fails = false;
	assert_int_equal(buf_status(&buf), STATUS_NOMEM);
	assert_string_equal(buf.data, "abc");
	buf_text(&buf, "d");
	assert_string_equal(buf.data, "abc");
	buf_done(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_an_empty_buffer_has_allocated_nothing_and_gives_an_empty_string),
		cmocka_unit_test(test_content_up_to_the_bound_is_kept_and_one_byte_more_is_full),
		cmocka_unit_test(test_a_failure_sticks_and_later_appends_do_nothing),
		cmocka_unit_test(test_printf_fits_at_the_bound_and_not_one_past),
		cmocka_unit_test(test_reserved_room_is_usable_and_bounded),
		cmocka_unit_test(test_taken_bytes_keep_their_nuls),
		cmocka_unit_test(test_a_million_appends_cost_few_allocations),
		cmocka_unit_test(test_lack_of_memory_sticks_and_keeps_the_content),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
