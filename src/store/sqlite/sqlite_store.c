/* SPDX-License-Identifier: MIT */
/*
 * The SQLite back end as a whole: opens and closes the parts in order, and hands each operation of
 * the store to the part that does it. Writes go to the committer's thread, reads to the pool; any
 * thread calls. Must not keep state of its own beyond whether the store is dead.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "store/sqlite/committer.h"
#include "store/sqlite/data_dir.h"
#include "store/sqlite/readers.h"
#include "store/sqlite/recovery.h"
#include "store/sqlite/result_files.h"
#include "store/sqlite/sqlite_migrate.h"
#include "store/sqlite/sqlite_open.h"
#include "store/store_backend.h"

/* Entries of the results directory that are looked at while the store opens (some 20 ms), and at
   each maintenance after it. */
#define SWEEP_AT_OPEN     4096
#define SWEEP_AT_MAINTAIN 512

struct sqlite_store {
	struct data_dir dir;
	struct writer writer;
	struct readers readers;
	struct result_files files;
	struct committer committer;
	atomic_bool is_dead;
	void (*fatal)(void *context, const char *why);
	void *context;
};

static void
died(void *context, const char *why)
{
	struct sqlite_store *store = context;

	if (!atomic_exchange_explicit(&store->is_dead, true, memory_order_acq_rel))
		store->fatal(store->context, why);
}

static enum status
check_alive(struct sqlite_store *store, struct error *error)
{
	if (atomic_load_explicit(&store->is_dead, memory_order_acquire))
		return error_set(error, STATUS_UNKNOWN, "the store has stopped");
	return STATUS_OK;
}

/* Damage that a reader finds stops the store as damage that the writer finds does. */
static enum status
check_damage(struct sqlite_store *store, enum status status, struct error *error)
{
	if (status != STATUS_CORRUPT)
		return status;
	died(store, error == NULL ? "the database is damaged" : error->text);
	return STATUS_UNKNOWN;
}

/* A database comes into being under another name, so that it is never seen half-made. */
static enum status
create_database(const struct data_dir *dir, struct error *error)
{
	struct sqlite_conn conn = { 0 };
	enum status status = data_dir_begin_database(dir, error);

	if (status != STATUS_OK)
		return status;
	status = sqlite_conn_open(dir->new_db_path, SQLITE_ROLE_CREATOR, 0, &conn, error);
	if (status == STATUS_OK)
		status = sqlite_migrate(&conn, error);
	sqlite_conn_close(&conn);
	if (status != STATUS_OK) {
		error_prefix(error, "cannot create %s", dir->db_path);
		return status;
	}
	return data_dir_end_database(dir, error);
}

static enum status
open_database(struct sqlite_store *store, const struct store_conf *conf, int64_t now_ms,
    struct store_recovery *ret_recovery, struct error *error)
{
	bool has_database = false;
	enum status status = data_dir_has_database(&store->dir, &has_database, error);

	if (status == STATUS_OK && !has_database)
		status = create_database(&store->dir, error);
	if (status != STATUS_OK)
		return status;
	status = writer_open(store->dir.db_path, conf->wal_max_bytes, &store->writer, error);
	if (status != STATUS_OK)
		return status;
	status = recovery_run(&store->writer, now_ms, ret_recovery, error);
	if (status != STATUS_OK)
		writer_close(&store->writer, true);
	return status;
}

/* The parts that stand on an open database. */
static enum status
open_parts(struct sqlite_store *store, const struct store_conf *conf,
    struct store_recovery *recovery, struct error *error)
{
	enum status status =
	    readers_open(store->dir.db_path, conf->readers, &store->readers, error);

	if (status != STATUS_OK)
		return status;
	status = result_files_open(store->dir.results_fd, store->dir.results_path,
	    conf->inline_max_bytes, &store->readers, &store->files, error);
	if (status != STATUS_OK)
		goto out_readers;
	status = result_files_sweep(&store->files, SWEEP_AT_OPEN, &recovery->orphans, error);
	if (status == STATUS_OK)
		status = committer_start(
		    &store->committer, &store->writer, &store->is_dead, died, store, error);
	if (status == STATUS_OK)
		return STATUS_OK;
	result_files_close(&store->files);
out_readers:
	readers_close(&store->readers);
	return status;
}

