/* SPDX-License-Identifier: MIT */
/*
 * The store's place on disk: the data directory with its lock file, the database's path, and the
 * directory of the result files. Held from before the database is opened until after it is closed.
 *
 * Nothing here opens the database files: a close() of any descriptor on them would drop the locks
 * that SQLite holds on them for this process.
 */
#ifndef TASKQ_STORE_SQLITE_DATA_DIR_H
#define TASKQ_STORE_SQLITE_DATA_DIR_H

#include <stdbool.h>

#include "base/status.h"

struct data_dir {
	int fd;            /* of the directory */
	int lock_fd;       /* taskq.lock, locked for the life of the store; a visitor's is -1 */
	int results_fd;    /* of results/; a visitor's is -1 where there is none */
	char *db_path;     /* owned: DIR/taskq.db */
	char *new_db_path; /* owned: DIR/taskq.db.new, a database being made */
	char *results_path;
};

/**
 * data_dir_open - take the lock, make results/ (mode 0700) when it is missing
 * Returns OK; BUSY when another process has the lock, with the file and its process named; IO;
 * NOMEM.
 */
enum status data_dir_open(
    const char *path, struct data_dir *ret_dir, struct error *error) NODISCARD;

/**
 * data_dir_look - the same for a visitor: takes no lock and makes nothing
 * Returns OK; NOT_FOUND where there is no such directory; IO; NOMEM.
 */
enum status data_dir_look(
    const char *path, struct data_dir *ret_dir, struct error *error) NODISCARD;

void data_dir_close(struct data_dir *dir);

/**
 * data_dir_adopt - what root makes in somebody else's directory is given to that somebody; for
 * everybody else it does nothing
 * @dir_fd: of the directory
 * @fd: of a file or directory that was made in it just now
 * @name: of it, for the message
 */
enum status data_dir_adopt(int dir_fd, int fd, const char *name, struct error *error) NODISCARD;

/**
 * data_dir_has_database - whether taskq.db is there
 * Returns OK; CORRUPT when it is empty, or when it is missing although its log or result files are
 * there, since a fresh database would bury what was lost; INVALID when it is not a regular file;
 * IO.
 */
enum status data_dir_has_database(
    const struct data_dir *dir, bool *ret_has, struct error *error) NODISCARD;

/**
 * data_dir_begin_database / data_dir_end_database - make an empty file under the temporary name
 * (mode 0600 whatever the umask), and give it its final name once it is a database and closed
 */
enum status data_dir_begin_database(const struct data_dir *dir, struct error *error) NODISCARD;
enum status data_dir_end_database(const struct data_dir *dir, struct error *error) NODISCARD;

#endif
