/* SPDX-License-Identifier: MIT */
/*
 * Retention: what is completed is kept for a while, and then deleted. Part of store.h, which has
 * the rules that hold for every call.
 */
#ifndef TASKQ_STORE_STORE_PURGE_H
#define TASKQ_STORE_STORE_PURGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/uuid.h"

struct store;

/* How long and how many; 0: for ever, or any number. */
struct store_retention {
	int64_t succeeded_ms; /* since they finished */
	int64_t failed_ms;    /* FAILED and REJECTED */
	int64_t tasks_max;    /* tasks of every state; beyond it the oldest completed ones go */
};

/* Tasks that one store_purge deletes at most. */
#define STORE_PURGE_MAX 256

struct store_purged {
	size_t count;
	char ids[STORE_PURGE_MAX][UUID_TEXT_SIZE];
	bool has_more; /* it is worth calling again at once */
};

/**
 * store_purge - delete completed tasks that are not to be kept any longer, with their results and
 * attempts; one slice: a commit of at most STORE_PURGE_MAX of them, oldest first. What is not
 * completed is never deleted. A slice looks at a bounded number of tasks, so one that is due may be
 * met only by a later call.
 */
enum status store_purge(struct store *store, const struct store_retention *retention,
    int64_t now_ms, struct store_purged *ret_purged, struct error *error) NODISCARD;

#endif
