/* SPDX-License-Identifier: MIT */
/* The cancel as statements; see command.c. */
#include <string.h>

#include "store/sqlite/command_apply.h"

struct target {
	struct queued queued; /* as which it is seen, whatever its state */
	enum task_state state;
	char code[64];
};

static int
target_take(sqlite3_stmt *row, struct target *target)
{
	int64_t lane = sqlite3_column_int64(row, 2);
	char word[16];
	struct queued *queued = &target->queued;
	int rc = column_word(row, 1, queued->type, sizeof(queued->type));

	if (rc == SQLITE_OK)
		rc = column_word(row, 3, word, sizeof(word));
	if (rc == SQLITE_OK)
		rc = column_word(row, 5, target->code, sizeof(target->code));
	if (rc != SQLITE_OK)
		return rc;
	if (lane < 0 || lane >= LANE_COUNT || !task_state_parse(word, &target->state))
		return SQLITE_CORRUPT;
	queued->seq = sqlite3_column_int64(row, 0);
	queued->lane = (enum lane)lane;
	queued->is_held = sqlite3_column_int(row, 4) != 0;
	queued->args_bytes = (size_t)sqlite3_column_bytes(row, 6);
	queued->attempts = sqlite3_column_int(row, 7);
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

	bind_int(&binding, target->queued.seq);
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
		.lane = target.queued.lane,
		.was_held = target.queued.is_held,
		.state = target.state,
	};
	switch (target.state) {
	case TASK_QUEUED:
		ret->what = STORE_CANCEL_REJECTED;
		ret->state = TASK_REJECTED;
		return command_reject(writer, &target.queued, command->cancel.now_ms,
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
