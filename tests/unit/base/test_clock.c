/* SPDX-License-Identifier: MIT */
/* The clocks, and RFC 3339 text both ways, against the C library's own calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"

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

/* Parses a copy of exactly these bytes, so that reading beyond them is found out. */
static enum status
parse(const char *text, size_t size, int64_t *ret_wall_ms)
{
	char *copy = malloc(size > 0 ? size : 1);
	enum status status;

	memcpy(copy, text, size);
	status = clock_parse_rfc3339(copy, size, ret_wall_ms);
	free(copy);
	return status;
}

static void
assert_parses(const char *text, int64_t expected)
{
	int64_t wall_ms = -4711;

	if (parse(text, strlen(text), &wall_ms) != STATUS_OK)
		fail_msg("'%s' is refused", text);
	if (wall_ms != expected)
		fail_msg("'%s' is %lld", text, (long long)wall_ms);
}

static void
assert_refuses(const char *text)
{
	int64_t wall_ms = 4711;

	if (parse(text, strlen(text), &wall_ms) != STATUS_INVALID)
		fail_msg("'%s' is taken", text);
	assert_true(wall_ms == 4711);
}

#define ASSERT_REFUSES(...)                                         \
	do {                                                        \
		static const char *const texts[] = { __VA_ARGS__ }; \
		for (size_t at = 0; at < ARRAY_SIZE(texts); at++)   \
			assert_refuses(texts[at]);                  \
	} while (0)

static void
test_known_times_are_read_exactly(void **state)
{
	(void)state;
	assert_parses("1970-01-01T00:00:00Z", 0);
	assert_parses("1970-01-01T00:00:00.001Z", 1);
	assert_parses("2000-02-29T00:00:00.000Z", INT64_C(951782400000));
	assert_parses("2026-01-02T03:04:05.678Z", INT64_C(1767323045678));
	assert_parses("2100-03-01T00:00:00Z", INT64_C(4107542400000));
	assert_parses("9999-12-31T23:59:59.999Z", LAST_MS);
	/* The examples of RFC 3339, section 5.8. */
	assert_parses("1985-04-12T23:20:50.52Z", INT64_C(482196050520));
	assert_parses("1996-12-19T16:39:57-08:00", INT64_C(851042397000));
	assert_parses("1990-12-31T23:59:60Z", INT64_C(662688000000));
	assert_parses("1990-12-31T15:59:60-08:00", INT64_C(662688000000));
	assert_refuses("1937-01-01T12:00:27.87+00:20");
}

static void
test_both_letters_may_be_small(void **state)
{
	(void)state;
	assert_parses("2026-01-02t03:04:05z", INT64_C(1767323045000));
	assert_parses("2026-01-02T03:04:05z", INT64_C(1767323045000));
	assert_parses("2026-01-02t03:04:05.5Z", INT64_C(1767323045500));
	assert_parses("2026-01-02t04:04:05+01:00", INT64_C(1767323045000));
}

static void
test_a_fraction_has_one_to_nine_digits_and_is_cut_to_milliseconds(void **state)
{
	(void)state;
	assert_parses("2026-01-02T03:04:05.0Z", INT64_C(1767323045000));
	assert_parses("2026-01-02T03:04:05.6Z", INT64_C(1767323045600));
	assert_parses("2026-01-02T03:04:05.06Z", INT64_C(1767323045060));
	assert_parses("2026-01-02T03:04:05.0009Z", INT64_C(1767323045000));
	assert_parses("2026-01-02T03:04:05.67899Z", INT64_C(1767323045678));
	assert_parses("2026-01-02T03:04:05.999999999Z", INT64_C(1767323045999));
	assert_parses("2026-01-02T03:04:05.123456789+00:00", INT64_C(1767323045123));
	ASSERT_REFUSES("2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.+00:00",
	    "2026-01-02T03:04:05.0000000000Z", "2026-01-02T03:04:05.1234567890+00:00",
	    "2026-01-02T03:04:05,5Z", "2026-01-02T03:04:05.5.5Z", "2026-01-02T03:04:05.-5Z",
	    "2026-01-02T03:04:05.5", "2026-01-02T03:04:05.", "2026-01-02T03:04:05.5 Z");
}

