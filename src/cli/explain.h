/* SPDX-License-Identifier: MIT */
/*
 * What went wrong, in words that say what to do next, and as an exit status. Main thread. The texts
 * of the service pass through the screen, which makes them safe.
 */
#ifndef TASKQ_CLI_EXPLAIN_H
#define TASKQ_CLI_EXPLAIN_H

#include "cli/cli.h"

/**
 * explain_failure - a call that brought no answer
 * @status: of client_call, not OK
 * Says nothing where the user wants to stop, as explain_local.
 */
enum exit_status explain_failure(
    struct cli *cli, enum status status, const struct error *error) NODISCARD;

/**
 * explain_local - something that failed on this side
 */
enum exit_status explain_local(
    struct cli *cli, enum status status, const struct error *error) NODISCARD;

/**
 * explain_answer - an answer that is not what was asked for
 * @id:   of the task that it was about; NULL: none
 * @name: how to call the place of a fault in what was submitted, given its JSON pointer; NULL: by
 *        the pointer itself
 */
enum exit_status explain_answer(struct cli *cli, const struct answer *answer, const char *id,
    const char *(*name)(const char *pointer)) NODISCARD;

/**
 * explain_usage - a command line that is wrong
 */
enum exit_status explain_usage(struct cli *cli, const char *fmt, ...) PRINTF_LIKE(2, 3) NODISCARD;

/**
 * problem_is - whether an answer is a problem (RFC 9457) of this type
 */
bool problem_is(const struct answer *answer, const char *type);

#endif
