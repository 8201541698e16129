/* SPDX-License-Identifier: MIT */
/*
 * One line about where a task is, as status and wait print it. Main thread.
 */
#ifndef TASKQ_CLI_STATUS_LINE_H
#define TASKQ_CLI_STATUS_LINE_H

#include <jansson.h>

#include "cli/cli.h"

/**
 * status_line_print - for people, for programs or as JSON, as the options say
 * @task: a status answer
 * @body: the same as it came; NULL: @task is printed for JSON
 * The line is on its way when this returns, so that whoever reads a pipe sees it.
 */
enum exit_status status_line_print(
    struct cli *cli, const json_t *task, const struct buf *body) NODISCARD;

#endif
