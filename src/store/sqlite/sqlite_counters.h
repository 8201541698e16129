/* SPDX-License-Identifier: MIT */
/*
 * How many tasks of each type and lane are in each state, and what those that are completed count
 * for: changed in memory by the commands of a group, written once at its end in the same
 * transaction, and shown to everybody as of the latest commit. All but counters_read belong to the
 * writer's thread.
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_COUNTERS_H
#define TASKQ_STORE_SQLITE_SQLITE_COUNTERS_H

#include "base/sync.h"
#include "store/sqlite/sqlite_statement.h"
#include "store/store.h"

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

struct counter {
	char type[TASK_TYPE_SIZE];
	enum lane lane;
	struct tally pending[COUNTED_COUNT];   /* as the open transaction sees them */
	struct tally committed[COUNTED_COUNT]; /* as of the latest commit */
};

struct counters {
	struct counter *list;
	size_t count;
	size_t capacity;
	size_t latest; /* the one that was asked for last: groups are often of one type */

	struct lock lock;
	struct store_counts shown; /* guarded by lock */
};

void counters_init(struct counters *counters);
void counters_done(struct counters *counters);

/**
 * counters_load - read the table and show it
 * @list: counter_list, or its form for an older schema; prepared
 * Returns OK, CORRUPT for a status or lane that this program does not know, NOMEM, IO.
 */
enum status counters_load(struct counters *counters, struct sqlite_conn *conn,
    enum sqlite_statement list, struct error *error) NODISCARD;

/**
 * counters_add / counters_move - a task came to be counted, or to be counted elsewhere
 * @bytes: what it counts for there; 0 unless it is completed
 * Returns OK or NOMEM.
 */
enum status counters_add(struct counters *counters, const char *type, enum lane lane,
    enum counted in, int64_t bytes, struct error *error) NODISCARD;
enum status counters_move(struct counters *counters, const char *type, enum lane lane,
    enum counted from, enum counted to, int64_t bytes, struct error *error) NODISCARD;

/**
 * counters_remove - a completed task is gone
 */
enum status counters_remove(struct counters *counters, const char *type, enum lane lane,
    enum counted in, int64_t bytes, struct error *error) NODISCARD;

/**
 * counters_sum - of all tasks, as the open transaction sees them
 */
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

/**
 * counters_read - the sums as of the latest commit; any thread
 */
void counters_read(struct counters *counters, struct store_counts *ret_counts);

#endif
