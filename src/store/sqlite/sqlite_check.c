/* SPDX-License-Identifier: MIT */
/*
 * Checks of a database that is being opened. Run by the thread that opens the store, before any
 * row is changed but by a migration. Reads only.
 */
#include "store/sqlite/sqlite_check.h"

#include <string.h>

#include "store/sqlite/sqlite_open.h"
#include "store/sqlite/sqlite_reads.h"

static const enum sqlite_statement edges[] = {
	SQLITE_EDGES_TASK,
	SQLITE_EDGES_TASK_BY_ID,
	SQLITE_EDGES_TASK_RESULT,
	SQLITE_EDGES_TASK_ATTEMPT,
	SQLITE_EDGES_IDEMPOTENCY,
	SQLITE_EDGES_IDEMPOTENCY_BY_AGE,
};

static enum status
check_edges(struct sqlite_conn *conn, struct error *error)
{
	enum status status = sqlite_conn_prepare(conn, edges, ARRAY_SIZE(edges), error);

	for (size_t i = 0; status == STATUS_OK && i < ARRAY_SIZE(edges); i++) {
		struct binding binding = bind_begin(conn, edges[i]);
		int rc = bind_run(&binding);

		status = sqlite_status(conn->db, rc, sqlite_statement_name(edges[i]), error);
	}
	return status;
}

static enum status
check_whole(struct sqlite_conn *conn, struct error *error)
{
	uint64_t reads_failed = sqlite_reads_failed();
	sqlite3_stmt *statement = NULL;
	char found[160];
	int rc = sqlite3_prepare_v2(conn->db, "PRAGMA quick_check(1)", -1, &statement, NULL);

	found[0] = '\0';
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(statement, 0);

		(void)sqlite3_snprintf(sizeof(found), found, "%s", text);
		rc = SQLITE_DONE;
	}
	(void)sqlite3_finalize(statement);
	if (rc != SQLITE_DONE)
		return sqlite_status(conn->db, rc, "quick_check", error);
	if (sqlite_reads_failed() != reads_failed)
		return error_set(error, STATUS_IO, "quick_check: the disk does not read it all");
	if (strcmp(found, "ok") != 0)
		return error_set(
		    error, STATUS_CORRUPT, "the database is damaged: quick_check says: %s", found);
	return STATUS_OK;
}

enum status
sqlite_check_damage(struct sqlite_conn *conn, struct error *error)
{
	int64_t pages = 0, page_bytes = 0;
	enum status status = sqlite_pragma_get(conn, "page_count", &pages, error);

	if (status == STATUS_OK)
		status = sqlite_pragma_get(conn, "page_size", &page_bytes, error);
	if (status == STATUS_OK)
		status = check_edges(conn, error);
	if (status != STATUS_OK)
		return status;
	if (pages > SQLITE_CHECK_WHOLE_MAX_BYTES / page_bytes)
		return STATUS_OK;
	return check_whole(conn, error);
}
