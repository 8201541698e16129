/* SPDX-License-Identifier: MIT */
/*
 * The SQLite back end as a whole: its parts, and how it begins and ends. For sqlite_store.c, which
 * has its operations.
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_LIFE_H
#define TASKQ_STORE_SQLITE_SQLITE_LIFE_H

#include <stdatomic.h>

#include "store/sqlite/committer.h"
#include "store/sqlite/data_dir.h"
#include "store/sqlite/oldest.h"
#include "store/sqlite/readers.h"
#include "store/sqlite/result_files.h"
#include "store/store.h"

struct sqlite_store {
	struct data_dir dir;
	struct writer writer;
	struct readers readers;
	struct result_files files;
	struct committer committer;
	struct oldest oldest; /* of whoever asks for the oldest, one at a time */
	atomic_bool is_dead;
	void (*fatal)(void *context, const char *why);
	void *context;
};

/* sqlite_store_open / sqlite_store_close - as struct store_backend has them */
enum status sqlite_store_open(const struct store_conf *conf, int64_t now_ms, void **ret_db,
    struct store_recovery *ret_recovery, struct error *error) NODISCARD;
void sqlite_store_close(void *db);

/**
 * sqlite_store_died - the store stops for good; tells it once; any thread
 */
void sqlite_store_died(void *store, const char *why);

#endif
