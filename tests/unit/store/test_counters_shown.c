/* SPDX-License-Identifier: MIT */
/* What is shown of the counters: committed and not before, a record for each type, few of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/sqlite/sqlite_counters.h"

static int
setup(void **state)
{
	static struct counters counters;

	counters_init(&counters);
	*state = &counters;
	return 0;
}

static int
teardown(void **state)
{
	counters_done(*state);
	return 0;
}

static struct store_stats
stats_of(const struct counters *counters)
{
	struct store_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	counters_stats(counters, &stats);
	return stats;
}

static void
add(struct counters *counters, const char *type, enum lane lane, enum counted in)
{
	assert_int_equal(counters_add(counters, type, lane, in, 0, NULL), STATUS_OK);
}

static void
test_nothing_is_shown_before_it_is_committed(void **state)
{
	struct counters *counters = *state;

	add(counters, "a", LANE_CPU, COUNTED_QUEUED);
	counters_file(counters, 1, 100);
	assert_int_equal(stats_of(counters).type_count, 0);
	assert_int_equal(stats_of(counters).result_files, 0);
	counters_committed(counters);
	assert_int_equal(stats_of(counters).type_count, 1);
	assert_int_equal(stats_of(counters).types[0].submitted, 1);
	assert_int_equal(stats_of(counters).result_files, 1);
	assert_int_equal(stats_of(counters).result_file_bytes, 100);
}

static void
test_what_is_rolled_back_has_not_happened(void **state)
{
	struct counters *counters = *state;
	struct store_stats stats;

	add(counters, "a", LANE_CPU, COUNTED_RUNNING);
	counters_file(counters, 1, 100);
	counters_committed(counters);
	assert_int_equal(counters_move(counters, "a", LANE_CPU, COUNTED_RUNNING, COUNTED_FAILED,
			     FAILURE_DNS, 100, NULL),
	    STATUS_OK);
	assert_int_equal(counters_interrupted(counters, "a", LANE_CPU, NULL), STATUS_OK);
	counters_file(counters, -1, 100);
	add(counters, "b", LANE_IO, COUNTED_SUCCEEDED);
	counters_rolled_back(counters);
	counters_committed(counters);
	stats = stats_of(counters);
	assert_int_equal(stats.counts.by_state[TASK_RUNNING], 1);
	assert_int_equal(stats.counts.by_state[TASK_FAILED], 0);
	assert_int_equal(stats.types[0].failed[FAILURE_DNS], 0);
	assert_int_equal(stats.types[0].interrupted, 0);
	assert_int_equal(stats.types[1].submitted, 0);
	assert_int_equal(stats.result_files, 1);
}

static void
test_a_type_in_two_lanes_is_one(void **state)
{
	struct counters *counters = *state;
	struct store_stats stats;

	add(counters, "a", LANE_CPU, COUNTED_QUEUED);
	add(counters, "a", LANE_IO, COUNTED_HELD);
	counters_committed(counters);
	stats = stats_of(counters);
	assert_int_equal(stats.type_count, 1);
	assert_int_equal(stats.types[0].submitted, 2);
	assert_int_equal(stats.types[0].by_state[TASK_QUEUED], 2);
	assert_int_equal(stats.types[0].held, 1);
	assert_int_equal(stats.counts.queued_by_lane[LANE_CPU], 1);
	assert_int_equal(stats.counts.held_by_lane[LANE_IO], 1);
}

/* A database can hold anything; what is told of it has a bound, and its sums are right. */
static void
test_of_many_types_the_last_ones_are_shown_together(void **state)
{
	struct counters *counters = *state;
	const unsigned many = STORE_TYPES_MAX + 5;
	struct store_stats stats;
	int64_t submitted = 0;

	for (unsigned i = 0; i < many; i++) {
		char type[TASK_TYPE_SIZE];

		(void)snprintf(type, sizeof(type), "type-%u", i);
		add(counters, type, LANE_CPU, COUNTED_QUEUED);
	}
	counters_committed(counters);
	counters_committed(counters);
	stats = stats_of(counters);
	assert_int_equal(stats.type_count, STORE_TYPES_MAX);
	assert_string_equal(stats.types[STORE_TYPES_MAX - 1].type, STORE_TYPE_OTHER);
	assert_int_equal(stats.types[STORE_TYPES_MAX - 1].submitted, many - (STORE_TYPES_MAX - 1));
	for (size_t i = 0; i < stats.type_count; i++)
		submitted += stats.types[i].submitted;
	assert_int_equal(submitted, many);
	assert_int_equal(stats.counts.by_state[TASK_QUEUED], many);
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_shown_before_it_is_committed),
		TEST(test_what_is_rolled_back_has_not_happened),
		TEST(test_a_type_in_two_lanes_is_one),
		TEST(test_of_many_types_the_last_ones_are_shown_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
