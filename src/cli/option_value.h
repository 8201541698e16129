/* SPDX-License-Identifier: MIT */
/*
 * What people write as values of options: numbers, durations, sizes, times. Strict: whatever is not
 * exactly one of the documented forms is refused, and nothing is guessed. Pure, but that times
 * without a zone are read in the one of the process.
 */
#ifndef TASKQ_CLI_OPTION_VALUE_H
#define TASKQ_CLI_OPTION_VALUE_H

#include <stdint.h>

#include "base/status.h"

/* Where a time lies that is written without a date, or as a duration. */
enum time_direction {
	TIME_AHEAD,
	TIME_BACK,
};

/**
 * option_value_number - a whole number of 0 or more
 * Like all of these it returns OK, or INVALID with what was found and what is expected, without the
 * name of the option.
 */
enum status option_value_number(
    const char *text, int64_t *ret_value, struct error *error) NODISCARD;

/**
 * option_value_duration - "1h30m", "1.5s", "250ms", or "30", which are seconds
 * Units are d, h, m, s and ms, each at most once and the larger before the smaller. The value
 * before a unit may have up to three decimals, but none below a millisecond.
 * @ret_ms: at most 36,525 days (a hundred years)
 */
enum status option_value_duration(const char *text, int64_t *ret_ms, struct error *error) NODISCARD;

/**
 * option_value_size - "1048576", "1024K", "1M", "1MiB": bytes, in powers of 1,024
 */
enum status option_value_size(const char *text, int64_t *ret_bytes, struct error *error) NODISCARD;

/**
 * option_value_time - a moment
 *
 * "2026-01-02T03:04:05Z"        RFC 3339, with any offset
 * "2026-01-02 03:04[:05]"       in the zone of the process; a T may stand in the place of the blank
 * "2026-01-02"                  the first moment of that day
 * "03:04[:05]"                  the next such time, or the last one
 * "now"
 * a duration with a unit        from now
 *
 * @now_wall_ms: what time it is
 */
enum status option_value_time(const char *text, enum time_direction direction, int64_t now_wall_ms,
    int64_t *ret_wall_ms, struct error *error) NODISCARD;

#endif
