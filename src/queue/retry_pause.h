/* SPDX-License-Identifier: MIT */
/*
 * Whether a task is tried again, and how long it pauses before: exponential backoff with full
 * jitter, so that tasks that failed together do not come back together. Pure.
 */
#ifndef TASKQ_QUEUE_RETRY_PAUSE_H
#define TASKQ_QUEUE_RETRY_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "task/task.h"

/**
 * retry_follows - whether the attempt is followed by another one: it can mend the failure, and one
 * is left
 */
bool retry_follows(const struct task *task, const struct outcome *outcome);

/**
 * retry_pause_ms - from 0 to the bound of this attempt, evenly: backoff_ms, doubled for each
 * attempt after the first, at most max_backoff_ms; but not less than somebody else asked for
 * @attempt:        the one that failed, 1 for the first
 * @retry_after_ms: what the other side asked for; 0: nothing
 * @random:         any number, all alike probable
 */
int64_t retry_pause_ms(
    const struct task_terms *terms, int attempt, int64_t retry_after_ms, uint64_t random);

#endif
