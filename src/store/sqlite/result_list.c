/* SPDX-License-Identifier: MIT */
/* The result files by their tasks; see result_list.h. Each slice is one short read transaction. */
#include "store/sqlite/result_list.h"

static const enum sqlite_statement list_statements[] = {
	SQLITE_RESULT_FILE_LIST,
	SQLITE_RESULT_OWNER,
};

enum status
result_list_prepare(struct sqlite_conn *conn, struct error *error)
{
	return sqlite_conn_prepare(conn, list_statements, ARRAY_SIZE(list_statements), error);
}

enum status
result_list_next(struct result_list *list, struct sqlite_conn *conn, struct error *error)
{
	struct binding binding = bind_begin(conn, SQLITE_RESULT_FILE_LIST);
	sqlite3_stmt *row = binding.statement;
	int rc;

	list->count = 0;
	bind_int(&binding, list->after_seq);
	bind_int(&binding, RESULT_LIST_MAX);
	rc = binding.rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
		struct listed_result *next = &list->list[list->count++];

		next->seq = list->after_seq = sqlite3_column_int64(row, 0);
		next->bytes = sqlite3_column_int64(row, 3);
		rc = column_word(row, 1, next->id, sizeof(next->id));
		if (rc == SQLITE_OK)
			result_file_name(next->id, sqlite3_column_int64(row, 2), next->name);
	}
	(void)sqlite3_reset(row);
	return sqlite_status(conn->db, rc, "cannot list the result files", error);
}

enum status
result_list_owner(
    struct sqlite_conn *conn, const char *id, struct result_owner *ret_owner, struct error *error)
{
	struct binding binding = bind_begin(conn, SQLITE_RESULT_OWNER);
	int rc;

	bind_text(&binding, id, UUID_TEXT_LENGTH);
	rc = binding.rc == SQLITE_OK ? sqlite3_step(binding.statement) : binding.rc;
	if (rc == SQLITE_ROW)
		rc = row_owner(binding.statement, ret_owner);
	(void)sqlite3_reset(binding.statement);
	if (rc == SQLITE_DONE)
		return STATUS_NOT_FOUND;
	return sqlite_status(conn->db, rc, "cannot look for the owner of a file", error);
}
