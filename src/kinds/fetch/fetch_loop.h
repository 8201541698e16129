/* SPDX-License-Identifier: MIT */
/*
 * The inside of the fetch engine, for fetch_engine.c (life cycle, what other threads call) and
 * fetch_loop.c (its thread) alone.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_LOOP_H
#define TASKQ_KINDS_FETCH_FETCH_LOOP_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/pulse.h"
#include "base/sync.h"
#include "kinds/fetch/fetch_admission.h"
#include "kinds/fetch/fetch_events.h"
#include "kinds/fetch/fetch_transfer.h"
#include "kinds/kind.h"

struct engine {
	void (*finished)(void *context, struct run *run);
	void *finished_context;
	struct pulse *pulse; /* borrowed */
	pthread_t thread;
	bool is_started;

	struct lock lock; /* LOCK_RANK_ENGINE; guards the next four */
	struct run *added;
	struct run **added_tail;
	bool aborting;
	bool closing;

	/* The thread's own: */
	struct address_policy *policy;
	struct fetch_admission admission;
	struct fetch_context context;
	struct fetch_events events;
	struct fetch_jobs jobs; /* all, waiting and admitted */
	unsigned in_flight;
	LIST_HEAD(, fetch_transfer) pool;
	int64_t ticked_mono_ms;
	int64_t idle_since_mono_ms;
};

/**
 * fetch_loop_main - the engine's thread: returns when it is closing and every run is given back
 */
void *fetch_loop_main(void *engine);

/**
 * fetch_loop_empty_pool - free the transfers that wait for use; the thread, or whoever joined it
 */
void fetch_loop_empty_pool(struct engine *engine);

#endif
