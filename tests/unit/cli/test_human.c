/* SPDX-License-Identifier: MIT */
/* Figures for people, where one form goes over into the next. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "cli/human.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void
test_durations(void **state)
{
	static const struct {
		int64_t ms;
		const char *text, *brief;
	} cases[] = {
		{ -5, "0 ms", "0ms" },
		{ 0, "0 ms", "0ms" },
		{ 999, "999 ms", "999ms" },
		{ 1000, "1.0 s", "1.0s" },
		{ 59999, "59.9 s", "59.9s" },
		{ MINUTE, "1 min 00 s", "1m00s" },
		{ HOUR - 1, "59 min 59 s", "59m59s" },
		{ HOUR, "1 h 00 min", "1h00m" },
		{ DAY - 1, "23 h 59 min", "23h59m" },
		{ DAY, "1 d 00 h", "1d" },
		{ 99999 * DAY, "99999 d 00 h", "99999d" },
		{ INT64_MAX, "106751991167 d 07 h", "106751991167d" },
	};

	char text[HUMAN_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(human_duration(cases[i].ms, text), cases[i].text);
		assert_string_equal(human_short_duration(cases[i].ms, text), cases[i].brief);
		if (cases[i].ms < INT64_MAX)
			assert_true(strlen(text) <= 6);
	}
}

static void
test_what_is_to_come_is_rounded_up_to_seconds(void **state)
{
	char text[HUMAN_SIZE];

	(void)state;
	assert_string_equal(human_seconds(-1, text), "0 s");
	assert_string_equal(human_seconds(0, text), "0 s");
	assert_string_equal(human_seconds(1, text), "1 s");
	assert_string_equal(human_seconds(1000, text), "1 s");
	assert_string_equal(human_seconds(1001, text), "2 s");
	assert_string_equal(human_seconds(59001, text), "1 min 00 s");
}

static void
test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 bytes" },
		{ 1, "1 byte" },
		{ 1023, "1023 bytes" },
		{ 1024, "1.0 KiB" },
		{ 1048524, "1023.9 KiB" },
		{ 1048525, "1.0 MiB" },
		{ 64 << 20, "64.0 MiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};

	char text[HUMAN_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(human_bytes(cases[i].bytes, text), cases[i].text);
}

static void
test_counts_have_a_comma_between_three_digits(void **state)
{
	char text[HUMAN_SIZE];

	(void)state;
	assert_string_equal(human_count(0, text), "0");
	assert_string_equal(human_count(999, text), "999");
	assert_string_equal(human_count(1000, text), "1,000");
	assert_string_equal(human_count(123456, text), "123,456");
	assert_string_equal(human_count(1234567, text), "1,234,567");
	assert_string_equal(human_count(-123456, text), "-123,456");
	assert_string_equal(human_count(INT64_MAX, text), "9,223,372,036,854,775,807");
	assert_string_equal(human_count(INT64_MIN, text), "-9,223,372,036,854,775,808");
}

static void
test_rates(void **state)
{
	char text[HUMAN_SIZE];

	(void)state;
	assert_string_equal(human_rate(-1, text), "0");
	assert_string_equal(human_rate(0.004, text), "0");
	assert_string_equal(human_rate(0.25, text), "0.25");
	assert_string_equal(human_rate(1, text), "1.0");
	assert_string_equal(human_rate(9.94, text), "9.9");
	assert_string_equal(human_rate(9.96, text), "10");
	assert_string_equal(human_rate(44999.6, text), "45,000");
	assert_string_equal(human_rate(1e300, text), "1,000,000,000,000,000");
	assert_string_equal(human_rate((double)NAN, text), "0");
}

static void
test_times_are_those_of_the_zone(void **state)
{
	char text[HUMAN_SIZE];

	(void)state;
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	assert_string_equal(human_time(INT64_C(1773144000678), text), "2026-03-10 21:00:00.678");
	assert_string_equal(human_clock(INT64_C(1773144000678), text), "21:00:00");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_what_is_to_come_is_rounded_up_to_seconds),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_counts_have_a_comma_between_three_digits),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_times_are_those_of_the_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
