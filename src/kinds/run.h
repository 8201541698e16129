/* SPDX-License-Identifier: MIT */
/*
 * One attempt: what an executor is given, where it leaves what came of it, and the word of those
 * who may end it early. The lane makes it, an executor begins and ends it, and whoever cancels the
 * task sets one flag in it.
 */
#ifndef TASKQ_KINDS_RUN_H
#define TASKQ_KINDS_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "task/output.h"
#include "task/task.h"

struct run {
	struct task task;
	struct output output;
	struct outcome outcome;
	const atomic_bool *stop;  /* the lane is going down; NULL: it never does */
	atomic_bool is_cancelled; /* somebody cancelled the task; any thread sets it */
	int64_t began_mono_us;    /* when the executor took it up; the lane's measure of cost */
	int64_t deadline_mono_us; /* of the attempt; 0: none */
	struct run *next;         /* for the list it is on; the owner of the run owns the link */
	LIST_ENTRY(run) in_lane;  /* the lane's list of its runs; the lane's */
	struct task_start start;  /* where the task starts with its submission; the lane's */
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
 * run_end_early - fill in the outcome of an attempt that ends by this word (not RUN_GO_ON)
 * What it has written is dropped.
 */
void run_end_early(struct run *run, enum run_word word);

#endif
