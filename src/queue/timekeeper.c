/* SPDX-License-Identifier: MIT */
/*
 * The timekeeper's thread; see timekeeper.h. It holds its lock only while it waits. Waits are by
 * the monotonic clock and short, so that a clock that is set makes nobody late by more than one of
 * them.
 */
#include "queue/timekeeper.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service_clock.h"
#include "base/sync.h"

enum {
	TIMEKEEPER_STACK_BYTES = 256 * 1024,
	TICK_MS = 1000, /* between looks at the clock */
	BACKOFF_FIRST_MS = 50,
	BACKOFF_LAST_MS = 2000,
	JUMP_MS = 1000, /* a difference that is told */
};

struct timekeeper {
	struct timekeeper_conf conf;
	/* When the next task is due as far as anybody knows. Lowered under the lock; read without
	   it by those who have nothing earlier to tell. */
	atomic_int_fast64_t next_at_ms;
	struct lock lock;
	struct cond changed;
	bool closing; /* guarded by lock */
	bool started;
	pthread_t thread;
	bool has_jumped; /* the thread's alone */
};

static void
keep_clock(struct timekeeper *timekeeper)
{
	int64_t ahead_ms = service_clock_tick();
	bool has_jumped = ahead_ms > JUMP_MS || ahead_ms < -JUMP_MS;
	/* Told when it begins and when it is over: it lasts. */
	if (has_jumped != timekeeper->has_jumped)
		log_warn(LOG_EVENT(has_jumped ? "clock_jumped" : "clock_in_step"),
		    LOG_INT("ahead_ms", ahead_ms));
	timekeeper->has_jumped = has_jumped;
}

static void
tell(struct timekeeper *timekeeper, const struct store_advance *advance)
{
	const struct timekeeper_conf *conf = &timekeeper->conf;
	int64_t expired_otherwise = 0;
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		admission_leave(conf->admission, (enum lane)lane, advance->expired_ready[lane]);
		admission_undefer(
		    conf->admission, (enum lane)lane, advance->expired_deferred[lane]);
		expired_otherwise += advance->expired_ready[lane] + advance->expired_deferred[lane];
		if (advance->readied[lane] == 0)
			continue;
		admission_readied(conf->admission, (enum lane)lane, advance->readied[lane]);
		conf->readied(conf->context, (enum lane)lane);
	}
	admission_unhold(conf->admission, (int64_t)advance->expired_count - expired_otherwise);
	for (size_t i = 0; i < advance->expired_count; i++)
		waiters_tell(conf->waiters, advance->expired_ids[i], WAITER_ENDED);
}

/* Looks at the store where something is due. */
static enum status
look(struct timekeeper *timekeeper)
{
	int64_t now_ms = service_clock_ms();
	if (atomic_load_explicit(&timekeeper->next_at_ms, memory_order_acquire) > now_ms)
		return STATUS_OK;
	/* Whatever is noted from here on is lowered from there. */
	atomic_store_explicit(&timekeeper->next_at_ms, INT64_MAX, memory_order_release);
	struct store_advance advance;
	struct error error = { "" };
	enum status status = store_advance(timekeeper->conf.store, now_ms, &advance, &error);
	if (status != STATUS_OK) {
		log_error(LOG_EVENT("advance_failed"), LOG_STR("status", status_name(status)),
		    LOG_ERROR(&error));
		timekeeper_note(timekeeper, now_ms);
		return status;
	}
	tell(timekeeper, &advance);
	timekeeper_note(timekeeper, advance.next_at_ms);
	return STATUS_OK;
}

/* Sleeps until something is due, the clock has to be looked at, or for a pause where there is one.
   Returns false where it is the end. */
static bool
rest(struct timekeeper *timekeeper, int64_t pause_ms)
{
	int64_t last_mono_ms = clock_mono_ms() + (pause_ms > 0 ? pause_ms : TICK_MS);
	lock_acquire(&timekeeper->lock);
	while (!timekeeper->closing) {
		int64_t now_mono_ms = clock_mono_ms();
		int64_t left_ms =
		    atomic_load_explicit(&timekeeper->next_at_ms, memory_order_acquire) -
		    service_clock_ms();
		int64_t until_mono_ms = last_mono_ms;
		if (pause_ms == 0 && left_ms < until_mono_ms - now_mono_ms)
			until_mono_ms = now_mono_ms + left_ms;
		if (until_mono_ms <= now_mono_ms)
			break;
		cond_wait_until(&timekeeper->changed, &timekeeper->lock, until_mono_ms);
	}
	bool goes_on = !timekeeper->closing;
	lock_release(&timekeeper->lock);
	return goes_on;
}

static void *
timekeeper_main(void *arg)
{
	struct timekeeper *timekeeper = arg;
	int64_t backoff_ms = BACKOFF_FIRST_MS;
	int64_t ticked_mono_ms = 0;
	for (;;) {
		if (clock_mono_ms() - ticked_mono_ms >= TICK_MS) {
			keep_clock(timekeeper);
			ticked_mono_ms = clock_mono_ms();
		}
		enum status status = look(timekeeper);
		if (status == STATUS_UNKNOWN)
			return NULL; /* the store has stopped for good */
		if (!rest(timekeeper, status == STATUS_OK ? 0 : backoff_ms))
			return NULL;
		if (status == STATUS_OK)
			backoff_ms = BACKOFF_FIRST_MS;
		else if (backoff_ms < BACKOFF_LAST_MS)
			backoff_ms *= 2;
	}
}

enum status
timekeeper_new(
    const struct timekeeper_conf *conf, struct timekeeper **ret_timekeeper, struct error *error)
{
	struct timekeeper *timekeeper = calloc(1, sizeof(*timekeeper));
	if (timekeeper == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the timekeeper");
	timekeeper->conf = *conf;
	atomic_init(&timekeeper->next_at_ms, 0); /* tasks may be due from an earlier run */
	lock_init(&timekeeper->lock, LOCK_RANK_LEAF);
	cond_init(&timekeeper->changed);
	*ret_timekeeper = timekeeper;
	return STATUS_OK;
}

enum status
timekeeper_start(struct timekeeper *timekeeper, struct error *error)
{
	enum status status = thread_start(&timekeeper->thread, "tq-timekeeper",
	    TIMEKEEPER_STACK_BYTES, timekeeper_main, timekeeper, error);
	timekeeper->started = status == STATUS_OK;
	return status;
}

void
timekeeper_note(struct timekeeper *timekeeper, int64_t at_ms)
{
	if (atomic_load_explicit(&timekeeper->next_at_ms, memory_order_acquire) <= at_ms)
		return;
	lock_acquire(&timekeeper->lock);
	if (atomic_load_explicit(&timekeeper->next_at_ms, memory_order_relaxed) > at_ms) {
		atomic_store_explicit(&timekeeper->next_at_ms, at_ms, memory_order_release);
		cond_signal(&timekeeper->changed);
	}
	lock_release(&timekeeper->lock);
}

void
timekeeper_stop(struct timekeeper *timekeeper)
{
	if (timekeeper == NULL)
		return;
	lock_acquire(&timekeeper->lock);
	timekeeper->closing = true;
	cond_signal(&timekeeper->changed);
	lock_release(&timekeeper->lock);
	if (timekeeper->started)
		thread_join(timekeeper->thread);
	timekeeper->started = false;
}

void
timekeeper_free(struct timekeeper *timekeeper)
{
	if (timekeeper == NULL)
		return;
	timekeeper_stop(timekeeper);
	cond_done(&timekeeper->changed);
	lock_done(&timekeeper->lock);
	free(timekeeper);
}
