/* SPDX-License-Identifier: MIT */
/*
 * A back end in front of another store: it passes every call on, has the oracle judge it, and makes
 * calls fail. Several stores may be open on one world at a time: one may belong to a service that
 * is dead, or does not know yet that another has taken its tasks over.
 *
 * One thread, or fibers: a call and its judgement are one piece then, with a chance for others
 * before and after it.
 */
#ifndef TASKQ_TESTS_CHECKED_STORE_H
#define TASKQ_TESTS_CHECKED_STORE_H

#include "oracle.h"
#include "store/store.h"

/* Tasks that a claim looks at. */
#define CHECKED_JUDGED_MAX (512 + STORE_GATE_ASIDE_MAX)

struct checked_world {
	struct oracle *oracle;
	struct store *inner;
	unsigned faults_per_mille;  /* calls that fail and do nothing */
	bool counts_every_call;     /* compare the counters after every call */
	void (*apart)(bool begins); /* around each call; NULL: one thread */
	struct task_start *started; /* by the call that is under way */
	enum lane started_lane;
	/* In the claim that is under way: what its gate has said. */
	struct store_gate *gate;
	struct oracle_judged judged[CHECKED_JUDGED_MAX];
	size_t judged_count;
};

/* How it stands with the service whose store this is. */
enum checked_mode {
	CHECKED_ALIVE,
	CHECKED_DEAD,   /* nothing arrives any more: UNKNOWN */
	CHECKED_FENCED, /* another has taken over: only ends of attempts arrive, which are late */
};

struct checked_store;

/**
 * checked_store_open - a store in front of world->inner, which may be another one from call to call
 * @fatal: called when it dies
 */
void checked_store_open(struct checked_world *world, void (*fatal)(void *context, const char *why),
    void *context, struct store **ret_store, struct checked_store **ret_checked);

/* checked_store_attach - after world->inner was opened: hear what it starts */
void checked_store_attach(struct checked_world *world);

void checked_store_set_mode(struct checked_store *checked, enum checked_mode mode);

/**
 * checked_store_die - the service goes down in one of its next calls that write, of which nobody
 * will be told what came: it is done, or it is not
 * @calls: that are made until then
 */
void checked_store_die(struct checked_store *checked, unsigned calls, bool is_done);

#endif
