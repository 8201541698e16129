/* SPDX-License-Identifier: MIT */
/*
 * How attempts end, as statements; see command.c. Where somebody cancelled the task meanwhile, it
 * ends FAILED, whatever came of the attempt.
 */
#include <string.h>

#include "store/sqlite/command_apply.h"

static const char cancelled_message[] = "Cancelled while running";

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

/* Returns DONE, where sqlite3_changes tells whether the task was there, running and cancelled. */
static int
finish_cancelled(struct writer *writer, const struct task *task, int64_t now_ms)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_FINISH_CANCELLED);

	bind_int(&binding, now_ms);
	bind_word(&binding, failure_word(FAILURE_CANCELLED));
	bind_word(&binding, cancelled_message);
	bind_int(&binding, task->seq);
	bind_int(&binding, task->lease);
	return bind_run(&binding);
}

static int
keep_attempt(struct writer *writer, const struct completion *completion)
{
	const struct outcome *outcome = completion->outcome;
	struct binding binding = bind_begin(&writer->conn, SQLITE_ATTEMPT_KEEP);

	bind_int(&binding, completion->task->seq);
	bind_int(&binding, completion->task->lease);
	bind_int(&binding, completion->finished_at_ms);
	bind_word(&binding, failure_word(outcome->failure));
	bind_word(&binding, outcome->message);
	bind_word(&binding, outcome->response);
	return bind_run(&binding);
}

/* Puts a task back for another attempt; as finish_row. */
static int
retry_row(struct writer *writer, const struct completion *completion, bool is_held)
{
	int rc = keep_attempt(writer, completion);
	struct binding binding;

	if (rc != SQLITE_DONE || sqlite3_changes(writer->conn.db) == 0)
		return rc;
	binding = bind_begin(&writer->conn, SQLITE_TASK_RETRY);
	bind_time(&binding, is_held ? completion->retry_at_ms : 0);
	bind_int(&binding, completion->task->seq);
	bind_int(&binding, completion->task->lease);
	bind_int(&binding, completion->finished_at_ms);
	return bind_run(&binding);
}

static int
store_content(struct writer *writer, const struct completion *completion)
{
	struct output *output = completion->output;

	if (!completion_has_content(completion) || output_is_spilled(output))
		return SQLITE_DONE;
	return command_insert_content(
	    completion->task->seq, output->memory.data, output->memory.size, writer);
}

/* What finish_row has left counts for. */
static int64_t
bytes_finished(const struct completion *completion, enum task_state state)
{
	const struct outcome *outcome = completion->outcome;
	bool has_content = completion_has_content(completion);

	return store_kept_bytes(&(struct store_kept){
	    .args = completion->task->args_size,
	    .message = state == TASK_FAILED ? strlen(outcome->message) : 0,
	    .response = outcome->response != NULL ? strlen(outcome->response) : 0,
	    .content = has_content ? completion->output->bytes : 0,
	    .attempts = completion->task->attempt,
	});
}

/* The same of finish_cancelled. */
static int64_t
bytes_cancelled(const struct task *task)
{
	return store_kept_bytes(&(struct store_kept){
	    .args = task->args_size,
	    .message = strlen(cancelled_message),
	    .attempts = task->attempt,
	});
}

/* Writes what the completion says. *ret_in and *ret_bytes tell what the task counts as now, and
   for, where it was there. */
static int
write_outcome(struct writer *writer, const struct completion *completion, enum counted *ret_in,
    int64_t *ret_bytes)
{
	bool is_held = completion->retry_at_ms > completion->finished_at_ms;
	enum task_state state;
	int rc;

	if (completion->is_retried) {
		*ret_bytes = 0;
		*ret_in = is_held ? COUNTED_HELD : COUNTED_QUEUED;
		return retry_row(writer, completion, is_held);
	}
	state = completion->outcome->verdict == VERDICT_SUCCEEDED ? TASK_SUCCEEDED : TASK_FAILED;
	*ret_in = (enum counted)state;
	*ret_bytes = bytes_finished(completion, state);
	rc = finish_row(writer, completion, state);
	if (rc != SQLITE_DONE || sqlite3_changes(writer->conn.db) == 0)
		return rc;
	return store_content(writer, completion);
}