static enum status
sqlite_open(const struct store_conf *conf, int64_t now_ms, void **ret_db,
    struct store_recovery *ret_recovery, struct error *error)
{
	struct store_recovery recovery = { 0 };
	struct sqlite_store *store = calloc(1, sizeof(*store));
	enum status status;

	if (store == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the store");
	store->fatal = conf->fatal;
	store->context = conf->context;
	atomic_init(&store->is_dead, false);
	status = data_dir_open(conf->data_dir, &store->dir, error);
	if (status != STATUS_OK)
		goto out;
	status = open_database(store, conf, now_ms, &recovery, error);
	if (status == STATUS_OK) {
		status = open_parts(store, conf, &recovery, error);
		if (status != STATUS_OK)
			writer_close(&store->writer, true);
	}
	if (status != STATUS_OK) {
		data_dir_close(&store->dir);
		goto out;
	}
	*ret_db = store;
	*ret_recovery = recovery;
out:
	if (status != STATUS_OK)
		free(store);
	return status;
}

static void
sqlite_close(void *db)
{
	struct sqlite_store *store = db;

	committer_stop(&store->committer);
	result_files_close(&store->files);
	/* The readers first: the last connection to be closed may checkpoint, and that is the
	   writer's right alone. */
	readers_close(&store->readers);
	writer_close(&store->writer, atomic_load_explicit(&store->is_dead, memory_order_acquire));
	data_dir_close(&store->dir);
	free(store);
}

static const struct output_conf *
sqlite_output_conf(const void *db)
{
	const struct sqlite_store *store = db;

	return &store->files.output_conf;
}

static void
sqlite_on_start(void *db,
    void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count),
    void *context)
{
	struct sqlite_store *store = db;

	committer_on_start(&store->committer, started, context);
}

static enum status
sqlite_submit(void *db, const struct task_new *tasks, size_t count, struct task_start *start,
    struct idempotency *idempotency, struct error *error)
{
	struct sqlite_store *store = db;
	struct command command = { .kind = COMMAND_SUBMIT,
		.submit = { tasks, count, start, idempotency },
		.error = error };

	return committer_run(&store->committer, &command);
}

static enum status
sqlite_claim(void *db, enum lane lane, bool isolated, size_t max, int64_t now_ms,
    struct task *ret_tasks, size_t *ret_count, struct error *error)
{
	struct sqlite_store *store = db;
	struct command command = {
		.kind = COMMAND_CLAIM,
		.claim = { .lane = lane,
		    .isolated = isolated,
		    .max = max,
		    .now_ms = now_ms,
		    .tasks = ret_tasks },
		.error = error,
	};
	enum status status = committer_run(&store->committer, &command);

	if (status == STATUS_OK)
		*ret_count = command.claim.count;
	return status;
}

static enum status
sqlite_complete(void *db, struct completion *completions, size_t count, struct error *error)
{
	struct sqlite_store *store = db;
	struct command command = {
		.kind = COMMAND_COMPLETE,
		.complete = { .list = completions, .count = count },
		.error = error,
	};
	enum status status = check_alive(store, error);

	if (status == STATUS_OK)
		status = check_damage(
		    store, result_files_persist(&store->files, completions, count, error), error);
	if (status != STATUS_OK)
		return status;
	status = committer_run(&store->committer, &command);
	if (status == STATUS_OK)
		result_files_drop_superseded(&store->files, completions, count);
	return status;
}

static enum status
sqlite_release(void *db, const struct task *tasks, size_t count, int64_t now_ms, size_t *ret_queued,
    struct error *error)
{
	struct sqlite_store *store = db;
	struct command command = {
		.kind = COMMAND_RELEASE,
		.release = { .list = tasks, .count = count, .now_ms = now_ms },
		.error = error,
	};
	enum status status = committer_run(&store->committer, &command);

