/* SPDX-License-Identifier: MIT */
/* The region of memory: its size to the byte, its alignment, its order, and memory that is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kinds/factorial/decimal/arena.h"

static bool is_refused;

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, long offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, long offset);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *
__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, long offset)
{
	return is_refused ? MAP_FAILED : __real_mmap(at, size, protection, flags, fd, offset);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return is_refused ? NULL : __real_aligned_alloc(alignment, size);
}

static const size_t sizes[] = { 64, 4096, 262080, 262144, 262208, 5000000 };

static void
test_all_of_a_region_can_be_taken_and_not_a_byte_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct arena arena;
		char *piece;

		assert_int_equal(arena_open(sizes[i], &arena, NULL), STATUS_OK);
		assert_null(arena_take(&arena, arena.bytes + 1));
		assert_null(arena_take(&arena, SIZE_MAX));
		piece = arena_take(&arena, sizes[i]);
		assert_non_null(piece);
		memset(piece, 'x', sizes[i]);
		if (arena.bytes == sizes[i]) /* where there are no gaps */
			assert_null(arena_take(&arena, 1));
		arena_close(&arena);
	}
}

static void
test_pieces_are_aligned_and_apart(void **state)
{
	struct arena arena;
	char *last = NULL;

	(void)state;
	assert_int_equal(arena_open(100000, &arena, NULL), STATUS_OK);
	for (size_t size = 1; size < 400; size += 37) {
		char *piece = arena_take(&arena, size);

		assert_non_null(piece);
		assert_int_equal((uintptr_t)piece % ARENA_ALIGNMENT, 0);
		assert_true(last == NULL || piece >= last);
		memset(piece, 'x', size);
		last = piece + size;
	}
	arena_close(&arena);
}

static void
test_what_is_released_is_taken_again(void **state)
{
	struct arena arena;
	char *first, *second;
	size_t mark;

	(void)state;
	assert_int_equal(arena_open(10000, &arena, NULL), STATUS_OK);
	first = arena_take(&arena, 100);
	mark = arena_mark(&arena);
	second = arena_take(&arena, 5000);
	assert_non_null(second);
	arena_release(&arena, mark);
	memset(first, 'x', 100);
	assert_ptr_equal(arena_take(&arena, 4000), second);
	arena_release(&arena, 0);
	assert_ptr_equal(arena_take(&arena, 1), first);
	arena_close(&arena);
}

static void
test_a_size_is_rounded_up_to_the_alignment(void **state)
{
	(void)state;
	assert_int_equal(arena_size_of(0), 0);
	assert_int_equal(arena_size_of(1), 64);
	assert_int_equal(arena_size_of(64), 64);
	assert_int_equal(arena_size_of(65), 128);
}

static void
test_refused_memory_is_told(void **state)
{
	(void)state;
	is_refused = true;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct error error = { "" };
		struct arena arena;

		assert_int_equal(arena_open(sizes[i], &arena, &error), STATUS_NOMEM);
		assert_non_null(strstr(error.text, "memory"));
	}
	is_refused = false;
}

static void
test_what_was_never_opened_can_be_closed(void **state)
{
	struct arena arena = { 0 };

	(void)state;
	arena_close(&arena);
	assert_int_equal(arena_open(1000000, &arena, NULL), STATUS_OK);
	arena_close(&arena);
	arena_close(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_a_region_can_be_taken_and_not_a_byte_more),
		cmocka_unit_test(test_pieces_are_aligned_and_apart),
		cmocka_unit_test(test_what_is_released_is_taken_again),
		cmocka_unit_test(test_a_size_is_rounded_up_to_the_alignment),
		cmocka_unit_test(test_refused_memory_is_told),
		cmocka_unit_test(test_what_was_never_opened_can_be_closed),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
