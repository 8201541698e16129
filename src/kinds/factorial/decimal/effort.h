/* SPDX-License-Identifier: MIT */
/*
 * How far a long computation is, and whether it is to go on. The work is a series of shares, each
 * planned when it begins, in units of its own.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_EFFORT_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define EFFORT_QUANTUM 65536

/* Who watches the work; may be NULL where nobody does. Called in the thread that works. */
struct effort_watch {
	/* Returns true when the work is to end; then it is not called again. */
	bool (*is_to_stop)(void *context);
	/* NULL, or is told how much of the work is done: never less than before, nor all of it. */
	void (*progress)(void *context, uint64_t done, uint64_t total);
	void *context;
};

struct effort {
	const struct effort_watch *watch; /* borrowed */
	struct error *error;              /* borrowed; may be NULL */
	double begun;                     /* what was done before the present share, of 1 */
	double share;                     /* of the whole */
	double planned;                   /* units of the share */
	double spent;                     /* of those */
	double quiet;                     /* units since the watch was last called */
};

/**
 * effort_begin_share - the last share is done; the next one is so much of the whole work
 * @share:   of 1; all shares together are 1
 * @planned: its units, as far as they are known
 */
void effort_begin_share(struct effort *effort, double share, double planned);

/**
 * effort_spend - so many units more are done; a piece between two calls takes milliseconds at most
 * A unit is some nanoseconds. The watch hears of it when they have come to EFFORT_QUANTUM, so that
 * small pieces cost nothing. Returns OK, or CANCELLED when the work is to end.
 */
enum status effort_spend(struct effort *effort, double units) NODISCARD;

#endif