static void
test_an_offset_leads_to_utc(void **state)
{
	(void)state;
	assert_parses("2026-01-02T03:04:05+00:00", INT64_C(1767323045000));
	assert_parses("2026-01-02T03:04:05-00:00", INT64_C(1767323045000));
	assert_parses("2026-01-02T05:34:05+02:30", INT64_C(1767323045000));
	assert_parses("2026-01-01T22:04:05-05:00", INT64_C(1767323045000));
	assert_parses("2026-01-03T03:03:05+23:59", INT64_C(1767323045000));
	assert_parses("2026-01-01T03:05:05-23:59", INT64_C(1767323045000));
	ASSERT_REFUSES("2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05-24:00",
	    "2026-01-02T03:04:05+00:60", "2026-01-02T03:04:05-00:60", "2026-01-02T03:04:05+0100",
	    "2026-01-02T03:04:05+01", "2026-01-02T03:04:05+1:00", "2026-01-02T03:04:05+01:0",
	    "2026-01-02T03:04:05+01:000", "2026-01-02T03:04:05+01-00", "2026-01-02T03:04:0501:00",
	    "2026-01-02T03:04:05 01:00", "2026-01-02T03:04:05Z+01:00", "2026-01-02T03:04:05+01:00Z",
	    "2026-01-02T03:04:05+-1:00", "2026-01-02T03:04:05+01:-1", "2026-01-02T03:04:05+",
	    "2026-01-02T03:04:05UTC",
	    "2026-01-02T03:04:05\xe2\x88\x92"
	    "01:00");
}

static void
test_only_days_of_the_calendar_are_days(void **state)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	(void)state;
	for (int year = 1970; year <= 9999; year += year < 2410 ? 1 : 97) {
		bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

		for (int month = 1; month <= 12; month++) {
			int last = days[month - 1] + (month == 2 && is_leap ? 1 : 0);
			char text[64];
			int64_t ms;

			snprintf(text, sizeof(text), "%04d-%02d-%02dT12:00:00Z", year, month, last);
			assert_int_equal(parse(text, strlen(text), &ms), STATUS_OK);
			snprintf(
			    text, sizeof(text), "%04d-%02d-%02dT12:00:00Z", year, month, last + 1);
			assert_refuses(text);
		}
	}
	ASSERT_REFUSES("2026-00-02T03:04:05Z", "2026-13-02T03:04:05Z", "2026-01-00T03:04:05Z",
	    "2026-01-32T03:04:05Z", "2026-99-99T03:04:05Z", "2023-02-29T03:04:05Z",
	    "2100-02-29T03:04:05Z", "2024-02-30T03:04:05Z");
}

static void
test_only_times_of_the_day_are_times(void **state)
{
	(void)state;
	assert_parses("2026-01-02T23:59:59Z", INT64_C(1767398399000));
	ASSERT_REFUSES("2026-01-02T24:00:00Z", "2026-01-02T23:60:00Z", "2026-01-02T23:59:61Z",
	    "2026-01-02T99:99:99Z");
}

static void
test_a_leap_second_ends_a_month_in_utc_and_is_the_start_of_the_next(void **state)
{
	(void)state;
	assert_parses("2016-12-31T23:59:60Z", INT64_C(1483228800000));
	assert_parses("2016-12-31T23:59:60.999Z", INT64_C(1483228800000));
	assert_parses("2017-01-01T05:29:60+05:30", INT64_C(1483228800000));
	assert_parses("2015-06-30T23:59:60Z", INT64_C(1435708800000));
	assert_parses("2024-02-29T23:59:60Z", INT64_C(1709251200000));
	ASSERT_REFUSES("2016-12-30T23:59:60Z", "2024-02-28T23:59:60Z", "2016-12-31T23:58:60Z",
	    "2016-12-31T22:59:60Z", "2016-12-31T23:59:60+01:00", "2017-01-01T05:29:60Z",
	    "2016-12-31T00:00:60Z", "9999-12-31T23:59:60Z", "1969-11-30T23:59:60Z");
	assert_parses("1969-12-31T23:59:60Z", 0);
}

static void
test_the_moment_lies_in_the_years_that_can_be_written(void **state)
{
	(void)state;
	assert_parses("1970-01-01T00:30:00+00:30", 0);
	assert_parses("1969-12-31T23:30:00-00:30", 0);
	assert_parses("9999-12-31T23:29:59.999-00:30", LAST_MS);
	ASSERT_REFUSES("1970-01-01T00:29:59.999+00:30", "1969-12-31T23:59:59.999Z",
	    "9999-12-31T23:30:00-00:30", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
	    "0000-00-00T00:00:00Z", "1900-02-28T23:59:60Z");
}

