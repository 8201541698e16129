/* SPDX-License-Identifier: MIT */
/* When something is tried again, and when no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/patience.h"

#define LEAST 0          /* a random number that gives the shortest pause */
#define ANY   UINT64_MAX /* and one that gives some pause */

static void
test_without_a_budget_nothing_is_tried_again(void **state)
{
	struct patience patience;

	(void)state;
	patience_begin(&patience, 0);
	assert_int_equal(patience_pause_ms(&patience, 1000, 0, ANY), -1);
	assert_int_equal(patience_pause_ms(&patience, 1000, 1, ANY), -1);
}

static void
test_pauses_grow_from_a_tenth_of_a_second_to_half_of_the_most(void **state)
{
	static const int64_t least[] = { 100, 200, 400, 800, 1600, 2500, 2500, 2500 };
	struct patience patience;

	(void)state;
	patience_begin(&patience, 1000000);
	for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++)
		assert_int_equal(patience_pause_ms(&patience, 5000, 0, LEAST), least[i]);
}

static void
test_every_pause_up_to_its_bound_comes_up(void **state)
{
	int64_t shortest = INT64_MAX, longest = 0;

	(void)state;
	for (uint64_t random = 0; random < 1000; random++) {
		struct patience patience;
		int64_t pause;

		patience_begin(&patience, 1000000);
		pause = patience_pause_ms(&patience, 5000, 0, random);
		shortest = pause < shortest ? pause : shortest;
		longest = pause > longest ? pause : longest;
	}
	assert_int_equal(shortest, 100);
	assert_int_equal(longest, 200);
}

static void
test_what_the_service_asks_for_is_the_least(void **state)
{
	struct patience patience;

	(void)state;
	patience_begin(&patience, 60000);
	assert_int_equal(patience_pause_ms(&patience, 5000, 7000, ANY), 7000);
	assert_true(patience_pause_ms(&patience, 5000, 1, LEAST) > 1);
}

static void
test_a_pause_that_ends_behind_the_budget_is_in_vain(void **state)
{
	struct patience patience;

	(void)state;
	patience_begin(&patience, 10000);
	assert_int_equal(patience_pause_ms(&patience, 5000, 10000, ANY), 10000);
	patience_begin(&patience, 10000);
	assert_int_equal(patience_pause_ms(&patience, 5000, 10001, ANY), -1);
}

static void
test_the_last_try_is_at_the_end_of_the_budget(void **state)
{
	struct patience patience;

	(void)state;
	patience_begin(&patience, 10000);
	assert_int_equal(patience_pause_ms(&patience, 5000, 0, LEAST), 100);
	assert_int_equal(patience_pause_ms(&patience, 14999, 0, ANY), 1);
	assert_int_equal(patience_pause_ms(&patience, 15000, 0, ANY), -1);
	assert_int_equal(patience_pause_ms(&patience, 16000, 0, ANY), -1);
}

static void
test_after_a_success_it_begins_again(void **state)
{
	struct patience patience;

	(void)state;
	patience_begin(&patience, 10000);
	assert_int_equal(patience_pause_ms(&patience, 5000, 0, LEAST), 100);
	assert_int_equal(patience_pause_ms(&patience, 15000, 0, LEAST), -1);
	patience_reset(&patience);
	assert_int_equal(patience_pause_ms(&patience, 16000, 0, LEAST), 100);
}

static void
test_very_many_failures_do_not_overflow(void **state)
{
	struct patience patience;

	(void)state;
	patience_begin(&patience, INT64_C(3155760000000));
	for (int i = 0; i < 100000; i++)
		assert_in_range(patience_pause_ms(&patience, 5000, 0, (uint64_t)i), 100, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_budget_nothing_is_tried_again),
		cmocka_unit_test(test_pauses_grow_from_a_tenth_of_a_second_to_half_of_the_most),
		cmocka_unit_test(test_every_pause_up_to_its_bound_comes_up),
		cmocka_unit_test(test_what_the_service_asks_for_is_the_least),
		cmocka_unit_test(test_a_pause_that_ends_behind_the_budget_is_in_vain),
		cmocka_unit_test(test_the_last_try_is_at_the_end_of_the_budget),
		cmocka_unit_test(test_after_a_success_it_begins_again),
		cmocka_unit_test(test_very_many_failures_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