	if (status == STATUS_OK)
		*ret_queued = command.release.queued;
	return status;
}

static enum status
sqlite_cancel(void *db, const char *id, int64_t now_ms, struct store_cancelled *ret_cancelled,
    struct error *error)
{
	struct sqlite_store *store = db;
	struct command command = {
		.kind = COMMAND_CANCEL,
		.cancel = { .id = id, .now_ms = now_ms, .ret = ret_cancelled },
		.error = error,
	};

	return committer_run(&store->committer, &command);
}

static enum status
sqlite_advance(void *db, int64_t now_ms, struct store_advance *ret_advance, struct error *error)
{
	struct sqlite_store *store = db;
	struct command command = {
		.kind = COMMAND_ADVANCE,
		.advance = { .now_ms = now_ms, .ret = ret_advance },
		.error = error,
	};

	return committer_run(&store->committer, &command);
}

static enum status
sqlite_read_status(void *db, const char *id, struct task_status *ret_status, struct error *error)
{
	struct sqlite_store *store = db;
	enum status status = check_alive(store, error);

	if (status != STATUS_OK)
		return status;
	return check_damage(store, read_status(&store->readers, id, ret_status, error), error);
}

static enum status
sqlite_read_result(void *db, const char *id, struct task_result *ret_result, struct error *error)
{
	struct sqlite_store *store = db;
	enum content_where where = CONTENT_NONE;
	struct task_result result;
	int64_t lease = 0;
	enum status status = check_alive(store, error);

	if (status != STATUS_OK)
		return status;
	status = check_damage(
	    store, read_result(&store->readers, id, &result, &where, &lease, error), error);
	if (status != STATUS_OK)
		return status;
	if (where == CONTENT_FILE) {
		status = result_files_read(&store->files, lease, &result, error);
		if (status != STATUS_OK) {
			task_result_done(&result);
			return status;
		}
	}
	*ret_result = result;
	return STATUS_OK;
}

static enum status
sqlite_read_idempotency(
    void *db, struct idempotency *idempotency, int64_t now_ms, struct error *error)
{
	struct sqlite_store *store = db;
	enum status status = check_alive(store, error);

	if (status != STATUS_OK)
		return status;
	return check_damage(
	    store, read_idempotency(&store->readers, idempotency, now_ms, error), error);
}

static enum status
sqlite_counts(void *db, struct store_counts *ret_counts, struct error *error)
{
	struct sqlite_store *store = db;
	enum status status = check_alive(store, error);

	if (status == STATUS_OK)
		counters_read(&store->writer.counters, ret_counts);
	return status;
}

static void
sqlite_stats(void *db, struct store_stats *ret_stats)
{
	struct sqlite_store *store = db;

	writer_stats(&store->writer, ret_stats);
	ret_stats->commands =
	    atomic_load_explicit(&store->committer.commands, memory_order_relaxed);
}

static enum status
sqlite_maintain(void *db, struct error *error)
{
	struct sqlite_store *store = db;
	struct command command = { .kind = COMMAND_MAINTAIN, .error = error };
	enum status status = committer_run(&store->committer, &command);
	int64_t removed = 0;
	enum status swept;

	/* A reader in the way of the log is not in the way of the files. */
	if (status != STATUS_OK && status != STATUS_BUSY)
		return status;
	swept = result_files_sweep(&store->files, SWEEP_AT_MAINTAIN, &removed, error);
	return swept == STATUS_OK ? status : check_damage(store, swept, error);
}

const struct store_backend store_backend_sqlite = {
	.name = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.output_conf = sqlite_output_conf,
	.on_start = sqlite_on_start,
	.submit = sqlite_submit,
	.claim = sqlite_claim,
	.complete = sqlite_complete,
	.release = sqlite_release,
	.cancel = sqlite_cancel,
	.advance = sqlite_advance,
	.read_status = sqlite_read_status,
	.read_result = sqlite_read_result,
	.read_idempotency = sqlite_read_idempotency,
	.counts = sqlite_counts,
	.stats = sqlite_stats,
	.maintain = sqlite_maintain,
};
