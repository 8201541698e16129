/* SPDX-License-Identifier: MIT */
/* The pulse of a thread: asleep, in time, at the time, late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pulse.h"

static void
test_who_sleeps_is_never_late(void **state)
{
	struct pulse pulse;

	(void)state;
	pulse_init(&pulse);
	assert_int_equal(pulse_late_ms(&pulse, 0), 0);
	assert_int_equal(pulse_late_ms(&pulse, INT64_MAX), 0);
	pulse_set(&pulse, 5);
	pulse_set(&pulse, PULSE_ASLEEP);
	assert_int_equal(pulse_late_ms(&pulse, 1000), 0);
}

static void
test_it_is_late_from_the_millisecond_after_the_time_on(void **state)
{
	struct pulse pulse;

	(void)state;
	pulse_init(&pulse);
	pulse_set(&pulse, 1000);
	assert_int_equal(pulse_late_ms(&pulse, 999), 0);
	assert_int_equal(pulse_late_ms(&pulse, 1000), 0);
	assert_int_equal(pulse_late_ms(&pulse, 1001), 1);
	assert_int_equal(pulse_late_ms(&pulse, 61000), 60000);
	pulse_set(&pulse, 61000);
	assert_int_equal(pulse_late_ms(&pulse, 61000), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_sleeps_is_never_late),
		cmocka_unit_test(test_it_is_late_from_the_millisecond_after_the_time_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
