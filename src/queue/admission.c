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
	RETRY_AFTER_STALLED_S = 60, /* tasks wait, and none goes */
	RETRY_AFTER_DISK_S = 30,    /* somebody has to make room */
	RETRY_AFTER_DRAINING_S = 5, /* a restart */
	/* One in so many places is for tasks of hosts that no others wait for. */
	SPARE_PART = 10,
};

void
admission_init(
    struct admission *admission, int64_t waiting_max, int64_t held_max, int64_t wait_max_s)
{
	*admission = (struct admission){
		.waiting_max = waiting_max,
		.held_max = held_max,
		.wait_max_s = wait_max_s,
	};
	atomic_init(&admission->held, 0);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		atomic_init(&admission->waiting[lane], 0);
		atomic_init(&admission->deferred[lane], 0);
		drain_init(&admission->drain[lane]);
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
	drain_note_taken(&admission->drain[lane], count);
}

/* How many may wait for a lane by its pace, where others wait. */
static int64_t
slow_bound(const struct admission *admission, enum lane lane)
{
	return admission->wait_max_s > 0
		   ? drain_capacity(&admission->drain[lane], admission->wait_max_s)
		   : INT64_MAX;
}

/* Whether so many more may wait for a lane. Where nobody waits it is not known for how long. */
static enum refusal
judge_lane(const struct admission *admission, enum lane lane, int64_t waiting, int64_t count,
    bool is_behind)
{
	int64_t all = waiting + count +
		      atomic_load_explicit(&admission->deferred[lane], memory_order_relaxed);
	if (all > admission->waiting_max)
		return REFUSAL_QUEUE_FULL;
	if (is_behind && all > admission->waiting_max - admission->waiting_max / SPARE_PART)
		return REFUSAL_HOST_FULL;
	if (waiting > 0 && waiting + count > slow_bound(admission, lane))
		return REFUSAL_WAIT_TOO_LONG;
	return REFUSAL_NONE;
}

/* Takes places only where there is room for all of them: a batch that is refused must not stand in
   the way of others meanwhile. */
static enum refusal
take_places(struct admission *admission, enum lane lane, int64_t count, bool is_behind)
{
	atomic_int_fast64_t *taken = &admission->waiting[lane];
	int_fast64_t before = atomic_load_explicit(taken, memory_order_relaxed);
	if (count == 0)
		return REFUSAL_NONE;
	do {
		enum refusal refusal = judge_lane(admission, lane, before, count, is_behind);
		if (refusal != REFUSAL_NONE)
			return refusal;
	} while (!atomic_compare_exchange_weak_explicit(
	    taken, &before, before + count, memory_order_relaxed, memory_order_relaxed));
	return REFUSAL_NONE;
}

static bool
take_held_places(struct admission *admission, int64_t count)
{
	int_fast64_t before = atomic_load_explicit(&admission->held, memory_order_relaxed);
	do {
		if (count > 0 && before + count > admission->held_max)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
	    &admission->held, &before, before + count, memory_order_relaxed, memory_order_relaxed));
	return true;
}

enum refusal
admission_enter(struct admission *admission, enum lane lane, bool is_behind)
{
	enum refusal refusal = admission_pass(admission);
	if (refusal != REFUSAL_NONE)
		return refusal;
	refusal = take_places(admission, lane, 1, is_behind);
	return refusal != REFUSAL_NONE ? refuse(admission, refusal) : REFUSAL_NONE;
}

enum refusal
admission_enter_held(struct admission *admission)
{
	enum refusal refusal = admission_pass(admission);
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (!take_held_places(admission, 1))
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
	if (!take_held_places(admission, places->held))
		return refuse(admission, REFUSAL_SCHEDULE_FULL);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		refusal = take_places(
		    admission, (enum lane)lane, places->waiting[lane], places->is_behind[lane]);
		if (refusal == REFUSAL_NONE)
			continue;
		for (int taken = 0; taken < lane; taken++)
			admission_leave(admission, (enum lane)taken, places->waiting[taken]);
		admission_unhold(admission, places->held);
		*ret_full_lane = (enum lane)lane;
		return refuse(admission, refusal);
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
		enum refusal refusal = judge_lane(admission, (enum lane)lane,
		    atomic_load_explicit(&admission->waiting[lane], memory_order_relaxed), 1,
		    false);
		if (refusal != REFUSAL_NONE)
			return refusal;
	}
	return REFUSAL_NONE;
}

