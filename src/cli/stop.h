/* SPDX-License-Identifier: MIT */
/*
 * The wish to stop: SIGINT, SIGTERM and SIGHUP set a flag that every loop looks at, so that the
 * terminal and files are left as they should be. Main thread.
 */
#ifndef TASKQ_CLI_STOP_H
#define TASKQ_CLI_STOP_H

#include <stdbool.h>

/**
 * stop_watch - from now on these signals set the flag; ones that are ignored stay so
 */
void stop_watch(void);

/**
 * stop_is_wanted - whether one of them came
 */
bool stop_is_wanted(void);

/**
 * stop_by_signal - end as if the signal had not been caught, so that a shell sees what it was;
 * returns where none came
 */
void stop_by_signal(void);

#endif
