/* SPDX-License-Identifier: MIT */
/* How fast a lane drains, and what is predicted from it: when nothing is known, on both sides of
 * what makes it known, and that chance does not move it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/drain.h"

/* A second, in which so many tasks go of a queue that is never empty. */
static void
work(struct drain *drain, int64_t taken)
{
	drain_note_taken(drain, taken);
	drain_tick(drain, 1000, 1000, false);
}

/* Tasks have come to wait. */
static void
begin(struct drain *drain)
{
	drain_init(drain);
	drain_tick(drain, 1000, 1000, false);
}

static int64_t
pace(const struct drain *drain)
{
	return atomic_load(&drain->pace);
}

static void
test_the_pace_is_known_after_five_seconds_and_256_tasks(void **state)
{
	struct drain drain;

	(void)state;
	begin(&drain);
	for (int i = 0; i < 4; i++) {
		work(&drain, 1000);
		assert_int_equal(pace(&drain), 0);
		assert_int_equal(drain_wait_ms(&drain, 5), -1);
		assert_int_equal(drain_capacity(&drain, 1), INT64_MAX);
	}
	work(&drain, 1000);
	assert_int_equal(pace(&drain), 1000 * 1000);
	assert_int_equal(drain_wait_ms(&drain, 5000), 5000);
	assert_int_equal(drain_capacity(&drain, 60), 60000);

	begin(&drain);
	for (int i = 0; i < 51; i++) {
		work(&drain, 5);
		assert_int_equal(pace(&drain), 0);
	}
	work(&drain, 1); /* the 256th */
	assert_int_equal(pace(&drain), 256 * 1000 / 52);
}

static void
test_long_tasks_are_known_after_a_minute_and_not_told_too_slow(void **state)
{
	struct drain drain;

	(void)state;
	begin(&drain);
	for (int i = 0; i < 59; i++) {
		work(&drain, 0);
		assert_int_equal(pace(&drain), 0);
	}
	work(&drain, 0); /* as if one had gone now */
	assert_int_equal(pace(&drain), 1000 / 60);
	assert_int_equal(drain_wait_ms(&drain, 1), 62500);
	assert_int_equal(drain_capacity(&drain, 10), 1); /* never none */
	for (int i = 0; i < 1000; i++)
		work(&drain, 0);
	assert_int_equal(pace(&drain), 1000 / 299);
	/* One every 40 seconds. */
	begin(&drain);
	for (int i = 1; i <= 600; i++)
		work(&drain, i % 40 == 0);
	assert_in_range(pace(&drain), 24, 30);
}

static void
test_a_second_in_which_tasks_waited_is_enough_for_a_guess(void **state)
{
	struct drain drain;

	(void)state;
	drain_init(&drain);
	assert_int_equal(drain_rate(&drain), DRAIN_UNKNOWN);
	drain_note_taken(&drain, 7);
	drain_tick(&drain, 1000, 1000, false); /* tasks came to wait somewhen in this second */
	assert_int_equal(drain_rate(&drain), DRAIN_UNKNOWN);
	work(&drain, 20);
	assert_int_equal(drain_rate(&drain), 20 * 1000);
	work(&drain, 40);
	assert_int_equal(drain_rate(&drain), 30 * 1000);
	/* By the latest five seconds. */
	for (int i = 0; i < 5; i++)
		work(&drain, 3);
	assert_int_equal(drain_rate(&drain), 3 * 1000);
	assert_int_equal(pace(&drain), 0);
}

static void
test_none_that_goes_is_known_after_five_seconds(void **state)
{
	struct drain drain;

	(void)state;
	begin(&drain);
	for (int i = 0; i < 4; i++) {
		work(&drain, 0);
		assert_int_equal(drain_rate(&drain), DRAIN_UNKNOWN);
	}
	work(&drain, 0);
	assert_int_equal(drain_rate(&drain), 0);
	work(&drain, 1);
	assert_int_equal(drain_rate(&drain), 1000 / 5);
	/* One in ten seconds is slow, and not none. */
	for (int i = 1; i <= 40; i++) {
		work(&drain, i % 10 == 0);
		assert_in_range(drain_rate(&drain), 80, 200);
	}
	/* The queue is empty, and filled anew. */
	drain_note_empty(&drain);
	work(&drain, 50);
	assert_int_equal(drain_rate(&drain), DRAIN_UNKNOWN);
}

static void
test_what_goes_while_nobody_waits_tells_nothing(void **state)
{
	struct drain drain;

	(void)state;
	drain_init(&drain);
	/* One a second comes and goes, for long; then ten thousand come at once. */
	for (int i = 0; i < 1000; i++) {
		drain_note_taken(&drain, 1);
		drain_tick(&drain, 1000, 0, false);
	}
	assert_int_equal(drain_wait_ms(&drain, 10000), -1);
	assert_int_equal(drain_capacity(&drain, 1), INT64_MAX);
	assert_int_equal(drain_rate(&drain), DRAIN_UNKNOWN);
	/* Somebody waits whenever it is looked, and nobody did in between. */
	for (int i = 0; i < 1000; i++) {
		drain_note_taken(&drain, 1);
		drain_note_empty(&drain);
		drain_tick(&drain, 1000, 5, false);
	}
	assert_int_equal(pace(&drain), 0);
}

