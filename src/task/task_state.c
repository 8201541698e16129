/* SPDX-License-Identifier: MIT */
/* The words of the states and the table of legal moves. Pure functions, any thread. */
#include "task/task_state.h"

#include <string.h>

#include "base/compiler.h"

static const char *const words[TASK_STATE_COUNT] = {
	[TASK_QUEUED] = "QUEUED",
	[TASK_RUNNING] = "RUNNING",
	[TASK_SUCCEEDED] = "SUCCEEDED",
	[TASK_FAILED] = "FAILED",
	[TASK_REJECTED] = "REJECTED",
};

static const bool moves[TASK_STATE_COUNT][TASK_STATE_COUNT] = {
	[TASK_QUEUED] = { [TASK_RUNNING] = true, [TASK_FAILED] = true, [TASK_REJECTED] = true },
	[TASK_RUNNING] = { [TASK_QUEUED] = true, [TASK_SUCCEEDED] = true, [TASK_FAILED] = true },
};

const char *
task_state_name(enum task_state state)
{
	return words[state];
}

bool
task_state_parse(const char *word, enum task_state *ret_state)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret_state = (enum task_state)i;
			return true;
		}
	}
	return false;
}

bool
task_state_is_final(enum task_state state)
{
	return state == TASK_SUCCEEDED || state == TASK_FAILED || state == TASK_REJECTED;
}

bool
task_state_can_move(enum task_state from, enum task_state to)
{
	return moves[from][to];
}
