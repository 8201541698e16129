/* SPDX-License-Identifier: MIT */
/*
 * The daemon as a whole: what starts in which order from which settings, what stops it, and in
 * which order it stops. Main thread alone.
 */
#ifndef TASKQ_APP_APP_H
#define TASKQ_APP_APP_H

#include "base/status.h"
#include "conf/conf.h"

/* How the service ended. */
enum app_end {
	APP_DRAINED,      /* orderly, after SIGTERM, SIGINT or SIGHUP */
	APP_START_FAILED, /* never served; `error` says why */
	APP_REFUSED,      /* the settings cannot be used as they are */
	APP_DATA_REFUSED, /* the database is damaged or newer than the program */
	APP_FORCED,       /* a second signal cut the draining short; threads are still running */
	APP_STORE_DIED,   /* a commit's outcome is unknown; threads are still running */
};

/**
 * app_check - whether the service could use these settings; touches neither disk nor network
 * Returns OK; INVALID with the setting named.
 */
enum status app_check(const struct conf *conf, struct error *error) NODISCARD;

/**
 * app_run - start the service, serve until a signal or a dead store ends it, stop
 * Blocks. After APP_FORCED and APP_STORE_DIED the caller must end the process at once (_exit).
 */
enum app_end app_run(const struct conf *conf, struct error *error);

#endif
