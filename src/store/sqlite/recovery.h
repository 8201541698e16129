/* SPDX-License-Identifier: MIT */
/* What a dead run of the service left RUNNING goes back to the queue, or is FAILED for good. */
#ifndef TASKQ_STORE_SQLITE_RECOVERY_H
#define TASKQ_STORE_SQLITE_RECOVERY_H

#include "store/sqlite/sqlite_writer.h"

/**
 * recovery_run - mend every RUNNING row, in bounded transactions; before the committer starts
 * The attempt counts. With attempts left the task is QUEUED again, isolated if only one is left of
 * several; without, it is FAILED with attempts_exhausted.
 * @now_ms: when the attempts are said to have ended
 */
enum status recovery_run(struct writer *writer, int64_t now_ms, struct store_recovery *ret_recovery,
    struct error *error) NODISCARD;

#endif
