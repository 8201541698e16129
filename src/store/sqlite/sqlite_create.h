/* SPDX-License-Identifier: MIT */
/* How a database comes into being, where there is none. */
#ifndef TASKQ_STORE_SQLITE_SQLITE_CREATE_H
#define TASKQ_STORE_SQLITE_SQLITE_CREATE_H

#include "store/sqlite/data_dir.h"

/**
 * sqlite_create_missing - make the database of a data directory, empty and with the schema of this
 * program, unless it is there
 * It is made under another name, so that it is never seen half-made.
 */
enum status sqlite_create_missing(const struct data_dir *dir, struct error *error) NODISCARD;

#endif
