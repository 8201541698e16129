/* SPDX-License-Identifier: MIT */
/*
 * The purge as statements; see command.c. An index has what is completed in the order in which it
 * ended. At its head stands what is due first, whatever its state: what is older than every age
 * that is kept, and then, where there is too much, what is oldest. Behind that, states that are
 * kept for different times are mixed: a cursor has passed those that stay longer.
 */
#include <string.h>

#include "store/sqlite/command_apply.h"

/* A completed task. */
struct passed {
	int64_t seq;
	char id[UUID_TEXT_SIZE];
	char type[TASK_TYPE_SIZE];
	enum lane lane;
	enum task_state state;
	int64_t finished_at_ms;
	int64_t lease;
	bool has_file;
	int64_t bytes;     /* as store_kept_bytes has them */
	int64_t row_bytes; /* of those, what is in the database */
};

/* One slice. */
struct purge {
	struct command *command;
	struct writer *writer;
	struct error *error;
	int64_t row_bytes; /* deleted so far */
	struct passed list[STORE_PURGE_MAX];
};

static int
passed_take(sqlite3_stmt *row, struct passed *passed)
{
	int64_t lane = sqlite3_column_int64(row, 3);
	const struct store_kept kept = {
		.args = (size_t)sqlite3_column_bytes(row, 10),
		.message = (size_t)sqlite3_column_bytes(row, 11),
		.response = (size_t)sqlite3_column_bytes(row, 12),
		.content = (uint64_t)sqlite3_column_int64(row, 9),
		.attempts = sqlite3_column_int(row, 7),
	};
	char word[16];
	int rc = column_word(row, 1, passed->id, sizeof(passed->id));

	if (rc == SQLITE_OK)
		rc = column_word(row, 2, passed->type, sizeof(passed->type));
	if (rc == SQLITE_OK)
		rc = column_word(row, 4, word, sizeof(word));
	if (rc != SQLITE_OK)
		return rc;
	if (lane < 0 || lane >= LANE_COUNT || !task_state_parse(word, &passed->state) ||
	    !task_state_is_final(passed->state))
		return SQLITE_CORRUPT;
	passed->seq = sqlite3_column_int64(row, 0);
	passed->lane = (enum lane)lane;
	passed->finished_at_ms = sqlite3_column_int64(row, 5);
	passed->lease = sqlite3_column_int64(row, 6);
	passed->has_file = sqlite3_column_int(row, 8) != 0;
	passed->bytes = store_kept_bytes(&kept);
	passed->row_bytes = passed->bytes - (passed->has_file ? (int64_t)kept.content : 0);
	return SQLITE_OK;
}

/* Takes up to STORE_PURGE_MAX tasks into the list that ended before a time, behind another one, in
   the order in which they ended. */
static enum status
walk(struct purge *purge, struct purge_cursor behind, int64_t before_ms, size_t *ret_count)
{
	struct binding binding = bind_begin(&purge->writer->conn, SQLITE_PURGE_WALK);
	size_t count = 0;
	int rc;

	bind_int(&binding, behind.finished_at_ms);
	bind_int(&binding, behind.seq);
	bind_int(&binding, before_ms);
	bind_int(&binding, STORE_PURGE_MAX);
	rc = binding.rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW)
		rc = passed_take(binding.statement, &purge->list[count++]);
	(void)sqlite3_reset(binding.statement);
	*ret_count = count;
	return sqlite_status(purge->writer->conn.db, rc, "cannot look for old tasks", purge->error);
}

/* Nothing has ended before then. */
#define NEVER INT64_MIN

/* When a task must have ended for it to go. */
static int64_t
due_before_ms(const struct purge *purge, enum task_state state)
{
	const struct store_retention *retention = purge->command->purge.retention;
	int64_t kept_ms = state == TASK_SUCCEEDED ? retention->succeeded_ms : retention->failed_ms;

	return kept_ms == 0 ? NEVER : purge->command->purge.now_ms - kept_ms;
}

static int
delete_row(const struct purge *purge, enum sqlite_statement statement, int64_t seq)
{
	struct binding binding = bind_begin(&purge->writer->conn, statement);

	bind_int(&binding, seq);
	return bind_run(&binding);
}

static enum status
delete_task(struct purge *purge, const struct passed *passed)
{
	struct command *command = purge->command;
	struct store_purged *purged = command->purge.ret;
	sqlite3 *db = purge->writer->conn.db;
	int rc = delete_row(purge, SQLITE_PURGE_ATTEMPTS, passed->seq);

	if (rc == SQLITE_DONE)
		rc = delete_row(purge, SQLITE_PURGE_RESULT, passed->seq);
	if (rc == SQLITE_DONE)
		rc = delete_row(purge, SQLITE_PURGE_TASK, passed->seq);
	if (rc != SQLITE_DONE)
		return sqlite_status(db, rc, "cannot delete the task", purge->error);
	if (sqlite3_changes(db) != 1)
		return error_set(purge->error, STATUS_CORRUPT,
		    "the index of completed tasks names one that is not completed");
	command->purge.leases[purged->count] = passed->has_file ? passed->lease : 0;
	if (passed->has_file)
		counters_file(&purge->writer->counters, -1, passed->bytes - passed->row_bytes);
	memcpy(purged->ids[purged->count++], passed->id, sizeof(passed->id));
	purge->row_bytes += passed->row_bytes;
	return counters_remove(&purge->writer->counters, passed->type, passed->lane,
	    (enum counted)passed->state, passed->bytes, purge->error);
}

