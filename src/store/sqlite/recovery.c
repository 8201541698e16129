/* SPDX-License-Identifier: MIT */
/*
 * Recovery after a crash. The lock file proves that no other process runs these tasks. Run by the
 * thread that opens the store. Killed at any moment, it goes on where it was at the next start,
 * because what is mended is not RUNNING any more.
 */
#include "store/sqlite/recovery.h"

#include <string.h>

#include "store/store.h"

/* Rows mended in one transaction. */
#define SLICE_ROWS  256
#define SLICE_BYTES ((size_t)SLICE_ROWS * 1024) /* that a slice may write, generously */

struct running {
	int64_t seq;
	char type[TASK_TYPE_SIZE];
	int64_t lane;
	int attempt;
	int max_attempts;
	bool is_cancelled;
	size_t args_bytes;
};

struct slice {
	struct running rows[SLICE_ROWS];
	size_t count;
};

static int
running_take(sqlite3_stmt *row, struct running *running)
{
	running->seq = sqlite3_column_int64(row, 0);
	running->lane = sqlite3_column_int64(row, 2);
	running->attempt = sqlite3_column_int(row, 3);
	running->max_attempts = sqlite3_column_int(row, 4);
	running->is_cancelled = sqlite3_column_int(row, 5) != 0;
	running->args_bytes = (size_t)sqlite3_column_bytes(row, 6);
	if (running->lane < 0 || running->lane >= LANE_COUNT)
		return SQLITE_CORRUPT;
	return column_word(row, 1, running->type, sizeof(running->type));
}

static enum status
slice_read(struct writer *writer, struct slice *slice, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_RUNNING_LIST);
	int rc;

	slice->count = 0;
	bind_int(&binding, SLICE_ROWS);
	rc = binding.rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW)
		rc = running_take(binding.statement, &slice->rows[slice->count++]);
	(void)sqlite3_reset(binding.statement);
	return sqlite_status(writer->conn.db, rc, "cannot list the running tasks", error);
}

static int
requeue(struct writer *writer, const struct running *running, int64_t now_ms)
{
	/* The last attempt of several is run by itself: it may be what brings the service down. */
	bool isolated = running->max_attempts > 1 && running->attempt == running->max_attempts - 1;
	struct binding archive = bind_begin(&writer->conn, SQLITE_ATTEMPT_ARCHIVE);
	struct binding queue = bind_begin(&writer->conn, SQLITE_TASK_REQUEUE);
	int rc;

	bind_int(&archive, running->seq);
	bind_int(&archive, now_ms);
	rc = bind_run(&archive);
	if (rc != SQLITE_DONE)
		return rc;
	bind_int(&queue, running->seq);
	bind_int(&queue, isolated);
	bind_int(&queue, now_ms);
	return bind_run(&queue);
}

static const char *
message_of(const struct running *running)
{
	return running->is_cancelled ? "Cancelled while running"
				     : "The last attempt ended with the service going down";
}

static enum failure
failure_of(const struct running *running)
{
	return running->is_cancelled ? FAILURE_CANCELLED : FAILURE_ATTEMPTS_EXHAUSTED;
}

static int
give_up(struct writer *writer, const struct running *running, int64_t now_ms)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_TASK_GIVE_UP);

	bind_int(&binding, running->seq);
	bind_int(&binding, now_ms);
	bind_word(&binding, failure_word(failure_of(running)));
	bind_word(&binding, message_of(running));
	return bind_run(&binding);
}

static int64_t
bytes_given_up(const struct running *running)
{
	return store_kept_bytes(&(struct store_kept){
	    .args = running->args_bytes,
	    .message = strlen(message_of(running)),
	    .attempts = running->attempt,
	});
}

static enum status
count(struct writer *writer, const struct running *running, bool goes_on, struct error *error)
{
	enum lane lane = (enum lane)running->lane;
	enum status status = counters_interrupted(&writer->counters, running->type, lane, error);

	if (status != STATUS_OK)
		return status;
	return counters_move(&writer->counters, running->type, lane, COUNTED_RUNNING,
	    goes_on ? COUNTED_QUEUED : COUNTED_FAILED, goes_on ? FAILURE_NONE : failure_of(running),
	    goes_on ? 0 : bytes_given_up(running), error);
}

static enum status
mend(struct writer *writer, const struct running *running, int64_t now_ms,
    struct store_recovery *recovery, struct error *error)
{
	bool goes_on = running->attempt < running->max_attempts && !running->is_cancelled;
	int rc = goes_on ? requeue(writer, running, now_ms) : give_up(writer, running, now_ms);

	if (rc != SQLITE_DONE)
		return sqlite_status(writer->conn.db, rc, "cannot recover a task", error);
	if (goes_on)
		recovery->requeued++;
	else if (running->is_cancelled)
		recovery->cancelled++;
	else
		recovery->exhausted++;
	return count(writer, running, goes_on, error);
}

enum status
recovery_run(
    struct writer *writer, int64_t now_ms, struct store_recovery *ret_recovery, struct error *error)
{
	struct store_recovery recovery = { 0 };
	struct slice slice;

	do {
		enum status status = slice_read(writer, &slice, error);

		if (status == STATUS_OK && slice.count == 0)
			break;
		if (status == STATUS_OK)
			status = writer_begin(writer, SLICE_BYTES, error);
		if (status != STATUS_OK)
			return status;
		for (size_t i = 0; status == STATUS_OK && i < slice.count; i++)
			status = mend(writer, &slice.rows[i], now_ms, &recovery, error);
		if (status == STATUS_OK) {
			status = writer_commit(writer, error);
			if (status != STATUS_OK)
				return status;
		} else {
			return writer_rollback(writer, error) == STATUS_OK ? status
									   : STATUS_UNKNOWN;
		}
	} while (slice.count == SLICE_ROWS);
	*ret_recovery = recovery;
	return STATUS_OK;
}
