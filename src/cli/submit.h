/* SPDX-License-Identifier: MIT */
/*
 * What submit and retry share: a request that makes a task, and what is done with its id. Main
 * thread.
 */
#ifndef TASKQ_CLI_SUBMIT_H
#define TASKQ_CLI_SUBMIT_H

#include "base/uuid.h"
#include "cli/cli.h"

/**
 * submit_mint_key - a new Idempotency-Key, that no other submission has
 */
enum status submit_mint_key(char ret_key[UUID_TEXT_SIZE], struct error *error) NODISCARD;

/**
 * submit_send - let a POST make a task, and print its id, or wait for it and bring its result, as
 * the options say
 * It has the key of the options or one of its own, so that it makes one task however often it is
 * sent.
 * @body: JSON
 * @id: of the task that it is about, for messages; NULL: none
 */
enum exit_status submit_send(
    struct cli *cli, const char *path, const char *body, const char *id) NODISCARD;

#endif
