/* SPDX-License-Identifier: MIT */
/*
 * A task's story on a screen. Main thread; no I/O but the ink.
 */
#ifndef TASKQ_CLI_STORY_H
#define TASKQ_CLI_STORY_H

#include <jansson.h>
#include <stddef.h>

#include "cli/ink.h"

/**
 * story_print
 * @task: the members of a status answer, and those of a list where they are known
 * @attempts: as GET /tasks/{id}/attempts has them; what is no array counts as none
 * Members that it does not know are printed by their names: a later service tells more.
 */
void story_print(const struct ink *ink, json_t *task, const json_t *attempts, size_t columns);

#endif
