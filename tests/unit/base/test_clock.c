/* SPDX-License-Identifier: MIT */
/* The clocks and the RFC 3339 text, against the C library's own calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

#define MS_PER_DAY INT64_C(86400000)
#define LAST_MS    INT64_C(253402300799999)

static void
assert_formats(int64_t wall_ms, const char *expected)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(wall_ms, text);
	assert_string_equal(text, expected);
}

static void
test_known_times_are_written_exactly(void **state)
{
	(void)state;
	assert_formats(0, "1970-01-01T00:00:00.000Z");
	assert_formats(999, "1970-01-01T00:00:00.999Z");
	assert_formats(1000, "1970-01-01T00:00:01.000Z");
	assert_formats(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
	assert_formats(INT64_C(1767323045678), "2026-01-02T03:04:05.678Z");
	assert_formats(INT64_C(4107542400000), "2100-03-01T00:00:00.000Z");
}

static void
test_times_outside_the_range_are_clamped(void **state)
{
	(void)state;
	assert_formats(-1, "1970-01-01T00:00:00.000Z");
	assert_formats(INT64_MIN, "1970-01-01T00:00:00.000Z");
	assert_formats(LAST_MS, "9999-12-31T23:59:59.999Z");
	assert_formats(LAST_MS + 1, "9999-12-31T23:59:59.999Z");
	assert_formats(INT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void
test_every_day_until_9999_agrees_with_gmtime(void **state)
{
	(void)state;
	for (int64_t ms = MS_PER_DAY - 1; ms <= LAST_MS; ms += MS_PER_DAY) {
		char text[CLOCK_RFC3339_SIZE], expected[64];
		time_t seconds = (time_t)(ms / 1000);
		struct tm tm;

		assert_non_null(gmtime_r(&seconds, &tm));
		clock_format_rfc3339(ms, text);
		assert_true(
		    strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.999Z", &tm) > 0);
		if (strcmp(text, expected) != 0)
			fail_msg("%s instead of %s", text, expected);
	}
}

static void
test_the_monotonic_clock_never_goes_back(void **state)
{
	int64_t last_us = clock_mono_us();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t now_us = clock_mono_us();

		assert_true(now_us >= last_us);
		last_us = now_us;
	}
	assert_true(clock_mono_ms() >= last_us / 1000);
}

static void
test_the_wall_clock_is_the_systems(void **state)
{
	struct timespec before, after;
	int64_t wall_ms;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &before);
	wall_ms = clock_wall_ms();
	clock_gettime(CLOCK_REALTIME, &after);
	assert_true(wall_ms >= (int64_t)before.tv_sec * 1000 + before.tv_nsec / 1000000);
	assert_true(wall_ms <= (int64_t)after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_times_are_written_exactly),
		cmocka_unit_test(test_times_outside_the_range_are_clamped),
		cmocka_unit_test(test_every_day_until_9999_agrees_with_gmtime),
		cmocka_unit_test(test_the_monotonic_clock_never_goes_back),
		cmocka_unit_test(test_the_wall_clock_is_the_systems),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
