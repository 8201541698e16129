/* SPDX-License-Identifier: MIT */
/* Things that are due: the first one is always the one that is due first, whatever comes, goes and
 * is put off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "queue/due_heap.h"

static void
test_it_gives_the_first_one(void **state)
{
	struct due_heap heap = { .count = 0 };
	struct due a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	assert_null(due_heap_first(&heap));
	assert_true(due_heap_put(&heap, &a, 5));
	assert_true(due_heap_put(&heap, &b, 3));
	assert_true(due_heap_put(&heap, &c, INT64_MAX));
	assert_ptr_equal(due_heap_first(&heap), &b);
	assert_true(due_heap_put(&heap, &b, 9));
	assert_ptr_equal(due_heap_first(&heap), &a);
	due_heap_take(&heap, &a);
	due_heap_take(&heap, &a);
	assert_ptr_equal(due_heap_first(&heap), &b);
	assert_true(due_heap_put(&heap, &c, -1));
	assert_ptr_equal(due_heap_first(&heap), &c);
	due_heap_take(&heap, &b);
	due_heap_take(&heap, &c);
	assert_null(due_heap_first(&heap));
	assert_int_equal(heap.count, 0);
	due_heap_done(&heap);
	due_heap_done(&heap);
}

/* The next of a fixed series of numbers below a bound. */
static int
next(uint64_t *series, int bound)
{
	*series = *series * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (int)((*series >> 33) % (uint64_t)bound);
}

static void
test_random_changes_against_a_plain_search(void **state)
{
	static struct due things[300];
	struct due_heap heap = { .count = 0 };
	uint64_t series = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct due *due = &things[next(&series, ARRAY_SIZE(things))];
		const struct due *first = NULL;
		size_t count = 0;

		if (next(&series, 3) == 0)
			due_heap_take(&heap, due);
		else
			assert_true(due_heap_put(&heap, due, next(&series, 100)));
		for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
			if (things[i].place == 0)
				continue;
			count++;
			assert_ptr_equal(heap.list[things[i].place - 1], &things[i]);
			if (first == NULL || things[i].at < first->at)
				first = &things[i];
		}
		assert_int_equal(heap.count, count);
		if (first == NULL)
			assert_null(due_heap_first(&heap));
		else
			assert_int_equal(due_heap_first(&heap)->at, first->at);
	}
	due_heap_done(&heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_gives_the_first_one),
		cmocka_unit_test(test_random_changes_against_a_plain_search),
	};

	return cmocka_run_group_tests_name("due_heap", tests, NULL, NULL);
}
