/* SPDX-License-Identifier: MIT */
/*
 * The store: everything durable, cut at operations of the domain. No SQL, statement or transaction
 * crosses this line. Every call may block on disk; every call is safe from any thread; none may be
 * made with a lock held. Times are passed in, in Unix milliseconds. Some have headers of their own.
 *
 * Statuses that any call may return: BUSY (try again), FULL (no disk space; nothing was stored;
 * works again once there is space), IO (nothing was stored), UNKNOWN (a commit failed: the store
 * has stopped for good, `fatal` has been called, only a restart tells what was stored), NOMEM.
 */
#ifndef TASKQ_STORE_STORE_H
#define TASKQ_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "store/idempotency.h"
#include "store/store_claim.h"
#include "store/store_figures.h"
#include "store/store_history.h"
#include "store/store_purge.h"
#include "store/store_records.h"
#include "task/task.h"

struct store;

/**
 * store_open - open or create the database, bring its schema up to date, take the lock file, mend
 * what a dead run left
 * Returns OK; BUSY when another process has it (the text says so); CORRUPT; INVALID for a database
 * newer than the program; IO; FULL.
 */
enum status store_open(const struct store_conf *conf, int64_t now_ms, struct store **ret_store,
    struct store_recovery *ret_recovery, struct error *error) NODISCARD;

/**
 * store_close - flush, checkpoint, unlock; no other call may be under way; NULL is fine
 */
void store_close(struct store *store);

/**
 * store_output_conf - where attempts put output so that the store can take it over; lives as long
 * as the store
 */
const struct output_conf *store_output_conf(const struct store *store);

/**
 * store_on_start - who is given what starts with its submission; before the first store_submit
 * @started: called after a commit and before the store_submit calls in it return, once per lane,
 * with everything that the commit started there, oldest first. The callee's from here on. Must not
 * block or call the store.
 */
void store_on_start(struct store *store,
    void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count),
    void *context);

/**
 * store_submit - insert tasks in one commit, all or none; on OK they are on disk. First in, first
 * out is by the order of commits, and within one call that of the array. The caller bounds its
 * size.
 * @start: NULL: the tasks are QUEUED, held where terms.run_at_ms is after created_at_ms. Otherwise
 * @count is 1 and the task is RUNNING, with lease and attempt 1 and started when it was created; on
 * OK, @start has been given to store_on_start's callback, else it is still the caller's. A task
 * that has ended is stored as after a start and a completion, its content in the database. CONFLICT
 * when an id exists or stands there twice.
 * @idempotency: NULL, or what may keep the tasks from being inserted: see its header
 */
enum status store_submit(struct store *store, const struct task_new *tasks, size_t count,
    struct task_start *start, struct idempotency *idempotency, struct error *error) NODISCARD;

/**
 * store_complete - write final states and results, or put tasks back for another attempt, all in
 * one commit, each if its lease still holds
 * Persists spilled outputs before the commit. Each completion's ret_ members tell its own fate.
 * Returns OK when the commit was made; otherwise nothing of it was stored and all may be tried
 * again.
 */
enum status store_complete(struct store *store, struct completion *completions, size_t count,
    struct error *error) NODISCARD;

/**
 * store_cancel - end a task for good: REJECTED at once where it is QUEUED; where it is RUNNING
 * store_complete and store_release make it FAILED. Idempotent.
 * Returns OK, NOT_FOUND.
 */
enum status store_cancel(struct store *store, const char *id, int64_t now_ms,
    struct store_cancelled *ret_cancelled, struct error *error) NODISCARD;

/**
 * store_advance - let held tasks whose time has come wait for their lanes, and reject those that
 * have expired; up to STORE_ADVANCE_MAX of each, those that are due for longest first, and of the
 * held ones that have been so for as long those that go first
 */
enum status store_advance(struct store *store, int64_t now_ms, struct store_advance *ret_advance,
    struct error *error) NODISCARD;

/**
 * store_read_status / store_read_result - read one task; see every commit that was acknowledged
 * @id: lower-case canonical UUID
 * store_read_result fills content only for final tasks; free with task_result_done.
 * Returns OK, NOT_FOUND.
 */
enum status store_read_status(struct store *store, const char *id, struct task_status *ret_status,
    struct error *error) NODISCARD;
enum status store_read_result(struct store *store, const char *id, struct task_result *ret_result,
    struct error *error) NODISCARD;

/* store_read_idempotency - see store/idempotency.h; sees every commit that was acknowledged */
enum status store_read_idempotency(struct store *store, struct idempotency *idempotency,
    int64_t now_ms, struct error *error) NODISCARD;

/**
 * store_counts - figures as of the latest commit; does not touch the disk
 */
enum status store_counts(
    struct store *store, struct store_counts *ret_counts, struct error *error) NODISCARD;

/**
 * store_stats - figures of this run; neither blocks nor fails, also when the store has stopped
 */
void store_stats(struct store *store, struct store_stats *ret_stats);

/**
 * store_maintain - one bounded slice of housekeeping; call every second or so
 * Returns OK; BUSY when somebody else's reader keeps the store from giving space back.
 */
enum status store_maintain(struct store *store, struct error *error) NODISCARD;

#endif
