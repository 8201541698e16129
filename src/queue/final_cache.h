/* SPDX-License-Identifier: MIT */
/*
 * The tasks that ended of late, in memory: most reads ask for a task that has just ended, and what
 * is final never changes. Small results are kept with the state; larger ones are left to the store.
 * An entry serves for a minute and is read afresh then, so that a task that another process deletes
 * is not shown for longer. Every function is safe from any thread and blocks for a copy at most.
 */
#ifndef TASKQ_QUEUE_FINAL_CACHE_H
#define TASKQ_QUEUE_FINAL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "store/store.h"
#include "task/task.h"

enum {
	/* Content, response and message of one entry together. */
	FINAL_CACHE_RESULT_MAX_BYTES = 1024,
	FINAL_CACHE_AGE_MAX_MS = 60 * 1000,
};

struct final_cache;

/**
 * final_cache_new - a cache of about `tasks` tasks; 0: one that keeps nothing
 * Takes some 200 bytes for each, and the small results as they come: 1.5 KiB for one at most.
 */
enum status final_cache_new(
    size_t tasks, struct final_cache **ret_cache, struct error *error) NODISCARD;

void final_cache_free(struct final_cache *cache);

/**
 * final_cache_put_status - remember a state; ignored unless it is final
 */
void final_cache_put_status(
    struct final_cache *cache, const struct task_status *status, int64_t now_mono_ms);

/**
 * final_cache_put_result - remember a state and its result; only the state where the result is
 * large
 */
void final_cache_put_result(
    struct final_cache *cache, const struct task_result *result, int64_t now_mono_ms);

/**
 * final_cache_put_completion - remember what has been committed
 */
void final_cache_put_completion(
    struct final_cache *cache, const struct completion *completion, int64_t now_mono_ms);

/**
 * final_cache_get_status / final_cache_get_result - false where it is not known
 * A result is a copy, the caller's (task_result_done).
 */
bool final_cache_get_status(
    struct final_cache *cache, const char *id, int64_t now_mono_ms, struct task_status *ret_status);
bool final_cache_get_result(
    struct final_cache *cache, const char *id, int64_t now_mono_ms, struct task_result *ret_result);

#endif
