/* SPDX-License-Identifier: MIT */
/*
 * How many tasks of each type and lane are in each state, what those that are completed count for,
 * and what has become of them: changed in memory by the commands of a group, shown to everybody as
 * of the latest commit. What is there is also written, once at the end of a group in the same
 * transaction; what has happened is counted anew in each run. The writer's thread alone.
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_COUNTERS_H
#define TASKQ_STORE_SQLITE_SQLITE_COUNTERS_H

#include <stdbool.h>

#include "store/sqlite/counters_shown.h"
#include "store/sqlite/sqlite_statement.h"

/* What is counted apart: the states, but of the QUEUED only what waits for its lane; what is held,
   and what is deferred. */
enum counted {
	COUNTED_QUEUED = TASK_QUEUED,
	COUNTED_RUNNING = TASK_RUNNING,
	COUNTED_SUCCEEDED = TASK_SUCCEEDED,
	COUNTED_FAILED = TASK_FAILED,
	COUNTED_REJECTED = TASK_REJECTED,
	COUNTED_HELD = TASK_STATE_COUNT, /* SCHEDULED in the database */
	COUNTED_DEFERRED,                /* DEFERRED in the database */
};

#define COUNTED_COUNT (TASK_STATE_COUNT + 2)

struct tally {
	int64_t tasks;
	int64_t bytes; /* as store_kept_bytes counts them; 0 for what is not completed */
};

/* What has happened to tasks of a type and lane; see struct store_type_stats. */
struct events {
	int64_t submitted;
	int64_t answered;
	int64_t succeeded;
	int64_t failed[FAILURE_COUNT];
	int64_t rejected[FAILURE_COUNT];
	int64_t retried[FAILURE_COUNT];
	int64_t interrupted;
	int64_t purged;
};

struct ledger {
	struct tally in[COUNTED_COUNT];
	struct events events;
};

struct counter {
	char type[TASK_TYPE_SIZE];
	enum lane lane;
	bool is_changed;         /* since the latest commit */
	struct ledger pending;   /* as the open transaction sees it */
	struct ledger committed; /* as of the latest commit */
};

struct counters {
	struct counter *list;
	size_t count;
	size_t capacity;
	size_t latest; /* the one that was asked for last: groups are often of one type */
	struct file_tally files_pending;
	struct file_tally files_committed;

	struct counters_shown next; /* in the making */
	struct seqlock shown;
	atomic_uint_least64_t words[SEQLOCK_WORDS(struct counters_shown)];
};

void counters_init(struct counters *counters);
void counters_done(struct counters *counters);

/**
 * counters_load       - read the table and show it
 * counters_load_files - count the results in files, and show it
 * @list: counter_list, or its form for an older schema; prepared
 * Returns OK, CORRUPT for a status or lane that this program does not know, NOMEM, IO.
 */
enum status counters_load(struct counters *counters, struct sqlite_conn *conn,
    enum sqlite_statement list, struct error *error) NODISCARD;
enum status counters_load_files(
    struct counters *counters, struct sqlite_conn *conn, struct error *error) NODISCARD;

/**
 * counters_add  - a task came to be counted
 * counters_move - it came to be counted elsewhere
 * @why:   the failure that ended it, or the attempt that is followed by another; NONE: no failure
 * @bytes: what it counts for there; 0 unless it is completed
 * Returns OK or NOMEM.
 */
enum status counters_add(struct counters *counters, const char *type, enum lane lane,
    enum counted in, int64_t bytes, struct error *error) NODISCARD;
enum status counters_move(struct counters *counters, const char *type, enum lane lane,
    enum counted from, enum counted to, enum failure why, int64_t bytes,
    struct error *error) NODISCARD;

/**
 * counters_interrupted - an attempt is found that a dead run has left; counters_move has moved its
 * task
 */
enum status counters_interrupted(
    struct counters *counters, const char *type, enum lane lane, struct error *error) NODISCARD;

/* A result came to be in a file (1), or is gone (-1). */
void counters_file(struct counters *counters, int by, int64_t bytes);

/* A completed task is gone. */
enum status counters_remove(struct counters *counters, const char *type, enum lane lane,
    enum counted in, int64_t bytes, struct error *error) NODISCARD;

/* Of all tasks, as the open transaction sees them. */
struct tally counters_sum(const struct counters *counters);

/**
 * counters_recount - for an audit: what counters_add counts from now on begins at nothing
 * counters_difference - the first counter that is not as the recount has it, as text; false where
 * there is none
 */
void counters_recount(struct counters *counters);
bool counters_difference(const struct counters *counters, struct error *ret_text);

/**
 * counters_write - write what changed; within the transaction, before its commit
 * Returns the first failure as an SQLite result code, SQLITE_OK otherwise.
 */
int counters_write(struct counters *counters, const struct sqlite_conn *conn);

void counters_committed(struct counters *counters);
void counters_rolled_back(struct counters *counters);

#endif