static void
test_every_other_spelling_is_refused(void **state)
{
	int64_t wall_ms;

	(void)state;
	ASSERT_REFUSES("", "Z", "T", "2026", "2026-01-02", "2026-01-02T", "03:04:05Z",
	    "2026-01-02T03:04Z", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
	    "2026-01-02_03:04:05Z", "20260102T030405Z", "2026-1-2T03:04:05Z", "2026-01-02T3:04:05Z",
	    "2026-01-02T03:04:5Z", "+2026-01-02T03:04:05Z", "-2026-01-02T03:04:05Z",
	    "12026-01-02T03:04:05Z", "026-01-02T03:04:05Z", " 2026-01-02T03:04:05Z",
	    "2026-01-02T03:04:05Z ", "2026-01-02T03:04:05Z\n", "2026/01/02T03:04:05Z",
	    "2026-01-02T03.04.05Z", "2026-W01-5T03:04:05Z", "2026-002T03:04:05Z",
	    "2026-01-02T03:04:05ZZ", "2026-01-02T-3:04:05Z", "2026-01-02T03:04:+5Z",
	    "2026-01-02T 3:04:05Z", "1767323045", "1767323045678", "now",
	    "Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:05[Europe/Paris]",
	    "2026-01-02T03:04:05Z[u-ca=iso8601]",
	    "\xd9\xa2"
	    "026-01-02T03:04:05Z");
	/* With a NUL behind, and in the place of the zone. */
	assert_int_equal(parse("2026-01-02T03:04:05Z", 21, &wall_ms), STATUS_INVALID);
	assert_int_equal(parse("2026-01-02T03:04:05\0", 20, &wall_ms), STATUS_INVALID);
}

/* Every byte of a text set to every value: what is taken has a digit for a digit. */
static void
test_no_other_byte_stands_for_a_right_one(void **state)
{
	static const char good[] = "2026-01-02T03:04:05.678+01:30";

	(void)state;
	for (size_t at = 0; at < sizeof(good) - 1; at++) {
		for (int byte = 0; byte < 256; byte++) {
			char text[sizeof(good)];
			int64_t wall_ms;

			memcpy(text, good, sizeof(good));
			text[at] = (char)byte;
			if (parse(text, sizeof(good) - 1, &wall_ms) != STATUS_OK)
				continue;
			if (strchr("0123456789", good[at]) != NULL)
				assert_true(byte >= '0' && byte <= '9');
			else
				assert_true(byte == good[at] || (at == 10 && byte == 't') ||
					    (at == 23 && byte == '-'));
		}
	}
	for (size_t size = 0; size < sizeof(good) - 1; size++) {
		int64_t wall_ms;

		assert_int_equal(parse(good, size, &wall_ms), STATUS_INVALID);
	}
}

static void
test_every_day_until_9999_is_read_as_it_is_written(void **state)
{
	(void)state;
	for (int64_t ms = MS_PER_DAY - 1; ms <= LAST_MS; ms += MS_PER_DAY) {
		char text[CLOCK_RFC3339_SIZE];
		int64_t wall_ms = 0;

		clock_format_rfc3339(ms, text);
		if (clock_parse_rfc3339(text, sizeof(text) - 1, &wall_ms) != STATUS_OK ||
		    wall_ms != ms)
			fail_msg("%s is read as %lld", text, (long long)wall_ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_times_are_written_exactly),
		cmocka_unit_test(test_times_outside_the_range_are_clamped),
		cmocka_unit_test(test_every_day_until_9999_agrees_with_gmtime),
		cmocka_unit_test(test_known_times_are_read_exactly),
		cmocka_unit_test(test_both_letters_may_be_small),
		cmocka_unit_test(test_a_fraction_has_one_to_nine_digits_and_is_cut_to_milliseconds),
		cmocka_unit_test(test_an_offset_leads_to_utc),
		cmocka_unit_test(test_only_days_of_the_calendar_are_days),
		cmocka_unit_test(test_only_times_of_the_day_are_times),
		cmocka_unit_test(
		    test_a_leap_second_ends_a_month_in_utc_and_is_the_start_of_the_next),
		cmocka_unit_test(test_the_moment_lies_in_the_years_that_can_be_written),
		cmocka_unit_test(test_every_other_spelling_is_refused),
		cmocka_unit_test(test_no_other_byte_stands_for_a_right_one),
		cmocka_unit_test(test_every_day_until_9999_is_read_as_it_is_written),
		cmocka_unit_test(test_the_monotonic_clock_never_goes_back),
		cmocka_unit_test(test_the_wall_clock_is_the_systems),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
