/* SPDX-License-Identifier: MIT */
/*
 * Admission by depth, disk and draining; see admission.h. Runs in connection threads (enter), lane
 * threads (taken, returned) and the maintenance thread (tick). Must not block.
 */
#include "queue/admission.h"

#include <inttypes.h>

#include "base/log.h"

enum {
	RETRY_AFTER_MIN_S = 1,
	RETRY_AFTER_MAX_S = 300,
	RETRY_AFTER_STALLED_S = 60, /* nothing has drained of late */
	RETRY_AFTER_DISK_S = 30,    /* somebody has to make room */
	RETRY_AFTER_DRAINING_S = 5, /* a restart */
};

void
admission_init(struct admission *admission, int64_t waiting_max, int64_t held_max)
{
	*admission = (struct admission){ .waiting_max = waiting_max, .held_max = held_max };
	atomic_init(&admission->held, 0);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		atomic_init(&admission->waiting[lane], 0);
		atomic_init(&admission->drain[lane].taken, 0);
		atomic_init(&admission->drain[lane].per_1000_s, 0);
	}
	for (int reason = 0; reason < REFUSAL_COUNT; reason++)
		atomic_init(&admission->refused[reason], 0);
	atomic_init(&admission->disk_low, false);
	atomic_init(&admission->draining, false);
}

void
admission_note_refusal(struct admission *admission, enum refusal refusal)
{
	atomic_fetch_add_explicit(&admission->refused[refusal], 1, memory_order_relaxed);
}

static enum refusal
refuse(struct admission *admission, enum refusal refusal)
{
	admission_note_refusal(admission, refusal);
	return refusal;
}

enum refusal
admission_pass(struct admission *admission)
{
	if (atomic_load_explicit(&admission->draining, memory_order_acquire))
		return refuse(admission, REFUSAL_DRAINING);
	if (atomic_load_explicit(&admission->disk_low, memory_order_relaxed))
		return refuse(admission, REFUSAL_DISK_LOW);
	return REFUSAL_NONE;
}

void
admission_passed(struct admission *admission, enum lane lane, int64_t count)
{
	atomic_fetch_add_explicit(&admission->drain[lane].taken, count, memory_order_relaxed);
}

/* Takes places only where there is room for all of them: a batch that is refused must not stand in
   the way of others meanwhile. */
static bool
take_places(atomic_int_fast64_t *taken, int64_t max, int64_t count)
{
	int_fast64_t before = atomic_load_explicit(taken, memory_order_relaxed);
	do {
		if (count > 0 && before + count > max)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
	    taken, &before, before + count, memory_order_relaxed, memory_order_relaxed));
	return true;
}

enum refusal
admission_enter(struct admission *admission, enum lane lane)
{
	enum refusal refusal = admission_pass(admission);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (!take_places(&admission->waiting[lane], admission->waiting_max, 1))
		return refuse(admission, REFUSAL_QUEUE_FULL);
	return REFUSAL_NONE;
}

enum refusal
admission_enter_held(struct admission *admission)
{
	enum refusal refusal = admission_pass(admission);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (!take_places(&admission->held, admission->held_max, 1))
		return refuse(admission, REFUSAL_SCHEDULE_FULL);
	return REFUSAL_NONE;
}

enum refusal
admission_enter_batch(
    struct admission *admission, const struct admission_places *places, enum lane *ret_full_lane)
{
	enum refusal refusal = admission_pass(admission);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (!take_places(&admission->held, admission->held_max, places->held))
		return refuse(admission, REFUSAL_SCHEDULE_FULL);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		if (take_places(
			&admission->waiting[lane], admission->waiting_max, places->waiting[lane]))
			continue;
		for (int taken = 0; taken < lane; taken++)
			admission_leave(admission, (enum lane)taken, places->waiting[taken]);
		admission_unhold(admission, places->held);
		*ret_full_lane = (enum lane)lane;
		return refuse(admission, REFUSAL_QUEUE_FULL);
	}
	return REFUSAL_NONE;
}

enum status
admission_can_ever_enter(
    const struct admission *admission, const struct admission_places *places, struct error *error)
{
	if (places->held > admission->held_max)
		return error_set(error, STATUS_INVALID,
		    "has %" PRId64 " to wait for a time, where at most %" PRId64
		    " may ever wait (scheduled-max)",
		    places->held, admission->held_max);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		if (places->waiting[lane] > admission->waiting_max)
			return error_set(error, STATUS_INVALID,
			    "has %" PRId64 " to wait for the %s lane, where at most %" PRId64
			    " may ever wait (queue-max)",
			    places->waiting[lane], lane_word((enum lane)lane),
			    admission->waiting_max);
	}
	return STATUS_OK;
}

