/* SPDX-License-Identifier: MIT */
/*
 * The commands as statements. Run by the committer within its transaction. Every write to a running
 * task names its lease and looks at the number of rows changed. Must not commit, wake or block on
 * anything but SQLite.
 */
#include "store/sqlite/command.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What a row costs beside its texts: indexes, headers, the page that it shares. */
#define ROW_BYTES 512

static void
bind_media_type(struct binding *binding, const char *media_type)
{
	bind_word(binding, media_type[0] == '\0' ? NULL : media_type);
}

/* Inserts a row under the writer's next key. Returns an SQLite result code. */
static int
insert_row(const struct task_new *task, enum sqlite_statement statement, struct writer *writer)
{
	struct binding binding = bind_begin(&writer->conn, statement);

	bind_int(&binding, writer->next_seq);
	bind_text(&binding, task->id, UUID_TEXT_LENGTH);
	bind_word(&binding, task->type);
	bind_int(&binding, task->lane);
	bind_text(&binding, task->args, task->args_size);
	bind_int(&binding, task->terms.max_attempts);
	bind_int(&binding, task->created_at_ms);
	if (task->ended != NULL) {
		bind_int(&binding, task->ended->finished_at_ms);
		bind_int(&binding, (int64_t)task->ended->content_size);
		bind_media_type(&binding, task->ended->media_type);
		bind_int(&binding, task->ended->is_utf8);
	}
	return bind_run(&binding);
}

static int
insert_content(int64_t seq, const void *content, size_t size, struct writer *writer)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_RESULT_INSERT);

	bind_int(&binding, seq);
	bind_blob(&binding, content, size);
	return bind_run(&binding);
}

/* Inserts a task in the state that it is submitted in. Returns an SQLite result code. */
static int
submit_one(const struct task_new *task, const struct task_start *start, struct writer *writer,
    enum task_state *ret_state)
{
	int rc;

	if (task->ended != NULL) {
		*ret_state = TASK_SUCCEEDED;
		rc = insert_row(task, SQLITE_TASK_INSERT_ENDED, writer);
		return rc != SQLITE_DONE ? rc
					 : insert_content(writer->next_seq, task->ended->content,
					       task->ended->content_size, writer);
	}
	*ret_state = start != NULL ? TASK_RUNNING : TASK_QUEUED;
	return insert_row(
	    task, start != NULL ? SQLITE_TASK_INSERT_STARTED : SQLITE_TASK_INSERT, writer);
}

static enum status
submit_apply(struct command *command, struct writer *writer, struct error *error)
{
	struct task_start *start = command->submit.start;

	for (size_t i = 0; i < command->submit.count; i++) {
		const struct task_new *task = &command->submit.tasks[i];
		enum task_state state;
		enum status status;
		int rc = submit_one(task, start, writer, &state);

		if (rc == SQLITE_CONSTRAINT_UNIQUE) {
			status = error_set(i == 0 ? command->error : error, STATUS_CONFLICT,
			    "task %s exists", task->id);
			/* A failed INSERT of one row undoes itself: with none of this command's
			   before it, the transaction goes on. */
			if (i > 0)
				return status;
			command->status = status;
			return STATUS_OK;
		}
		if (rc != SQLITE_DONE)
			return sqlite_status(writer->conn.db, rc, "cannot insert the task", error);
		if (start != NULL)
			start->seq = writer->next_seq;
		writer->next_seq++;
		status = counters_add(&writer->counters, task->type, task->lane, state, error);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* Takes a row of task_next, as the claim will make it. */
static int
next_take(sqlite3_stmt *row, enum lane lane, int64_t now_ms, struct task *task)
{
	const void *args;
	int rc;

	*task = (struct task){
		.seq = sqlite3_column_int64(row, 0),
		.lane = lane,
		.lease = sqlite3_column_int64(row, 4) + 1,
		.attempt = sqlite3_column_int(row, 5) + 1,
		.terms.max_attempts = sqlite3_column_int(row, 6),
		.created_at_ms = sqlite3_column_int64(row, 7),
		.started_at_ms = now_ms,
	};
	rc = column_word(row, 1, task->id, sizeof(task->id));
	if (rc == SQLITE_OK)
		rc = column_word(row, 2, task->type, sizeof(task->type));
	if (rc != SQLITE_OK)
		return rc;
	args = sqlite3_column_text(row, 3);
	task->args_size = (size_t)sqlite3_column_bytes(row, 3);
	task->args = malloc(task->args_size + 1);
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
	rc = binding.rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW) {
		assert(command->claim.count < max);
		rc = next_take(binding.statement, command->claim.lane, command->claim.now_ms,
		    &command->claim.tasks[command->claim.count++]);
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
	    &writer->counters, task->type, task->lane, TASK_QUEUED, TASK_RUNNING, error);
}

static enum status
claim_apply(struct command *command, struct writer *writer, struct error *error)
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

static int
finish_row(struct writer *writer, const struct completion *completion, enum task_state state)
{
	const struct outcome *outcome = completion->outcome;
	struct output *output = completion->output;
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_FINISH);

	bind_word(&binding, task_state_name(state));
	bind_int(&binding, completion->finished_at_ms);
	if (state == TASK_FAILED) {
		bind_word(&binding, failure_word(outcome->failure));
		bind_word(&binding, outcome->message);
	} else {
		bind_null(&binding);
		bind_null(&binding);
	}
	bind_word(&binding, outcome->response);
	if (completion_has_content(completion)) {
		bind_int(&binding, (int64_t)output->bytes);
		bind_media_type(&binding, outcome->media_type);
		bind_int(&binding, output_is_utf8(output));
		bind_word(&binding, output_is_spilled(output) ? "file" : "row");
	} else {
		bind_null(&binding);
		bind_null(&binding);
		bind_null(&binding);
		bind_word(&binding, "none");
	}
	bind_int(&binding, completion->task->seq);
	bind_int(&binding, completion->task->lease);
	return bind_run(&binding);
}

