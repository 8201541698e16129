/* SPDX-License-Identifier: MIT */
/*
 * The life of the SQLite back end: opens the parts in order and closes them in the reverse. One
 * thread. Must not keep state of its own beyond whether the store is dead.
 */
#include "store/sqlite/sqlite_life.h"

#include <stdlib.h>

#include "store/sqlite/recovery.h"
#include "store/sqlite/sqlite_create.h"

/* Entries of the results directory that are looked at while the store opens: some 20 ms. */
#define SWEEP_AT_OPEN 4096

void
sqlite_store_died(void *context, const char *why)
{
	struct sqlite_store *store = context;

	if (!atomic_exchange_explicit(&store->is_dead, true, memory_order_acq_rel))
		store->fatal(store->context, why);
}

static enum status
open_database(struct sqlite_store *store, const struct store_conf *conf, int64_t now_ms,
    struct store_recovery *ret_recovery, struct error *error)
{
	enum status status = sqlite_create_missing(&store->dir, error);

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
		status = committer_start(&store->committer, &store->writer, &store->is_dead,
		    sqlite_store_died, store, error);
	if (status == STATUS_OK)
		return STATUS_OK;
	result_files_close(&store->files);
out_readers:
	readers_close(&store->readers);
	return status;
}

enum status
sqlite_store_open(const struct store_conf *conf, int64_t now_ms, void **ret_db,
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

void
sqlite_store_close(void *db)
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
