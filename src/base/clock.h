/* SPDX-License-Identifier: MIT */
/*
 * The clocks. Deadlines and intervals use the monotonic clock; only times that people read or that
 * are stored use the wall clock. Names keep the two apart: `_mono_ms`, `_wall_ms` or `_at_ms`.
 */
#ifndef TASKQ_BASE_CLOCK_H
#define TASKQ_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define CLOCK_RFC3339_SIZE 25 /* "2026-01-02T03:04:05.678Z" and NUL */

int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);

/**
 * clock_wall_ms - Unix time in milliseconds, UTC; may jump
 */
int64_t clock_wall_ms(void);

/**
 * clock_format_rfc3339 - write a time as RFC 3339 in UTC with milliseconds
 * @wall_ms: 0 to 253402300799999 (the year 9999); values outside are clamped
 */
void clock_format_rfc3339(int64_t wall_ms, char ret_text[CLOCK_RFC3339_SIZE]);

/**
 * clock_parse_rfc3339 - read a time as RFC 3339 (section 5.6) has it, exactly: a date of the
 * calendar, `T`, a time of day, a fraction of 1 to 9 digits if any, `Z` or the offset from UTC
 * `T` and `Z` may be small, as the RFC allows; a blank in the place of `T` is not taken. What is
 * beyond milliseconds is cut off. A second of 60 is read where a leap second may be, which is at
 * the end of the last day of a month in UTC (section 5.7), and is the start of the following one.
 * @size: bytes of @text, which needs no NUL
 * Returns OK, with 0 to 253402300799999; INVALID for anything else and times outside of that.
 */
enum status clock_parse_rfc3339(const char *text, size_t size, int64_t *ret_wall_ms) NODISCARD;

#endif
