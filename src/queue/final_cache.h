/* SPDX-License-Identifier: MIT */
/*
 * The tasks that ended of late, in memory: most reads ask for a task that has just ended, and what
 * is final never changes. The latest small results are kept beside the states; older and larger
 * ones are left to the store. An entry serves for a minute and is read afresh then, so that a task
 * that another process deletes is not shown for longer. Every function is safe from any thread and
 * blocks for a copy at most.
 */
#ifndef TASKQ_QUEUE_FINAL_CACHE_H
#define TASKQ_QUEUE_FINAL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "queue/result_ring.h"
#include "store/store.h"
#include "task/task.h"

enum {
	/* Content, response and message of one entry together. */
	FINAL_CACHE_RESULT_MAX_BYTES = RESULT_RING_RESULT_MAX_BYTES,
	FINAL_CACHE_AGE_MAX_MS = 60 * 1000,
};

struct final_cache;

/**
 * final_cache_new - a cache of about `tasks` tasks; 0: one that keeps nothing
 * All the memory that it ever takes is allocated here, and becomes resident as it is used. `tasks`
 * counts as the next power of two, 4 at least. Each takes 162 bytes, and 512 bytes of the rings for
 * results, so with 5 KiB of its own 11 MiB for 16,384 tasks and 674 MiB for 1,048,576. There is one
 * ring for every four tasks, 64 at most, and none is smaller than 4,704 bytes: up to 512 tasks they
 * take that instead, 294 KiB together at most. Where results take more than their 512 bytes on
 * average (see result_ring_put), the older ones are left to the store.
 */
enum status final_cache_new(
    size_t tasks, struct final_cache **ret_cache, struct error *error) NODISCARD;

void final_cache_free(struct final_cache *cache);

/* Before a call of the store. */
struct final_cache_moment {
	uint64_t forgotten; /* tasks until then */
	int64_t mono_ms;    /* from which an entry's age counts */
};

/**
 * final_cache_moment - now
 */
struct final_cache_moment final_cache_moment(const struct final_cache *cache, int64_t now_mono_ms);

/**
 * final_cache_put_status - remember a state; ignored unless it is final
 * @moment: from before the store was asked for it
 */
void final_cache_put_status(
    struct final_cache *cache, const struct task_status *status, struct final_cache_moment moment);

/**
 * final_cache_put_result - remember a state and its result; only the state where the result is
 * large
 */
void final_cache_put_result(
    struct final_cache *cache, const struct task_result *result, struct final_cache_moment moment);

/**
 * final_cache_put_completion - remember what has been committed
 * @moment: from before its commit
 */
void final_cache_put_completion(struct final_cache *cache, const struct completion *completion,
    struct final_cache_moment moment);

/**
 * final_cache_put_ended - remember a task that was stored as ended (task->ended)
 */
void final_cache_put_ended(
    struct final_cache *cache, const struct task_new *task, struct final_cache_moment moment);

/**
 * final_cache_forget - the task is deleted, by a commit that has been made; it is not known again,
 * whoever puts it
 */
void final_cache_forget(struct final_cache *cache, const char *id);

/**
 * final_cache_get_status / final_cache_get_result - false where it is not known
 * A result is a copy, the caller's (task_result_done).
 */
bool final_cache_get_status(
    struct final_cache *cache, const char *id, int64_t now_mono_ms, struct task_status *ret_status);
bool final_cache_get_result(
    struct final_cache *cache, const char *id, int64_t now_mono_ms, struct task_result *ret_result);

#endif
