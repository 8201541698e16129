/* SPDX-License-Identifier: MIT */
/*
 * Reading: a pool of connections that cannot write, one short transaction per call, results copied
 * out before the connection goes back. The lock guards the pool alone and is not held over a read.
 */
#include "store/sqlite/readers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/block_size.h"
#include "store/sqlite/idempotency_row.h"
#include "store/sqlite/sqlite_open.h"

static const enum sqlite_statement reader_statements[] = {
	SQLITE_READ_STATUS,
	SQLITE_READ_RESULT,
	SQLITE_RESULT_OWNER,
	SQLITE_IDEMPOTENCY_FIND,
	SQLITE_LIST_NEWEST,
	SQLITE_LIST_RUNNING,
	SQLITE_LIST_UNFINISHED,
	SQLITE_LIST_UNSUCCESSFUL,
	SQLITE_READ_SUBMISSION,
	SQLITE_READ_ATTEMPTS,
	SQLITE_DEFERRED_HOST,
	SQLITE_OLDEST_FIRST,
	SQLITE_OLDEST_STILL,
};

enum status
readers_open(const char *path, size_t count, struct readers *ret_readers, struct error *error)
{
	struct readers readers = { .count = count };
	enum status status = STATUS_OK;

	readers.conns = calloc(count, sizeof(*readers.conns));
	readers.idle = calloc(count, sizeof(struct sqlite_conn *));
	if (readers.conns == NULL || readers.idle == NULL)
		status = error_set(error, STATUS_NOMEM, "no memory for the readers");
	for (size_t i = 0; status == STATUS_OK && i < count; i++) {
		status = sqlite_conn_open(path, SQLITE_ROLE_READER, 0, &readers.conns[i], error);
		if (status == STATUS_OK)
			status = sqlite_conn_prepare(&readers.conns[i], reader_statements,
			    ARRAY_SIZE(reader_statements), error);
		if (status == STATUS_OK)
			readers.idle[readers.idle_count++] = &readers.conns[i];
	}
	if (status != STATUS_OK) {
		for (size_t i = 0; readers.conns != NULL && i < count; i++)
			sqlite_conn_close(&readers.conns[i]);
		free(readers.conns);
		free(readers.idle);
		return status;
	}
	*ret_readers = readers;
	lock_init(&ret_readers->lock, LOCK_RANK_STORE_READERS);
	cond_init(&ret_readers->returned);
	return STATUS_OK;
}

void
readers_close(struct readers *readers)
{
	if (readers->conns == NULL)
		return;
	assert(readers->idle_count == readers->count);
	for (size_t i = 0; i < readers->count; i++)
		sqlite_conn_close(&readers->conns[i]);
	cond_done(&readers->returned);
	lock_done(&readers->lock);
	free(readers->conns);
	free(readers->idle);
	*readers = (struct readers){ 0 };
}

struct sqlite_conn *
reader_take(struct readers *readers)
{
	struct sqlite_conn *conn;

	lock_acquire(&readers->lock);
	readers->waiting++;
	while (readers->idle_count == 0)
		cond_wait(&readers->returned, &readers->lock);
	readers->waiting--;
	conn = readers->idle[--readers->idle_count];
	lock_release(&readers->lock);
	return conn;
}

void
reader_give(struct readers *readers, struct sqlite_conn *conn)
{
	bool must_wake;

	lock_acquire(&readers->lock);
	readers->idle[readers->idle_count++] = conn;
	must_wake = readers->waiting > 0;
	lock_release(&readers->lock);
	if (must_wake)
		cond_signal(&readers->returned);
}

int
row_status(sqlite3_stmt *row, struct task_status *status)
{
	char word[16];
	int rc = column_word(row, 0, status->id, sizeof(status->id));

	if (rc == SQLITE_OK)
		rc = column_word(row, 1, status->type, sizeof(status->type));
	if (rc == SQLITE_OK)
		rc = column_word(row, 2, word, sizeof(word));
	if (rc != SQLITE_OK)
		return rc;
	if (!task_state_parse(word, &status->state))
		return SQLITE_CORRUPT;
	status->attempt = sqlite3_column_int(row, 3);
	status->created_at_ms = sqlite3_column_int64(row, 4);
	status->started_at_ms = sqlite3_column_int64(row, 5);
	status->finished_at_ms = sqlite3_column_int64(row, 6);
	return column_word(row, 7, status->retry_of, sizeof(status->retry_of));
}

