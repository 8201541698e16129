/* SPDX-License-Identifier: MIT */
/*
 * A visit: reading a database beside the service that may be running on it, from another process.
 * A visitor neither writes nor checkpoints, takes no lock that a service needs, and makes no file;
 * only where a killed service has left a log without its index does SQLite build that anew. One
 * thread.
 *
 * Beside a log the usual way of a reader is taken, whoever else is there. A database without one is
 * nobody's, and to read it the usual way would make a log: so it is read as a file that does not
 * change, and looked at once more in the end. A service that was started meanwhile has left a log
 * or another time of change, and what was read counts for nothing.
 */
#ifndef TASKQ_STORE_SQLITE_VISIT_H
#define TASKQ_STORE_SQLITE_VISIT_H

#include <sys/stat.h>

#include "store/sqlite/data_dir.h"
#include "store/sqlite/sqlite_statement.h"

/* How often a visit is begun anew that was disturbed. */
#define VISIT_TRIES 3

struct visit {
	const char *db_path; /* borrowed */
	char *log_path;      /* owned */
	struct sqlite_conn conn;
	int64_t schema_version;
	bool is_still;        /* read as a file that does not change */
	struct stat at_begin; /* of the database */
};

/**
 * visit_open - begin to read
 * @db_path: of the directory's database, or of the one that is being made in it
 * Returns OK; NOT_FOUND where there is no database; CORRUPT; INVALID for another program's or a
 * newer one; BUSY; IO; NOMEM.
 */
enum status visit_open(const struct data_dir *dir, const char *db_path, struct visit *ret_visit,
    struct error *error) NODISCARD;

/**
 * visit_is_disturbed - whether what was read may be a mixture, because a service was started
 */
bool visit_is_disturbed(const struct visit *visit);

/* visit_close - zeroed ones are fine */
void visit_close(struct visit *visit);

#endif
