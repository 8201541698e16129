/* SPDX-License-Identifier: MIT */
/*
 * Who has waited longest in each lane: found by a few looks at the index of what is ready, and
 * followed from look to look until it waits no more.
 */
#ifndef TASKQ_STORE_SQLITE_OLDEST_H
#define TASKQ_STORE_SQLITE_OLDEST_H

#include "store/sqlite/readers.h"
#include "store/store_oldest.h"

/* Who it was at the latest look; zeros: nobody. Whoever comes later has waited for less time. */
struct oldest {
	int64_t seq[LANE_COUNT];
	int64_t since_ms[LANE_COUNT];
};

/**
 * oldest_read - as store_oldest_waiting; also CORRUPT
 * @oldest:  of the call before; zeros before the first
 * @waiting: how many wait in each lane; one in which nobody does is not looked at
 */
enum status oldest_read(struct oldest *oldest, struct readers *readers,
    const int64_t waiting[LANE_COUNT], int64_t ret_since_ms[LANE_COUNT],
    struct error *error) NODISCARD;

#endif
