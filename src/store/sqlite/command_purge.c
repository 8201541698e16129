/* SPDX-License-Identifier: MIT */
/*
 * The purge as statements; see command.c. Keys grow with the time of submission, so that what is
 * to go is near the beginning of the table, and no index by age is kept for it. Two cursors walk
 * along the keys: the edge stands where tasks begin that are younger than anything that may go,
 * and moves on with time; behind it a second one goes round and round, slowly, for those that were
 * passed because they had to be kept longer or were not completed.
 */
#include <assert.h>
#include <string.h>

#include "store/sqlite/command_apply.h"

/* Tasks that one look behind the edge passes. */
#define BEHIND_LOOK_MAX 64

struct passed {
	int64_t seq;
	char id[UUID_TEXT_SIZE];
	char type[TASK_TYPE_SIZE];
	enum lane lane;
	enum task_state state;
	int64_t created_at_ms;
	int64_t finished_at_ms;
	int64_t lease;
	bool has_file;
};

struct purge {
	struct command *command;
	struct writer *writer;
	struct error *error;
	bool any_age; /* there are too many: whatever is completed goes */
};

static int
passed_take(sqlite3_stmt *row, struct passed *passed)
{
	int64_t lane = sqlite3_column_int64(row, 3);
	char word[16];
	int rc = column_word(row, 1, passed->id, sizeof(passed->id));

	if (rc == SQLITE_OK)
		rc = column_word(row, 2, passed->type, sizeof(passed->type));
	if (rc == SQLITE_OK)
		rc = column_word(row, 4, word, sizeof(word));
	if (rc != SQLITE_OK)
		return rc;
	if (lane < 0 || lane >= LANE_COUNT || !task_state_parse(word, &passed->state))
		return SQLITE_CORRUPT;
	passed->seq = sqlite3_column_int64(row, 0);
	passed->lane = (enum lane)lane;
	passed->created_at_ms = sqlite3_column_int64(row, 5);
	passed->finished_at_ms = sqlite3_column_int64(row, 6);
	passed->lease = sqlite3_column_int64(row, 7);
	passed->has_file = sqlite3_column_int(row, 8) != 0;
	return SQLITE_OK;
}

/* Takes up to `max` tasks after a key. */
static enum status
walk(const struct purge *purge, int64_t after_seq, size_t max, struct passed *list,
    size_t *ret_count)
{
	struct binding binding = bind_begin(&purge->writer->conn, SQLITE_PURGE_WALK);
	size_t count = 0;
	int rc;

	bind_int(&binding, after_seq);
	bind_int(&binding, (int64_t)max);
	rc = binding.rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW)
		rc = passed_take(binding.statement, &list[count++]);
	(void)sqlite3_reset(binding.statement);
	*ret_count = count;
	return sqlite_status(purge->writer->conn.db, rc, "cannot look for old tasks", purge->error);
}

/* When a task must have ended for it to go: before the first millisecond there is where never. */
static int64_t
due_before_ms(const struct purge *purge, enum task_state state)
{
	const struct store_retention *retention = purge->command->purge.retention;
	int64_t kept_ms = state == TASK_SUCCEEDED ? retention->succeeded_ms : retention->failed_ms;

	return kept_ms == 0 ? 0 : purge->command->purge.now_ms - kept_ms;
}

static bool
is_due(const struct purge *purge, const struct passed *passed)
{
	if (!task_state_is_final(passed->state))
		return false;
	return purge->any_age || passed->finished_at_ms < due_before_ms(purge, passed->state);
}

/* Whether neither this task nor any submitted after it can be due by its age. */
static bool
is_beyond(const struct purge *purge, const struct passed *passed)
{
	return passed->created_at_ms >= due_before_ms(purge, TASK_SUCCEEDED) &&
	       passed->created_at_ms >= due_before_ms(purge, TASK_FAILED);
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
	assert(purged->count < STORE_PURGE_MAX);
	command->purge.leases[purged->count] = passed->has_file ? passed->lease : 0;
	memcpy(purged->ids[purged->count++], passed->id, sizeof(passed->id));
	return counters_remove(&purge->writer->counters, passed->type, passed->lane,
	    (enum counted)passed->state, purge->error);
}

/* Moves the edge on. *ret_arrived tells whether it stands where it has to. */
static enum status
advance_edge(struct purge *purge, struct passed *list, bool *ret_arrived)
{
	size_t count = 0;
	enum status status = walk(purge, purge->writer->purge_edge, STORE_PURGE_MAX, list, &count);

	*ret_arrived = count < STORE_PURGE_MAX;
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		if (is_beyond(purge, &list[i])) {
			*ret_arrived = true;
			return STATUS_OK;
		}
		purge->writer->purge_edge = list[i].seq;
		if (is_due(purge, &list[i]))
			status = delete_task(purge, &list[i]);
	}
	return status;
}

/* Goes on with the round behind the edge, or, of any age, through all of the table. */
static enum status
go_round(struct purge *purge, struct passed *list, size_t look_max, size_t delete_max)
{
	struct writer *writer = purge->writer;
	size_t count = 0;
	size_t deleted = 0;
	enum status status = walk(purge, writer->purge_behind, look_max, list, &count);

	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		if (!purge->any_age && list[i].seq > writer->purge_edge) {
			count = i;
			break;
		}
		if (deleted == delete_max)
			return STATUS_OK;
		writer->purge_behind = list[i].seq;
		if (!is_due(purge, &list[i]))
			continue;
		status = delete_task(purge, &list[i]);
		deleted++;
	}
	if (count < look_max)
		writer->purge_behind = 0;
	return status;
}

/* How many tasks there are beyond those that may be. */
static int64_t
excess(const struct purge *purge)
{
	int64_t max = purge->command->purge.retention->tasks_max;
	int64_t count = counters_sum(&purge->writer->counters);

	return max > 0 && count > max ? count - max : 0;
}

enum status
command_apply_purge(struct command *command, struct writer *writer, struct error *error)
{
	struct purge purge = { .command = command, .writer = writer, .error = error };
	struct passed list[STORE_PURGE_MAX];
	struct store_purged *purged = command->purge.ret;
	bool has_arrived = false;
	int64_t too_many;
	enum status status;

	purged->count = 0;
	purged->has_more = false;
	status = advance_edge(&purge, list, &has_arrived);
	if (status != STATUS_OK)
		return status;
	purged->has_more = !has_arrived;
	too_many = excess(&purge);
	if (too_many > 0 && purged->count == 0) {
		purge.any_age = true;
		status = go_round(&purge, list, STORE_PURGE_MAX,
		    too_many < STORE_PURGE_MAX ? (size_t)too_many : STORE_PURGE_MAX);
		/* A round in which nothing can go is not gone at once again. */
		if (excess(&purge) > 0 && (purged->count > 0 || writer->purge_behind > 0))
			purged->has_more = true;
	} else if (has_arrived && purged->count == 0) {
		status = go_round(&purge, list, BEHIND_LOOK_MAX, BEHIND_LOOK_MAX);
	}
	return status;
}