static enum failure
failure_of_word(const char *word)
{
	for (int i = 0; i < FAILURE_COUNT; i++) {
		if (strcmp(failure_word((enum failure)i), word) == 0)
			return (enum failure)i;
	}
	/* A word of a newer program, gone back from: the task failed all the same. */
	return FAILURE_INTERNAL;
}

int
row_failure(sqlite3_stmt *row, int column, enum failure *ret_failure)
{
	char word[64];
	int rc = column_word(row, column, word, sizeof(word));

	if (rc == SQLITE_OK)
		*ret_failure = failure_of_word(word);
	return rc;
}

static int
where_take(sqlite3_stmt *row, int column, enum content_where *ret_where)
{
	char word[8];
	int rc = column_word(row, column, word, sizeof(word));

	if (rc != SQLITE_OK)
		return rc;
	if (strcmp(word, "none") == 0)
		*ret_where = CONTENT_NONE;
	else if (strcmp(word, "row") == 0)
		*ret_where = CONTENT_ROW;
	else if (strcmp(word, "file") == 0)
		*ret_where = CONTENT_FILE;
	else
		return SQLITE_CORRUPT;
	return SQLITE_OK;
}

int
row_copy(sqlite3_stmt *row, int column, char **ret_data, size_t *ret_size)
{
	const void *data = sqlite3_column_blob(row, column);
	size_t size = (size_t)sqlite3_column_bytes(row, column);
	char *copy;

	if (data == NULL && size > 0)
		return SQLITE_NOMEM;
	copy = malloc(block_size(size + 1));
	if (copy == NULL)
		return SQLITE_NOMEM;
	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = '\0';
	*ret_data = copy;
	*ret_size = size;
	return SQLITE_OK;
}

/* Columns 8 to 16 of read_result, for a final task. */
static int
result_take(sqlite3_stmt *row, struct task_result *result, enum content_where *ret_where)
{
	size_t size = 0;
	int rc = row_failure(row, 8, &result->failure);

	if (rc == SQLITE_OK)
		rc = column_word(row, 9, result->message, sizeof(result->message));
	if (rc == SQLITE_OK)
		rc = column_word(row, 12, result->media_type, sizeof(result->media_type));
	if (rc == SQLITE_OK)
		rc = where_take(row, 14, ret_where);
	if (rc == SQLITE_OK && sqlite3_column_type(row, 10) != SQLITE_NULL)
		rc = row_copy(row, 10, &result->response, &size);
	if (rc != SQLITE_OK)
		return rc;
	if (*ret_where == CONTENT_NONE)
		return SQLITE_OK;
	result->has_content = true;
	result->bytes = (uint64_t)sqlite3_column_int64(row, 11);
	result->is_utf8 = sqlite3_column_int(row, 13) != 0;
	if (*ret_where == CONTENT_FILE)
		return SQLITE_OK;
	if (sqlite3_column_type(row, 16) != SQLITE_BLOB)
		return SQLITE_CORRUPT;
	rc = row_copy(row, 16, &result->data, &size);
	if (rc == SQLITE_OK && size != result->bytes)
		return SQLITE_CORRUPT;
	return rc;
}

enum status
read_one(struct readers *readers, enum sqlite_statement statement, const char *id,
    int (*take)(sqlite3_stmt *row, void *context), void *context, struct error *error)
{
	struct sqlite_conn *conn = reader_take(readers);
	struct binding binding = bind_begin(conn, statement);
	enum status status;
	bool is_found = false;
	int rc;

	bind_text(&binding, id, UUID_TEXT_LENGTH);
	rc = binding.rc;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(binding.statement);
	if (rc == SQLITE_ROW) {
		is_found = true;
		rc = take(binding.statement, context);
	}
	status = sqlite_status(conn->db, rc, "cannot read the task", error);
	(void)sqlite3_reset(binding.statement);
	reader_give(readers, conn);
	if (status == STATUS_OK && !is_found)
		return error_set(error, STATUS_NOT_FOUND, "there is no task %s", id);
	return status;
}

