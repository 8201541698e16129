/* SPDX-License-Identifier: MIT */
/*
 * What the main thread waits for once the service runs: SIGTERM, SIGINT and SIGHUP, and reports
 * from other threads. Signals are blocked in every thread and read through a descriptor, so that no
 * handler runs.
 */
#ifndef TASKQ_APP_SIGNALS_H
#define TASKQ_APP_SIGNALS_H

#include <stdint.h>

#include "base/status.h"

struct signals;

enum signals_event {
	SIGNALS_STOP,       /* SIGTERM or SIGINT; SIGHUP, if nothing else was before. What comes
			       right behind the first is the same wish */
	SIGNALS_STORE_DIED, /* signals_report_death */
	SIGNALS_STOPPED,    /* signals_report_stopped */
	SIGNALS_QUIET,      /* nothing, for as long as was to be waited */
};

/**
 * signals_open - block the signals in the calling thread (threads started later inherit that) and
 * ignore SIGPIPE; before any other thread exists
 */
enum status signals_open(struct signals **ret_signals, struct error *error) NODISCARD;

/**
 * signals_wait - block until something has happened; main thread alone. A dead store comes first.
 * @timeout_ms: 0 only looks; -1: however long it takes
 */
enum signals_event signals_wait(struct signals *signals, int64_t timeout_ms);

/**
 * signals_report_death / signals_report_stopped - wake the main thread; any thread
 */
void signals_report_death(struct signals *signals);
void signals_report_stopped(struct signals *signals);

/**
 * signals_close - close the descriptors, free; the signals stay blocked; NULL is fine
 */
void signals_close(struct signals *signals);

#endif
