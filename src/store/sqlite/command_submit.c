/* SPDX-License-Identifier: MIT */
/* The submission as statements; see command.c. */
#include "store/sqlite/command_apply.h"

void
bind_media_type(struct binding *binding, const char *media_type)
{
	bind_word(binding, media_type[0] == '\0' ? NULL : media_type);
}

void
bind_time(struct binding *binding, int64_t value)
{
	if (value == 0)
		bind_null(binding);
	else
		bind_int(binding, value);
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
	bind_int(&binding, task->terms.priority);
	bind_time(&binding, task->terms.run_at_ms);
	bind_time(&binding, task->terms.expires_at_ms);
	bind_time(&binding, task->terms.timeout_ms);
	bind_time(&binding, task->terms.backoff_ms);
	bind_time(&binding, task->terms.max_backoff_ms);
	bind_word(&binding, task->retry_of);
	if (statement == SQLITE_TASK_INSERT)
		bind_time(&binding, task_new_is_held(task) ? task->terms.run_at_ms : 0);
	if (task->ended != NULL) {
		bind_int(&binding, task->ended->finished_at_ms);
		bind_int(&binding, (int64_t)task->ended->content_size);
		bind_media_type(&binding, task->ended->media_type);
		bind_int(&binding, task->ended->is_utf8);
	}
	return bind_run(&binding);
}

int
command_insert_content(int64_t seq, const void *content, size_t size, struct writer *writer)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_RESULT_INSERT);

	bind_int(&binding, seq);
	bind_blob(&binding, content, size);
	return bind_run(&binding);
}

/* Inserts a task in the state that it is submitted in. Returns an SQLite result code. */
static int
submit_one(const struct task_new *task, const struct task_start *start, struct writer *writer,
    enum counted *ret_in)
{
	int rc;

	if (task->ended != NULL) {
		*ret_in = COUNTED_SUCCEEDED;
		rc = insert_row(task, SQLITE_TASK_INSERT_ENDED, writer);
		return rc != SQLITE_DONE
			   ? rc
			   : command_insert_content(writer->next_seq, task->ended->content,
				 task->ended->content_size, writer);
	}
	if (start != NULL)
		*ret_in = COUNTED_RUNNING;
	else
		*ret_in = task_new_is_held(task) ? COUNTED_HELD : COUNTED_QUEUED;
	return insert_row(
	    task, start != NULL ? SQLITE_TASK_INSERT_STARTED : SQLITE_TASK_INSERT, writer);
}

static int64_t
bytes_of(const struct task_new *task)
{
	if (task->ended == NULL)
		return 0;
	return store_kept_bytes(&(struct store_kept){
	    .args = task->args_size, .content = task->ended->content_size, .attempts = 1 });
}

static enum status
insert_all(struct command *command, struct writer *writer, struct error *error)
{
	struct task_start *start = command->submit.start;

	for (size_t i = 0; i < command->submit.count; i++) {
		const struct task_new *task = &command->submit.tasks[i];
		enum counted in;
		enum status status;
		int rc = submit_one(task, start, writer, &in);

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
		status = counters_add(
		    &writer->counters, task->type, task->lane, in, bytes_of(task), error);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

enum status
command_apply_submit(struct command *command, struct writer *writer, struct error *error)
{
	const struct idempotency *idempotency = command->submit.idempotency;
	enum status status;

	if (idempotency == NULL)
		return insert_all(command, writer, error);
	status = command_find_idempotency(command, writer, error);
	if (status != STATUS_OK || idempotency_is_known(idempotency))
		return status;
	status = insert_all(command, writer, error);
	/* Last, because a command that fails alone may leave nothing of itself. */
	if (status != STATUS_OK || command->status != STATUS_OK)
		return status;
	return command_keep_idempotency(command, writer, error);
}
