/* SPDX-License-Identifier: MIT */
/*
 * The one connection that writes and checkpoints, with what belongs to it: counters, the next key,
 * the size of the log. One thread at a time: the one that opens the store, then the committer.
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_WRITER_H
#define TASKQ_STORE_SQLITE_SQLITE_WRITER_H

#include "store/sqlite/sqlite_counters.h"
#include "store/sqlite/sqlite_statement.h"
#include "store/sqlite/writer_figures.h"

/* A place in the order in which tasks ended; see command_purge.c. */
struct purge_cursor {
	int64_t finished_at_ms;
	int64_t seq;
};

struct writer {
	struct sqlite_conn conn;
	struct counters counters;
	int64_t next_seq; /* keys only grow, even where rows are deleted */

	int64_t wal_frames;             /* in the log as of the latest commit */
	int64_t wal_frames_max;         /* from which the log is emptied at once */
	int64_t index_segments;         /* that the index of the log (-shm) has room for */
	int64_t checkpoint_frames;      /* in the log when it was last folded into the database */
	int64_t truncate_after_mono_ms; /* a reader stood in the way: not before then again */
	int64_t truncate_pause_ms;   /* from then to the next try; doubles while it stands there */
	uint64_t commits;            /* that wrote something */
	uint64_t commits_maintained; /* as of the last maintenance */
	enum status checkpoint_status; /* of the latest checkpoint */
	struct error checkpoint_error;

	struct writer_figures figures;

	/* Where the purge has got to with what is kept for different times, as of the open
	   transaction and of the latest commit; and which times those were. */
	struct purge_cursor purge_pending;
	struct purge_cursor purge_committed;
	int64_t purge_succeeded_ms;
	int64_t purge_failed_ms;
};

/**
 * writer_open - open the connection, bring the schema up to date, check the file, load the counters
 * Returns OK; CORRUPT; INVALID for another program's or a newer database; IO; FULL; BUSY; NOMEM.
 */
enum status writer_open(
    const char *path, uint64_t wal_max_bytes, struct writer *writer, struct error *error) NODISCARD;

/**
 * writer_close - empty the log into the database and close
 * @is_dead: leave the files as they are, because a commit's outcome is not known
 */
void writer_close(struct writer *writer, bool is_dead);

/**
 * writer_begin - begin a transaction
 * @weight_bytes: about what it will write
 * Returns OK; FULL when its commit would have to grow the index of the log on a disk with hardly
 * any space; BUSY, IO, NOMEM, CORRUPT.
 */
enum status writer_begin(struct writer *writer, size_t weight_bytes, struct error *error) NODISCARD;

/**
 * writer_commit - write the counters and commit
 * Returns OK; FULL, BUSY, IO, NOMEM when nothing was stored and the transaction is rolled back;
 * CORRUPT; UNKNOWN when COMMIT itself failed for another reason than want of space: the rows may
 * come back after a restart.
 */
enum status writer_commit(struct writer *writer, struct error *error) NODISCARD;

/**
 * writer_rollback - undo the open transaction, if SQLite has not done so already
 * Returns OK, or UNKNOWN when it cannot be ended.
 */
enum status writer_rollback(struct writer *writer, struct error *error) NODISCARD;

/**
 * writer_checkpoint_if_due - between transactions: fold the log into the database when it has grown
 * by enough, empty it when it is over its cap. Readers are not waited for, but for a moment when
 * over the cap. A failure is kept for writer_maintain; only CORRUPT is returned.
 */
enum status writer_checkpoint_if_due(struct writer *writer, struct error *error) NODISCARD;

/**
 * writer_stats - store_stats, which are all the writer's; any thread, no lock
 */
void writer_stats(struct writer *writer, struct store_stats *ret_stats);

/**
 * writer_maintain - give space back where much is free; empty the log if nothing was written since
 * the last call; tell how the latest checkpoint went: BUSY means that a reader keeps the log from
 * being emptied
 * @ret_space_calls: as space_give_back, of which this has been the first call
 * CORRUPT also where giving space back has met damage.
 */
enum status writer_maintain(
    struct writer *writer, unsigned *ret_space_calls, struct error *error) NODISCARD;

#endif
