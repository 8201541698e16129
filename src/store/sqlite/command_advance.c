/* SPDX-License-Identifier: MIT */
/*
 * What time brings about, and what somebody ends, as statements; see command.c. Rows are found
 * first and changed then: a statement must not change the index that it walks.
 */
#include <string.h>

#include "store/sqlite/command_apply.h"

struct found {
	struct queued queued;
	char id[UUID_TEXT_SIZE];
};

/* Takes a row of held_due or expiry_due; only the latter has an id, whether the task is held, and
   its arguments. */
static int
found_take(sqlite3_stmt *row, struct found *found)
{
	struct queued *queued = &found->queued;
	int64_t lane = sqlite3_column_int64(row, 2);
	int rc = column_word(row, 1, queued->type, sizeof(queued->type));

	if (rc != SQLITE_OK)
		return rc;
	if (lane < 0 || lane >= LANE_COUNT)
		return SQLITE_CORRUPT;
	queued->seq = sqlite3_column_int64(row, 0);
	queued->lane = (enum lane)lane;
	queued->is_held = true;
	queued->attempts = 0;
	if (sqlite3_column_count(row) < 6)
		return SQLITE_OK;
	queued->is_held = sqlite3_column_int(row, 4) != 0;
	queued->args_bytes = (size_t)sqlite3_column_bytes(row, 5);
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

enum status
command_reject(struct writer *writer, const struct queued *queued, int64_t now_ms,
    enum failure failure, const char *message, struct error *error)
{
	const struct store_kept kept = {
		.args = queued->args_bytes,
		.message = strlen(message),
		.attempts = queued->attempts,
	};
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_REJECT);
	int rc;

	bind_int(&binding, queued->seq);
	bind_int(&binding, now_ms);
	bind_word(&binding, failure_word(failure));
	bind_word(&binding, message);
	rc = bind_run(&binding);
	if (rc != SQLITE_DONE)
		return sqlite_status(writer->conn.db, rc, "cannot reject the task", error);
	if (sqlite3_changes(writer->conn.db) != 1)
		return error_set(error, STATUS_CORRUPT,
		    "an index of waiting tasks names one that does not wait");
	return counters_move(&writer->counters, queued->type, queued->lane,
	    queued->is_held ? COUNTED_HELD : COUNTED_QUEUED, COUNTED_REJECTED,
	    store_kept_bytes(&kept), error);
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
		const struct found *found = &list[i];

		status = command_reject(writer, &found->queued, now_ms, FAILURE_EXPIRED,
		    "Expired before it started", error);
		if (!found->queued.is_held)
			advance->expired_ready[found->queued.lane]++;
		memcpy(advance->expired_ids[i], found->id, sizeof(found->id));
	}
	return status;
}

static enum status
ready_one(struct writer *writer, const struct queued *queued, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_READY);
	int rc;

	bind_int(&binding, queued->seq);
	rc = bind_run(&binding);
	if (rc != SQLITE_DONE)
		return sqlite_status(writer->conn.db, rc, "cannot ready the task", error);
	return counters_move(
	    &writer->counters, queued->type, queued->lane, COUNTED_HELD, COUNTED_QUEUED, 0, error);
}

static enum status
ready(struct writer *writer, int64_t now_ms, struct store_advance *advance, size_t *ret_found,
    struct error *error)
{
	struct found list[STORE_ADVANCE_MAX];
	enum status status = find(writer, SQLITE_HELD_DUE, now_ms, list, ret_found, error);

	for (size_t i = 0; i < *ret_found && status == STATUS_OK; i++) {
		status = ready_one(writer, &list[i].queued, error);
		advance->readied[list[i].queued.lane]++;
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
