/* SPDX-License-Identifier: MIT */
/*
 * A task that has ended, to the user: its result to where it is to go, or why there is none. What
 * submit --wait, retry --wait and result have in common. Main thread.
 */
#ifndef TASKQ_CLI_DELIVER_H
#define TASKQ_CLI_DELIVER_H

#include "cli/cli.h"
#include "cli/task_view.h"

/**
 * deliver_ended - of a task that has ended; all else stands in the options
 * Returns OK, FAILED or REJECTED by how it ended, or what went wrong, explained.
 */
enum exit_status deliver_ended(struct cli *cli, const struct task_view *view) NODISCARD;

/**
 * deliver_when_ended - wait for the end first
 */
enum exit_status deliver_when_ended(struct cli *cli, const char *id) NODISCARD;

/**
 * deliver_is_wanted - whether the options of a submission ask for the result at once
 */
bool deliver_is_wanted(const struct cli *cli);

/**
 * deliver_time_is_up - tell that a task has not ended within --for
 */
enum exit_status deliver_time_is_up(struct cli *cli, const struct task_view *view) NODISCARD;

#endif
