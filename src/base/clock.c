/* SPDX-License-Identifier: MIT */
/*
 * Reading the clocks and writing a time as text. Any thread; nothing blocks or fails. The calendar
 * is computed here because gmtime_r takes a process-wide lock in glibc and every answer has times.
 */
#include "base/clock.h"

#include <assert.h>
#include <time.h>

#define MS_PER_DAY  INT64_C(86400000)
#define WALL_MS_MAX INT64_C(253402300799999)

static int64_t
clock_read_us(clockid_t id)
{
	struct timespec now;
	int rc = clock_gettime(id, &now);

	assert(rc == 0);
	(void)rc;
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_mono_us(void)
{
	return clock_read_us(CLOCK_MONOTONIC);
}

int64_t
clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t
clock_wall_ms(void)
{
	return clock_read_us(CLOCK_REALTIME) / 1000;
}

static void
put_digits(char *at, int digits, int64_t value)
{
	for (int i = digits - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
}

void
clock_format_rfc3339(int64_t wall_ms, char ret_text[CLOCK_RFC3339_SIZE])
{
	static const char template[CLOCK_RFC3339_SIZE] = "0000-00-00T00:00:00.000Z";
	int64_t ms, days, era, day_of_era, year_of_era, day_of_year, shifted_month, month;

	if (wall_ms < 0)
		wall_ms = 0;
	if (wall_ms > WALL_MS_MAX)
		wall_ms = WALL_MS_MAX;
	ms = wall_ms % MS_PER_DAY;

	/* Days since 1970 to a proleptic Gregorian date, in years that begin on 1 March so that the
	   leap day is the last one (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
	days = wall_ms / MS_PER_DAY + 719468;
	era = days / 146097;
	day_of_era = days % 146097;
	year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	shifted_month = (5 * day_of_year + 2) / 153;
	month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;

	for (int i = 0; i < CLOCK_RFC3339_SIZE; i++)
		ret_text[i] = template[i];
	put_digits(ret_text, 4, year_of_era + era * 400 + (month <= 2 ? 1 : 0));
	put_digits(ret_text + 5, 2, month);
	put_digits(ret_text + 8, 2, day_of_year - (153 * shifted_month + 2) / 5 + 1);
	put_digits(ret_text + 11, 2, ms / 3600000);
	put_digits(ret_text + 14, 2, ms / 60000 % 60);
	put_digits(ret_text + 17, 2, ms / 1000 % 60);
	put_digits(ret_text + 20, 3, ms % 1000);
}
