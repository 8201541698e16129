/* SPDX-License-Identifier: MIT */
/* The clock of tasks: it follows the wall clock, and does not jump with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/service_clock.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void
test_what_is_kept_in_order_is_followed(void **state)
{
	(void)state;
	assert_int_equal(service_clock_step(0, 1000), 0);
	assert_int_equal(service_clock_step(1, 1000), 1);
	assert_int_equal(service_clock_step(-1, 1000), -1);
	assert_int_equal(service_clock_step(1000, 1), 1000);
	assert_int_equal(service_clock_step(-1000, 1), -1000);
}

static void
test_a_jump_is_approached_at_twice_or_half_the_pace(void **state)
{
	(void)state;
	assert_int_equal(service_clock_step(1001, 300), 300);
	assert_int_equal(service_clock_step(-1001, 300), -150);
	assert_int_equal(service_clock_step(3600 * 1000, 1000), 1000);
	assert_int_equal(service_clock_step(-3600 * 1000, 1000), -500);
	assert_int_equal(service_clock_step(DAY_MS, 1000), 1000);
	assert_int_equal(service_clock_step(-DAY_MS, 1000), -500);
	/* Never beyond. */
	assert_int_equal(service_clock_step(1500, 60000), 1500);
	assert_int_equal(service_clock_step(-1500, 60000), -1500);
	assert_int_equal(service_clock_step(5000, 0), 0);
}

static void
test_a_clock_that_was_never_right_is_set(void **state)
{
	(void)state;
	assert_int_equal(service_clock_step(DAY_MS + 1, 1000), DAY_MS + 1);
	assert_int_equal(service_clock_step(-DAY_MS - 1, 1000), -DAY_MS - 1);
}

/* After a jump of an hour the clock is there again within an hour, or two. */
static void
test_a_jump_is_over_in_the_end(void **state)
{
	static const int64_t jumps[] = { 3600 * 1000, -3600 * 1000 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		int64_t ahead_ms = jumps[i];
		int ticks = 0;

		while (ahead_ms != 0) {
			ahead_ms -= service_clock_step(ahead_ms, 1000);
			ticks++;
		}
		assert_in_range(ticks, i == 0 ? 3598 : 7197, i == 0 ? 3600 : 7200);
	}
}

static void
test_it_tells_the_time(void **state)
{
	int64_t before_ms = service_clock_ms();

	(void)state;
	assert_in_range(clock_wall_ms() - before_ms + 5000, 0, 10000);
	assert_in_range(service_clock_tick() + 5000, 0, 10000);
	assert_true(service_clock_ms() >= before_ms - 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_kept_in_order_is_followed),
		cmocka_unit_test(test_a_jump_is_approached_at_twice_or_half_the_pace),
		cmocka_unit_test(test_a_clock_that_was_never_right_is_set),
		cmocka_unit_test(test_a_jump_is_over_in_the_end),
		cmocka_unit_test(test_it_tells_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
