/* SPDX-License-Identifier: MIT */
/*
 * The claimer of a lane: takes tasks from the store as the lane has room for them. One thread per
 * lane. A task belongs to the claimer from the claim until an engine has taken it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/service_clock.h"
#include "queue/lane_pool.h"

/* Hands back tasks that no memory could be had for; they cost no attempt. */
static void
give_back(struct lane_pool *lane, struct task *tasks, size_t count)
{
	struct error error;
	size_t queued;
	enum status status =
	    store_release(lane->conf.store, tasks, count, service_clock_ms(), &queued, &error);
	if (status == STATUS_OK) {
		admission_returned(lane->conf.admission, lane->conf.lane, (int64_t)queued);
		timekeeper_note(lane->conf.timekeeper, 0); /* as release_runs */
		for (size_t i = 0; i < count; i++)
			waiters_tell(lane->conf.waiters, tasks[i].id,
			    queued < count ? WAITER_ENDED : WAITER_CHANGED);
	} else {
		log_error(LOG_EVENT("release_failed"), LOG_STR("status", status_name(status)),
		    LOG_ERROR(&error), LOG_INT("tasks", count));
	}
	for (size_t i = 0; i < count; i++)
		task_done(&tasks[i]);
}

static void
dispatch(struct lane_pool *lane, struct run *runs)
{
	lock_acquire(&lane->lock);
	for (struct run *run = runs; run != NULL; run = run->next)
		lane_list_locked(lane, run);
	lock_release(&lane->lock);
	lane_dispatch(lane, runs);
}

/* Claims once; *ret_count tells how many. Everything claimed is dispatched or handed back. */
static enum status
claim(struct lane_pool *lane, bool isolated, size_t max, size_t *ret_count)
{
	struct task tasks[LANE_BATCH_MAX];
	struct error error = { "" };
	size_t count = 0;
	enum status status = store_claim(lane->conf.store, lane->conf.lane, isolated, max,
	    service_clock_ms(), tasks, &count, &error);
	if (status != STATUS_OK) {
		log_error(LOG_EVENT("claim_failed"), LOG_STR("status", status_name(status)),
		    LOG_ERROR(&error));
		return status;
	}
	admission_taken(lane->conf.admission, lane->conf.lane, (int64_t)count);
	for (size_t i = 0; i < count; i++)
		waiters_tell(lane->conf.waiters, tasks[i].id, WAITER_CHANGED);
	struct run *spares = NULL;
	lock_acquire(&lane->lock);
	for (size_t i = 0; i < count; i++) {
		struct run *spare = lane_spare_take_locked(lane);
		if (spare == NULL)
			break;
		spare->next = spares;
		spares = spare;
	}
	lane->executing += count;
	if (isolated && count > 0)
		lane->isolated_running = true;
	lock_release(&lane->lock);
	struct run *runs = NULL;
	struct run **end = &runs;
	for (size_t i = 0; i < count; i++) {
		struct run *spare = spares;
		if (spare != NULL)
			spares = spare->next;
		struct run *run = lane_run_new(lane, spare, &tasks[i]);
		if (run == NULL) {
			lock_acquire(&lane->lock);
			lane->executing -= count - i;
			if (isolated)
				lane->isolated_running = false;
			lock_release(&lane->lock);
			dispatch(lane, runs);
			give_back(lane, &tasks[i], count - i);
			return STATUS_NOMEM;
		}
		*end = run;
		end = &run->next;
	}
	dispatch(lane, runs);
	*ret_count = count;
	return STATUS_OK;
}

/*
 * How many to claim. A place of the IO lane is a hard bound, and tasks that start with their
 * submission take places while the store is looked at: so those of the claim are taken before it,
 * and no more than there are tasks to find.
 */
static size_t
limit_claim(const struct lane_pool *lane, size_t room)
{
	int64_t waiting = lane_waiting(lane);
	if (lane->conf.lane == LANE_CPU || room == 0)
		return room;
	if (waiting < 1)
		return 1;
	return (uint64_t)waiting < room ? (size_t)waiting : room;
}

/* Waits until there is room and, unless `more` is known to wait, a reason to look; 0 means the end.
 */
static size_t
wait_for_room(struct lane_pool *lane, bool more, bool *ret_isolated)
{
	int64_t poll_at_ms = clock_mono_ms() + LANE_POLL_MS;
	size_t room = 0;
	lock_acquire(&lane->lock);
	while (!lane->closing) {
		int64_t now_ms = clock_mono_ms();
		bool reason = more || now_ms >= poll_at_ms ||
			      atomic_load_explicit(&lane->woken, memory_order_acquire);
		room = lane_room_locked(lane);
		if (room > 0 && reason)
			break;
		int64_t until_ms = now_ms < poll_at_ms ? poll_at_ms : now_ms + LANE_POLL_MS;
		cond_wait_until(&lane->claim_changed, &lane->lock, until_ms);
	}
	room = lane->closing ? 0 : limit_claim(lane, room);
	lane->claiming = room;
	*ret_isolated = !lane->isolated_running;
	lock_release(&lane->lock);
	return room;
}

static void
end_claiming(struct lane_pool *lane)
{
	lock_acquire(&lane->lock);
	lane->claiming = 0;
	lane_forget_cancels_locked(lane);
	if (lane_is_empty_locked(lane))
		cond_broadcast(&lane->became_empty);
	lock_release(&lane->lock);
}

/*
 * One look at the store: a task of those that run alone, where none is running, and as many others
 * as there is room for. *ret_count tells how many came.
 */
static enum status
claim_some(struct lane_pool *lane, size_t room, bool isolated_idle, int64_t *isolated_at_ms,
    size_t *ret_count)
{
	size_t isolated_count = 0;
	size_t count = 0;
	if (isolated_idle && clock_mono_ms() >= *isolated_at_ms) {
		enum status status = claim(lane, true, 1, &isolated_count);
		if (status != STATUS_OK)
			return status;
		if (isolated_count == 0)
			*isolated_at_ms = clock_mono_ms() + LANE_POLL_MS;
	}
	if (room > isolated_count) {
		enum status status = claim(lane, false, room - isolated_count, &count);
		if (status != STATUS_OK)
			return status;
	}
	*ret_count = isolated_count + count;
	return STATUS_OK;
}

void *
lane_claimer_main(void *arg)
{
	struct lane_pool *lane = arg;
	int64_t backoff_ms = LANE_BACKOFF_FIRST_MS;
	bool more = true;
	int64_t isolated_at_ms = 0; /* when to look for isolated tasks again */
	for (;;) {
		bool isolated_idle;
		size_t room = wait_for_room(lane, more, &isolated_idle);
		if (room == 0)
			return NULL;
		/* Cleared before the claim: a submission committed after it wakes us again. */
		atomic_store_explicit(&lane->woken, false, memory_order_release);
		size_t count = 0;
		enum status status = claim_some(lane, room, isolated_idle, &isolated_at_ms, &count);
		end_claiming(lane);
		if (status == STATUS_UNKNOWN)
			return NULL; /* the store has stopped for good */
		if (status != STATUS_OK) {
			lane_pause(lane, &lane->claim_changed, &backoff_ms);
			more = true;
			continue;
		}
		backoff_ms = LANE_BACKOFF_FIRST_MS;
		more = count >= room && lane_waiting(lane) > 0;
	}
}