static void
test_an_empty_queue_ends_a_measure_and_so_does_a_hindrance(void **state)
{
	struct drain drain;

	(void)state;
	begin(&drain);
	for (int i = 0; i < 10; i++)
		work(&drain, 50);
	assert_int_equal(pace(&drain), 50 * 1000);
	drain_note_empty(&drain);
	work(&drain, 50);
	assert_int_equal(pace(&drain), 0);
	for (int i = 0; i < 5; i++)
		work(&drain, 200);
	assert_int_equal(pace(&drain), 200 * 1000);
	/* The disk is full for a while. */
	for (int i = 0; i < 100; i++) {
		drain_tick(&drain, 1000, 1000, true);
		assert_int_equal(pace(&drain), 0);
	}
	for (int i = 0; i < 5; i++)
		work(&drain, 100);
	assert_int_equal(pace(&drain), 100 * 1000);
	assert_int_equal(drain_wait_ms(&drain, 0), 0);
	drain_tick(&drain, 0, 1000, false); /* no time has passed: nothing to learn */
	assert_int_equal(pace(&drain), 100 * 1000);
	/* And nothing to forget. */
	drain_note_empty(&drain);
	drain_tick(&drain, 0, 1000, false);
	work(&drain, 100);
	assert_int_equal(pace(&drain), 0);
}

static void
test_a_pause_of_some_seconds_is_not_taken_for_a_stop(void **state)
{
	struct drain drain;

	(void)state;
	begin(&drain);
	for (int i = 0; i < 60; i++)
		work(&drain, 20);
	for (int i = 1; i <= 30; i++) {
		work(&drain, 0);
		/* 256 tasks are in the last 13 seconds that were not idle. */
		assert_int_equal(pace(&drain), 260 * 1000 / (13 + i));
	}
	for (int i = 0; i < 13; i++)
		work(&drain, 20);
	assert_int_equal(pace(&drain), 20 * 1000);
}

/* A service that takes tasks at random, 20 a second on average: waiting for three quarters of what
   may wait is never too long, and for four thirds always. */
static void
test_chance_does_not_move_the_bound_by_much(void **state)
{
	struct drain drain;
	uint64_t random = 12345;

	(void)state;
	begin(&drain);
	for (int i = 0; i < 10000; i++) {
		int taken = 0;

		for (int n = 0; n < 40; n++) {
			random =
			    random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			taken += random >> 63;
		}
		work(&drain, taken);
		if (i >= 13)
			assert_in_range(drain_capacity(&drain, 100), 2000 * 3 / 4, 2000 * 4 / 3);
	}
}

static void
test_the_rate_of_late_follows_a_change_within_some_ticks(void **state)
{
	struct drain drain;
	int64_t rate;

	(void)state;
	drain_init(&drain);
	drain_note_taken(&drain, 1000);
	drain_tick(&drain, 1000, 0, false);
	assert_int_equal(atomic_load(&drain.per_1000_s), 1000 * 1000);
	for (int i = 0; i < 20; i++) {
		drain_note_taken(&drain, 10);
		drain_tick(&drain, 1000, 0, false);
	}
	rate = atomic_load(&drain.per_1000_s);
	assert_in_range(rate, 10000, 20000);
	drain_tick(&drain, 0, 0, false);
	assert_int_equal(atomic_load(&drain.per_1000_s), rate);
	/* What comes back after the tick in which it had gone: nothing goes backwards. */
	drain_note_taken(&drain, -1000);
	drain_tick(&drain, 1000, 1000, false);
	assert_int_equal(atomic_load(&drain.per_1000_s), rate - rate / 4);
	drain_note_taken(&drain, -1000 * 1000);
	for (int i = 0; i < 400; i++)
		drain_tick(&drain, 1000, 1000, false);
	assert_in_range(atomic_load(&drain.per_1000_s), 0, 3);
	assert_true(drain_wait_ms(&drain, 1) >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_pace_is_known_after_five_seconds_and_256_tasks),
		cmocka_unit_test(test_long_tasks_are_known_after_a_minute_and_not_told_too_slow),
		cmocka_unit_test(test_a_second_in_which_tasks_waited_is_enough_for_a_guess),
		cmocka_unit_test(test_none_that_goes_is_known_after_five_seconds),
		cmocka_unit_test(test_what_goes_while_nobody_waits_tells_nothing),
		cmocka_unit_test(test_an_empty_queue_ends_a_measure_and_so_does_a_hindrance),
		cmocka_unit_test(test_a_pause_of_some_seconds_is_not_taken_for_a_stop),
		cmocka_unit_test(test_chance_does_not_move_the_bound_by_much),
		cmocka_unit_test(test_the_rate_of_late_follows_a_change_within_some_ticks),
	};

	return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
