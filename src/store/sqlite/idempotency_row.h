/* SPDX-License-Identifier: MIT */
/*
 * The row of a submission's key as it is found, by a reader or within the committer's transaction.
 * A connection's owner runs it.
 */
#ifndef TASKQ_STORE_SQLITE_IDEMPOTENCY_ROW_H
#define TASKQ_STORE_SQLITE_IDEMPOTENCY_ROW_H

#include "store/idempotency.h"
#include "store/sqlite/sqlite_statement.h"

/**
 * idempotency_row_find - look under a key with idempotency_find, and set its ret_ members
 * Returns SQLITE_OK, whatever was found, or an error code; CORRUPT for a row that nobody wrote so.
 */
int idempotency_row_find(
    const struct sqlite_conn *conn, struct idempotency *idempotency, int64_t now_ms);

#endif
