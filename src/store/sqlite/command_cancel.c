/* SPDX-License-Identifier: MIT */
/* The cancel as statements; see command.c. */
#include <string.h>

#include "store/sqlite/command_apply.h"

struct target {
	struct queued_row row; /* as which it is seen, whatever its state */
	enum task_state state;
	char code[64];
};

static int
target_take(sqlite3_stmt *row, struct target *target)
{
	char word[16];
	int rc = queued_row_take(row, &target->row);

	if (rc == SQLITE_OK)
		rc = column_word(row, 3, word, sizeof(word));
	if (rc == SQLITE_OK)
		rc = column_word(row, 5, target->code, sizeof(target->code));
	if (rc != SQLITE_OK)
		return rc;
	if (!task_state_parse(word, &target->state))
		return SQLITE_CORRUPT;
	target->row.wait = queued_row_wait(row, 4);
	target->row.args_bytes = (size_t)sqlite3_column_bytes(row, 6);
	target->row.attempts = sqlite3_column_int(row, 7);
	return SQLITE_OK;
}

static enum status
find(const struct command *command, const struct writer *writer, struct target *ret_target,
    bool *ret_found, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_CANCEL_FIND);
	int rc;

	bind_text(&binding, command->cancel.id, UUID_TEXT_LENGTH);
	rc = binding.rc;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(binding.statement);
	*ret_found = rc == SQLITE_ROW;
	if (*ret_found)
		rc = target_take(binding.statement, ret_target);
	(void)sqlite3_reset(binding.statement);
	return sqlite_status(writer->conn.db, rc, "cannot look for the task", error);
}

static enum status
request(struct writer *writer, const struct target *target, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_CANCEL_REQUEST);
	int rc;

	bind_int(&binding, target->row.seq);
	rc = bind_run(&binding);
	return sqlite_status(writer->conn.db, rc, "cannot cancel the task", error);
}

enum status
command_apply_cancel(struct command *command, struct writer *writer, struct error *error)
{
	struct store_cancelled *ret = command->cancel.ret;
	struct target target;
	bool is_found;
	enum status status = find(command, writer, &target, &is_found, error);

	if (status != STATUS_OK)
		return status;
	if (!is_found) {
		command->status = error_set(
		    command->error, STATUS_NOT_FOUND, "there is no task %s", command->cancel.id);
		return STATUS_OK;
	}
	*ret = (struct store_cancelled){
		.lane = target.row.lane,
		.waited = target.row.wait,
		.state = target.state,
	};
	switch (target.state) {
	case TASK_QUEUED:
		ret->what = STORE_CANCEL_REJECTED;
		ret->state = TASK_REJECTED;
		return command_reject(writer, &target.row, command->cancel.now_ms,
		    FAILURE_CANCELLED, "Cancelled before it started", error);
	case TASK_RUNNING:
		ret->what = STORE_CANCEL_REQUESTED;
		return request(writer, &target, error);
	case TASK_SUCCEEDED:
	case TASK_FAILED:
	case TASK_REJECTED:
		break;
	}
	ret->what = strcmp(target.code, failure_word(FAILURE_CANCELLED)) == 0
			? STORE_CANCEL_BEFORE
			: STORE_CANCEL_TOO_LATE;
	return STATUS_OK;
}
