/* SPDX-License-Identifier: MIT */
/*
 * What an IO kind brings: an engine that drives many attempts at once in threads of its own.
 */
#ifndef TASKQ_KINDS_ENGINE_H
#define TASKQ_KINDS_ENGINE_H

#include "base/pulse.h"
#include "base/status.h"
#include "kinds/run.h"

struct kind_settings; /* kinds/kind_settings.h */

struct engine;

/* An engine takes runs and gives each back exactly once through `finished`, from its own thread. */
struct engine_ops {
	/**
	 * open - start the engine's threads
	 * @finished: called for every run that was added, with the outcome filled in; must not
	 * block long and must not call the engine
	 * @pulse: the engine's thread keeps it; borrowed; outlives the engine
	 */
	enum status (*open)(const struct kind_settings *settings,
	    void (*finished)(void *context, struct run *run), void *context, struct pulse *pulse,
	    struct engine **ret_engine, struct error *error);

	/**
	 * add - take a run over (run_wait) and begin it when its limits allow; never blocks; any
	 * thread. The caller keeps the number of added and unfinished runs at or below the lane's
	 * slots. Those that wait are asked run_word_waiting.
	 */
	void (*add)(struct engine *engine, struct run *run);

	/**
	 * abort - end every run soon, by its word or else with VERDICT_RELEASED; returns at once;
	 * any thread
	 */
	void (*abort)(struct engine *engine);

	/**
	 * close - abort, give every run back, join the threads, free; NULL is fine
	 */
	void (*close)(struct engine *engine);
};

#endif
