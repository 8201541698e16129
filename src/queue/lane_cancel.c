/* SPDX-License-Identifier: MIT */
/*
 * How a cancel finds its run. The store has made the cancel known before anybody looks here; what
 * is between the store and the lane's list at that moment is told when it gets there. Called by
 * connection threads, the claimer and the store's committing thread.
 */
#include <stdatomic.h>
#include <string.h>

#include "queue/lane_pool.h"

static bool
is_cancelled_locked(const struct lane_pool *lane, const char *id) REQUIRES(lane->lock)
{
	size_t kept = lane->cancel_count < LANE_CANCELS_MAX ? lane->cancel_count : LANE_CANCELS_MAX;
	for (size_t i = 0; i < kept; i++) {
		if (memcmp(lane->cancels[i], id, UUID_TEXT_LENGTH) == 0)
			return true;
	}
	return false;
}

void
lane_list_locked(struct lane_pool *lane, struct run *run)
{
	LIST_INSERT_HEAD(&lane->runs, run, in_lane);
	if (lane->cancel_count > 0 && is_cancelled_locked(lane, run->task.id))
		atomic_store_explicit(&run->is_cancelled, true, memory_order_release);
}

void
lane_forget_cancels_locked(struct lane_pool *lane)
{
	if (lane->claiming == 0 && lane->starting == 0)
		lane->cancel_count = 0;
}

void
lane_end_cancelled(struct lane_pool *lane, struct run *runs)
{
	while (runs != NULL) {
		struct run *next = runs->next;
		run_end_early(runs, RUN_CANCELLED);
		lane_hand_over(lane, runs);
		runs = next;
	}
}

void
lane_cancel(struct lane_pool *lane, const char *id)
{
	bool is_here = false;
	struct run *run;
	lock_acquire(&lane->lock);
	/* There may be two: one whose end has just been written, and the next attempt. */
	LIST_FOREACH(run, &lane->runs, in_lane)
	{
		if (memcmp(run->task.id, id, UUID_TEXT_LENGTH) != 0)
			continue;
		atomic_store_explicit(&run->is_cancelled, true, memory_order_release);
		is_here = true;
	}
	/* Nor does one that is here tell that none is on its way. */
	if (lane->claiming > 0 || lane->starting > 0)
		memcpy(lane->cancels[lane->cancel_count++ % LANE_CANCELS_MAX], id, UUID_TEXT_SIZE);
	/* While the lane is stopped everything that waits is handed back anyway. */
	bool may_wait = is_here && lane->conf.lane == LANE_CPU && !lane->closing;
	lane->cancelling += may_wait;
	lock_release(&lane->lock);
	if (!may_wait)
		return;
	/* What still waits for an executor ends now. */
	lane_end_cancelled(lane, cpu_pool_take_cancelled(lane->cpu));
	lock_acquire(&lane->lock);
	lane->cancelling--;
	cond_broadcast(&lane->became_empty);
	lock_release(&lane->lock);
}
