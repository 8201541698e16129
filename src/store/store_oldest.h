/* SPDX-License-Identifier: MIT */
/*
 * Who has waited longest. Part of store.h, which has the rules that hold for every call.
 */
#ifndef TASKQ_STORE_STORE_OLDEST_H
#define TASKQ_STORE_STORE_OLDEST_H

#include <stdint.h>

#include "base/status.h"
#include "task/task.h"

struct store;

/* Tasks of a priority that are looked at, in the order in which they will be claimed. */
#define STORE_OLDEST_LOOKS_MAX 1000

/**
 * store_oldest_waiting - since when the task waits that has waited longest for its lane
 * A task waits since it was submitted, or since what held it was over or it was recalled, since
 * its attempt before ended, since the store was opened after a crash. What is handed back goes on
 * waiting. The cost is bounded, however many wait: of each priority the first
 * STORE_OLDEST_LOOKS_MAX are looked at. Where so many that were held, or have failed before, stand
 * before one that has waited for longer, that one is not found, unless an earlier call has found
 * it. Reads only. One thread at a time.
 * @ret_since_ms: by lane, by the clock of the times that are passed in; 0: nobody waits
 */
enum status store_oldest_waiting(
    struct store *store, int64_t ret_since_ms[LANE_COUNT], struct error *error) NODISCARD;

#endif
