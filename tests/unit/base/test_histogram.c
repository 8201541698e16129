/* SPDX-License-Identifier: MIT */
/* Histograms: values at, below and above a bound; sums; many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/histogram.h"
#include "base/sync.h"

static const int64_t bounds[] = { 10, 100, 1000 };

static void
test_an_empty_histogram_is_zero_throughout(void **state)
{
	struct histogram histogram;
	struct histogram_snapshot snapshot;

	(void)state;
	histogram_init(&histogram, bounds, ARRAY_SIZE(bounds));
	histogram_read(&histogram, &snapshot);
	assert_ptr_equal(snapshot.bounds, bounds);
	assert_int_equal(snapshot.bound_count, 3);
	assert_int_equal(snapshot.count, 0);
	assert_int_equal(snapshot.sum, 0);
	for (size_t i = 0; i <= snapshot.bound_count; i++)
		assert_int_equal(snapshot.cumulative[i], 0);
}

static void
test_a_value_equal_to_a_bound_is_below_it_and_one_more_is_above(void **state)
{
	struct histogram histogram;
	struct histogram_snapshot snapshot;

	(void)state;
	histogram_init(&histogram, bounds, ARRAY_SIZE(bounds));
	histogram_add(&histogram, 0);
	histogram_add(&histogram, 10);
	histogram_add(&histogram, 11);
	histogram_add(&histogram, 1000);
	histogram_add(&histogram, 1001);
	histogram_add(&histogram, INT64_C(1) << 50);
	histogram_read(&histogram, &snapshot);
	assert_int_equal(snapshot.cumulative[0], 2);
	assert_int_equal(snapshot.cumulative[1], 3);
	assert_int_equal(snapshot.cumulative[2], 4);
	assert_int_equal(snapshot.cumulative[3], 6);
	assert_int_equal(snapshot.count, 6);
	assert_true(snapshot.sum == 2022 + (INT64_C(1) << 50));
}

static void
test_as_many_bounds_as_there_may_be(void **state)
{
	struct histogram histogram;
	struct histogram_snapshot snapshot;
	int64_t many[HISTOGRAM_BOUNDS_MAX];

	(void)state;
	for (size_t i = 0; i < HISTOGRAM_BOUNDS_MAX; i++)
		many[i] = (int64_t)i;
	histogram_init(&histogram, many, HISTOGRAM_BOUNDS_MAX);
	for (int64_t value = 0; value <= HISTOGRAM_BOUNDS_MAX; value++)
		histogram_add(&histogram, value);
	histogram_read(&histogram, &snapshot);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS_MAX; i++)
		assert_int_equal(snapshot.cumulative[i], i + 1);
}

enum {
	ADDERS = 4,
	ADDITIONS = 20000,
};

static void *
add_main(void *arg)
{
	for (int i = 0; i < ADDITIONS; i++)
		histogram_add(arg, 50 * (i % 3));
	return NULL;
}

/* Every addition is counted once, and what is read meanwhile never goes back or counts a value that
   the sum has not. */
static void
test_threads_that_add_at_once_lose_nothing(void **state)
{
	struct histogram histogram;
	struct histogram_snapshot before = { 0 }, now;
	pthread_t threads[ADDERS];

	(void)state;
	histogram_init(&histogram, bounds, ARRAY_SIZE(bounds));
	for (size_t i = 0; i < ADDERS; i++)
		assert_int_equal(
		    thread_start(&threads[i], "adder", 0, add_main, &histogram, NULL), 0);
	do {
		histogram_read(&histogram, &now);
		for (size_t i = 0; i <= now.bound_count; i++) {
			assert_true(now.cumulative[i] >= before.cumulative[i]);
			assert_true(i == 0 || now.cumulative[i] >= now.cumulative[i - 1]);
		}
		assert_true(now.sum >= before.sum);
		assert_true(now.sum >= 50 * (now.count - now.cumulative[0]));
		before = now;
	} while (now.count < ADDERS * ADDITIONS);
	for (size_t i = 0; i < ADDERS; i++)
		thread_join(threads[i]);
	histogram_read(&histogram, &now);
	assert_int_equal(now.count, ADDERS * ADDITIONS);
	assert_int_equal(now.cumulative[0], ADDERS * (ADDITIONS / 3 + 1));
	assert_int_equal(now.cumulative[1], ADDERS * ADDITIONS);
	assert_int_equal(now.sum, ADDERS * (ADDITIONS / 3 * 150 + 50));
}

static void
test_quantiles_are_of_what_was_added_between(void **state)
{
	struct histogram histogram;
	struct histogram_snapshot none = { 0 }, before, after;

	(void)state;
	histogram_init(&histogram, bounds, ARRAY_SIZE(bounds));
	histogram_read(&histogram, &before);
	assert_int_equal(histogram_quantile(&none, &before, 500), HISTOGRAM_NOTHING);
	/* A hundred up to the first bound: spread evenly over it. */
	for (int i = 0; i < 100; i++)
		histogram_add(&histogram, 1);
	histogram_read(&histogram, &after);
	assert_int_equal(histogram_quantile(&none, &after, 500), bounds[0] / 2);
	assert_int_equal(histogram_quantile(&before, &after, 1000), bounds[0]);
	assert_int_equal(histogram_quantile(&before, &after, 10), bounds[0] / 100);
	assert_int_equal(histogram_quantile(&before, &after, 1), bounds[0] / 100);
	/* What was there before does not count. */
	before = after;
	histogram_add(&histogram, bounds[1]);
	histogram_read(&histogram, &after);
	assert_int_equal(histogram_quantile(&before, &after, 500), bounds[1]);
	assert_int_equal(histogram_quantile(&before, &before, 500), HISTOGRAM_NOTHING);
	/* One in a hundred lies above: the 99th does not see it, the last one does. */
	assert_true(histogram_quantile(&none, &after, 990) <= bounds[0]);
	assert_int_equal(histogram_quantile(&none, &after, 1000), bounds[1]);
}

static void
test_beyond_the_last_bound_nothing_is_known(void **state)
{
	struct histogram histogram;
	struct histogram_snapshot none = { 0 }, now;

	(void)state;
	histogram_init(&histogram, bounds, ARRAY_SIZE(bounds));
	histogram_add(&histogram, INT64_MAX / 4);
	histogram_read(&histogram, &now);
	assert_int_equal(histogram_quantile(&none, &now, 500), bounds[ARRAY_SIZE(bounds) - 1]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_histogram_is_zero_throughout),
		cmocka_unit_test(test_a_value_equal_to_a_bound_is_below_it_and_one_more_is_above),
		cmocka_unit_test(test_as_many_bounds_as_there_may_be),
		cmocka_unit_test(test_quantiles_are_of_what_was_added_between),
		cmocka_unit_test(test_beyond_the_last_bound_nothing_is_known),
		cmocka_unit_test(test_threads_that_add_at_once_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
