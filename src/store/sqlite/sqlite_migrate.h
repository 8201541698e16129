/* SPDX-License-Identifier: MIT */
/* Schema versions: from what a file has to what this program knows, one transaction each. */
#ifndef TASKQ_STORE_SQLITE_SQLITE_MIGRATE_H
#define TASKQ_STORE_SQLITE_SQLITE_MIGRATE_H

#include "store/sqlite/sqlite_statement.h"

/**
 * sqlite_schema_version - the newest version that this program knows
 */
int64_t sqlite_schema_version(void);

/**
 * sqlite_migrate - bring the schema up to date; nothing is changed when it is
 * Returns OK; INVALID for a database newer than the program, both versions named; FULL, IO,
 * CORRUPT. After a failure the file has the last version that was completed.
 */
enum status sqlite_migrate(struct sqlite_conn *conn, struct error *error) NODISCARD;

#endif
