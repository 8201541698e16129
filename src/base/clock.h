/* SPDX-License-Identifier: MIT */
/*
 * The clocks. Deadlines and intervals use the monotonic clock; only times that people read or that
 * are stored use the wall clock. Names keep the two apart: `_mono_ms`, `_wall_ms` or `_at_ms`.
 */
#ifndef TASKQ_BASE_CLOCK_H
#define TASKQ_BASE_CLOCK_H

#include <stdint.h>

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

#endif