static bool
slice_is_full(const struct purge *purge)
{
	return purge->command->purge.ret->count == STORE_PURGE_MAX ||
	       purge->row_bytes >= STORE_PURGE_BYTES_MAX;
}

/* Whether there are more tasks, or bytes, than may be. */
static bool
is_too_much(const struct purge *purge)
{
	const struct store_retention *retention = purge->command->purge.retention;
	struct tally sum = counters_sum(&purge->writer->counters);

	return (retention->tasks_max > 0 && sum.tasks > retention->tasks_max) ||
	       (retention->bytes_max > 0 && sum.bytes > retention->bytes_max);
}

static const struct purge_cursor head = { .finished_at_ms = NEVER };

/* Deletes what ended before a time, whatever its state. */
static enum status
purge_oldest(struct purge *purge, int64_t before_ms)
{
	size_t count = 0;
	size_t i = 0;
	enum status status = walk(purge, head, before_ms, &count);

	for (; status == STATUS_OK && i < count && !slice_is_full(purge); i++)
		status = delete_task(purge, &purge->list[i]);
	purge->command->purge.ret->has_more = i < count || count == STORE_PURGE_MAX;
	return status;
}

/* Goes on behind the cursor, up to a time from which on nothing is due by its age. */
static enum status
purge_mixed(struct purge *purge, int64_t before_ms)
{
	struct purge_cursor *cursor = &purge->writer->purge_pending;
	size_t count = 0;
	size_t i = 0;
	enum status status = walk(purge, *cursor, before_ms, &count);

	for (; status == STATUS_OK && i < count && !slice_is_full(purge); i++) {
		const struct passed *passed = &purge->list[i];

		if (passed->finished_at_ms < due_before_ms(purge, passed->state))
			status = delete_task(purge, passed);
		*cursor = (struct purge_cursor){ passed->finished_at_ms, passed->seq };
	}
	purge->command->purge.ret->has_more = i < count || count == STORE_PURGE_MAX;
	return status;
}

/* Deletes the oldest of all while there is too much. */
static enum status
purge_early(struct purge *purge)
{
	struct store_purged *purged = purge->command->purge.ret;
	size_t count = 0;
	size_t i = 0;
	enum status status = walk(purge, head, INT64_MAX, &count);

	for (; status == STATUS_OK && i < count && !slice_is_full(purge) && is_too_much(purge);
	     i++) {
		status = delete_task(purge, &purge->list[i]);
		purged->early_count++;
	}
	/* What is left of it then is not completed. */
	purged->has_more = is_too_much(purge) && (i < count || count == STORE_PURGE_MAX);
	return status;
}

/* What the cursor has passed may be due by other times. */
static void
note_times(struct writer *writer, const struct store_retention *retention)
{
	if (writer->purge_succeeded_ms == retention->succeeded_ms &&
	    writer->purge_failed_ms == retention->failed_ms)
		return;
	writer->purge_succeeded_ms = retention->succeeded_ms;
	writer->purge_failed_ms = retention->failed_ms;
	writer->purge_pending = head;
	writer->purge_committed = head;
}

enum status
command_apply_purge(struct command *command, struct writer *writer, struct error *error)
{
	struct purge purge = { .command = command, .writer = writer, .error = error };
	struct store_purged *purged = command->purge.ret;
	int64_t succeeded_ms = due_before_ms(&purge, TASK_SUCCEEDED);
	int64_t failed_ms = due_before_ms(&purge, TASK_FAILED);
	int64_t first_ms = succeeded_ms < failed_ms ? succeeded_ms : failed_ms;
	int64_t last_ms = succeeded_ms < failed_ms ? failed_ms : succeeded_ms;
	enum status status = STATUS_OK;

	note_times(writer, command->purge.retention);
	purged->count = 0;
	purged->early_count = 0;
	purged->has_more = false;
	if (first_ms > NEVER)
		status = purge_oldest(&purge, first_ms);
	if (status == STATUS_OK && !purged->has_more && first_ms != last_ms)
		status = purge_mixed(&purge, last_ms);
	/* What is due goes before anything that is not. */
	if (status == STATUS_OK && !purged->has_more && is_too_much(&purge))
		status = purge_early(&purge);
	return status;
}