enum refusal
admission_check(const struct admission *admission)
{
	if (atomic_load_explicit(&admission->draining, memory_order_acquire))
		return REFUSAL_DRAINING;
	if (atomic_load_explicit(&admission->disk_low, memory_order_relaxed))
		return REFUSAL_DISK_LOW;
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		if (atomic_load_explicit(&admission->waiting[lane], memory_order_relaxed) >=
		    admission->waiting_max)
			return REFUSAL_QUEUE_FULL;
	}
	return REFUSAL_NONE;
}

void
admission_leave(struct admission *admission, enum lane lane, int64_t count)
{
	atomic_fetch_sub_explicit(&admission->waiting[lane], count, memory_order_relaxed);
}

void
admission_taken(struct admission *admission, enum lane lane, int64_t count)
{
	admission_leave(admission, lane, count);
	atomic_fetch_add_explicit(&admission->drain[lane].taken, count, memory_order_relaxed);
}

void
admission_returned(struct admission *admission, enum lane lane, int64_t count)
{
	atomic_fetch_add_explicit(&admission->waiting[lane], count, memory_order_relaxed);
}

void
admission_held(struct admission *admission, int64_t count)
{
	atomic_fetch_add_explicit(&admission->held, count, memory_order_relaxed);
}

void
admission_unhold(struct admission *admission, int64_t count)
{
	atomic_fetch_sub_explicit(&admission->held, count, memory_order_relaxed);
}

void
admission_readied(struct admission *admission, enum lane lane, int64_t count)
{
	admission_unhold(admission, count);
	admission_returned(admission, lane, count);
}

void
admission_note_disk_full(struct admission *admission)
{
	if (!atomic_exchange_explicit(&admission->disk_low, true, memory_order_relaxed))
		log_warn(LOG_EVENT("disk_full"));
}

static void
measure_rates(struct admission *admission, int64_t elapsed_ms)
{
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		struct drain *drain = &admission->drain[lane];
		int64_t taken = atomic_load_explicit(&drain->taken, memory_order_relaxed);
		int64_t now = (taken - drain->taken_before) * 1000 * 1000 / elapsed_ms;
		int64_t old = atomic_load_explicit(&drain->per_1000_s, memory_order_relaxed);
		/* The first figure counts whole; later ones for a quarter, which forgets a
		   change of load within some ten ticks. */
		int64_t next = old == 0 ? now : old + (now - old) / 4;
		drain->taken_before = taken;
		atomic_store_explicit(&drain->per_1000_s, next, memory_order_relaxed);
	}
}

int64_t
admission_tick(struct admission *admission, int64_t elapsed_ms)
{
	if (elapsed_ms > 0)
		measure_rates(admission, elapsed_ms);
	int64_t refused = 0;
	for (int reason = 0; reason < REFUSAL_COUNT; reason++)
		refused += atomic_load_explicit(&admission->refused[reason], memory_order_relaxed);
	int64_t since = refused - admission->refused_before;
	admission->refused_before = refused;
	return since;
}

void
admission_stats(const struct admission *admission, struct queue_stats *ret_stats)
{
	ret_stats->admission = admission_check(admission);
	ret_stats->waiting_max = admission->waiting_max;
	ret_stats->held_max = admission->held_max;
	for (int lane = 0; lane < LANE_COUNT; lane++)
		ret_stats->lanes[lane].drained_per_1000_s =
		    atomic_load_explicit(&admission->drain[lane].per_1000_s, memory_order_relaxed);
	for (int reason = 0; reason < REFUSAL_COUNT; reason++)
		ret_stats->refused[reason] =
		    atomic_load_explicit(&admission->refused[reason], memory_order_relaxed);
}

static unsigned
clamp_s(int64_t seconds)
{
	if (seconds < RETRY_AFTER_MIN_S)
		return RETRY_AFTER_MIN_S;
	if (seconds > RETRY_AFTER_MAX_S)
		return RETRY_AFTER_MAX_S;
	return (unsigned)seconds;
}

unsigned
admission_retry_after_s(
    const struct admission *admission, enum lane lane, int64_t places, enum refusal refusal)
{
	switch (refusal) {
	case REFUSAL_NONE:
	case REFUSAL_STORE_BUSY:
		return RETRY_AFTER_MIN_S;
	case REFUSAL_DISK_LOW:
		return RETRY_AFTER_DISK_S;
	case REFUSAL_DRAINING:
		return RETRY_AFTER_DRAINING_S;
	case REFUSAL_SCHEDULE_FULL:
		return RETRY_AFTER_STALLED_S;
	case REFUSAL_QUEUE_FULL:
		break;
	}
	int64_t rate =
	    atomic_load_explicit(&admission->drain[lane].per_1000_s, memory_order_relaxed);
	if (rate <= 0)
		return RETRY_AFTER_STALLED_S;
	int64_t waiting = atomic_load_explicit(&admission->waiting[lane], memory_order_relaxed);
	int64_t room = admission->waiting_max / 10;
	int64_t excess = waiting - (admission->waiting_max - (room > places ? room : places));
	if (excess <= 0)
		return RETRY_AFTER_MIN_S;
	return clamp_s((excess * 1000 + rate - 1) / rate);
}
