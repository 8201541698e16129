/* SPDX-License-Identifier: MIT */
/*
 * The states of a task and the moves between them.
 *
 *	submit --> QUEUED --claim--> RUNNING --complete--> SUCCEEDED | FAILED
 *	              ^                 |
 *	              +-----------------+  handed back: crash, drain
 *	           QUEUED ------------------------------> REJECTED | FAILED (out of attempts)
 *
 * SUCCEEDED, FAILED and REJECTED are final: nothing moves out of them.
 */
#ifndef TASKQ_TASK_TASK_STATE_H
#define TASKQ_TASK_TASK_STATE_H

#include <stdbool.h>

enum task_state {
	TASK_QUEUED,
	TASK_RUNNING,
	TASK_SUCCEEDED,
	TASK_FAILED,
	TASK_REJECTED,
};

#define TASK_STATE_COUNT 5

/**
 * task_state_name - the word on the wire and in the database; static storage
 */
const char *task_state_name(enum task_state state);

/**
 * task_state_parse - the state of a word; false for any other word
 */
bool task_state_parse(const char *word, enum task_state *ret_state);

bool task_state_is_final(enum task_state state);

bool task_state_can_move(enum task_state from, enum task_state to);

#endif
