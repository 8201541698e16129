/* SPDX-License-Identifier: MIT */
/*
 * Values of options; see option_value.h. Main thread, since the C library's time zone is the
 * process's.
 */
#include "cli/option_value.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/num.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS    (INT64_C(24) * 3600 * SECOND_MS)

#define DURATION_MAX_MS   (36525 * DAY_MS)
#define DURATION_EXPECTED "a duration such as 30s, 1h30m or 250ms"
#define SIZE_EXPECTED     "bytes, or a size such as 64K, 10M or 1G"
#define TIME_EXPECTED     "a time such as 2026-01-02T03:04:05Z, '2026-01-02 03:04', 15:30 or 2h"

/* One part of a value: digits, a point with up to three more, and letters behind them. */
struct part {
	uint64_t thousandths;
	bool has_decimals;
	const char *unit;
	size_t unit_size;
};

static const struct {
	const char *name;
	int64_t ms;
} durations[] = {
	{ "d", DAY_MS },
	{ "h", 3600 * SECOND_MS },
	{ "m", 60 * SECOND_MS },
	{ "s", SECOND_MS },
	{ "ms", 1 },
};

static const struct {
	const char *name;
	int64_t bytes;
} sizes[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "K", INT64_C(1) << 10 },
	{ "KiB", INT64_C(1) << 10 },
	{ "M", INT64_C(1) << 20 },
	{ "MiB", INT64_C(1) << 20 },
	{ "G", INT64_C(1) << 30 },
	{ "GiB", INT64_C(1) << 30 },
};

enum status
option_value_number(const char *text, int64_t *ret_value, struct error *error)
{
	int64_t value;

	if (num_parse_i64(text, strlen(text), &value) != STATUS_OK || value < 0)
		return error_set(
		    error, STATUS_INVALID, "found '%.60s', expected a whole number", text);
	*ret_value = value;
	return STATUS_OK;
}

static size_t
digits_at(const char *text)
{
	return strspn(text, "0123456789");
}

/* Takes a part off the front of the text; false where none stands there. Leading zeros are fine:
   people write 1h05m. */
static bool
take_part(const char **text, struct part *ret_part)
{
	const char *at = *text;
	size_t whole = digits_at(at);
	uint64_t value = 0, decimals = 0;
	bool has_decimals = at[whole] == '.';

	if (whole == 0 || whole > 15)
		return false;
	for (size_t i = 0; i < whole; i++)
		value = value * 10 + (uint64_t)(at[i] - '0');
	at += whole;
	if (has_decimals) {
		size_t count = digits_at(++at);

		if (count == 0 || count > 3)
			return false;
		for (size_t i = 0; i < 3; i++)
			decimals = decimals * 10 + (i < count ? (uint64_t)(at[i] - '0') : 0);
		at += count;
	}
	*ret_part = (struct part){
		.thousandths = value * 1000 + decimals,
		.has_decimals = has_decimals,
		.unit = at,
		.unit_size = strcspn(at, "0123456789."),
	};
	*text = at + ret_part->unit_size;
	return true;
}

/* The unit of a part, from the first one that may still stand there; the number of them when it is
   none. */
static size_t
duration_unit(const struct part *part, size_t first)
{
	for (size_t i = first; i < ARRAY_SIZE(durations); i++)
		if (strlen(durations[i].name) == part->unit_size &&
		    memcmp(durations[i].name, part->unit, part->unit_size) == 0)
			return i;
	return ARRAY_SIZE(durations);
}

static enum status
refuse_duration(const char *text, struct error *error)
{
	return error_set(error, STATUS_INVALID, "found '%.60s', expected " DURATION_EXPECTED, text);
}

enum status
option_value_duration(const char *text, int64_t *ret_ms, struct error *error)
{
	const char *at = text;
	struct part part;
	int64_t total_ms = 0;
	size_t unit = 0;

	do {
		int64_t part_max;

		if (!take_part(&at, &part))
			return refuse_duration(text, error);
		if (part.unit_size == 0 && unit == 0 && *at == '\0') {
			part.unit = "s"; /* a number alone */
			part.unit_size = 1;
		}
		unit = duration_unit(&part, unit);
		if (unit == ARRAY_SIZE(durations) ||
		    (part.has_decimals && durations[unit].ms < SECOND_MS))
			return refuse_duration(text, error);
		part_max = DURATION_MAX_MS / durations[unit].ms;
		if (part.thousandths > (uint64_t)part_max * 1000)
			return error_set(
			    error, STATUS_INVALID, "found '%.60s', expected at most 36525d", text);
		total_ms += (int64_t)part.thousandths * durations[unit].ms / 1000;
		unit++;
	} while (*at != '\0');
	if (total_ms > DURATION_MAX_MS)
		return error_set(
		    error, STATUS_INVALID, "found '%.60s', expected at most 36525d", text);
	*ret_ms = total_ms;
	return STATUS_OK;
}

enum status
option_value_size(const char *text, int64_t *ret_bytes, struct error *error)
{
	const char *at = text;
	struct part part;

	if (take_part(&at, &part) && *at == '\0' && !part.has_decimals) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			uint64_t value = part.thousandths / 1000;

			if (strcmp(sizes[i].name, part.unit) != 0)
				continue;
			if (value > (uint64_t)(INT64_MAX / sizes[i].bytes))
				break;
			*ret_bytes = (int64_t)value * sizes[i].bytes;
			return STATUS_OK;
		}
	}
	return error_set(error, STATUS_INVALID, "found '%.60s', expected " SIZE_EXPECTED, text);
}

