/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a task that is QUEUED, other than its claim: it is made ready, deferred or
 * rejected. Statements of several commands; see command_apply.h.
 */
#include <string.h>

#include "store/sqlite/command_apply.h"

int
queued_row_take(sqlite3_stmt *row, struct queued_row *ret_found)
{
	int64_t lane = sqlite3_column_int64(row, 2);
	int rc = column_word(row, 1, ret_found->type, sizeof(ret_found->type));

	if (rc != SQLITE_OK)
		return rc;
	if (lane < 0 || lane >= LANE_COUNT)
		return SQLITE_CORRUPT;
	ret_found->seq = sqlite3_column_int64(row, 0);
	ret_found->lane = (enum lane)lane;
	return SQLITE_OK;
}

enum task_wait
queued_row_wait(sqlite3_stmt *row, int column)
{
	if (sqlite3_column_type(row, column) == SQLITE_NULL)
		return WAIT_FOR_LANE;
	return sqlite3_column_int64(row, column) == 0 ? WAIT_FOR_HOST : WAIT_FOR_TIME;
}

enum counted
queued_row_counted(enum task_wait wait)
{
	switch (wait) {
	case WAIT_FOR_TIME:
		return COUNTED_HELD;
	case WAIT_FOR_HOST:
		return COUNTED_DEFERRED;
	case WAIT_FOR_LANE:
		break;
	}
	return COUNTED_QUEUED;
}

/* Runs a statement that changes one QUEUED task, and counts the task elsewhere, by `why`, for
   `bytes`. */
static enum status
move(struct writer *writer, struct binding *binding, const struct queued_row *row, enum counted to,
    enum failure why, int64_t bytes, struct error *error)
{
	int rc = bind_run(binding);

	if (rc != SQLITE_DONE)
		return sqlite_status(writer->conn.db, rc, "cannot change a waiting task", error);
	if (sqlite3_changes(writer->conn.db) != 1)
		return error_set(error, STATUS_CORRUPT,
		    "an index of waiting tasks names one that does not wait");
	return counters_move(&writer->counters, row->type, row->lane, queued_row_counted(row->wait),
	    to, why, bytes, error);
}

enum status
command_ready(
    struct writer *writer, const struct queued_row *row, int64_t now_ms, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_READY);

	bind_int(&binding, row->seq);
	bind_int(&binding, now_ms);
	return move(writer, &binding, row, COUNTED_QUEUED, FAILURE_NONE, 0, error);
}

enum status
command_defer(
    struct writer *writer, const struct queued_row *row, const char *host, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_DEFER);

	bind_word(&binding, host);
	bind_int(&binding, row->seq);
	return move(writer, &binding, row, COUNTED_DEFERRED, FAILURE_NONE, 0, error);
}

enum status
command_reject(struct writer *writer, const struct queued_row *row, int64_t now_ms,
    enum failure failure, const char *message, struct error *error)
{
	const struct store_kept kept = {
		.args = row->args_bytes,
		.message = strlen(message),
		.attempts = row->attempts,
	};
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_REJECT);

	bind_int(&binding, row->seq);
	bind_int(&binding, now_ms);
	bind_word(&binding, failure_word(failure));
	bind_word(&binding, message);
	return move(
	    writer, &binding, row, COUNTED_REJECTED, failure, store_kept_bytes(&kept), error);
}
