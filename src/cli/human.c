/* SPDX-License-Identifier: MIT */
/* Figures for people; see human.h. Main thread, for the time zone. */
#include "cli/human.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

char *
human_duration(int64_t ms, char ret_text[HUMAN_SIZE])
{
	if (ms < 0)
		ms = 0;
	if (ms < SECOND)
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 " ms", ms);
	else if (ms < MINUTE)
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 ".%" PRId64 " s", ms / SECOND,
		    ms % SECOND / 100);
	else if (ms < HOUR)
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 " min %02" PRId64 " s", ms / MINUTE,
		    ms % MINUTE / SECOND);
	else if (ms < DAY)
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 " h %02" PRId64 " min", ms / HOUR,
		    ms % HOUR / MINUTE);
	else
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 " d %02" PRId64 " h", ms / DAY,
		    ms % DAY / HOUR);
	return ret_text;
}

char *
human_seconds(int64_t ms, char ret_text[HUMAN_SIZE])
{
	int64_t whole_ms = ms > 0 ? (ms - 1) / SECOND * SECOND + SECOND : 0;

	if (whole_ms >= MINUTE)
		return human_duration(whole_ms, ret_text);
	(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 " s", whole_ms / SECOND);
	return ret_text;
}

char *
human_short_duration(int64_t ms, char ret_text[HUMAN_SIZE])
{
	if (ms < 0)
		ms = 0;
	if (ms < SECOND)
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 "ms", ms);
	else if (ms < MINUTE)
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 ".%" PRId64 "s", ms / SECOND,
		    ms % SECOND / 100);
	else if (ms < HOUR)
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 "m%02" PRId64 "s", ms / MINUTE,
		    ms % MINUTE / SECOND);
	else if (ms < DAY)
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 "h%02" PRId64 "m", ms / HOUR,
		    ms % HOUR / MINUTE);
	else
		(void)snprintf(ret_text, HUMAN_SIZE, "%" PRId64 "d", ms / DAY);
	return ret_text;
}

char *
human_bytes(uint64_t bytes, char ret_text[HUMAN_SIZE])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		(void)snprintf(
		    ret_text, HUMAN_SIZE, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
		return ret_text;
	}
	value /= 1024;
	/* 1023.95 would be shown as 1024.0. */
	while (value >= 1023.95 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(ret_text, HUMAN_SIZE, "%.1f %s", value, units[unit]);
	return ret_text;
}

char *
human_count(int64_t count, char ret_text[HUMAN_SIZE])
{
	char digits[HUMAN_SIZE];
	int length = snprintf(digits, sizeof(digits), "%" PRId64, count);
	size_t size = length > 0 ? (size_t)length : 0;
	size_t at = 0;

	for (size_t i = 0; i < size && at + 2 < HUMAN_SIZE; i++) {
		size_t left = size - i;

		if (i > 0 && left % 3 == 0 && digits[i - 1] != '-')
			ret_text[at++] = ',';
		ret_text[at++] = digits[i];
	}
	ret_text[at] = '\0';
	return ret_text;
}

char *
human_rate(double per_s, char ret_text[HUMAN_SIZE])
{
	if (!(per_s >= 0.005))
		(void)snprintf(ret_text, HUMAN_SIZE, "0");
	else if (per_s < 0.995)
		(void)snprintf(ret_text, HUMAN_SIZE, "%.2f", per_s);
	else if (per_s < 9.95)
		(void)snprintf(ret_text, HUMAN_SIZE, "%.1f", per_s);
	else
		human_count(
		    per_s < 1e15 ? (int64_t)(per_s + 0.5) : INT64_C(1000000000000000), ret_text);
	return ret_text;
}

/* Time in the zone of the process; false where it has none. */
static bool
local_of(int64_t wall_ms, struct tm *ret_tm)
{
	time_t seconds = (time_t)(wall_ms / SECOND);

	return localtime_r(&seconds, ret_tm) != NULL;
}

char *
human_time(int64_t wall_ms, char ret_text[HUMAN_SIZE])
{
	struct tm tm;
	size_t size =
	    local_of(wall_ms, &tm) ? strftime(ret_text, HUMAN_SIZE, "%Y-%m-%d %H:%M:%S", &tm) : 0;

	(void)snprintf(
	    ret_text + size, HUMAN_SIZE - size, ".%03u", (unsigned)(wall_ms % SECOND) % 1000);
	return ret_text;
}

char *
human_clock(int64_t wall_ms, char ret_text[HUMAN_SIZE])
{
	struct tm tm;

	if (!local_of(wall_ms, &tm) || strftime(ret_text, HUMAN_SIZE, "%H:%M:%S", &tm) == 0)
		memcpy(ret_text, "?", 2);
	return ret_text;
}
