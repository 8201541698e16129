/* SPDX-License-Identifier: MIT */
/*
 * Prepared statements, bindings and result codes. The only file that sees the generated texts. A
 * connection's owner runs it; nothing here locks, blocks beyond SQLite, or keeps state.
 */
#include "store/sqlite/sqlite_statement.h"

#include <assert.h>
#include <string.h>

enum status
sqlite_status(sqlite3 *db, int rc, const char *what, struct error *error)
{
	enum status status;

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return STATUS_OK;
	case SQLITE_FULL:
		status = STATUS_FULL;
		break;
	case SQLITE_NOMEM:
		status = STATUS_NOMEM;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL: /* too many races for a read mark */
		status = STATUS_BUSY;
		break;
	case SQLITE_IOERR:
		/* The index of the log is grown by writing to it: no space is no fault of the disk.
		 */
		status = rc == SQLITE_IOERR_NOMEM     ? STATUS_NOMEM
			 : rc == SQLITE_IOERR_SHMSIZE ? STATUS_FULL
						      : STATUS_IO;
		break;
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		status = STATUS_IO;
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		status = STATUS_CORRUPT;
		break;
	default:
		status = STATUS_INTERNAL;
		break;
	}
	if (status == STATUS_FULL)
		return error_set(error, status, "%s: no disk space (%d)", what, rc);
	/* The message of the connection says more, but it may be that of a later call. */
	if (db != NULL && sqlite3_extended_errcode(db) == rc)
		return error_set(error, status, "%s: %s (%d)", what, sqlite3_errmsg(db), rc);
	return error_set(error, status, "%s: %s (%d)", what, sqlite3_errstr(rc), rc);
}

void
sqlite_conn_close(struct sqlite_conn *conn)
{
	int rc;

	for (size_t i = 0; i < SQLITE_STATEMENT_COUNT; i++) {
		(void)sqlite3_finalize(conn->statements[i]);
		conn->statements[i] = NULL;
	}
	rc = sqlite3_close(conn->db);
	assert(rc == SQLITE_OK && "every statement is finalized");
	(void)rc;
	conn->db = NULL;
}

enum status
sqlite_conn_prepare(
    struct sqlite_conn *conn, const enum sqlite_statement *list, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		enum sqlite_statement at = list[i];
		int rc;

		if (conn->statements[at] != NULL)
			continue;
		rc = sqlite3_prepare_v3(conn->db, sqlite_statement_sql[at], -1,
		    SQLITE_PREPARE_PERSISTENT, &conn->statements[at], NULL);
		if (rc != SQLITE_OK)
			return sqlite_status(conn->db, rc, sqlite_statement_names[at], error);
	}
	return STATUS_OK;
}

enum status
sqlite_conn_exec(struct sqlite_conn *conn, enum sqlite_statement statement, struct error *error)
{
	int rc = sqlite3_exec(conn->db, sqlite_statement_sql[statement], NULL, NULL, NULL);

	return sqlite_status(conn->db, rc, sqlite_statement_names[statement], error);
}

const char *
sqlite_statement_text(enum sqlite_statement statement)
{
	return sqlite_statement_sql[statement];
}

const char *
sqlite_statement_name(enum sqlite_statement statement)
{
	return sqlite_statement_names[statement];
}

struct binding
bind_begin(const struct sqlite_conn *conn, enum sqlite_statement statement)
{
	assert(conn->statements[statement] != NULL && "prepared when the connection was opened");
	return (struct binding){ .statement = conn->statements[statement], .rc = SQLITE_OK };
}

static void
keep_first(struct binding *binding, int rc)
{
	if (binding->rc == SQLITE_OK)
		binding->rc = rc;
}

void
bind_int(struct binding *binding, int64_t value)
{
	keep_first(binding, sqlite3_bind_int64(binding->statement, ++binding->index, value));
}

void
bind_text(struct binding *binding, const char *text, size_t size)
{
	keep_first(binding, sqlite3_bind_text64(binding->statement, ++binding->index, text, size,
				SQLITE_STATIC, SQLITE_UTF8));
}

void
bind_word(struct binding *binding, const char *text)
{
	bind_text(binding, text, text == NULL ? 0 : strlen(text));
}

void
bind_blob(struct binding *binding, const void *data, size_t size)
{
	/* A NULL pointer would bind NULL; the empty content is a blob of no bytes. */
	keep_first(binding, sqlite3_bind_blob64(binding->statement, ++binding->index,
				size == 0 ? "" : data, size, SQLITE_STATIC));
}

void
bind_null(struct binding *binding)
{
	keep_first(binding, sqlite3_bind_null(binding->statement, ++binding->index));
}

int
bind_run(struct binding *binding)
{
	int rc;

	if (binding->rc != SQLITE_OK)
		return binding->rc;
	do
		rc = sqlite3_step(binding->statement);
	while (rc == SQLITE_ROW);
	/* The reset of a failed statement gives its error again, with the same code. */
	(void)sqlite3_reset(binding->statement);
	return rc;
}

int
column_word(sqlite3_stmt *statement, int column, char *ret_text, size_t size)
{
	const unsigned char *text;
	size_t length;

	if (sqlite3_column_type(statement, column) == SQLITE_NULL) {
		ret_text[0] = '\0';
		return SQLITE_OK;
	}
	text = sqlite3_column_text(statement, column);
	if (text == NULL)
		return SQLITE_NOMEM;
	length = (size_t)sqlite3_column_bytes(statement, column);
	if (length >= size)
		return SQLITE_CORRUPT;
	memcpy(ret_text, text, length);
	ret_text[length] = '\0';
	return SQLITE_OK;
}
