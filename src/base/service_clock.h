/* SPDX-License-Identifier: MIT */
/*
 * The time by which tasks are kept: the wall clock, but without its jumps. When somebody sets the
 * clock of the machine, what is due within the next hour must not become due at once, and what is
 * due in a second must not wait for an hour. So this clock goes on evenly and approaches the wall
 * clock, twice or half as fast as usual; only what is off by more than a day, which no clock that
 * was ever right is, is taken over at once. Time asleep counts.
 */
#ifndef TASKQ_BASE_SERVICE_CLOCK_H
#define TASKQ_BASE_SERVICE_CLOCK_H

#include <stdint.h>

/**
 * service_clock_ms - Unix time in milliseconds, UTC; never goes back but at service_clock_tick by
 * less than a second or more than a day. Any thread; does not block.
 */
int64_t service_clock_ms(void);

/**
 * service_clock_tick - compare with the wall clock; one thread, about once a second
 * Returns how far the wall clock was ahead, in milliseconds.
 */
int64_t service_clock_tick(void);

/**
 * service_clock_step - how far to move the clock: the arithmetic of service_clock_tick
 * @ahead_ms:   how far the wall clock is ahead
 * @elapsed_ms: since the step before
 */
int64_t service_clock_step(int64_t ahead_ms, int64_t elapsed_ms);

#endif
