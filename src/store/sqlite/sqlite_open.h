/* SPDX-License-Identifier: MIT */
/*
 * Opening connections: which flags, which pragmas, each read back. Called while the store is
 * opened.
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_OPEN_H
#define TASKQ_STORE_SQLITE_SQLITE_OPEN_H

#include "store/sqlite/sqlite_statement.h"

enum sqlite_role {
	SQLITE_ROLE_CREATOR, /* a new file under its temporary name; rollback journal */
	SQLITE_ROLE_WRITER,  /* the one that writes and checkpoints */
	SQLITE_ROLE_READER,
	SQLITE_ROLE_VISITOR,       /* a reader in another process than the service's */
	SQLITE_ROLE_STILL_VISITOR, /* the same, of a file that nobody writes and that has no log */
};

/* How long a lock held by a stranger (a backup, a shell) is waited for. Our own connections never
   wait for each other: one writes, the others read the log. */
#define SQLITE_BUSY_TIMEOUT_MS 1000

#define SQLITE_APPLICATION_ID 0x54736b51 /* "TskQ", in the file's header */

/**
 * sqlite_conn_open - open an existing file and set the pragmas of a role
 * The writer and visitors first make sure that this program made the file: nobody else's is
 * changed or judged.
 * @wal_max_bytes: size that the log file is cut back to when it starts anew
 * Returns OK, INVALID (another program's), CORRUPT (not a database), IO, FULL, NOMEM, BUSY,
 * INTERNAL (a pragma did not take).
 */
enum status sqlite_conn_open(const char *path, enum sqlite_role role, uint64_t wal_max_bytes,
    struct sqlite_conn *ret_conn, struct error *error) NODISCARD;

/**
 * sqlite_conn_leave_log - turn a file that nobody else has open from a log (WAL) to a rollback
 * journal: it needs nothing beside it, and is read without making anything
 */
enum status sqlite_conn_leave_log(struct sqlite_conn *conn, struct error *error) NODISCARD;

/**
 * sqlite_pragma_get - the value of a pragma that gives one integer
 */
enum status sqlite_pragma_get(
    struct sqlite_conn *conn, const char *name, int64_t *ret_value, struct error *error) NODISCARD;

/**
 * sqlite_setup - once per process, before the first connection: no global memory statistics, whose
 * one lock all threads would share, and failed reads told from damage. Safe to call again and from
 * any thread.
 */
void sqlite_setup(void);

#endif
