/* SPDX-License-Identifier: MIT */
/* How far a computation is; see effort.h. One thread at a time. */
#include "kinds/factorial/decimal/effort.h"

#include <stddef.h>

#define PROGRESS_TOTAL 1000000

void
effort_begin_share(struct effort *effort, double share, double planned)
{
	effort->begun += effort->share;
	effort->share = share;
	effort->planned = planned;
	effort->spent = 0;
}

enum status
effort_spend(struct effort *effort, double units)
{
	const struct effort_watch *watch = effort->watch;
	double done;

	effort->spent += units;
	effort->quiet += units;
	if (watch == NULL || effort->quiet < EFFORT_QUANTUM)
		return STATUS_OK;
	effort->quiet = 0;
	if (watch->is_to_stop(watch->context))
		return error_set(effort->error, STATUS_CANCELLED, "the work was stopped");
	if (watch->progress == NULL)
		return STATUS_OK;
	/* A plan that was too small does not go on into the next share. */
	done = effort->spent < effort->planned ? effort->spent / effort->planned : 1;
	done = effort->begun + effort->share * done;
	/* Whoever is asked whether to go on is not done. */
	watch->progress(watch->context,
	    done < 1 ? (uint64_t)(done * PROGRESS_TOTAL) : PROGRESS_TOTAL - 1, PROGRESS_TOTAL);
	return STATUS_OK;
}
