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
	int64_t bytes_max;    /* of the completed tasks together, as store_kept_bytes counts them */
};

/* Tasks that one store_purge deletes at most... */
#define STORE_PURGE_MAX 256

/* ...and bytes in the database from which it deletes no further one: every page of a content that
   is freed has to be read. */
#define STORE_PURGE_BYTES_MAX (INT64_C(2) << 20)

struct store_purged {
	size_t count;
	size_t early_count; /* of them, those that went before their time, for want of room */
	char ids[STORE_PURGE_MAX][UUID_TEXT_SIZE];
	bool has_more; /* it is worth calling again at once */
};

/**
 * store_purge - delete completed tasks that are not to be kept any longer, with their results and
 * attempts; one slice: a commit of at most STORE_PURGE_MAX of them, in the order in which they
 * ended. What is not completed is never deleted. A slice looks at a bounded number of tasks, so one
 * that is due may be met only by a later call.
 */
enum status store_purge(struct store *store, const struct store_retention *retention,
    int64_t now_ms, struct store_purged *ret_purged, struct error *error) NODISCARD;

/* The parts of a completed task that take space; in bytes. */
struct store_kept {
	size_t args;
	size_t message;
	size_t response;
	uint64_t content; /* in the database or in a file */
	int attempts;     /* begun */
};

/**
 * store_kept_bytes - what a completed task counts for: its parts, and a flat sum for its row, its
 * places in indexes, and each attempt after the first. The same stands in sql/sqlite/.
 */
int64_t store_kept_bytes(const struct store_kept *kept);

#endif
