/* SPDX-License-Identifier: MIT */
/*
 * One attempt: what an executor is given, where it leaves what came of it, how far it is, and the
 * word of those who may end it early. The lane makes it, an executor begins and ends it, and
 * whoever cancels the task sets one flag in it.
 *
 * Where attempts ask somebody, their *host*, no more of them than it has places for are to be made
 * at once, and none while it wants to be left alone. One that has not begun by then makes room for
 * those that ask others: it is put aside.
 */
#ifndef TASKQ_KINDS_RUN_H
#define TASKQ_KINDS_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/histogram.h"
#include "task/output.h"
#include "task/task.h"

/* What attempts see of a host. Its owner outlives them. */
struct run_host {
	atomic_int_fast64_t paused_until_mono_us; /* no attempt begins before then */
	atomic_uint taken;                        /* attempts that are with an executor */
	unsigned places;                          /* of them, those that are its to execute */
	atomic_uint pace;                  /* attempts that it ended of late in RUN_PATIENCE_MS */
	atomic_int_fast64_t ended_mono_us; /* ...the last one then */
};

/* The attempts of a kind in numbers. Any thread adds and reads. */
struct run_figures {
	struct histogram wait_us; /* from when the task could have started until it was begun */
	struct histogram run_us;  /* from there to the end; what is handed back does not count */
	atomic_int_fast64_t busy; /* begun and not ended */
};

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
	const atomic_bool *stop;     /* the lane is going down; NULL: it never does */
	atomic_bool is_cancelled;    /* somebody cancelled the task; any thread sets it */
	struct run_host *host;       /* whom it asks; NULL: nobody in particular */
	struct run_figures *figures; /* of its kind; borrowed; NULL: nobody counts */
	bool has_begun;
	bool is_counted;          /* as begun, by the figures */
	int64_t taken_mono_us;    /* when the lane had it; it had waited before */
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
	RUN_PUT_ASIDE,   /* it has not begun: end, and wait for the host elsewhere */
};

/* How long an attempt may wait with its executor for a host that has no place for it. */
#define RUN_PATIENCE_MS INT64_C(100)

/**
 * run_host_pace - how many attempts a host is likely to end within that time; 0 where it has not
 * ended one for twice as long
 */
unsigned run_host_pace(const struct run_host *host, int64_t now_mono_us);

/**
 * run_figures_init - nothing has run
 */
void run_figures_init(struct run_figures *figures);

/**
 * run_wait - note that an executor takes the run up, and lets it wait for its turn
 * run_begin - note that it begins the attempt: from now on its time is counted
 * run_over - note that it has given the run back, whether it has begun it or not
 * Returns how long it had it, in microseconds; since it began it where it did.
 */
void run_wait(struct run *run);
void run_begin(struct run *run);
int64_t run_over(struct run *run);

/**
 * run_word - whether the attempt is to go on, or to begin; for its executor, at least every 100 ms
 * A look at some flags, and at the clock where the task has a time limit or the host a pause. Does
 * not block.
 */
enum run_word run_word(const struct run *run);

/**
 * run_word_waiting - the same for an attempt whose turn has not come: it is put aside, too, where
 * it has waited for long, and as its host goes its turn will not come soon
 * Ask those that came last first: each that is put aside makes room.
 */
enum run_word run_word_waiting(const struct run *run);

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
