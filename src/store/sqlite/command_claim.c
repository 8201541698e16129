/* SPDX-License-Identifier: MIT */
/*
 * The claim as statements; see command.c. What is recalled is made ready first. Then tasks are
 * found in the order in which they are next, judged where there is a gate, and changed when all of
 * them have been found.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/block_size.h"
#include "store/sqlite/command_apply.h"

/* A task that the gate has not admitted. */
struct aside {
	struct queued_row row;
	const char *host; /* NULL: passed over */
};

struct asides {
	struct aside list[STORE_GATE_ASIDE_MAX];
	size_t count;
};

/* Makes deferred tasks of a host ready. */
static enum status
recall(struct store_recall *recall, struct writer *writer, int64_t now_ms, struct error *error)
{
	enum status status = STATUS_OK;

	recall->ret_count = 0;
	while (recall->ret_count < recall->max && status == STATUS_OK) {
		struct binding binding = bind_begin(&writer->conn, SQLITE_DEFERRED_NEXT);
		struct queued_row rows[64];
		size_t left = recall->max - recall->ret_count;
		size_t most = left < ARRAY_SIZE(rows) ? left : ARRAY_SIZE(rows);
		size_t count = 0;
		int rc;

		bind_word(&binding, recall->host);
		bind_int(&binding, (int64_t)most);
		rc = binding.rc;
		while (rc == SQLITE_OK && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW) {
			assert(count < most);
			rows[count].wait = WAIT_FOR_HOST;
			rc = queued_row_take(binding.statement, &rows[count++]);
		}
		(void)sqlite3_reset(binding.statement);
		status =
		    sqlite_status(writer->conn.db, rc, "cannot look for deferred tasks", error);
		for (size_t i = 0; i < count && status == STATUS_OK; i++)
			status = command_ready(writer, &rows[i], now_ms, error);
		recall->ret_count += count;
		if (count < most)
			return status;
	}
	return status;
}

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
		.waits_since_ms = sqlite3_column_int64(row, 12),
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

/* Asks the gate about a row of task_next; one that is not admitted becomes an aside. */
static int
judge(sqlite3_stmt *row, const struct command *command, struct asides *asides, bool *ret_admitted)
{
	const struct store_gate *gate = command->claim.gate;
	struct aside *aside = &asides->list[asides->count];
	const char *args;
	enum store_gate_word word;
	int rc = column_word(row, 2, aside->row.type, sizeof(aside->row.type));

	if (rc != SQLITE_OK)
		return rc;
	args = (const char *)sqlite3_column_text(row, 3);
	if (args == NULL)
		return SQLITE_NOMEM;
	aside->host = NULL;
	word = gate->judge(gate->context, aside->row.type, args,
	    (size_t)sqlite3_column_bytes(row, 3), &aside->host);
	*ret_admitted = word == STORE_GATE_ADMIT;
	if (*ret_admitted)
		return SQLITE_OK;
	assert((word == STORE_GATE_DEFER) == (aside->host != NULL));
	aside->row.seq = sqlite3_column_int64(row, 0);
	aside->row.lane = command->claim.lane;
	aside->row.wait = WAIT_FOR_LANE;
	asides->count++;
	return SQLITE_OK;
}

/* Copies the tasks that are next into the caller's array, as far as the gate admits them. */
static int
claim_find(struct command *command, const struct writer *writer, struct asides *asides)
{
	bool isolated = command->claim.isolated;
	struct binding binding =
	    bind_begin(&writer->conn, isolated ? SQLITE_TASK_NEXT_ISOLATED : SQLITE_TASK_NEXT);
	size_t max = isolated ? 1 : command->claim.max;
	bool is_admitted = true;
	int rc;

	bind_int(&binding, command->claim.lane);
	bind_int(
	    &binding, (int64_t)(command->claim.gate != NULL ? max + STORE_GATE_ASIDE_MAX : max));
	bind_int(&binding, command->claim.now_ms);
	rc = binding.rc;
	while (rc == SQLITE_OK && command->claim.count < max &&
	       asides->count < STORE_GATE_ASIDE_MAX &&
	       (rc = sqlite3_step(binding.statement)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		if (command->claim.gate != NULL)
			rc = judge(binding.statement, command, asides, &is_admitted);
		if (rc == SQLITE_OK && is_admitted)
			rc = next_take(binding.statement, command,
			    &command->claim.tasks[command->claim.count++]);
	}
	(void)sqlite3_reset(binding.statement);
	return rc == SQLITE_OK ? SQLITE_DONE : rc;
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
	return counters_move(&writer->counters, task->type, task->lane, COUNTED_QUEUED,
	    COUNTED_RUNNING, FAILURE_NONE, 0, error);
}

static enum status
begin_gate(struct store_gate *gate, struct writer *writer, int64_t now_ms, struct error *error)
{
	enum status status = STATUS_OK;

	gate->ret_deferred = 0;
	gate->begin(gate->context);
	for (size_t i = 0; i < gate->recall_count && status == STATUS_OK; i++)
		status = recall(&gate->recalls[i], writer, now_ms, error);
	return status;
}

enum status
command_apply_claim(struct command *command, struct writer *writer, struct error *error)
{
	struct store_gate *gate = command->claim.gate;
	struct asides asides;
	enum status status = STATUS_OK;
	int rc;

	asides.count = 0;
	if (gate != NULL)
		status = begin_gate(gate, writer, command->claim.now_ms, error);
	if (status != STATUS_OK)
		return status;
	rc = claim_find(command, writer, &asides);
	if (rc != SQLITE_DONE)
		return sqlite_status(writer->conn.db, rc, "cannot look for tasks", error);
	for (size_t i = 0; i < command->claim.count && status == STATUS_OK; i++)
		status = claim_one(&command->claim.tasks[i], writer, error);
	for (size_t i = 0; i < asides.count && status == STATUS_OK; i++) {
		if (asides.list[i].host == NULL)
			continue;
		status = command_defer(writer, &asides.list[i].row, asides.list[i].host, error);
		gate->ret_deferred++;
	}
	return status;
}
