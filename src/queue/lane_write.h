/* SPDX-License-Identifier: MIT */
/* Writing runs of a lane that are over; see lane_write.c. For the lane's finisher alone. */
#ifndef TASKQ_QUEUE_LANE_WRITE_H
#define TASKQ_QUEUE_LANE_WRITE_H

#include "queue/lane_pool.h"

/* lane_run_is_ended - whether a run's attempt counts: it is completed, not handed back */
bool lane_run_is_ended(const struct run *run);

/**
 * lane_write - complete runs that have ended, hand back or defer the others, and tell whom it
 * concerns
 * @runs: up to LANE_BATCH_MAX; they stay the caller's
 * Returns OK; as store_complete, store_release and store_defer, when some of them may have been
 * written, and are not written again by another call.
 */
enum status lane_write(
    struct lane_pool *lane, struct run *const *runs, size_t count, struct error *error) NODISCARD;

#endif
