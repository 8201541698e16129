/* SPDX-License-Identifier: MIT */
/*
 * Waiting for the end of a task, with its progress on a terminal. Main thread.
 */
#ifndef TASKQ_CLI_FOLLOW_H
#define TASKQ_CLI_FOLLOW_H

#include <jansson.h>

#include "cli/cli.h"

/**
 * follow_deadline - when --for ends that begins now, on the monotonic clock; 0: never
 */
int64_t follow_deadline(const struct cli *cli);

/**
 * follow_task - wait for the end of a task
 * @deadline_mono_ms: 0: no end to the patience
 * @order: which of several it is, such as "2 of 5"; "" for one alone
 * @ret_task: its status answer as of the end, to be freed; set where it is OK or NOT_ENDED
 * Returns OK where it has ended, however; NOT_ENDED at the deadline, unexplained; else what went
 * wrong, explained.
 */
enum exit_status follow_task(struct cli *cli, const char *id, int64_t deadline_mono_ms,
    const char *order, json_t **ret_task) NODISCARD;

/**
 * follow_interrupted - tell that the task goes on where the user has stopped waiting for it
 */
void follow_interrupted(struct cli *cli, const char *id);

#endif