/* What the task counts as from here on: `in`, by `why`, and for so many bytes. */
static enum status
count(struct writer *writer, const struct completion *completion, enum counted in, enum failure why,
    int64_t bytes, struct error *error)
{
	const struct task *task = completion->task;
	struct output *output = completion->output;

	if (completion_is_kept(completion) && completion_has_content(completion) &&
	    output_is_spilled(output))
		counters_file(&writer->counters, 1, (int64_t)output->bytes);
	return counters_move(
	    &writer->counters, task->type, task->lane, COUNTED_RUNNING, in, why, bytes, error);
}

static enum status
complete_one(struct completion *completion, struct writer *writer, struct error *error)
{
	const struct task *task = completion->task;
	enum failure why = completion->outcome->failure;
	sqlite3 *db = writer->conn.db;
	int64_t bytes = 0;
	enum counted in;
	int rc = write_outcome(writer, completion, &in, &bytes);

	if (rc == SQLITE_DONE && sqlite3_changes(db) == 0) {
		rc = finish_cancelled(writer, task, completion->finished_at_ms);
		in = COUNTED_FAILED;
		bytes = bytes_cancelled(task);
		why = FAILURE_CANCELLED;
	}
	if (rc != SQLITE_DONE)
		return sqlite_status(db, rc, "cannot complete the task", error);
	if (sqlite3_changes(db) == 0) {
		completion->ret_status = STATUS_CONFLICT;
		return STATUS_OK;
	}
	completion->ret_status = STATUS_OK;
	completion->ret_state = in == COUNTED_HELD ? TASK_QUEUED : (enum task_state)in;
	return count(writer, completion, in, why, bytes, error);
}

enum status
command_apply_complete(struct command *command, struct writer *writer, struct error *error)
{
	for (size_t i = 0; i < command->complete.count; i++) {
		struct completion *completion = &command->complete.list[i];
		enum status status;

		/* One that was found superseded before its content was persisted. */
		if (completion->ret_status == STATUS_CONFLICT)
			continue;
		status = complete_one(completion, writer, error);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status
release_one(struct command *command, const struct task *task, const char *host,
    struct writer *writer, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_RELEASE);
	sqlite3 *db = writer->conn.db;
	enum counted in = host != NULL ? COUNTED_DEFERRED : COUNTED_QUEUED;
	int64_t bytes = 0;
	int rc;

	bind_int(&binding, task->seq);
	bind_int(&binding, task->lease);
	if (host != NULL)
		bind_int(&binding, 0);
	else
		bind_null(&binding);
	bind_word(&binding, host);
	rc = bind_run(&binding);
	if (rc == SQLITE_DONE && sqlite3_changes(db) == 0) {
		rc = finish_cancelled(writer, task, command->release.now_ms);
		in = COUNTED_FAILED;
		bytes = bytes_cancelled(task);
	}
	if (rc != SQLITE_DONE)
		return sqlite_status(db, rc, "cannot hand the task back", error);
	if (sqlite3_changes(db) == 0)
		return STATUS_OK;
	if (in != COUNTED_FAILED)
		command->release.queued++;
	return counters_move(&writer->counters, task->type, task->lane, COUNTED_RUNNING, in,
	    in == COUNTED_FAILED ? FAILURE_CANCELLED : FAILURE_NONE, bytes, error);
}

enum status
command_apply_release(struct command *command, struct writer *writer, struct error *error)
{
	enum status status = STATUS_OK;

	command->release.queued = 0;
	for (size_t i = 0; i < command->release.count && status == STATUS_OK; i++)
		status = release_one(command, &command->release.list[i],
		    command->release.hosts != NULL ? command->release.hosts[i] : NULL, writer,
		    error);
	return status;
}
