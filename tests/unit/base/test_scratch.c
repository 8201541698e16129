/* SPDX-License-Identifier: MIT */
/*
 * Scratch memory: what is cut from the lent piece, what is malloc's, and that threads do not share.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/scratch.h"
#include "base/sync.h"

#define SIZE 256

_Alignas(max_align_t) static char lent[SIZE];

/* Blocks that malloc gave and that were freed since; see the wrappers in tests.mk. */
static int mallocs, frees;

void *__real_malloc(size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void __wrap_free(void *memory);

void *
__wrap_malloc(size_t size)
{
	mallocs++;
	/* A sanitizer's malloc ends the program where the usual one says no. */
	return size > PTRDIFF_MAX / 2 ? NULL : __real_malloc(size);
}

void
__wrap_free(void *memory)
{
	frees += memory != NULL;
	__real_free(memory);
}

static int
setup(void **state)
{
	(void)state;
	memset(lent, 0, sizeof(lent));
	mallocs = 0;
	frees = 0;
	return 0;
}

static bool
is_lent(const void *memory)
{
	return (uintptr_t)memory >= (uintptr_t)lent && (uintptr_t)memory < (uintptr_t)lent + SIZE;
}

static void
test_objects_are_cut_from_the_lent_memory_aligned_and_apart(void **state)
{
	char *last = NULL;

	(void)state;
	scratch_begin(lent, SIZE);
	for (size_t size = 1; size <= 33; size += 16) {
		char *object = scratch_malloc(size);

		assert_true(is_lent(object));
		assert_int_equal((uintptr_t)object % _Alignof(max_align_t), 0);
		assert_true(last == NULL || object >= last + size - 16);
		memset(object, 'x', size);
		last = object;
	}
	scratch_free(last);
	scratch_end();
	assert_int_equal(mallocs, 0);
	assert_int_equal(frees, 0);
}

static void
test_what_fits_to_the_byte_is_cut_and_one_more_is_mallocs(void **state)
{
	(void)state;
	scratch_begin(lent, SIZE);
	assert_true(is_lent(scratch_malloc(SIZE)));
	char *more = scratch_malloc(1);
	assert_false(is_lent(more));
	assert_int_equal(mallocs, 1);
	*more = 'x';
	scratch_free(more);
	assert_int_equal(frees, 1);
	scratch_end();

	scratch_begin(lent, SIZE);
	more = scratch_malloc(SIZE + 1);
	assert_false(is_lent(more));
	memset(more, 'x', SIZE + 1);
	scratch_free(more);
	/* The lent memory is untouched by that. */
	assert_ptr_equal(scratch_malloc(1), lent);
	scratch_end();
	assert_int_equal(mallocs, 2);
	assert_int_equal(frees, 2);
}

static void
test_sizes_that_overflow_are_refused_by_malloc(void **state)
{
	/* Behind a variable, or the compiler warns of what is meant. */
	volatile size_t sizes[] = { SIZE_MAX, SIZE_MAX - 14, SIZE_MAX / 2 + 1 };

	(void)state;
	scratch_begin(lent, SIZE);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_null(scratch_malloc(sizes[i]));
	void *nothing = scratch_malloc(0);
	assert_false(is_lent(nothing));
	scratch_free(nothing);
	scratch_free(NULL);
	assert_ptr_equal(scratch_malloc(1), lent);
	scratch_end();
}

static void
test_without_lent_memory_everything_is_mallocs(void **state)
{
	(void)state;
	char *before = scratch_malloc(8);
	scratch_begin(lent, SIZE);
	/* Not of the lent memory, so really freed. */
	scratch_free(before);
	scratch_end();
	char *after = scratch_malloc(8);
	assert_false(is_lent(after));
	scratch_free(after);
	assert_int_equal(mallocs, 2);
	assert_int_equal(frees, 2);
}

static void
test_memory_can_be_lent_again_from_its_beginning(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		scratch_begin(lent, SIZE);
		assert_ptr_equal(scratch_malloc(100), lent);
		scratch_end();
	}
}

static void *
other_main(void *arg)
{
	void **ret = arg;

	*ret = scratch_malloc(8);
	return NULL;
}

static void
test_another_thread_does_not_get_of_it(void **state)
{
	pthread_t thread;
	void *found = NULL;

	(void)state;
	scratch_begin(lent, SIZE);
	assert_int_equal(thread_start(&thread, "other", 0, other_main, &found, NULL), STATUS_OK);
	thread_join(thread);
	assert_non_null(found);
	assert_false(is_lent(found));
	scratch_free(found);
	assert_ptr_equal(scratch_malloc(8), lent);
	scratch_end();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    test_objects_are_cut_from_the_lent_memory_aligned_and_apart, setup),
		cmocka_unit_test_setup(
		    test_what_fits_to_the_byte_is_cut_and_one_more_is_mallocs, setup),
		cmocka_unit_test_setup(test_sizes_that_overflow_are_refused_by_malloc, setup),
		cmocka_unit_test_setup(test_without_lent_memory_everything_is_mallocs, setup),
		cmocka_unit_test_setup(test_memory_can_be_lent_again_from_its_beginning, setup),
		cmocka_unit_test_setup(test_another_thread_does_not_get_of_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
