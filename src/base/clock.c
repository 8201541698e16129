/* SPDX-License-Identifier: MIT */
/*
 * Reading the clocks, and times as text. Any thread; nothing blocks. The calendar is computed here
 * because gmtime_r takes a process-wide lock in glibc and every answer has times.
 */
#include "base/clock.h"

#include <assert.h>
#include <stdbool.h>
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

/* A day of the proleptic Gregorian calendar. */
struct date {
	int64_t year, month, day;
};

/* Both ways between dates and days since 1970 count in years that begin on 1 March, so that the
   leap day is the last one (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
#define DAYS_BEFORE_1970 719468 /* since 1 March of the year 0 */
#define DAYS_PER_ERA     146097 /* of 400 years */

static struct date
date_of_day(int64_t days)
{
	int64_t era = (days + DAYS_BEFORE_1970) / DAYS_PER_ERA;
	int64_t day_of_era = (days + DAYS_BEFORE_1970) % DAYS_PER_ERA;
	int64_t year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted_month = (5 * day_of_year + 2) / 153;
	int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;

	return (struct date){
		.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
		.month = month,
		.day = day_of_year - (153 * shifted_month + 2) / 5 + 1,
	};
}

/* For years from 1 on. */
static int64_t
day_of_date(struct date date)
{
	int64_t year = date.month <= 2 ? date.year - 1 : date.year;
	int64_t shifted_month = date.month <= 2 ? date.month + 9 : date.month - 3;
	int64_t year_of_era = year % 400;
	int64_t day_of_year = (153 * shifted_month + 2) / 5 + date.day - 1;
	int64_t day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return year / 400 * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970;
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
	struct date date;
	int64_t ms;

	if (wall_ms < 0)
		wall_ms = 0;
	if (wall_ms > WALL_MS_MAX)
		wall_ms = WALL_MS_MAX;
	ms = wall_ms % MS_PER_DAY;
	date = date_of_day(wall_ms / MS_PER_DAY);
	for (int i = 0; i < CLOCK_RFC3339_SIZE; i++)
		ret_text[i] = template[i];
	put_digits(ret_text, 4, date.year);
	put_digits(ret_text + 5, 2, date.month);
	put_digits(ret_text + 8, 2, date.day);
	put_digits(ret_text + 11, 2, ms / 3600000);
	put_digits(ret_text + 14, 2, ms / 60000 % 60);
	put_digits(ret_text + 17, 2, ms / 1000 % 60);
	put_digits(ret_text + 20, 3, ms % 1000);
}

/* What an RFC 3339 text says, part by part. */
struct parts {
	struct date date;
	int64_t hour, minute, second, ms;
	int64_t offset_minutes; /* east of UTC */
};

#define DATE_TIME_BYTES     19 /* "2026-01-02T03:04:05" */
#define FRACTION_DIGITS_MAX 9
#define OFFSET_BYTES        6 /* "+01:00" */

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* A number of exactly so many digits, or -1. */
static int64_t
get_digits(const char *at, int digits)
{
	int64_t value = 0;

	for (int i = 0; i < digits; i++) {
		if (!is_digit(at[i]))
			return -1;
		value = value * 10 + (at[i] - '0');
	}
	return value;
}

/* Takes DATE_TIME_BYTES apart. */
static bool
read_date_time(const char *text, struct parts *ret_parts)
{
	ret_parts->date.year = get_digits(text, 4);
	ret_parts->date.month = get_digits(text + 5, 2);
	ret_parts->date.day = get_digits(text + 8, 2);
	ret_parts->hour = get_digits(text + 11, 2);
	ret_parts->minute = get_digits(text + 14, 2);
	ret_parts->second = get_digits(text + 17, 2);
	return text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == 't') &&
	       text[13] == ':' && text[16] == ':';
}

/* Reads the digits after a '.' as milliseconds and tells how many there are; 0: that is no
 * fraction.
 */
static size_t
read_fraction(const char *text, size_t size, int64_t *ret_ms)
{
	int64_t ms = 0;
	size_t count = 0;

	for (; count < size && is_digit(text[count]); count++) {
		if (count == FRACTION_DIGITS_MAX)
			return 0;
		if (count < 3)
			ms = ms * 10 + (text[count] - '0');
	}
	for (size_t i = count; i < 3; i++)
		ms *= 10;
	*ret_ms = ms;
	return count;
}

/* Reads all of the rest: "Z", or the offset of a local time. */
static bool
read_offset(const char *text, size_t size, int64_t *ret_minutes)
{
	int64_t hours, minutes;

	*ret_minutes = 0;
	if (size == 1)
		return text[0] == 'Z' || text[0] == 'z';
	if (size != OFFSET_BYTES || (text[0] != '+' && text[0] != '-') || text[3] != ':')
		return false;
	hours = get_digits(text + 1, 2);
	minutes = get_digits(text + 4, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return false;
	*ret_minutes = (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
	return true;
}

static bool
read_parts(const char *text, size_t size, struct parts *ret_parts)
{
	size_t at = DATE_TIME_BYTES;

	if (size <= DATE_TIME_BYTES || !read_date_time(text, ret_parts))
		return false;
	ret_parts->ms = 0;
	if (text[at] == '.') {
		size_t digits = read_fraction(text + at + 1, size - at - 1, &ret_parts->ms);

		if (digits == 0)
			return false;
		at += 1 + digits;
	}
	return read_offset(text + at, size - at, &ret_parts->offset_minutes);
}

/* Whether the calendar has the day, and the day the time; a second of 60 is judged elsewhere. */
static bool
is_real(const struct parts *parts)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const struct date *date = &parts->date;
	bool is_leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);

	if (date->year < 1 || date->month < 1 || date->month > 12 || date->day < 1)
		return false;
	return date->day <= days[date->month - 1] + (date->month == 2 && is_leap ? 1 : 0) &&
	       parts->hour >= 0 && parts->hour <= 23 && parts->minute >= 0 && parts->minute <= 59 &&
	       parts->second >= 0 && parts->second <= 60;
}

enum status
clock_parse_rfc3339(const char *text, size_t size, int64_t *ret_wall_ms)
{
	struct parts parts;
	int64_t minutes, wall_ms;

	if (!read_parts(text, size, &parts) || !is_real(&parts))
		return STATUS_INVALID;
	minutes =
	    day_of_date(parts.date) * 1440 + parts.hour * 60 + parts.minute - parts.offset_minutes;
	wall_ms = minutes * 60000 + parts.second * 1000 + parts.ms;
	if (parts.second == 60) {
		/* Unix time has no leap seconds: this one is the start of the next. */
		wall_ms -= parts.ms;
		if (wall_ms < 0 || wall_ms % MS_PER_DAY != 0 ||
		    date_of_day(wall_ms / MS_PER_DAY).day != 1)
			return STATUS_INVALID;
	}
	if (wall_ms < 0 || wall_ms > WALL_MS_MAX)
		return STATUS_INVALID;
	*ret_wall_ms = wall_ms;
	return STATUS_OK;
}
