/* SPDX-License-Identifier: MIT */
/*
 * The inside of a lane, shared by lane.c (life cycle, window), lane_start.c, lane_claimer.c,
 * lane_finisher.c and lane_write.c. For those alone.
 */
#ifndef TASKQ_QUEUE_LANE_POOL_H
#define TASKQ_QUEUE_LANE_POOL_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "base/sync.h"
#include "queue/cpu_pool.h"
#include "queue/lane.h"

enum {
	/* Tasks in one claim and completions in one commit at most. */
	LANE_BATCH_MAX = 256,
	/*
	 * What finished runs that wait for their commit may hold: bytes of memory, where one with a
	 * spill file, thus a descriptor, counts as so many. From there on nothing is claimed, and
	 * executors of the CPU lane wait before they hand over another. The IO lane's runs keep
	 * their place until they are written, so there the number of places is the bound.
	 */
	LANE_UNWRITTEN_MAX_BYTES = 16 * 1024 * 1024,
	LANE_SPILLED_BYTES = 256 * 1024,
	/* Of that, what goes into one commit, but for a single run that is larger. */
	LANE_BATCH_MAX_BYTES = 8 * 1024 * 1024,
	/* Runs whose memory is kept for others: 202 KiB. */
	LANE_SPARES_MAX = 256,
	/* Cancels of tasks on their way into the lane that are remembered. */
	LANE_CANCELS_MAX = 64,
	/* A lost wake-up costs at most this. It also finds what other processes put back. */
	LANE_POLL_MS = 1000,
	/* After a store error: the first pause, doubled up to the last. */
	LANE_BACKOFF_FIRST_MS = 50,
	LANE_BACKOFF_LAST_MS = 2000,
};

/* An IO kind's engine in this lane. */
struct lane_engine {
	const struct kind *kind;
	struct engine *engine;
};

struct lane_pool {
	struct lane_conf conf;
	atomic_bool stop;            /* runs look at it: end soon */
	atomic_bool woken;           /* there may be something to claim */
	struct cpu_pool *cpu;        /* CPU lane */
	struct lane_engine *engines; /* IO lane */
	size_t engine_count;

	struct lock lock; /* LOCK_RANK_LANE; guards everything below */
	struct cond claim_changed;
	struct cond finish_changed;
	struct cond became_empty;
	struct cond written;     /* unwritten went down, or closing */
	int64_t look_at_mono_ms; /* until when the claimer waits, where it does */
	bool held;               /* claim no more */
	bool closing;            /* the claimer ends; nobody pauses any more */
	bool drained;            /* engines are closed: the finisher ends when its list is empty */
	size_t claiming;         /* most that the claimer may take in the look that is under way */
	bool isolated_running;   /* one of the tasks that run alone is claimed */
	size_t executing;        /* added to an engine, or about to be, and not finished */
	size_t starting;         /* of those, reserved by submissions that are under way */
	size_t uncommitted;      /* finished, not yet written */
	size_t unwritten;        /* bytes that those hold; see LANE_UNWRITTEN_MAX_BYTES */
	struct run *finished;    /* in order of finishing */
	struct run **finished_tail;
	LIST_HEAD(, run) runs; /* all that is claimed or started, and not written */
	/* Cancelled while a claim or a start was under way: its run may not be on the list yet. */
	char cancels[LANE_CANCELS_MAX][UUID_TEXT_SIZE];
	size_t cancel_count; /* so far; the latest are kept */
	size_t cancelling;   /* threads that take out of the CPU pool what was cancelled */
	struct run *spare;   /* memory of runs that are over */
	size_t spare_count;
	bool cost_is_known; /* a run has ended since start */
	double cost_us;     /* smoothed execution time of a run, for the CPU lane's window */

	bool claimer_started, finisher_started;
	pthread_t claimer, finisher;
};

void *lane_claimer_main(void *lane);
void *lane_finisher_main(void *lane);

/* lane_room_locked - how many more tasks the lane should claim now */
size_t lane_room_locked(const struct lane_pool *lane) REQUIRES(lane->lock);

/* lane_waiting - how many tasks wait in the store for this lane, as far as this process knows */
int64_t lane_waiting(const struct lane_pool *lane);

/**
 * lane_has_reason - whether who makes room has the claimer look: something waits, or it was woken
 * when there was no room to look. Nobody wakes it twice
 */
bool lane_has_reason(const struct lane_pool *lane);

/* lane_is_empty_locked - whether nothing is claimed, or about to be, that is not written */
bool lane_is_empty_locked(const struct lane_pool *lane) REQUIRES(lane->lock);

/**
 * lane_list_locked           - have a run on the list of those that can be cancelled, before it is
 * dispatched
 * lane_forget_cancels_locked - where no claim and no start is under way, none is waited for
 */
void lane_list_locked(struct lane_pool *lane, struct run *run) REQUIRES(lane->lock);
void lane_forget_cancels_locked(struct lane_pool *lane) REQUIRES(lane->lock);

/**
 * lane_dispatch - give runs, a list by `next`, to what executes their kind; the reasons not to are
 * outcomes like any other. Takes the runs
 */
void lane_dispatch(struct lane_pool *lane, struct run *runs);

/**
 * lane_finished      - what engines call for a run that has ended; takes the run. Holds an executor
 * of the CPU lane up while too much waits to be written
 * lane_hand_over     - the same for one that no executor had; does not wait
 * lane_end_cancelled - end such runs, which were cancelled, a list by `next`; does not wait
 */
void lane_finished(void *lane, struct run *run);
void lane_hand_over(struct lane_pool *lane, struct run *run);
void lane_end_cancelled(struct lane_pool *lane, struct run *runs);

/* lane_run_weight - what a finished run holds until it is written, in bytes */
size_t lane_run_weight(const struct run *run);

/* lane_pause - wait after a store error; doubles *backoff_ms. False, at once, when it closes */
bool lane_pause(struct lane_pool *lane, struct cond *cond, int64_t *backoff_ms);

/**
 * lane_spare_take_locked - the memory of a run that is over, or NULL
 * lane_spare_give_locked - keep a run's memory for the next, or free it where enough is kept
 * A run begins in a connection's thread and ends in the finisher's. By way of malloc its memory
 * would pile up in the caches that malloc has for each of a thousand threads.
 */
struct run *lane_spare_take_locked(struct lane_pool *lane) REQUIRES(lane->lock);
void lane_spare_give_locked(struct lane_pool *lane, struct run *run) REQUIRES(lane->lock);

/**
 * lane_run_new - a run around a task; takes the task on success
 * @spare: what lane_spare_take_locked gave; taken. NULL: allocate
 * lane_run_done - end what a run holds; its memory is for lane_spare_give_locked
 */
struct run *lane_run_new(struct lane_pool *lane, struct run *spare, struct task *task);
void lane_run_done(struct run *run);

#endif
