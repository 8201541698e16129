/* SPDX-License-Identifier: MIT */
/*
 * Whether a thread still looks after its work. It says by when it will look again; others compare
 * that with the clock, so that a thread that hangs is known although it cannot say so. One thread
 * writes, any thread reads; no lock.
 */
#ifndef TASKQ_BASE_PULSE_H
#define TASKQ_BASE_PULSE_H

#include <stdatomic.h>
#include <stdint.h>

#define PULSE_ASLEEP INT64_MAX /* until somebody brings work, whenever that is */

struct pulse {
	atomic_int_least64_t due_mono_ms;
};

/**
 * pulse_init - asleep
 */
void pulse_init(struct pulse *pulse);

/**
 * pulse_set - the thread will look again by this time, or is asleep
 */
void pulse_set(struct pulse *pulse, int64_t due_mono_ms);

/**
 * pulse_late_ms - for how long it has been due; 0: it is in time
 */
int64_t pulse_late_ms(const struct pulse *pulse, int64_t now_mono_ms);

#endif
