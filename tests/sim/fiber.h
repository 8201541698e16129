/* SPDX-License-Identifier: MIT */
/*
 * Threads of control that take turns in one thread, and a clock that goes on when all of them wait.
 * Who is next is drawn, so a seed gives the same order again, and any other seed another one. With
 * fiber_sync.c in the place of base/sync.c everything that stands on it runs like this.
 */
#ifndef TASKQ_TESTS_FIBER_H
#define TASKQ_TESTS_FIBER_H

#include "sim.h"

#define FIBER_FOREVER INT64_MAX

struct fiber;
struct lock;

/* How rough their life is. */
struct fiber_manner {
	unsigned switch_per_mille;   /* at a place where another may go on, one does */
	unsigned spurious_per_mille; /* of waits that end although nobody has woken them */
	unsigned stall_per_million;  /* at such a place, one is held up... */
	int64_t stall_max_us;        /* ...for so long at most */
};

/**
 * fibers_begin - the caller becomes the first fiber
 * fibers_end   - and the only one again: the others have been joined
 */
void fibers_begin(struct sim *sim, int64_t wall_ms);
void fibers_end(void);

void fibers_set_manner(struct fiber_manner manner);

/* fiber_start - @name: static storage */
struct fiber *fiber_start(const char *name, size_t stack_bytes, void *(*run)(void *arg), void *arg);
void fiber_join(struct fiber *fiber);
struct fiber *fiber_self(void);

/* fiber_top_lock - a place for fiber_sync.c: the lock that a fiber has taken last, and holds */
struct lock **fiber_top_lock(struct fiber *fiber);

/* fiber_pass - a place where another may go on */
void fiber_pass(void);

/**
 * fiber_wait - let others go on until somebody wakes `what`, or it is that time
 * Returns false when the time had come. May return for no reason.
 * fiber_wake - one of those that wait for it, or all
 */
bool fiber_wait(const void *what, int64_t until_us);
void fiber_wake(const void *what, bool all);
void fiber_sleep(int64_t us);

/* fiber_alone - from now on nobody else goes on, until it is taken back */
void fiber_alone(bool is_alone);

/* The clock, monotonic; and by how much somebody moves the wall clock. */
int64_t fiber_now_us(void);
void fiber_move_wall(int64_t by_ms);

#endif
