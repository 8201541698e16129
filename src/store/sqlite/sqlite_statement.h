/* SPDX-License-Identifier: MIT */
/*
 * Connections with their prepared statements, the binding of values, and what SQLite's result codes
 * mean to the store. A connection belongs to one thread at a time.
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_STATEMENT_H
#define TASKQ_STORE_SQLITE_SQLITE_STATEMENT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "sqlite_statements.h" /* generated from sql/sqlite/ */

struct sqlite_conn {
	sqlite3 *db;
	sqlite3_stmt *statements[SQLITE_STATEMENT_COUNT]; /* NULL until prepared */
};

/**
 * sqlite_status - what a result code means to callers of the store; fills the error unless OK
 * FULL: no space. NOMEM. BUSY. IO: an I/O error before COMMIT. CORRUPT: the file is damaged or not
 * a database. INTERNAL: everything else, a violated constraint among it.
 */
enum status sqlite_status(sqlite3 *db, int rc, const char *what, struct error *error);

/**
 * sqlite_conn_close - finalize and close; zeroed connections are fine
 */
void sqlite_conn_close(struct sqlite_conn *conn);

/**
 * sqlite_conn_prepare - prepare the statements of a list; those that are prepared stay so
 */
enum status sqlite_conn_prepare(struct sqlite_conn *conn, const enum sqlite_statement *list,
    size_t count, struct error *error) NODISCARD;

/**
 * sqlite_conn_exec - run one statement of the table once, without values (schema)
 */
enum status sqlite_conn_exec(
    struct sqlite_conn *conn, enum sqlite_statement statement, struct error *error) NODISCARD;

/**
 * sqlite_statement_text / sqlite_statement_name - of the table; static storage
 */
const char *sqlite_statement_text(enum sqlite_statement statement);
const char *sqlite_statement_name(enum sqlite_statement statement);

/* Values bound in the order ?1, ?2, ..; the first failure sticks in `rc`. Nothing is copied: texts
   and blobs must stay until the statement was run. */
struct binding {
	sqlite3_stmt *statement;
	int index;
	int rc;
};

struct binding bind_begin(const struct sqlite_conn *conn, enum sqlite_statement statement);
void bind_int(struct binding *binding, int64_t value);
void bind_text(struct binding *binding, const char *text, size_t size);
void bind_word(struct binding *binding, const char *text); /* NUL-terminated; NULL is null */
void bind_blob(struct binding *binding, const void *data, size_t size);
void bind_null(struct binding *binding);

/**
 * bind_run - run a bound statement that gives no rows; returns SQLITE_DONE or an error code
 */
int bind_run(struct binding *binding);

/**
 * column_word - copy a text column into a field of fixed size; "" for null
 * Returns SQLITE_OK; SQLITE_NOMEM; SQLITE_CORRUPT when it does not fit.
 */
int column_word(sqlite3_stmt *statement, int column, char *ret_text, size_t size);

#endif
