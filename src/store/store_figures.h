/* SPDX-License-Identifier: MIT */
/*
 * What the store knows of itself in numbers. Data only; how to ask for it stands in store.h.
 */
#ifndef TASKQ_STORE_STORE_FIGURES_H
#define TASKQ_STORE_STORE_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "task/task.h"

/* Figures kept in the same transactions as the tasks; exact at every commit. */
struct store_counts {
	int64_t by_state[TASK_STATE_COUNT];
	int64_t queued_by_lane[LANE_COUNT];   /* of the QUEUED, those that wait for their lane */
	int64_t held_by_lane[LANE_COUNT];     /* ... those that wait for a time */
	int64_t deferred_by_lane[LANE_COUNT]; /* ... those that wait for their host */
	int64_t running_by_lane[LANE_COUNT];
	int64_t kept_bytes; /* of the completed ones together; see store_kept_bytes */
};

/* Types that are shown: a handful. From the last one on they go together, as STORE_TYPE_OTHER. */
#define STORE_TYPES_MAX  8
#define STORE_TYPE_OTHER "other"

/*
 * The tasks of one type. What is there now, and what has happened since the store was opened, both
 * exact at every commit. Those that have been answered count as submitted and as succeeded, too.
 */
struct store_type_stats {
	char type[TASK_TYPE_SIZE];
	int64_t by_state[TASK_STATE_COUNT];
	int64_t held;                    /* of the QUEUED, those that wait for a time */
	int64_t deferred;                /* ... those that wait for their host */
	int64_t submitted;               /* tasks stored */
	int64_t answered;                /* tasks that had ended before they were stored */
	int64_t succeeded;               /* tasks */
	int64_t failed[FAILURE_COUNT];   /* tasks, by what ended the last attempt */
	int64_t rejected[FAILURE_COUNT]; /* tasks, by why they never ran */
	int64_t retried[FAILURE_COUNT]; /* attempts that failed by this, and another is to follow */
	int64_t interrupted;            /* attempts that a dead run of the service had left */
	int64_t purged;                 /* tasks deleted */
};

/* Figures for people and their monitoring. Counters begin at 0 when the store is opened. */
struct store_stats {
	struct store_counts counts; /* as of the latest commit, also of a store that has stopped */
	struct store_type_stats types[STORE_TYPES_MAX]; /* the same moment */
	size_t type_count;
	int64_t result_files; /* results in files, the same moment */
	int64_t result_file_bytes;

	struct histogram_snapshot commit_us; /* time of each commit that wrote something */
	struct histogram_snapshot
	    commit_commands; /* calls in each: submissions, claims, completions, ... */
	struct histogram_snapshot checkpoint_us; /* time of each try to fold in the log */
	int64_t checkpoints;                     /* those that succeeded */
	int64_t commits_failed; /* transactions that came to nothing for want of space, I/O, ... */
	int64_t failed_mono_ms; /* when the last of those was; 0: never */
	int64_t writer_late_ms; /* for how long the writer has been at what it does; 0: nothing */
	int64_t database_bytes; /* size of its file as of the latest checkpoint */
	int64_t wal_bytes;      /* size of its log */
	int64_t schema_version;
};

#endif
