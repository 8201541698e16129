/* SPDX-License-Identifier: MIT */
/*
 * Pages that nothing uses any more, given back to the file system. The writer's thread, between
 * transactions.
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_SPACE_H
#define TASKQ_STORE_SQLITE_SQLITE_SPACE_H

#include <stdint.h>

#include "store/sqlite/sqlite_statement.h"

/* Free pages that are left in the database, 16 MiB: those that go out of use for a moment are soon
   used again. */
#define SPACE_PAGES_KEPT 4096

/* Calls of space_give_back a second at most. */
#define SPACE_CALLS_MAX 16

/**
 * space_calls - how many calls of space_give_back this second is worth: none where few pages are
 * free, one for a start, one more for each 256 MiB. So a little is given back at leisure, and after
 * a large deletion half of it within some minutes.
 */
unsigned space_calls(int64_t free_pages);

/**
 * space_give_back - give back a MiB, in a commit of its own, where space_calls is not 0
 * @ret_calls: space_calls as of before; also where it fails
 * Returns OK, also where it is hindered: another call will do; CORRUPT.
 */
enum status space_give_back(
    const struct sqlite_conn *conn, unsigned *ret_calls, struct error *error) NODISCARD;

#endif
