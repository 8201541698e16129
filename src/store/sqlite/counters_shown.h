/* SPDX-License-Identifier: MIT */
/*
 * What everybody sees of the counters, as of the latest commit. The writer's thread shows it; any
 * thread copies it, without a lock.
 */
#ifndef TASKQ_STORE_SQLITE_COUNTERS_SHOWN_H
#define TASKQ_STORE_SQLITE_COUNTERS_SHOWN_H

#include "base/seqlock.h"
#include "store/store.h"

struct counters;

/* Results in files. */
struct file_tally {
	int64_t count;
	int64_t bytes;
};

/* What is shown. Of `types`, those that are not in use are not written. */
struct counters_shown {
	struct store_counts counts;
	struct file_tally files;
	int64_t type_count;
	struct store_type_stats types[STORE_TYPES_MAX];
};

/**
 * counters_show - let everybody see what is committed; counters_committed does it
 */
void counters_show(struct counters *counters);

/**
 * counters_read  - the sums as of the latest commit; any thread, no lock
 * counters_stats - the same, by type, and of files: that part of store_stats
 */
void counters_read(const struct counters *counters, struct store_counts *ret_counts);
void counters_stats(const struct counters *counters, struct store_stats *stats);

#endif
