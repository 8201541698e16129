/* SPDX-License-Identifier: MIT */
/* What time brings about, as statements; see command.c. */
#include <string.h>

#include "store/sqlite/command_apply.h"

struct found {
	struct queued_row row;
	char id[UUID_TEXT_SIZE];
};

/* Takes a row of held_due or expiry_due; only the latter has an id, what the task waits for, and
   its arguments. */
static int
found_take(sqlite3_stmt *row, struct found *found)
{
	int rc = queued_row_take(row, &found->row);

	found->row.wait = WAIT_FOR_TIME;
	found->row.attempts = 0;
	if (rc != SQLITE_OK || sqlite3_column_count(row) < 6)
		return rc;
	found->row.wait = queued_row_wait(row, 4);
	found->row.args_bytes = (size_t)sqlite3_column_bytes(row, 5);
	return column_word(row, 3, found->id, sizeof(found->id));
}

static enum status
find(const struct writer *writer, enum sqlite_statement statement, int64_t now_ms,
    struct found list[STORE_ADVANCE_MAX], size_t *ret_count, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, statement);
	size_t count = 0;
	int rc;

	bind_int(&binding, now_ms);
	bind_int(&binding, STORE_ADVANCE_MAX);
	rc = binding.rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW)
		rc = found_take(binding.statement, &list[count++]);
	(void)sqlite3_reset(binding.statement);
	*ret_count = count;
	return sqlite_status(writer->conn.db, rc, "cannot look for tasks that are due", error);
}

static enum status
expire(struct writer *writer, int64_t now_ms, struct store_advance *advance, size_t *ret_found,
    struct error *error)
{
	struct found list[STORE_ADVANCE_MAX];
	enum status status =
	    find(writer, SQLITE_EXPIRY_DUE, now_ms, list, &advance->expired_count, error);

	*ret_found = advance->expired_count;
	for (size_t i = 0; i < advance->expired_count && status == STATUS_OK; i++) {
		const struct queued_row *row = &list[i].row;

		status = command_reject(
		    writer, row, now_ms, FAILURE_EXPIRED, "Expired before it started", error);
		if (row->wait == WAIT_FOR_LANE)
			advance->expired_ready[row->lane]++;
		else if (row->wait == WAIT_FOR_HOST)
			advance->expired_deferred[row->lane]++;
		memcpy(advance->expired_ids[i], list[i].id, sizeof(list[i].id));
	}
	return status;
}

static enum status
ready(struct writer *writer, int64_t now_ms, struct store_advance *advance, size_t *ret_found,
    struct error *error)
{
	struct found list[STORE_ADVANCE_MAX];
	enum status status = find(writer, SQLITE_HELD_DUE, now_ms, list, ret_found, error);

	for (size_t i = 0; i < *ret_found && status == STATUS_OK; i++) {
		status = command_ready(writer, &list[i].row, now_ms, error);
		advance->readied[list[i].row.lane]++;
	}
	return status;
}

/* Lowers *next_at_ms to the time that comes first. */
static enum status
note_next(const struct writer *writer, enum sqlite_statement statement, int64_t *next_at_ms,
    struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, statement);
	int rc = sqlite3_step(binding.statement);

	if (rc == SQLITE_ROW && sqlite3_column_int64(binding.statement, 0) < *next_at_ms)
		*next_at_ms = sqlite3_column_int64(binding.statement, 0);
	(void)sqlite3_reset(binding.statement);
	return sqlite_status(writer->conn.db, rc, "cannot look for what is due next", error);
}

enum status
command_apply_advance(struct command *command, struct writer *writer, struct error *error)
{
	struct store_advance *advance = command->advance.ret;
	int64_t now_ms = command->advance.now_ms;
	size_t found;
	enum status status;

	*advance = (struct store_advance){ .next_at_ms = INT64_MAX };
	/* What has expired first: it must not be readied. */
	status = expire(writer, now_ms, advance, &found, error);
	if (status == STATUS_OK)
		status = note_next(writer, SQLITE_EXPIRY_NEXT, &advance->next_at_ms, error);
	/* More has expired, and some of that may be held: it comes first. */
	if (status != STATUS_OK || advance->next_at_ms <= now_ms)
		return status;
	status = ready(writer, now_ms, advance, &found, error);
	if (status == STATUS_OK)
		status = note_next(writer, SQLITE_HELD_NEXT, &advance->next_at_ms, error);
	return status;
}
