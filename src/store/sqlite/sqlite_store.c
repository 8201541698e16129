/* SPDX-License-Identifier: MIT */
/*
 * The SQLite back end, operation by operation: each is handed to the part that does it. Writes go
 * to the committer's thread, reads to the pool; any thread calls. Opening and closing is in
 * sqlite_life.c.
 */
#include "store/sqlite/audit.h"
#include "store/sqlite/data_copy.h"
#include "store/sqlite/history.h"
#include "store/sqlite/sqlite_life.h"
#include "store/store_backend.h"

/* Entries of the results directory that are looked at in each maintenance. */
#define SWEEP_AT_MAINTAIN 512

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
	sqlite_store_died(store, error == NULL ? "the database is damaged" : error->text);
	return STATUS_UNKNOWN;
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
sqlite_claim(void *db, struct store_gate *gate, enum lane lane, bool isolated, size_t max,
    int64_t now_ms, struct task *ret_tasks, size_t *ret_count, struct error *error)
{
	struct sqlite_store *store = db;
	struct command command = {
		.kind = COMMAND_CLAIM,
		.claim = { .gate = gate,
		    .lane = lane,
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
sqlite_release(void *db, const struct task *tasks, const char *const *hosts, size_t count,
    int64_t now_ms, size_t *ret_queued, struct error *error)
{
	struct sqlite_store *store = db;
	struct command command = {
		.kind = COMMAND_RELEASE,
		.release = { .list = tasks, .hosts = hosts, .count = count, .now_ms = now_ms },
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
sqlite_purge(void *db, const struct store_retention *retention, int64_t now_ms,
    struct store_purged *ret_purged, struct error *error)
{
	struct sqlite_store *store = db;
	int64_t leases[STORE_PURGE_MAX] = { 0 };
	struct command command = {
		.kind = COMMAND_PURGE,
		.purge = { .retention = retention,
		    .now_ms = now_ms,
		    .ret = ret_purged,
		    .leases = leases },
		.error = error,
	};
	enum status status = committer_run(&store->committer, &command);

	for (size_t i = 0; status == STATUS_OK && i < ret_purged->count; i++) {
		if (leases[i] > 0)
			result_files_remove(&store->files, ret_purged->ids[i], leases[i]);
	}
	return status;
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
sqlite_next_host(void *db, const char *after, char ret_host[TASK_HOST_SIZE], struct error *error)
{
	struct sqlite_store *store = db;
	enum status status = check_alive(store, error);

	if (status != STATUS_OK)
		return status;
	return check_damage(store, read_next_host(&store->readers, after, ret_host, error), error);
}

static enum status
sqlite_list(void *db, const struct store_list_query *query, struct store_list *ret_list,
    struct error *error)
{
	struct sqlite_store *store = db;
	struct store_counts counts;
	enum status status = check_alive(store, error);

	if (status != STATUS_OK)
		return status;
	counters_read(&store->writer.counters, &counts);
	status = history_list(&store->readers, query,
	    counts.by_state[TASK_QUEUED] + counts.by_state[TASK_RUNNING], ret_list, error);
	return check_damage(store, status, error);
}

static enum status
sqlite_read_submission(
    void *db, const char *id, struct store_submission *ret_submission, struct error *error)
{
	struct sqlite_store *store = db;
	enum status status = check_alive(store, error);

	if (status != STATUS_OK)
		return status;
	return check_damage(
	    store, history_submission(&store->readers, id, ret_submission, error), error);
}

static enum status
sqlite_read_attempts(
    void *db, const char *id, struct store_attempts *ret_attempts, struct error *error)
{
	struct sqlite_store *store = db;
	enum status status = check_alive(store, error);

	if (status != STATUS_OK)
		return status;
	return check_damage(
	    store, history_attempts(&store->readers, id, ret_attempts, error), error);
}

static enum status
sqlite_oldest_waiting(void *db, int64_t ret_since_ms[LANE_COUNT], struct error *error)
{
	struct sqlite_store *store = db;
	struct store_counts counts;
	enum status status = check_alive(store, error);

	if (status != STATUS_OK)
		return status;
	counters_read(&store->writer.counters, &counts);
	return check_damage(store,
	    oldest_read(
		&store->oldest, &store->readers, counts.queued_by_lane, ret_since_ms, error),
	    error);
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
	/* One by one, so that others have their turn in between. */
	for (unsigned i = 1; i < command.maintain.space_calls; i++) {
		struct command further = { .kind = COMMAND_GIVE_SPACE_BACK, .error = error };
		enum status given = committer_run(&store->committer, &further);

		if (given != STATUS_OK)
			return given;
	}
	swept = result_files_sweep(&store->files, SWEEP_AT_MAINTAIN, &removed, error);
	return swept == STATUS_OK ? status : check_damage(store, swept, error);
}

const struct store_backend store_backend_sqlite = {
	.name = "sqlite",
	.open = sqlite_store_open,
	.close = sqlite_store_close,
	.output_conf = sqlite_output_conf,
	.on_start = sqlite_on_start,
	.submit = sqlite_submit,
	.claim = sqlite_claim,
	.complete = sqlite_complete,
	.release = sqlite_release,
	.next_host = sqlite_next_host,
	.cancel = sqlite_cancel,
	.advance = sqlite_advance,
	.purge = sqlite_purge,
	.read_status = sqlite_read_status,
	.read_result = sqlite_read_result,
	.read_idempotency = sqlite_read_idempotency,
	.list = sqlite_list,
	.read_submission = sqlite_read_submission,
	.read_attempts = sqlite_read_attempts,
	.oldest_waiting = sqlite_oldest_waiting,
	.counts = sqlite_counts,
	.stats = sqlite_stats,
	.maintain = sqlite_maintain,
	.audit = sqlite_audit,
	.backup = sqlite_backup,
	.restore = sqlite_restore,
};
