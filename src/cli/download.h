/* SPDX-License-Identifier: MIT */
/*
 * Bringing the content of an answer, however large, to where it is to go, in constant memory. Main
 * thread.
 */
#ifndef TASKQ_CLI_DOWNLOAD_H
#define TASKQ_CLI_DOWNLOAD_H

#include "cli/cli.h"
#include "cli/sink.h"

/**
 * download_content - the content itself, from where it is to its end
 * What breaks off goes on where it was (Range, If-Range), in this run and, into a file, in the next
 * one. Explains what goes wrong. Returns NOT_FOUND, explained, where the task left no content.
 */
enum exit_status download_content(struct cli *cli, const char *id, struct sink *sink) NODISCARD;

/**
 * download_answer - the final result as JSON, as the service sends it
 * What breaks off begins again, where the sink allows that.
 */
enum exit_status download_answer(struct cli *cli, const char *id, struct sink *sink) NODISCARD;

#endif
