/* SPDX-License-Identifier: MIT */
/* The clock of tasks; see service_clock.h. Its offset is one atomic word. */
#include "base/service_clock.h"

#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"

enum {
	ADOPT_BELOW_MS = 1000, /* what a clock is set by that is kept in order */
	ADOPT_ABOVE_MS = 24 * 3600 * 1000,
};

/* Wall clock minus boot clock; UNSET before the first look. */
#define UNSET INT64_MIN
static atomic_int_fast64_t offset_ms = UNSET;

static int64_t
boot_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
offset(void)
{
	int_fast64_t found = atomic_load_explicit(&offset_ms, memory_order_relaxed);
	int_fast64_t unset = UNSET;
	int64_t now;

	if (found != UNSET)
		return found;
	now = clock_wall_ms() - boot_ms();
	/* Whoever is first sets it; the others take that. */
	if (atomic_compare_exchange_strong_explicit(
		&offset_ms, &unset, now, memory_order_relaxed, memory_order_relaxed))
		return now;
	return unset;
}

int64_t
service_clock_ms(void)
{
	return boot_ms() + offset();
}

int64_t
service_clock_step(int64_t ahead_ms, int64_t elapsed_ms)
{
	int64_t distance = ahead_ms < 0 ? -ahead_ms : ahead_ms;
	int64_t most;

	if (distance <= ADOPT_BELOW_MS || distance > ADOPT_ABOVE_MS)
		return ahead_ms;
	most = ahead_ms > 0 ? elapsed_ms : elapsed_ms / 2;
	if (distance > most)
		distance = most;
	return ahead_ms < 0 ? -distance : distance;
}

int64_t
service_clock_tick(void)
{
	static int64_t ticked_boot_ms;
	int64_t now_ms = boot_ms();
	int64_t elapsed_ms = ticked_boot_ms == 0 ? 0 : now_ms - ticked_boot_ms;
	int64_t ahead_ms = clock_wall_ms() - now_ms - offset();

	ticked_boot_ms = now_ms;
	atomic_fetch_add_explicit(
	    &offset_ms, service_clock_step(ahead_ms, elapsed_ms), memory_order_relaxed);
	return ahead_ms;
}
