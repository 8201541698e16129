/* SPDX-License-Identifier: MIT */
/*
 * A lane: the way of one class of tasks from the store through its executors and back. Each lane
 * has its own threads and its own bound, so that no class of tasks waits for another.
 *
 *	claimer thread:  waits for room and for work, claims a batch, adds each to its engine
 *	engine:          the CPU pool, or an IO kind's own; runs with no lock held
 *	finisher thread: takes all that has finished, writes it in one commit, frees it
 *
 * Claiming and finishing are threads apart so that the commit that ends one batch and the commit
 * that begins the next can be the same one.
 */
#ifndef TASKQ_QUEUE_LANE_H
#define TASKQ_QUEUE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "kinds/kind.h"
#include "queue/admission.h"
#include "queue/final_cache.h"
#include "queue/hosts.h"
#include "queue/kind_figures.h"
#include "queue/progress_board.h"
#include "queue/timekeeper.h"
#include "queue/waiters.h"
#include "store/store.h"

struct lane_pool;

struct lane_conf {
	enum lane lane;
	unsigned executors; /* CPU lane: threads */
	unsigned slots;     /* IO lane: runs at once */
	const struct kind_settings *kinds;
	struct store *store;             /* borrowed */
	struct admission *admission;     /* borrowed */
	struct final_cache *recent;      /* borrowed; told of what has been committed */
	struct waiters *waiters;         /* borrowed; told of it next */
	struct progress_board *progress; /* borrowed; has those runs that tell how far they are */
	struct timekeeper *timekeeper;   /* borrowed; told of attempts that are to follow */
	struct hosts *hosts;             /* borrowed; NULL: no kind of the lane asks any */
	struct kind_figures *figures;    /* borrowed; count what is executed */
};

/**
 * lane_open - start a lane's threads; it begins to claim at once
 */
enum status lane_open(
    const struct lane_conf *conf, struct lane_pool **ret_lane, struct error *error) NODISCARD;

/**
 * lane_reserve - take a place for a task that is about to be submitted, so that it starts at once
 * NULL where it has to be QUEUED: others wait, there is no room, or the lane is held. What it
 * returns is for store_submit; lane_started or lane_unreserve must follow. Any thread; does not
 * block.
 */
struct task_start *lane_reserve(struct lane_pool *lane, const struct task_new *task);

/**
 * lane_started - execute what store_on_start hands over; any thread; does not block
 */
void lane_started(struct lane_pool *lane, struct task_start *starts, size_t count);

/**
 * lane_unreserve - give a reserved place back: the task was not stored
 */
void lane_unreserve(struct lane_pool *lane, struct task_start *start);

/**
 * lane_cancel - tell the attempt of a task that is RUNNING to end, if this lane has it; cheap, any
 * thread, after the commit that made the cancel known
 */
void lane_cancel(struct lane_pool *lane, const char *id);

/**
 * lane_wake - there is something to claim; cheap, any thread, after the commit that made it so
 */
void lane_wake(struct lane_pool *lane);

/**
 * lane_hold - claim no more; what is claimed goes on; any thread, returns at once
 */
void lane_hold(struct lane_pool *lane);

/**
 * lane_wait_empty - wait until nothing claimed is unfinished or until the time; after lane_hold
 * Returns whether it is empty.
 */
bool lane_wait_empty(struct lane_pool *lane, int64_t deadline_mono_ms);

/**
 * lane_stop - stop executors where they stand, hand unfinished runs back to the store, join the
 * threads; lane_wake stays harmless; idempotent; one thread alone
 */
void lane_stop(struct lane_pool *lane);

/**
 * lane_close - stop and free; nobody may call lane_wake any more; NULL is fine
 */
void lane_close(struct lane_pool *lane);

#endif
