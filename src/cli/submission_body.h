/* SPDX-License-Identifier: MIT */
/*
 * The body of a submission, from what stands on the command line. Pure.
 */
#ifndef TASKQ_CLI_SUBMISSION_BODY_H
#define TASKQ_CLI_SUBMISSION_BODY_H

#include "base/status.h"
#include "cli/options.h"

#define SUBMISSION_KEY_SIZE 300 /* a key as it stands in its field, and NUL */

/**
 * submission_body - the JSON of a task, with the terms that were given
 * @type: "factorial" or "fetch", as people write it
 * @subject: the number or the URL; the service judges it
 * @ret_text: to be freed
 * Returns OK; INVALID with what is wrong; NOMEM.
 */
enum status submission_body(const struct options *options, const char *type, const char *subject,
    char **ret_text, struct error *error) NODISCARD;

/**
 * submission_type - how the service calls a type; NULL for what is none
 */
const char *submission_type(const char *word);

/**
 * submission_place - how the command line calls the place that a JSON pointer names
 * Returns an option such as "--priority", "the number" or "the URL", or the pointer itself.
 */
const char *submission_place(const char *pointer);

/**
 * submission_key - a key as it stands in Idempotency-Key: a string (RFC 8941)
 * Returns OK; INVALID unless it is 1 to 128 printable ASCII characters.
 */
enum status submission_key(
    const char *key, char ret_field[SUBMISSION_KEY_SIZE], struct error *error) NODISCARD;

#endif
