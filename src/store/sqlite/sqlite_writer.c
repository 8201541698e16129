/* SPDX-License-Identifier: MIT */
/*
 * Transactions of the one writing connection. What a failing COMMIT means is decided here: no space
 * is a clean refusal, because the frame that would make the transaction valid was not written;
 * anything else may have reached the log, and a restart would bring it back.
 * One thread at a time. Must not wake anybody or call back.
 */
#include "store/sqlite/sqlite_writer.h"

#include <sys/statvfs.h>

#include "base/clock.h"
#include "store/sqlite/sqlite_check.h"
#include "store/sqlite/sqlite_migrate.h"
#include "store/sqlite/sqlite_open.h"
#include "store/sqlite/sqlite_space.h"
#include "store/store_backend.h"

/* A frame of the log is a page and its header. */
#define PAGE_BYTES       4096
#define FRAME_BYTES      (PAGE_BYTES + 24)
#define LOG_HEADER_BYTES 32

/* Frames that a transaction may write beside twice its weight: pages of trees that it touches. */
#define GROUP_FRAMES_MORE 256

/* The index of the log grows by segments of so many frames; the first also has the header.
   (sqlite.org/walformat.html 2.1) */
#define INDEX_SEGMENT_FRAMES 4096
#define INDEX_HEADER_FRAMES  34

/* So many new frames are folded into the database at once: 8 MiB, some ten milliseconds. */
#define CHECKPOINT_FRAMES 2000

/* Over its cap the log is emptied, which has to wait for readers that look at it: ours are gone in
   a moment, a stranger's may stay; so wait shortly, and each time later again. */
#define TRUNCATE_WAIT_MS        50
#define TRUNCATE_RETRY_FIRST_MS 1000
#define TRUNCATE_RETRY_LAST_MS  32000

static const enum sqlite_statement writer_statements[] = {
	SQLITE_TXN_BEGIN,
	SQLITE_TXN_COMMIT,
	SQLITE_TXN_ROLLBACK,
	SQLITE_TASK_INSERT,
	SQLITE_TASK_INSERT_STARTED,
	SQLITE_TASK_INSERT_ENDED,
	SQLITE_IDEMPOTENCY_FIND,
	SQLITE_IDEMPOTENCY_KEEP,
	SQLITE_IDEMPOTENCY_EXPIRED,
	SQLITE_IDEMPOTENCY_FORGET,
	SQLITE_TASK_NEXT,
	SQLITE_TASK_NEXT_ISOLATED,
	SQLITE_TASK_CLAIM,
	SQLITE_TASK_FINISH,
	SQLITE_TASK_FINISH_CANCELLED,
	SQLITE_ATTEMPT_KEEP,
	SQLITE_TASK_RETRY,
	SQLITE_RESULT_INSERT,
	SQLITE_TASK_RELEASE,
	SQLITE_TASK_DEFER,
	SQLITE_DEFERRED_NEXT,
	SQLITE_CANCEL_FIND,
	SQLITE_CANCEL_REQUEST,
	SQLITE_TASK_REJECT,
	SQLITE_HELD_DUE,
	SQLITE_HELD_NEXT,
	SQLITE_TASK_READY,
	SQLITE_EXPIRY_DUE,
	SQLITE_EXPIRY_NEXT,
	SQLITE_PURGE_WALK,
	SQLITE_PURGE_TASK,
	SQLITE_PURGE_RESULT,
	SQLITE_PURGE_ATTEMPTS,
	SQLITE_FREE_PAGES,
	SQLITE_FREE_SOME,
	SQLITE_COUNTER_WRITE,
	SQLITE_LAST_SEQ,
	SQLITE_COUNTER_LIST,
	SQLITE_RESULT_FILES,
	SQLITE_RUNNING_LIST,
	SQLITE_ATTEMPT_ARCHIVE,
	SQLITE_TASK_REQUEUE,
	SQLITE_TASK_GIVE_UP,
};

static int64_t
index_segments(int64_t frames)
{
	return (frames + INDEX_HEADER_FRAMES + INDEX_SEGMENT_FRAMES - 1) / INDEX_SEGMENT_FRAMES;
}

static int
on_commit(void *context, sqlite3 *db, const char *database, int frames)
{
	struct writer *writer = context;

	(void)db;
	(void)database;
	/* Fewer than at the last checkpoint: the log has started anew from its beginning. */
	if (frames < writer->checkpoint_frames)
		writer->checkpoint_frames = 0;
	writer->wal_frames = frames;
	writer_figures_log(&writer->figures, LOG_HEADER_BYTES + (int64_t)frames * FRAME_BYTES);
	if (index_segments(frames) > writer->index_segments)
		writer->index_segments = index_segments(frames);
	writer->commits++;
	return SQLITE_OK;
}

