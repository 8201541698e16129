/* SPDX-License-Identifier: MIT */
/*
 * Whether the file is whole, as far as a start-up under two seconds can tell. Damage that
 * this does not see is found when it is read, and stops the store then.
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_CHECK_H
#define TASKQ_STORE_SQLITE_SQLITE_CHECK_H

#include "store/sqlite/sqlite_statement.h"

/* Up to this size the whole file is checked: a tenth of a second at worst. */
#define SQLITE_CHECK_WHOLE_MAX_BYTES (INT64_C(16) * 1024 * 1024)

/**
 * sqlite_check_damage - read both edges of every table and index; the whole of a small file
 * Returns OK, CORRUPT, IO, NOMEM.
 */
enum status sqlite_check_damage(struct sqlite_conn *conn, struct error *error) NODISCARD;

#endif
