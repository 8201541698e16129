/* SPDX-License-Identifier: MIT */
/*
 * What the store knows of itself in numbers. Data only; how to ask for it stands in store.h.
 */
#ifndef TASKQ_STORE_STORE_FIGURES_H
#define TASKQ_STORE_STORE_FIGURES_H

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

/* Figures for people and their monitoring. Counters begin at 0 when the store is opened. */
struct store_stats {
	struct store_counts counts; /* as of the latest commit, also of a store that has stopped */
	struct histogram_snapshot commit_us; /* time of each commit that wrote something */
	int64_t commands;       /* calls in those commits: submissions, claims, completions, ... */
	int64_t checkpoints;    /* the log was folded into the database */
	int64_t database_bytes; /* size of its file as of the latest checkpoint */
	int64_t wal_bytes;      /* size of its log */
};

#endif