static enum status
next_seq_load(struct writer *writer, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_LAST_SEQ);
	int rc = sqlite3_step(binding.statement);

	if (rc == SQLITE_ROW)
		writer->next_seq = sqlite3_column_int64(binding.statement, 0) + 1;
	(void)sqlite3_reset(binding.statement);
	return sqlite_status(writer->conn.db, rc, "cannot read the last key", error);
}

enum status
writer_open(const char *path, uint64_t wal_max_bytes, struct writer *writer, struct error *error)
{
	enum status status;

	*writer = (struct writer){
		.next_seq = 1, .index_segments = 1, .truncate_pause_ms = TRUNCATE_RETRY_FIRST_MS
	};
	counters_init(&writer->counters);
	writer_figures_init(&writer->figures);
	writer->wal_frames_max = (int64_t)(wal_max_bytes / FRAME_BYTES);
	status = sqlite_conn_open(path, SQLITE_ROLE_WRITER, wal_max_bytes, &writer->conn, error);
	if (status == STATUS_OK)
		status = sqlite_migrate(&writer->conn, error);
	if (status == STATUS_OK)
		status = sqlite_check_damage(&writer->conn, error);
	if (status == STATUS_OK)
		status = sqlite_conn_prepare(
		    &writer->conn, writer_statements, ARRAY_SIZE(writer_statements), error);
	if (status == STATUS_OK)
		status =
		    counters_load(&writer->counters, &writer->conn, SQLITE_COUNTER_LIST, error);
	if (status == STATUS_OK)
		status = counters_load_files(&writer->counters, &writer->conn, error);
	if (status == STATUS_OK)
		status = next_seq_load(writer, error);
	/* A statement that does not fit: tables or columns of this version are not there. */
	if (status == STATUS_INTERNAL)
		status = STATUS_CORRUPT;
	if (status != STATUS_OK) {
		writer_close(writer, true);
		error_prefix(error, "%s", path);
		return status;
	}
	writer_figures_sizes(&writer->figures, &writer->conn);
	(void)sqlite3_wal_hook(writer->conn.db, on_commit, writer);
	return STATUS_OK;
}

static int
checkpoint(struct writer *writer, int mode)
{
	int frames = 0, folded = 0;
	int64_t began_us = clock_mono_us();
	int rc = sqlite3_wal_checkpoint_v2(writer->conn.db, "main", mode, &frames, &folded);

	writer->checkpoint_status =
	    sqlite_status(writer->conn.db, rc, "checkpoint", &writer->checkpoint_error);
	if (rc == SQLITE_OK && mode == SQLITE_CHECKPOINT_TRUNCATE) {
		writer->wal_frames = 0;
		writer->checkpoint_frames = 0;
	}
	writer_figures_checkpoint(&writer->figures, clock_mono_us() - began_us, rc == SQLITE_OK);
	writer_figures_sizes(&writer->figures, &writer->conn);
	return rc;
}

/* Empties the log, unless a reader stood in the way a short while ago. Everybody who writes waits
   for this, so it waits for readers only for a moment. */
static void
truncate_log(struct writer *writer)
{
	int rc;

	if (clock_mono_ms() < writer->truncate_after_mono_ms)
		return;
	(void)sqlite3_busy_timeout(writer->conn.db, TRUNCATE_WAIT_MS);
	rc = checkpoint(writer, SQLITE_CHECKPOINT_TRUNCATE);
	(void)sqlite3_busy_timeout(writer->conn.db, SQLITE_BUSY_TIMEOUT_MS);
	if (rc == SQLITE_OK) {
		writer->truncate_pause_ms = TRUNCATE_RETRY_FIRST_MS;
		return;
	}
	/* A disk that fails may be asked again at once: it does not make anybody wait. */
	if (writer->checkpoint_status != STATUS_BUSY)
		return;
	(void)error_set(&writer->checkpoint_error, STATUS_BUSY,
	    "a reader keeps the log of %lld pages from being emptied",
	    (long long)writer->wal_frames);
	writer->truncate_after_mono_ms = clock_mono_ms() + writer->truncate_pause_ms;
	if (writer->truncate_pause_ms < TRUNCATE_RETRY_LAST_MS)
		writer->truncate_pause_ms *= 2;
}

