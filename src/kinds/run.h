/* SPDX-License-Identifier: MIT */
/*
 * One attempt: what an executor is given, where it leaves what came of it, how far it is, and the
 * word of those who may end it early. The lane makes it, an executor begins and ends it, and
 * whoever cancels the task sets one flag in it.
 */
#ifndef TASKQ_KINDS_RUN_H
#define TASKQ_KINDS_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "task/output.h"
#include "task/task.h"

#define RUN_PROGRESS_WHOLE 1000 /* progress is counted in thousandths */

struct run;

/* Who is told that an attempt has come further, where somebody waits to hear that. */
struct run_watch {
	/* By the executor, outside of any lock: must neither block nor call the store. */
	void (*progressed)(void *context, struct run *run);
	void *context;
};

struct run {
	struct task task;
	struct output output;
	struct outcome outcome;
	const atomic_bool *stop;  /* the lane is going down; NULL: it never does */
	atomic_bool is_cancelled; /* somebody cancelled the task; any thread sets it */
	int64_t began_mono_us;    /* when the executor took it up; the lane's measure of cost */
	int64_t deadline_mono_us; /* of the attempt; 0: none */
	uint64_t memory_bytes;    /* that the pool counts for it; the pool's */
	struct run *next;         /* for the list it is on; the owner of the run owns the link */
	LIST_ENTRY(run) in_lane;  /* the lane's list of its runs; the lane's */
	struct task_start start;  /* where the task starts with its submission; the lane's */
	atomic_uint progress;     /* thousandths and 1; 0: not known */
	atomic_bool progress_is_told;  /* nobody waits to hear of more; clear it to do so */
	const struct run_watch *watch; /* told of the first progress, and where it is awaited */
	LIST_ENTRY(run) in_watch;      /* the watch's, as is the next */
	bool is_watched;
};

/* What an attempt is to do. */
enum run_word {
	RUN_GO_ON,
	RUN_CANCELLED,   /* end, FAILED */
	RUN_OUT_OF_TIME, /* end, FAILED */
	RUN_HAND_BACK,   /* end, as if it had not been begun */
};

/**
 * run_begin - note that an executor takes the run up: from now on its time is counted
 */
void run_begin(struct run *run);

/**
 * run_word - whether the attempt is to go on; for its executor, at least every 100 ms
 * A look at two flags, and at the clock where the task has a time limit. Does not block.
 */
enum run_word run_word(const struct run *run);

/**
 * run_progress - note how much of the work is done; as often as its executor likes
 * It never falls: what is less than was noted before is passed over. A whole of which no part was
 * noted before is nothing to report. Cheap where it has not come a thousandth further; any thread,
 * as long as the run is its executor's.
 * @total: what `done` is measured by; 0: not known, and nothing is noted
 */
void run_progress(struct run *run, uint64_t done, uint64_t total);

/**
 * run_progress_now - thousandths of the work that are done, RUN_PROGRESS_WHOLE for all of it; -1:
 * not known. Any thread
 */
int run_progress_now(const struct run *run);

/**
 * run_end_early - fill in the outcome of an attempt that ends by this word (not RUN_GO_ON)
 * What it has written is dropped.
 */
void run_end_early(struct run *run, enum run_word word);

#endif