void
admission_leave(struct admission *admission, enum lane lane, int64_t count)
{
	int64_t before =
	    atomic_fetch_sub_explicit(&admission->waiting[lane], count, memory_order_relaxed);
	if (before <= count)
		drain_note_empty(&admission->drain[lane]);
}

void
admission_taken(struct admission *admission, enum lane lane, int64_t count)
{
	admission_leave(admission, lane, count);
	drain_note_taken(&admission->drain[lane], count);
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
admission_deferred(struct admission *admission, enum lane lane, int64_t count)
{
	atomic_fetch_add_explicit(&admission->deferred[lane], count, memory_order_relaxed);
}

void
admission_put_aside(struct admission *admission, enum lane lane, int64_t count)
{
	admission_deferred(admission, lane, count);
	drain_note_taken(&admission->drain[lane], -count);
}

void
admission_undefer(struct admission *admission, enum lane lane, int64_t count)
{
	atomic_fetch_sub_explicit(&admission->deferred[lane], count, memory_order_relaxed);
}

void
admission_sift(struct admission *admission, enum lane lane, int64_t recalled, int64_t deferred)
{
	/* Added first and then taken away: together there are never too few. */
	admission_returned(admission, lane, recalled);
	admission_deferred(admission, lane, deferred);
	admission_undefer(admission, lane, recalled);
	admission_leave(admission, lane, deferred);
}

void
admission_note_disk_full(struct admission *admission)
{
	if (!atomic_exchange_explicit(&admission->disk_low, true, memory_order_relaxed))
		log_warn(LOG_EVENT("disk_full"));
}

int64_t
admission_tick(struct admission *admission, int64_t elapsed_ms)
{
	for (int lane = 0; lane < LANE_COUNT; lane++)
		drain_tick(&admission->drain[lane], elapsed_ms,
		    atomic_load_explicit(&admission->waiting[lane], memory_order_relaxed),
		    atomic_load_explicit(&admission->disk_low, memory_order_relaxed));
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
	ret_stats->disk_low = atomic_load_explicit(&admission->disk_low, memory_order_relaxed);
	ret_stats->draining = atomic_load_explicit(&admission->draining, memory_order_relaxed);
	ret_stats->waiting_max = admission->waiting_max;
	ret_stats->wait_max_s = admission->wait_max_s;
	ret_stats->held_max = admission->held_max;
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		struct lane_stats *stats = &ret_stats->lanes[lane];
		stats->drained_per_1000_s =
		    atomic_load_explicit(&admission->drain[lane].per_1000_s, memory_order_relaxed);
		stats->wait_ms = drain_wait_ms(&admission->drain[lane],
		    atomic_load_explicit(&admission->waiting[lane], memory_order_relaxed));
	}
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

/* When so many will have gone. A surge that has just filled the queue is asked to look again soon:
   it may be gone by then, and how fast it goes is known. */
static unsigned
time_until_gone_s(const struct drain *drain, int64_t count)
{
	int64_t rate = drain_rate(drain);
	if (rate == DRAIN_UNKNOWN)
		return RETRY_AFTER_MIN_S;
	return rate > 0 ? clamp_s((count * 1000 + rate - 1) / rate) : RETRY_AFTER_STALLED_S;
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
	case REFUSAL_HOST_FULL:
		return RETRY_AFTER_STALLED_S;
	case REFUSAL_QUEUE_FULL:
	case REFUSAL_WAIT_TOO_LONG:
		break;
	}
	int64_t for_lane = atomic_load_explicit(&admission->waiting[lane], memory_order_relaxed);
	int64_t waiting = for_lane;
	int64_t max = slow_bound(admission, lane);
	if (refusal == REFUSAL_QUEUE_FULL) {
		waiting += atomic_load_explicit(&admission->deferred[lane], memory_order_relaxed);
		max = admission->waiting_max;
	}
	int64_t room = max / 10;
	int64_t excess = waiting - (max - (room > places ? room : places));
	if (excess <= 0)
		return RETRY_AFTER_MIN_S;
	if (excess > waiting)
		excess = waiting; /* more has room where nobody waits */
	unsigned seconds = time_until_gone_s(&admission->drain[lane], excess);
	/* What waits for its host goes when that lets it, whatever the lane's rate. */
	return excess > for_lane && seconds < RETRY_AFTER_STALLED_S ? RETRY_AFTER_STALLED_S
								    : seconds;
}
