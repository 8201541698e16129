/* SPDX-License-Identifier: MIT */
/* Measuring how fast a lane drains; see drain.h. */
#include "queue/drain.h"

void
drain_init(struct drain *drain)
{
	*drain = (struct drain){ .now_ms = 0 };
	atomic_init(&drain->taken, 0);
	atomic_init(&drain->per_1000_s, 0);
	atomic_init(&drain->pace, 0);
	atomic_init(&drain->guess, DRAIN_UNKNOWN);
	atomic_init(&drain->was_empty, true);
}

void
drain_note_taken(struct drain *drain, int64_t count)
{
	atomic_fetch_add_explicit(&drain->taken, count, memory_order_relaxed);
}

void
drain_note_empty(struct drain *drain)
{
	atomic_store_explicit(&drain->was_empty, true, memory_order_relaxed);
}

static int64_t
rate_between(const struct drain_mark *from, const struct drain_mark *to, int64_t more)
{
	return (to->taken - from->taken + more) * 1000 * 1000 / (to->at_ms - from->at_ms);
}

/* The pace by the marks there are; 0: they do not tell. */
static int64_t
measure_pace(const struct drain *drain)
{
	const struct drain_mark *now = &drain->marks[drain->latest];
	const struct drain_mark *from = now;
	int64_t pace;

	for (size_t back = 1; back < drain->count; back++) {
		from = &drain->marks[(drain->latest + DRAIN_MARKS - back) % DRAIN_MARKS];
		if (now->at_ms - from->at_ms >= DRAIN_LEAST_MS &&
		    now->taken - from->taken >= DRAIN_LEAST_TASKS)
			return rate_between(from, now, 0);
	}
	if (now->at_ms - from->at_ms < DRAIN_LONG_MS)
		return 0;
	pace = rate_between(from, now, 1);
	return pace > 0 ? pace : 1;
}

/* A guess at the pace, by the latest DRAIN_LEAST_MS or what there is of them, and by as much more
   as it takes to see a task go. */
static int64_t
guess_pace(const struct drain *drain)
{
	const struct drain_mark *now = &drain->marks[drain->latest];
	const struct drain_mark *from = now;

	for (size_t back = 1; back < drain->count && (now->at_ms - from->at_ms < DRAIN_LEAST_MS ||
							 now->taken <= from->taken);
	     back++)
		from = &drain->marks[(drain->latest + DRAIN_MARKS - back) % DRAIN_MARKS];
	if (now->taken > from->taken)
		return rate_between(from, now, 0);
	return now->at_ms - from->at_ms < DRAIN_LEAST_MS ? DRAIN_UNKNOWN : 0;
}

/* The first figure counts whole; later ones for a quarter, which forgets a change of load within
   some ten ticks. */
static void
measure_rate(struct drain *drain, int64_t elapsed_ms, int64_t taken)
{
	int64_t now = (taken - drain->taken_before) * 1000 * 1000 / elapsed_ms;
	int64_t old = atomic_load_explicit(&drain->per_1000_s, memory_order_relaxed);
	int64_t next;

	if (now < 0)
		now = 0;
	next = old == 0 ? now : old + (now - old) / 4;

	drain->taken_before = taken;
	atomic_store_explicit(&drain->per_1000_s, next, memory_order_relaxed);
}

void
drain_tick(struct drain *drain, int64_t elapsed_ms, int64_t waiting, bool is_hindered)
{
	int64_t taken;
	bool was_empty;

	if (elapsed_ms <= 0)
		return;
	taken = atomic_load_explicit(&drain->taken, memory_order_relaxed);
	was_empty = atomic_exchange_explicit(&drain->was_empty, waiting <= 0, memory_order_relaxed);
	measure_rate(drain, elapsed_ms, taken);
	drain->now_ms += elapsed_ms;
	if (was_empty || waiting <= 0 || is_hindered)
		drain->count = 0;
	drain->latest = (drain->latest + 1) % DRAIN_MARKS;
	drain->marks[drain->latest] = (struct drain_mark){ .at_ms = drain->now_ms, .taken = taken };
	if (drain->count < DRAIN_MARKS)
		drain->count++;
	atomic_store_explicit(&drain->pace, measure_pace(drain), memory_order_relaxed);
	atomic_store_explicit(&drain->guess, guess_pace(drain), memory_order_relaxed);
}

int64_t
drain_wait_ms(const struct drain *drain, int64_t waiting)
{
	int64_t pace = atomic_load_explicit(&drain->pace, memory_order_relaxed);

	if (waiting <= 0)
		return 0;
	return pace > 0 ? waiting * 1000 * 1000 / pace : -1;
}

int64_t
drain_capacity(const struct drain *drain, int64_t time_s)
{
	int64_t pace = atomic_load_explicit(&drain->pace, memory_order_relaxed);
	int64_t capacity = pace * time_s / 1000;

	if (pace == 0)
		return INT64_MAX;
	return capacity > 0 ? capacity : 1;
}

int64_t
drain_rate(const struct drain *drain)
{
	int64_t pace = atomic_load_explicit(&drain->pace, memory_order_relaxed);

	return pace > 0 ? pace : atomic_load_explicit(&drain->guess, memory_order_relaxed);
}
