/* SPDX-License-Identifier: MIT */
/*
 * Looking back: pages of tasks, what one was submitted as, and its attempts. Each is one statement
 * on a reader of the pool; any thread.
 */
#ifndef TASKQ_STORE_SQLITE_HISTORY_H
#define TASKQ_STORE_SQLITE_HISTORY_H

#include "store/sqlite/readers.h"

/**
 * history_list - as store_list; also CORRUPT
 */
enum status history_list(struct readers *readers, const struct store_list_query *query,
    struct store_list *ret_list, struct error *error) NODISCARD;

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
