/* SPDX-License-Identifier: MIT */
/*
 * What the list of connections and its reaper share; for these two files alone. A connection's
 * phase and deadline are one word, so that they change together and the reaper can tell whether the
 * connection's own thread has moved on since it looked.
 */
#ifndef TASKQ_HTTP_HTTP_REAPER_H
#define TASKQ_HTTP_HTTP_REAPER_H

#include "base/sync.h"
#include "http/http_connections.h"

#define PHASE_BITS 3
#define PHASE_MASK ((1 << PHASE_BITS) - 1)
#define NEVER_US   (INT64_MAX >> PHASE_BITS)

struct connections {
	struct connections_conf conf;
	struct lock lock;
	struct cond changed;      /* the list got its first member, settling moved on, stop */
	struct connection *first; /* guarded by lock, as are all up to `stop` */
	int64_t evict_again_us;   /* not before then, when the last look found nobody idle */
	unsigned scans;
	unsigned peak; /* most connections at once since memory was given back */
	bool stop;
	atomic_bool settling;
	atomic_uint serving; /* open and not leaving; written with the lock held */
	atomic_uint waiting; /* for a task; written with the lock held */
	pthread_t reaper;
};

static inline int64_t
state_make(enum phase phase, int64_t deadline_us)
{
	return (int64_t)((uint64_t)deadline_us << PHASE_BITS) | (int64_t)phase;
}

static inline enum phase
state_phase(int64_t state)
{
	return (enum phase)(state & PHASE_MASK);
}

static inline int64_t
state_deadline(int64_t state)
{
	return state >> PHASE_BITS;
}

/**
 * state_replace - move a connection on unless its thread has done so meanwhile
 */
static inline bool
state_replace(struct connection *connection, int64_t from, enum phase phase, int64_t deadline_us)
{
	return atomic_compare_exchange_strong(
	    &connection->state, &from, state_make(phase, deadline_us));
}

/**
 * phase_budget_us - how long a phase may last; -1 for those without a limit
 */
int64_t phase_budget_us(const struct connections_conf *conf, enum phase phase);

/**
 * reaper_dismiss_locked - let an idle connection end by itself: what has already arrived is still
 * read and answered
 * @state: the idle state in which it was seen
 */
void reaper_dismiss_locked(struct connections *list, struct connection *connection, int64_t state,
    int64_t now_us) REQUIRES(list->lock);

/**
 * reaper_run - the reaper's thread: scan while there are connections, until `stop`
 */
void *reaper_run(void *list);

#endif