void
writer_close(struct writer *writer, bool is_dead)
{
	if (writer->conn.db != NULL) {
		if (is_dead)
			(void)sqlite3_db_config(
			    writer->conn.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		else
			(void)checkpoint(writer, SQLITE_CHECKPOINT_TRUNCATE);
	}
	sqlite_conn_close(&writer->conn);
	counters_done(&writer->counters);
}

static enum status
run(struct writer *writer, enum sqlite_statement statement, struct error *error)
{
	struct binding binding = bind_begin(&writer->conn, statement);
	int rc = bind_run(&binding);

	return sqlite_status(writer->conn.db, rc, sqlite_statement_name(statement), error);
}

/*
 * SQLite grows the index of the log within COMMIT, after the frames are flushed. Without space for
 * it the commit fails and yet is there after a restart: the service would have to end. So where
 * that might come, the transaction is refused before it begins.
 */
static enum status
check_space(const struct writer *writer, size_t weight_bytes, struct error *error)
{
	int64_t frames = (int64_t)(2 * weight_bytes / PAGE_BYTES) + GROUP_FRAMES_MORE;
	struct statvfs fs;
	uint64_t free_bytes;

	if (index_segments(writer->wal_frames + frames) <= writer->index_segments ||
	    statvfs(sqlite3_db_filename(writer->conn.db, "main"), &fs) != 0)
		return STATUS_OK;
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes >= (uint64_t)frames * FRAME_BYTES)
		return STATUS_OK;
	return error_set(error, STATUS_FULL, "%llu bytes of disk space are too few for the log",
	    (unsigned long long)free_bytes);
}

enum status
writer_begin(struct writer *writer, size_t weight_bytes, struct error *error)
{
	enum status status = check_space(writer, weight_bytes, error);

	if (status != STATUS_OK)
		return status;
	return run(writer, SQLITE_TXN_BEGIN, error);
}

enum status
writer_rollback(struct writer *writer, struct error *error)
{
	enum status status = STATUS_OK;

	counters_rolled_back(&writer->counters);
	writer->purge_pending = writer->purge_committed;
	/* SQLite itself rolls back on some errors: then there is no transaction to end. */
	if (sqlite3_get_autocommit(writer->conn.db) == 0)
		status = run(writer, SQLITE_TXN_ROLLBACK, error);
	if (sqlite3_get_autocommit(writer->conn.db) != 0)
		return STATUS_OK;
	error_prefix(error, "a transaction cannot be rolled back");
	return status == STATUS_OK ? STATUS_INTERNAL : STATUS_UNKNOWN;
}

enum status
writer_commit(struct writer *writer, struct error *error)
{
	uint64_t commits = writer->commits;
	struct binding binding;
	enum status status;
	int64_t began_us;
	int rc = counters_write(&writer->counters, &writer->conn);

	if (rc != SQLITE_OK) {
		status = sqlite_status(writer->conn.db, rc, "cannot write the counters", error);
		return writer_rollback(writer, error) == STATUS_OK ? status : STATUS_UNKNOWN;
	}
	began_us = clock_mono_us();
	binding = bind_begin(&writer->conn, SQLITE_TXN_COMMIT);
	rc = bind_run(&binding);
	if (rc == SQLITE_DONE) {
		/* A claim that found nothing writes nothing: its commit takes no time. */
		if (writer->commits != commits)
			histogram_add(
			    &writer->figures.histograms.commit_us, clock_mono_us() - began_us);
		counters_committed(&writer->counters);
		writer->purge_committed = writer->purge_pending;
		return STATUS_OK;
	}
	status = sqlite_status(writer->conn.db, rc, "cannot commit", error);
	if (writer_rollback(writer, NULL) != STATUS_OK)
		return STATUS_UNKNOWN;
	/* By SQLite's own code: other lack of space may have come after the frames were written. */
	return (rc & 0xff) == SQLITE_FULL || status == STATUS_BUSY ? status : STATUS_UNKNOWN;
}

enum status
writer_checkpoint_if_due(struct writer *writer, struct error *error)
{
	if (writer->wal_frames > writer->wal_frames_max)
		truncate_log(writer);
	if (writer->wal_frames - writer->checkpoint_frames >= CHECKPOINT_FRAMES) {
		(void)checkpoint(writer, SQLITE_CHECKPOINT_PASSIVE);
		/* Also when it failed: the next try is due after as many frames again. */
		writer->checkpoint_frames = writer->wal_frames;
	}
	if (writer->checkpoint_status == STATUS_CORRUPT) {
		*error = writer->checkpoint_error;
		return STATUS_CORRUPT;
	}
	return STATUS_OK;
}

enum status
writer_maintain(struct writer *writer, unsigned *ret_space_calls, struct error *error)
{
	bool is_idle = writer->commits == writer->commits_maintained;
	enum status status;

	status = space_give_back(&writer->conn, ret_space_calls, error);
	if (status != STATUS_OK)
		return status;
	writer->commits_maintained = writer->commits;
	if (is_idle && writer->wal_frames > 0)
		truncate_log(writer);
	if (writer->checkpoint_status != STATUS_OK && error != NULL)
		*error = writer->checkpoint_error;
	return writer->checkpoint_status;
}

void
writer_stats(struct writer *writer, struct store_stats *ret_stats)
{
	counters_stats(&writer->counters, ret_stats);
	writer_figures_read(&writer->figures, ret_stats);
	ret_stats->schema_version = sqlite_schema_version();
}
