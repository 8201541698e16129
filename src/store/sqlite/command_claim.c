/* SPDX-License-Identifier: MIT */
/* The claim as statements; see command.c. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/block_size.h"
#include "store/sqlite/command_apply.h"

/* Takes a row of task_next, as the claim will make it. */
static int
next_take(sqlite3_stmt *row, const struct command *command, struct task *task)
{
	const void *args;
	int rc;

	*task = (struct task){
		.seq = sqlite3_column_int64(row, 0),
		.lane = command->claim.lane,
		.lease = sqlite3_column_int64(row, 4) + 1,
		.attempt = sqlite3_column_int(row, 5) + 1,
		.terms = {
			.max_attempts = sqlite3_column_int(row, 6),
			.timeout_ms = sqlite3_column_int64(row, 8),
			.backoff_ms = sqlite3_column_int64(row, 9),
			.max_backoff_ms = sqlite3_column_int64(row, 10),
		},
		.is_isolated = command->claim.isolated,
		.created_at_ms = sqlite3_column_int64(row, 7),
		.started_at_ms = command->claim.now_ms,
	};
	rc = column_word(row, 1, task->id, sizeof(task->id));
	if (rc == SQLITE_OK)
		rc = column_word(row, 2, task->type, sizeof(task->type));
	if (rc == SQLITE_OK)
		rc = column_word(row, 11, task->retry_of, sizeof(task->retry_of));
	if (rc != SQLITE_OK)
		return rc;
	args = sqlite3_column_text(row, 3);
	task->args_size = (size_t)sqlite3_column_bytes(row, 3);
	task->args = malloc(block_size(task->args_size + 1));
	if (args == NULL || task->args == NULL)
		return SQLITE_NOMEM; /* command_undo frees */
	memcpy(task->args, args, task->args_size);
	task->args[task->args_size] = '\0';
	return SQLITE_OK;
}

/* Copies the tasks that are next into the caller's array. */
static int
claim_find(struct command *command, const struct writer *writer)
{
	bool isolated = command->claim.isolated;
	struct binding binding =
	    bind_begin(&writer->conn, isolated ? SQLITE_TASK_NEXT_ISOLATED : SQLITE_TASK_NEXT);
	size_t max = isolated ? 1 : command->claim.max;
	int rc;

	bind_int(&binding, command->claim.lane);
	bind_int(&binding, (int64_t)max);
	bind_int(&binding, command->claim.now_ms);
	rc = binding.rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW) {
		assert(command->claim.count < max);
		rc = next_take(
		    binding.statement, command, &command->claim.tasks[command->claim.count++]);
	}
	(void)sqlite3_reset(binding.statement);
	return rc;
}

static enum status
claim_one(const struct task *task, struct writer *writer, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_CLAIM);
	int rc;

	bind_int(&binding, task->attempt);
	bind_int(&binding, task->lease);
	bind_int(&binding, task->started_at_ms);
	bind_int(&binding, task->seq);
	rc = bind_run(&binding);
	if (rc != SQLITE_DONE)
		return sqlite_status(writer->conn.db, rc, "cannot claim the task", error);
	if (sqlite3_changes(writer->conn.db) != 1)
		return error_set(error, STATUS_CORRUPT,
		    "the index of waiting tasks names task %s, which does not wait", task->id);
	return counters_move(
	    &writer->counters, task->type, task->lane, COUNTED_QUEUED, COUNTED_RUNNING, 0, error);
}

enum status
command_apply_claim(struct command *command, struct writer *writer, struct error *error)
{
	int rc = claim_find(command, writer);

	if (rc != SQLITE_DONE)
		return sqlite_status(writer->conn.db, rc, "cannot look for tasks", error);
	for (size_t i = 0; i < command->claim.count; i++) {
		enum status status = claim_one(&command->claim.tasks[i], writer, error);

		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}