static int
take_status(sqlite3_stmt *row, void *context)
{
	return row_status(row, context);
}

enum status
read_status(
    struct readers *readers, const char *id, struct task_status *ret_status, struct error *error)
{
	struct task_status found = { 0 };
	enum status status = read_one(readers, SQLITE_READ_STATUS, id, take_status, &found, error);

	if (status == STATUS_OK)
		*ret_status = found;
	return status;
}

struct result_context {
	struct task_result result;
	enum content_where where;
	int64_t lease;
};

static int
take_result(sqlite3_stmt *row, void *context)
{
	struct result_context *found = context;
	int rc = row_status(row, &found->result.status);

	if (rc != SQLITE_OK || !task_state_is_final(found->result.status.state))
		return rc;
	found->lease = sqlite3_column_int64(row, 15);
	return result_take(row, &found->result, &found->where);
}

enum status
read_result(struct readers *readers, const char *id, struct task_result *ret_result,
    enum content_where *ret_where, int64_t *ret_lease, struct error *error)
{
	struct result_context found = { .where = CONTENT_NONE };
	enum status status;

	task_result_init(&found.result);
	status = read_one(readers, SQLITE_READ_RESULT, id, take_result, &found, error);
	if (status != STATUS_OK) {
		/* Half-taken: no file was opened yet. */
		found.result.has_content = false;
		task_result_done(&found.result);
		return status;
	}
	*ret_result = found.result;
	*ret_where = found.where;
	*ret_lease = found.lease;
	return STATUS_OK;
}

int
row_owner(sqlite3_stmt *row, struct result_owner *ret_owner)
{
	struct result_owner owner = { .lease = sqlite3_column_int64(row, 0) };
	char word[16];
	int rc = column_word(row, 1, word, sizeof(word));

	if (rc == SQLITE_OK && !task_state_parse(word, &owner.state))
		rc = SQLITE_CORRUPT;
	if (rc == SQLITE_OK)
		rc = where_take(row, 2, &owner.where);
	if (rc == SQLITE_OK)
		*ret_owner = owner;
	return rc;
}

static int
take_owner(sqlite3_stmt *row, void *context)
{
	return row_owner(row, context);
}

enum status
read_owner(
    struct readers *readers, const char *id, struct result_owner *ret_owner, struct error *error)
{
	struct result_owner found = { 0 };
	enum status status = read_one(readers, SQLITE_RESULT_OWNER, id, take_owner, &found, error);

	if (status == STATUS_OK)
		*ret_owner = found;
	return status;
}

enum status
read_next_host(
    struct readers *readers, const char *after, char ret_host[TASK_HOST_SIZE], struct error *error)
{
	struct sqlite_conn *conn = reader_take(readers);
	struct binding binding = bind_begin(conn, SQLITE_DEFERRED_HOST);
	bool is_found = false;
	enum status status;
	int rc;

	bind_word(&binding, after);
	rc = binding.rc;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(binding.statement);
	if (rc == SQLITE_ROW) {
		is_found = true;
		rc = column_word(binding.statement, 0, ret_host, TASK_HOST_SIZE);
	}
	status = sqlite_status(conn->db, rc, "cannot look for deferred tasks", error);
	(void)sqlite3_reset(binding.statement);
	reader_give(readers, conn);
	if (status == STATUS_OK && !is_found)
		return error_set(error, STATUS_NOT_FOUND, "no task is deferred");
	return status;
}

enum status
read_idempotency(
    struct readers *readers, struct idempotency *idempotency, int64_t now_ms, struct error *error)
{
	struct sqlite_conn *conn = reader_take(readers);
	int rc = idempotency_row_find(conn, idempotency, now_ms);
	enum status status = sqlite_status(conn->db, rc, "cannot look up a key", error);

	reader_give(readers, conn);
	return status;
}
