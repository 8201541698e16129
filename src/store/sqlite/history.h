/* SPDX-License-Identifier: MIT */
/*
 * Looking back: pages of tasks, what one was submitted as, and its attempts. Each is one statement
 * on a reader of the pool; any thread.
 */
#ifndef TASKQ_STORE_SQLITE_HISTORY_H
#define TASKQ_STORE_SQLITE_HISTORY_H

#include "store/sqlite/readers.h"

/* Tasks that are not completed up to which they are listed by the indexes that have them, and not
   by a walk past those that are. */
#define HISTORY_UNFINISHED_MAX 5000

/**
 * history_list - as store_list; also CORRUPT
 * @unfinished: how many tasks are not completed, as of a moment ago
 */
enum status history_list(struct readers *readers, const struct store_list_query *query,
    int64_t unfinished, struct store_list *ret_list, struct error *error) NODISCARD;

/**
 * history_submission - as store_read_submission; also CORRUPT
 */
enum status history_submission(struct readers *readers, const char *id,
    struct store_submission *ret_submission, struct error *error) NODISCARD;

/**
 * history_attempts - as store_read_attempts; also CORRUPT
 */
enum status history_attempts(struct readers *readers, const char *id,
    struct store_attempts *ret_attempts, struct error *error) NODISCARD;

#endif
