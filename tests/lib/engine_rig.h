/* SPDX-License-Identifier: MIT */
/*
 * A fetch engine and its runs, for tests: runs are added by URL, waited for, looked at, and it is
 * checked that each is given back exactly once. Used by the test's thread.
 */
#ifndef TASKQ_TESTS_ENGINE_RIG_H
#define TASKQ_TESTS_ENGINE_RIG_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/sync.h"
#include "kinds/kind.h"
#include "kinds/kind_settings.h"

struct rig_run {
	struct run run;
	struct engine_rig *rig;
	unsigned given_back;
	unsigned order; /* among those given back: 1 for the first */
	struct rig_run *next;
};

struct engine_rig {
	struct kind_settings settings;
	struct engine *engine;
	struct pulse pulse;
	struct output_conf output;
	/* Of the runs that are added from now on: */
	struct task_terms terms;
	bool is_cancelled;
	struct run_host *host; /* NULL: none; its `taken` is counted */
	char dir[64];
	atomic_bool stop;
	void (*on_finished)(struct rig_run *run); /* in the engine's thread; may be NULL */
	struct lock lock;
	struct cond changed;
	unsigned given_back; /* all */
	struct rig_run *runs;
};

/**
 * rig_settings - settings that suit tests: everything below 127.0.0.0/8 is allowed
 */
struct fetch_settings rig_settings(void);

void rig_open(struct engine_rig *rig, const struct fetch_settings *settings);

/**
 * rig_add - hand a run for this URL to the engine; the rig owns it
 */
struct rig_run *rig_add(struct engine_rig *rig, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * rig_wait / rig_wait_all - until the run, or every run, was given back; fails after a minute
 */
void rig_wait(struct engine_rig *rig, struct rig_run *run);
void rig_wait_all(struct engine_rig *rig);

/**
 * rig_is_back - whether the run was given back by now
 */
bool rig_is_back(struct engine_rig *rig, const struct rig_run *run);

/**
 * rig_fetch - rig_add and rig_wait
 */
struct rig_run *rig_fetch(struct engine_rig *rig, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * rig_content - the bytes of a run's output with a NUL, wherever they are; free with free()
 */
char *rig_content(const struct rig_run *run, size_t *ret_size);

/**
 * rig_response - the parsed response of a run; json_decref it
 */
json_t *rig_response(const struct rig_run *run);

/**
 * rig_close - close the engine, check that every run came back exactly once, free everything
 */
void rig_close(struct engine_rig *rig);

/* Checks, with the place of the caller. */
#define rig_check_failed(run, failure) rig_check_failed_at(run, failure, __FILE__, __LINE__)
#define rig_check_content(run, text)   rig_check_content_at(run, text, __FILE__, __LINE__)
void rig_check_failed_at(
    const struct rig_run *run, enum failure failure, const char *file, int line);
void rig_check_content_at(const struct rig_run *run, const char *text, const char *file, int line);

/**
 * rig_descriptors - open descriptors of this process
 */
unsigned rig_descriptors(void);

#endif
