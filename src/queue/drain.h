/* SPDX-License-Identifier: MIT */
/*
 * How fast tasks leave the queue of a lane, and what follows from it for those that wait. Two
 * rates: one of late, whatever the reason for it; and the lane's pace, how fast it goes while tasks
 * wait. What leaves a lane in which nobody waits tells how fast tasks come and not how fast they
 * could go, so the pace is measured anew whenever the lane has been empty. Until it is known there
 * is a guess, which is good for advice and for no refusal. Any thread, but for drain_tick; does not
 * block.
 */
#ifndef TASKQ_QUEUE_DRAIN_H
#define TASKQ_QUEUE_DRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DRAIN_UNKNOWN = -1,
	/*
	 * The pace is that of the shortest time back from now that has lasted so long and has seen
	 * so many tasks go: long enough for a commit that takes its time not to count, and enough
	 * tasks for chance to move it by no more than a sixteenth or so.
	 */
	DRAIN_LEAST_MS = 5 * 1000,
	DRAIN_LEAST_TASKS = 256,
	/* Where tasks are too long for that: what there is after this, up to so many ticks. */
	DRAIN_LONG_MS = 60 * 1000,
	DRAIN_MARKS = 300,
};

struct drain_mark {
	int64_t at_ms;
	int64_t taken;
};

struct drain {
	atomic_int_fast64_t taken;      /* tasks claimed since start */
	atomic_int_fast64_t per_1000_s; /* smoothed rate of late, tasks in 1,000 seconds */
	atomic_int_fast64_t pace;       /* while tasks wait, the same; 0: not known */
	atomic_int_fast64_t guess;      /* at it, from less; 0: none goes; DRAIN_UNKNOWN */
	atomic_bool was_empty;          /* since the latest tick */
	/* The ticking thread's alone: */
	int64_t now_ms;                       /* by the ticks */
	int64_t taken_before;                 /* at the latest tick */
	struct drain_mark marks[DRAIN_MARKS]; /* a ring: of each tick since tasks wait */
	size_t latest;
	size_t count;
};

void drain_init(struct drain *drain);

/**
 * drain_note_taken - so many tasks were taken up; negative: so many were after all not
 * drain_note_empty - nobody waits at this moment
 */
void drain_note_taken(struct drain *drain, int64_t count);
void drain_note_empty(struct drain *drain);

/**
 * drain_tick - measure; once a second or so, one thread alone
 * @waiting:     tasks that wait now
 * @is_hindered: none is to be taken up, for reasons that are no task's: nothing is learnt from it
 */
void drain_tick(struct drain *drain, int64_t elapsed_ms, int64_t waiting, bool is_hindered);

/**
 * drain_wait_ms - how long the last of so many tasks will wait; -1: the pace is not known
 * Where no task has gone for long it is as if one just had, so a wait is never told too long for
 * that.
 */
int64_t drain_wait_ms(const struct drain *drain, int64_t waiting);

/**
 * drain_capacity - how many tasks go within a time, at least 1; INT64_MAX: the pace is not known
 */
int64_t drain_capacity(const struct drain *drain, int64_t time_s);

/**
 * drain_rate - tasks in 1,000 seconds while tasks wait: the pace, or else what is known of it
 * Returns DRAIN_UNKNOWN before a task has been seen to go; 0 where none has gone since tasks wait,
 * and that is DRAIN_LEAST_MS and more.
 */
int64_t drain_rate(const struct drain *drain);

#endif
