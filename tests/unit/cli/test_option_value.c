/* SPDX-License-Identifier: MIT */
/* Values of options: every form at its limits, and what is nearly one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "cli/option_value.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* 2026-03-10T12:00:00Z */
#define NOW INT64_C(1773144000000)

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static int64_t
duration(const char *text)
{
	struct error error = { "" };
	int64_t ms = -7;

	if (option_value_duration(text, &ms, &error) != STATUS_OK) {
		assert_int_equal(ms, -7);
		assert_non_null(strstr(error.text, "expected"));
		return -1;
	}
	return ms;
}

static void
test_durations_add_up_their_units(void **state)
{
	(void)state;
	assert_int_equal(duration("0"), 0);
	assert_int_equal(duration("30"), 30000);
	assert_int_equal(duration("250ms"), 250);
	assert_int_equal(duration("1s"), 1000);
	assert_int_equal(duration("2m"), 2 * MINUTE);
	assert_int_equal(duration("3h"), 3 * HOUR);
	assert_int_equal(duration("4d"), 4 * DAY);
	assert_int_equal(duration("1h30m"), HOUR + 30 * MINUTE);
	assert_int_equal(duration("1h05m"), HOUR + 5 * MINUTE);
	assert_int_equal(duration("1d2h3m4s5ms"), DAY + 2 * HOUR + 3 * MINUTE + 4005);
	assert_int_equal(duration("90m"), 90 * MINUTE);
}

static void
test_durations_have_up_to_three_decimals_and_none_below_a_millisecond(void **state)
{
	(void)state;
	assert_int_equal(duration("1.5s"), 1500);
	assert_int_equal(duration("0.001s"), 1);
	assert_int_equal(duration("1.5"), 1500);
	assert_int_equal(duration("0.25h"), 15 * MINUTE);
	assert_int_equal(duration("1.001d"), DAY + 86400);
	assert_int_equal(duration("1.0001s"), -1);
	assert_int_equal(duration("1.s"), -1);
	assert_int_equal(duration(".5s"), -1);
	assert_int_equal(duration("1.5ms"), -1);
}