/* Reads exactly two digits and what has to stand behind them; false for anything else. */
static bool
take_two(const char **text, const char *behind, int *ret_value)
{
	const char *at = *text;
	size_t size = strlen(behind);

	if (digits_at(at) != 2 || strncmp(at + 2, behind, size) != 0)
		return false;
	*ret_value = (at[0] - '0') * 10 + (at[1] - '0');
	*text = at + 2 + size;
	return true;
}

static bool
take_date(const char **text, struct tm *tm)
{
	const char *at = *text;
	int century, year;

	if (digits_at(at) != 4 || at[4] != '-')
		return false;
	century = (at[0] - '0') * 10 + (at[1] - '0');
	year = (at[2] - '0') * 10 + (at[3] - '0');
	at += 5;
	tm->tm_year = century * 100 + year - 1900;
	if (!take_two(&at, "-", &tm->tm_mon) || !take_two(&at, "", &tm->tm_mday))
		return false;
	tm->tm_mon--;
	*text = at;
	return true;
}

/* Hours and minutes, and seconds if any; to the end of the text. */
static bool
take_time_of_day(const char *text, struct tm *tm)
{
	tm->tm_sec = 0;
	if (!take_two(&text, ":", &tm->tm_hour) || !take_two(&text, "", &tm->tm_min))
		return false;
	if (*text == ':') {
		text++;
		if (!take_two(&text, "", &tm->tm_sec))
			return false;
	}
	return *text == '\0';
}

/* A local time as it is written; INVALID where the calendar or the clocks of the zone have none. */
static enum status
local_time(const char *text, const struct tm *written, int64_t *ret_wall_ms, struct error *error)
{
	struct tm tm = *written;
	time_t seconds;

	tm.tm_isdst = -1;
	seconds = mktime(&tm);
	if (seconds < 0 || tm.tm_mday != written->tm_mday || tm.tm_mon != written->tm_mon ||
	    tm.tm_hour != written->tm_hour || tm.tm_min != written->tm_min ||
	    tm.tm_sec != written->tm_sec)
		return error_set(error, STATUS_INVALID,
		    "found '%.60s', which is no time that the calendar and the clocks here have",
		    text);
	*ret_wall_ms = (int64_t)seconds * SECOND_MS;
	return STATUS_OK;
}

/* A time of day: of today, or of the day after or before where that is on the wrong side of now. */
static enum status
near_time(const char *text, enum time_direction direction, int64_t now_wall_ms, struct tm *tm,
    int64_t *ret_wall_ms, struct error *error)
{
	time_t now = (time_t)(now_wall_ms / SECOND_MS);
	struct tm today, noon;
	int64_t wall_ms;
	enum status status;

	if (localtime_r(&now, &today) == NULL)
		return error_set(error, STATUS_INVALID, "there is no local time");
	tm->tm_year = today.tm_year;
	tm->tm_mon = today.tm_mon;
	tm->tm_mday = today.tm_mday;
	status = local_time(text, tm, &wall_ms, error);
	if (status != STATUS_OK)
		return status;
	if (direction == TIME_AHEAD ? wall_ms <= now_wall_ms : wall_ms > now_wall_ms) {
		/* By way of noon, which is on the right day however clocks are set at night. */
		noon = (struct tm){ .tm_year = tm->tm_year,
			.tm_mon = tm->tm_mon,
			.tm_mday = tm->tm_mday + (direction == TIME_AHEAD ? 1 : -1),
			.tm_hour = 12,
			.tm_isdst = -1 };
		(void)mktime(&noon);
		tm->tm_year = noon.tm_year;
		tm->tm_mon = noon.tm_mon;
		tm->tm_mday = noon.tm_mday;
		status = local_time(text, tm, &wall_ms, error);
	}
	if (status == STATUS_OK)
		*ret_wall_ms = wall_ms;
	return status;
}

/* A date, with a time of day or without. */
static enum status
dated_time(const char *text, int64_t *ret_wall_ms, struct error *error)
{
	const char *at = text;
	struct tm tm = { 0 };

	if (take_date(&at, &tm)) {
		if (*at == '\0')
			return local_time(text, &tm, ret_wall_ms, error);
		if ((*at == ' ' || *at == 'T') && take_time_of_day(at + 1, &tm))
			return local_time(text, &tm, ret_wall_ms, error);
	}
	return error_set(error, STATUS_INVALID, "found '%.60s', expected " TIME_EXPECTED, text);
}

enum status
option_value_time(const char *text, enum time_direction direction, int64_t now_wall_ms,
    int64_t *ret_wall_ms, struct error *error)
{
	struct tm tm = { 0 };
	int64_t distance_ms;

	if (clock_parse_rfc3339(text, strlen(text), ret_wall_ms) == STATUS_OK)
		return STATUS_OK;
	if (strcmp(text, "now") == 0) {
		*ret_wall_ms = now_wall_ms;
		return STATUS_OK;
	}
	if (take_time_of_day(text, &tm))
		return near_time(text, direction, now_wall_ms, &tm, ret_wall_ms, error);
	/* A number alone is a year or a count of seconds to different people: a unit is asked for.
	 */
	if (*text != '\0' && digits_at(text + strlen(text) - 1) == 0 &&
	    option_value_duration(text, &distance_ms, NULL) == STATUS_OK) {
		if (direction == TIME_BACK && distance_ms > now_wall_ms)
			return error_set(
			    error, STATUS_INVALID, "found '%.60s', which is before 1970", text);
		*ret_wall_ms = now_wall_ms + (direction == TIME_AHEAD ? distance_ms : -distance_ms);
		return STATUS_OK;
	}
	return dated_time(text, ret_wall_ms, error);
}
