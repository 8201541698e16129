/* SPDX-License-Identifier: MIT */
/* The pulse of a thread; see pulse.h. Any thread; one atomic word, by which nothing is ordered. */
#include "base/pulse.h"

void
pulse_init(struct pulse *pulse)
{
	atomic_init(&pulse->due_mono_ms, PULSE_ASLEEP);
}

void
pulse_set(struct pulse *pulse, int64_t due_mono_ms)
{
	atomic_store_explicit(&pulse->due_mono_ms, due_mono_ms, memory_order_relaxed);
}

int64_t
pulse_late_ms(const struct pulse *pulse, int64_t now_mono_ms)
{
	int64_t due_mono_ms = atomic_load_explicit(&pulse->due_mono_ms, memory_order_relaxed);

	return due_mono_ms < now_mono_ms ? now_mono_ms - due_mono_ms : 0;
}