static void
test_what_is_nearly_a_duration_is_refused(void **state)
{
	static const char *const texts[] = { "", " ", "s", "1 s", " 1s", "1s ", "-1s", "+1s", "1x",
		"1S", "1sec", "30m1h", "1h1h", "1ms1s", "1h30", "1e3", "0x10", "1,5s", "1.2.3s",
		"\xc2\xb5s", "1000000000000000s", "9999999999999999999999s" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (duration(texts[i]) != -1)
			fail_msg("'%s' was taken", texts[i]);
}

static void
test_durations_end_at_a_hundred_years(void **state)
{
	(void)state;
	assert_int_equal(duration("36525d"), 36525 * DAY);
	assert_int_equal(duration("36525d1ms"), -1);
	assert_int_equal(duration("36526d"), -1);
	assert_int_equal(duration("3155760000000ms"), 36525 * DAY);
	assert_int_equal(duration("3155760000001ms"), -1);
	assert_int_equal(duration("999999999999999ms"), -1);
	assert_int_equal(duration("36524d24h"), 36525 * DAY);
}

static void
test_sizes_are_in_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} sizes[] = {
		{ "0", 0 },
		{ "1048576", 1048576 },
		{ "10B", 10 },
		{ "1K", 1024 },
		{ "1KiB", 1024 },
		{ "64M", 64 << 20 },
		{ "64MiB", 64 << 20 },
		{ "2G", INT64_C(2) << 30 },
		{ "2GiB", INT64_C(2) << 30 },
		{ "8589934591G", INT64_C(8589934591) << 30 },
	};

	static const char *const faults[] = { "", "K", "-1", "1 K", "1k", "1KB", "1MB", "1.5M",
		"1T", "8589934592G", "1K1", "0x10" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct error error;
		int64_t bytes = -1;

		assert_int_equal(option_value_size(sizes[i].text, &bytes, &error), STATUS_OK);
		assert_int_equal(bytes, sizes[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct error error;
		int64_t bytes = -7;

		if (option_value_size(faults[i], &bytes, &error) != STATUS_INVALID || bytes != -7)
			fail_msg("'%s' was taken", faults[i]);
	}
}

static void
test_numbers_are_whole_and_not_negative(void **state)
{
	static const char *const faults[] = { "", "-1", "+1", "1.0", " 1", "1 ", "01", "x",
		"9223372036854775808" };
	struct error error;
	int64_t value;

	(void)state;
	assert_int_equal(option_value_number("0", &value, &error), STATUS_OK);
	assert_int_equal(value, 0);
	assert_int_equal(option_value_number("9223372036854775807", &value, &error), STATUS_OK);
	assert_int_equal(value, INT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		assert_int_equal(option_value_number(faults[i], &value, &error), STATUS_INVALID);
}

static int64_t
moment(const char *text, enum time_direction direction)
{
	struct error error = { "" };
	int64_t wall_ms = -7;

	if (option_value_time(text, direction, NOW, &wall_ms, &error) != STATUS_OK) {
		assert_int_equal(wall_ms, -7);
		assert_true(error.text[0] != '\0');
		return -1;
	}
	return wall_ms;
}

static void
test_times_with_a_zone_are_the_same_everywhere(void **state)
{
	(void)state;
	set_zone("America/New_York");
	assert_int_equal(moment("2026-03-10T12:00:00Z", TIME_AHEAD), NOW);
	assert_int_equal(moment("2026-03-10T13:00:00.250+01:00", TIME_BACK), NOW + 250);
	assert_int_equal(moment("now", TIME_AHEAD), NOW);
}

static void
test_times_without_a_zone_are_local(void **state)
{
	(void)state;
	set_zone("UTC");
	assert_int_equal(moment("2026-03-10 12:00", TIME_AHEAD), NOW);
	assert_int_equal(moment("2026-03-10T12:00:01", TIME_AHEAD), NOW + 1000);
	assert_int_equal(moment("2026-03-10", TIME_BACK), NOW - 12 * HOUR);
	set_zone("Asia/Tokyo"); /* nine hours ahead, no summer time */
	assert_int_equal(moment("2026-03-10 12:00", TIME_AHEAD), NOW - 9 * HOUR);
	assert_int_equal(moment("2026-03-10 21:00:00", TIME_AHEAD), NOW);
}

static void
test_a_time_of_day_is_the_next_or_the_last_one(void **state)
{
	(void)state;
	set_zone("UTC");
	assert_int_equal(moment("12:01", TIME_AHEAD), NOW + MINUTE);
	assert_int_equal(moment("12:00", TIME_AHEAD), NOW + DAY);
	assert_int_equal(moment("11:59:59", TIME_AHEAD), NOW + DAY - 1000);
	assert_int_equal(moment("12:00", TIME_BACK), NOW);
	assert_int_equal(moment("11:00", TIME_BACK), NOW - HOUR);
	assert_int_equal(moment("12:00:01", TIME_BACK), NOW + 1000 - DAY);
	set_zone("Asia/Tokyo"); /* it is 21:00 there */
	assert_int_equal(moment("20:00", TIME_AHEAD), NOW + 23 * HOUR);
	assert_int_equal(moment("00:30", TIME_AHEAD), NOW + 3 * HOUR + 30 * MINUTE);
}

static void
test_a_day_on_which_clocks_are_set_has_its_own_length(void **state)
{
	struct error error;
	int64_t wall_ms;
	/* 2026-03-28T22:00:00Z, 23:00 in Berlin; at 2:00 of the 29th it is 3:00 there. */
	const int64_t evening = INT64_C(1774735200000);

	(void)state;
	set_zone("Europe/Berlin");
	assert_int_equal(
	    option_value_time("22:30", TIME_AHEAD, evening, &wall_ms, &error), STATUS_OK);
	assert_int_equal(wall_ms, evening + 22 * HOUR + 30 * MINUTE);
	assert_int_equal(moment("2026-03-29 02:30", TIME_AHEAD), -1);
	assert_true(moment("2026-03-29 03:30", TIME_AHEAD) > 0);
}

static void
test_a_duration_counts_from_now_and_has_a_unit(void **state)
{
	(void)state;
	assert_int_equal(moment("2h", TIME_AHEAD), NOW + 2 * HOUR);
	assert_int_equal(moment("2h", TIME_BACK), NOW - 2 * HOUR);
	assert_int_equal(moment("1.5h", TIME_BACK), NOW - 90 * MINUTE);
	assert_int_equal(moment("30", TIME_BACK), -1);
	assert_int_equal(moment("1.5", TIME_BACK), -1);
	assert_int_equal(moment("2026", TIME_AHEAD), -1);
	assert_int_equal(moment("36525d", TIME_BACK), -1); /* before 1970 */
}

static void
test_what_is_nearly_a_time_is_refused(void **state)
{
	static const char *const texts[] = { "", "today", "12", "12:", "12:0", "24:00", "12:60",
		"12:00:60", "1:00", "12:00:0", "12:00 ", "2026-3-10", "2026-03-10x", "2026-02-29",
		"2026-13-01", "2026-00-01", "2026-03-00", "2026-03-10 ", "2026-03-10 24:00",
		"2026-03-10  12:00", "10.03.2026", "2026-03-10T12:00:00+1", "Now", "-2h" };

	(void)state;
	set_zone("UTC");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (moment(texts[i], TIME_AHEAD) != -1)
			fail_msg("'%s' was taken", texts[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations_add_up_their_units),
		cmocka_unit_test(
		    test_durations_have_up_to_three_decimals_and_none_below_a_millisecond),
		cmocka_unit_test(test_what_is_nearly_a_duration_is_refused),
		cmocka_unit_test(test_durations_end_at_a_hundred_years),
		cmocka_unit_test(test_sizes_are_in_powers_of_1024),
		cmocka_unit_test(test_numbers_are_whole_and_not_negative),
		cmocka_unit_test(test_times_with_a_zone_are_the_same_everywhere),
		cmocka_unit_test(test_times_without_a_zone_are_local),
		cmocka_unit_test(test_a_time_of_day_is_the_next_or_the_last_one),
		cmocka_unit_test(test_a_day_on_which_clocks_are_set_has_its_own_length),
		cmocka_unit_test(test_a_duration_counts_from_now_and_has_a_unit),
		cmocka_unit_test(test_what_is_nearly_a_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
