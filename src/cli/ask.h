/* SPDX-License-Identifier: MIT */
/*
 * Questions to the service that are answered with JSON. What goes wrong is explained to the user
 * here, so that a verb only has to pass the exit status on. Main thread.
 */
#ifndef TASKQ_CLI_ASK_H
#define TASKQ_CLI_ASK_H

#include <jansson.h>

#include "base/uuid.h"
#include "cli/cli.h"

#define ASK_PATH_SIZE (UUID_TEXT_SIZE + 64)

/**
 * ask_path - the path of a task: "/tasks/{id}{suffix}", or below submissions
 */
const char *ask_path(
    char ret_path[ASK_PATH_SIZE], const char *prefix, const char *id, const char *suffix);

/**
 * ask_call - send a request and expect an answer with this status and a JSON object
 * @id: of the task that it is about, for messages; NULL: none
 * @ret_json: to be freed; set where the exit status is OK
 * Text stays in @ret_body, where that is not NULL: the answer as it came, to be freed.
 */
enum exit_status ask_call(struct cli *cli, const struct call *call, long expected, const char *id,
    json_t **ret_json, struct buf *ret_body) NODISCARD;

/**
 * ask_get - ask_call for GET with 200
 */
enum exit_status ask_get(struct cli *cli, const char *path, const char *id, json_t **ret_json,
    struct buf *ret_body) NODISCARD;

/**
 * ask_load - the body of an answer as a JSON object; explains what is wrong with it
 */
enum exit_status ask_load(
    struct cli *cli, const struct answer *answer, json_t **ret_json) NODISCARD;

/**
 * ask_print - print an answer's body as one line of JSON
 */
void ask_print(struct cli *cli, const struct buf *body);

/**
 * ask_print_json - print a value as one line of JSON
 */
void ask_print_json(struct cli *cli, const json_t *value);

#endif
