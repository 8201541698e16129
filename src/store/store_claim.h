/* SPDX-License-Identifier: MIT */
/*
 * How tasks are taken up: the claim, and the gate that it may pass. Part of store.h, which has the
 * rules that hold for every call.
 *
 * A task may have to wait not for its lane but for somebody whom it would ask, its host: then it is
 * *deferred*. It stays QUEUED and stands in no claim's way until it is recalled. What is deferred
 * is the store's to know; when to defer and to recall is the caller's.
 */
#ifndef TASKQ_STORE_STORE_CLAIM_H
#define TASKQ_STORE_STORE_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "task/task.h"

struct store;

/* What becomes of a task that is next. */
enum store_gate_word {
	STORE_GATE_ADMIT,
	STORE_GATE_DEFER,
	STORE_GATE_PASS_OVER, /* it stays ready */
};

/* Deferred tasks that are to be ready again. */
struct store_recall {
	const char *host;
	size_t max;
	size_t ret_count; /* on OK; fewer than `max`: the host has no others */
};

/* Tasks that are not admitted in one claim, at most. */
#define STORE_GATE_ASIDE_MAX 256

struct store_gate {
	/**
	 * begin - a claim begins, or begins anew because its transaction came to nothing: what was
	 * said of tasks so far does not count
	 */
	void (*begin)(void *context);

	/**
	 * judge - say what becomes of a task; from the committing thread, once for each, in the
	 * order in which they are next. Must not block or call the store.
	 * @ret_host: set on DEFER; has to stay as it is until the claim has returned
	 */
	enum store_gate_word (*judge)(void *context, const char *type, const char *args,
	    size_t args_size, const char **ret_host);
	void *context;

	struct store_recall *recalls; /* what is recalled before the first task is looked at */
	size_t recall_count;
	size_t ret_deferred; /* on OK: tasks that were deferred */
};

/**
 * store_claim - make up to `max` QUEUED tasks of a lane RUNNING: by priority, and oldest first;
 * none that is held or deferred, or that expired at or before now_ms without having been started
 * @max:       1 or more
 * @isolated:  true: at most one task, and only one of those on their last attempt after every
 * earlier one ended with the service going down. Such tasks run one at a time, so that the one that
 * brings the service down does not use up the attempts of its neighbours. false: only the others.
 * @ret_tasks: array of `max`; the first *ret_count are filled and owned by the caller (task_done)
 * Returns OK with any count, 0 included.
 *
 * store_claim_through - the same for tasks that a gate admits, in the order in which it did. All in
 * one commit: first the recalls, so that what is recalled has its old place again, then the claim,
 * which ends where STORE_GATE_ASIDE_MAX were not admitted.
 */
enum status store_claim(struct store *store, enum lane lane, bool isolated, size_t max,
    int64_t now_ms, struct task *ret_tasks, size_t *ret_count, struct error *error) NODISCARD;
enum status store_claim_through(struct store *store, struct store_gate *gate, enum lane lane,
    bool isolated, size_t max, int64_t now_ms, struct task *ret_tasks, size_t *ret_count,
    struct error *error) NODISCARD;

/**
 * store_release - hand RUNNING tasks back to the queue without counting the attempt, each if its
 * lease still holds; one that had been cancelled is FAILED instead
 * store_defer   - the same, but they are deferred
 * @hosts:      of each task, at most TASK_HOST_SIZE with its NUL, not empty
 * @ret_queued: how many are QUEUED now
 */
enum status store_release(struct store *store, const struct task *tasks, size_t count,
    int64_t now_ms, size_t *ret_queued, struct error *error) NODISCARD;
enum status store_defer(struct store *store, const struct task *tasks, const char *const *hosts,
    size_t count, int64_t now_ms, size_t *ret_queued, struct error *error) NODISCARD;

/**
 * store_next_host - the first host, in the order of its bytes, for which tasks are deferred and
 * that comes after another
 * @after: "" for the first one of all
 * Returns OK; NOT_FOUND when there is none.
 */
enum status store_next_host(struct store *store, const char *after, char ret_host[TASK_HOST_SIZE],
    struct error *error) NODISCARD;

#endif
