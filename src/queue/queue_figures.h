/* SPDX-License-Identifier: MIT */
/* Why submissions are refused, and what the queue knows of itself in numbers. Data only. */
#ifndef TASKQ_QUEUE_QUEUE_FIGURES_H
#define TASKQ_QUEUE_QUEUE_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store_figures.h"
#include "task/task.h"

/* Why a submission is refused for load. */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_QUEUE_FULL,
	REFUSAL_WAIT_TOO_LONG,
	REFUSAL_HOST_FULL,
	REFUSAL_SCHEDULE_FULL,
	REFUSAL_DISK_LOW,
	REFUSAL_DRAINING,
	REFUSAL_STORE_BUSY,
};

#define REFUSAL_COUNT 8

/**
 * refusal_word - the word in /stats and the log; static storage
 */
const char *refusal_word(enum refusal refusal);

struct lane_stats {
	int64_t queued;             /* ready: they wait for their lane */
	int64_t scheduled;          /* held: they wait for a time */
	int64_t deferred;           /* they wait for their host */
	int64_t running;            /* claimed: those that wait for an executor among them */
	int64_t slots;              /* executors of the CPU lane, places of the IO lane */
	int64_t busy;               /* ... of them, those that execute something */
	int64_t oldest_wait_ms;     /* for how long the oldest of the queued has waited */
	int64_t drained_per_1000_s; /* smoothed rate at which tasks leave the queue */
	int64_t wait_ms;            /* of the last one in it, as predicted; -1: not known */
};

/* Of the hosts that tasks ask. */
struct hosts_stats {
	int64_t known;     /* in memory */
	int64_t paused;    /* of them, those that want to be left alone, or did a second ago */
	int64_t deferring; /* ...and those for which tasks are deferred */
	int64_t pauses;    /* begun since start */
	int64_t deferrals; /* of tasks since start: each wait for a host, however long */
};

/* Kinds of tasks that there may be. */
#define QUEUE_KINDS_MAX 8

/* A type of tasks: a kind of this program's, or one that only the database knows. */
struct type_stats {
	struct store_type_stats tasks;
	bool is_kind;   /* otherwise nothing of it runs, and what follows is empty */
	enum lane lane; /* that runs it */
	struct histogram_snapshot wait_us; /* of each attempt that began; see struct run_figures */
	struct histogram_snapshot run_us;
};

/* Figures for people and their monitoring; counters begin at 0 when the queue is opened. */
struct queue_stats {
	struct store_stats store;
	struct lane_stats lanes[LANE_COUNT];
	struct hosts_stats hosts;
	struct type_stats types[QUEUE_KINDS_MAX + STORE_TYPES_MAX]; /* the kinds first */
	size_t type_count;
	int64_t disk_free_bytes; /* of the data directory's file system; -1: not known */
	int64_t disk_free_min_bytes;
	bool disk_low; /* submissions are refused until there is more */
	bool draining;
	int64_t
	    engine_late_ms; /* for how long an engine has not looked after its runs; 0: it does */
	enum refusal admission; /* what a submission would be refused for now */
	int64_t waiting_max;
	int64_t wait_max_s; /* 0: any */
	int64_t held_max;
	int64_t refused[REFUSAL_COUNT]; /* submissions refused, by reason; a batch is one */
	int64_t kept_bytes_max;         /* that completed tasks may count for; 0: any number */
	int64_t purged;                 /* tasks deleted... */
	int64_t purged_early;           /* ...and of those, before their time, for want of room */
	int64_t silent_ms; /* since the housekeeping, which goes through the store's writer once a
			      second, last came round: a service that hangs falls silent */
};

#endif