static enum status
finish_one(struct completion *completion, struct writer *writer, struct error *error)
{
	const struct task *task = completion->task;
	struct output *output = completion->output;
	enum task_state state =
	    completion->outcome->verdict == VERDICT_SUCCEEDED ? TASK_SUCCEEDED : TASK_FAILED;
	int rc = finish_row(writer, completion, state);

	if (rc == SQLITE_DONE && sqlite3_changes(writer->conn.db) == 0) {
		completion->ret_status = STATUS_CONFLICT;
		return STATUS_OK;
	}
	completion->ret_status = STATUS_OK;
	if (rc == SQLITE_DONE && completion_has_content(completion) && !output_is_spilled(output))
		rc = insert_content(task->seq, output->memory.data, output->memory.size, writer);
	if (rc != SQLITE_DONE)
		return sqlite_status(writer->conn.db, rc, "cannot complete the task", error);
	return counters_move(&writer->counters, task->type, task->lane, TASK_RUNNING, state, error);
}

static enum status
complete_apply(struct command *command, struct writer *writer, struct error *error)
{
	for (size_t i = 0; i < command->complete.count; i++) {
		struct completion *completion = &command->complete.list[i];
		enum status status;

		/* One that was found superseded before its content was persisted. */
		if (completion->ret_status == STATUS_CONFLICT)
			continue;
		status = finish_one(completion, writer, error);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status
release_apply(struct command *command, struct writer *writer, struct error *error)
{
	for (size_t i = 0; i < command->release.count; i++) {
		const struct task *task = &command->release.list[i];
		struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_RELEASE);
		enum status status;
		int rc;

		bind_int(&binding, task->seq);
		bind_int(&binding, task->lease);
		rc = bind_run(&binding);
		if (rc != SQLITE_DONE)
			return sqlite_status(
			    writer->conn.db, rc, "cannot hand the task back", error);
		if (sqlite3_changes(writer->conn.db) == 0)
			continue;
		status = counters_move(
		    &writer->counters, task->type, task->lane, TASK_RUNNING, TASK_QUEUED, error);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

enum status
command_apply(struct command *command, struct writer *writer, struct error *error)
{
	command->status = STATUS_OK;
	switch (command->kind) {
	case COMMAND_SUBMIT:
		return submit_apply(command, writer, error);
	case COMMAND_CLAIM:
		return claim_apply(command, writer, error);
	case COMMAND_COMPLETE:
		return complete_apply(command, writer, error);
	case COMMAND_RELEASE:
		return release_apply(command, writer, error);
	case COMMAND_MAINTAIN:
		break;
	}
	return STATUS_OK;
}

void
command_undo(struct command *command)
{
	if (command->kind != COMMAND_CLAIM)
		return;
	for (size_t i = 0; i < command->claim.count; i++)
		task_done(&command->claim.tasks[i]);
	command->claim.count = 0;
}

static size_t
task_weight(const struct task_new *task)
{
	size_t content = task->ended != NULL ? task->ended->content_size : 0;

	return ROW_BYTES + task->args_size + content;
}

size_t
command_weight(const struct command *command)
{
	size_t weight = 0;

	switch (command->kind) {
	case COMMAND_SUBMIT:
		for (size_t i = 0; i < command->submit.count; i++)
			weight += task_weight(&command->submit.tasks[i]);
		return weight;
	case COMMAND_CLAIM:
		return ROW_BYTES * command->claim.max;
	case COMMAND_COMPLETE:
		for (size_t i = 0; i < command->complete.count; i++)
			weight += ROW_BYTES + command->complete.list[i].output->memory.size;
		return weight;
	case COMMAND_RELEASE:
		return ROW_BYTES * command->release.count;
	case COMMAND_MAINTAIN:
		break;
	}
	return weight;
}

size_t
command_share(const struct command *command)
{
	return command->kind == COMMAND_SUBMIT ? command->submit.count : 1;
}
