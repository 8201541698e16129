/* SPDX-License-Identifier: MIT */
/*
 * What the writer tells of its work: commits, checkpoints, sizes of its files, and whether it is
 * stuck. Its thread writes, any thread reads, without a lock.
 */
#ifndef TASKQ_STORE_SQLITE_WRITER_FIGURES_H
#define TASKQ_STORE_SQLITE_WRITER_FIGURES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/pulse.h"
#include "store/sqlite/sqlite_statement.h"
#include "store/store_backend.h"

struct writer_figures {
	struct store_histograms histograms;
	atomic_int_fast64_t checkpoints; /* that succeeded */
	atomic_int_fast64_t commits_failed;
	atomic_int_fast64_t failed_mono_ms; /* the last of those; 0: none */
	atomic_int_fast64_t database_bytes;
	atomic_int_fast64_t wal_bytes;
	struct pulse pulse; /* due when work was begun; asleep between */
};

void writer_figures_init(struct writer_figures *figures);

/**
 * writer_figures_begin / writer_figures_end - from here on something is being done, and until here
 */
void writer_figures_begin(struct writer_figures *figures);
void writer_figures_end(struct writer_figures *figures);

/**
 * writer_figures_commit - so many commands were committed together
 * writer_figures_failure - a transaction came to nothing, and no command of it was to blame
 */
void writer_figures_commit(struct writer_figures *figures, size_t commands);
void writer_figures_failure(struct writer_figures *figures);

/**
 * writer_figures_checkpoint - a try to fold in the log is over
 */
void writer_figures_checkpoint(struct writer_figures *figures, int64_t took_us, bool succeeded);

/**
 * writer_figures_log - the log has so many bytes at least: its file keeps its size when it starts
 * anew, until a checkpoint empties it
 * writer_figures_sizes - ask for the sizes of both files; one that cannot be asked counts as before
 */
void writer_figures_log(struct writer_figures *figures, int64_t bytes);
void writer_figures_sizes(struct writer_figures *figures, const struct sqlite_conn *conn);

/**
 * writer_figures_read - its part of store_stats
 */
void writer_figures_read(const struct writer_figures *figures, struct store_stats *stats);

#endif
