/* SPDX-License-Identifier: MIT */
/*
 * What the records own, freed. One thread at a time per record. Must not know who moves the records
 * around.
 */
#include "task/task.h"

#include <stdlib.h>
#include <unistd.h>

void
task_done(struct task *task)
{
	if (task == NULL)
		return;
	free(task->args);
	task->args = NULL;
	task->args_size = 0;
}

const char *
lane_word(enum lane lane)
{
	return lane == LANE_CPU ? "cpu" : "io";
}

bool
task_new_is_held(const struct task_new *task)
{
	return task->terms.run_at_ms > task->created_at_ms;
}

void
task_result_init(struct task_result *result)
{
	*result = (struct task_result){ .fd = -1 };
}

void
task_result_done(struct task_result *result)
{
	if (result == NULL)
		return;
	free(result->response);
	result->response = NULL;
	free(result->data);
	/* A zeroed record's 0 is not a descriptor of ours; a file's content has no data beside. */
	if (result->fd > 0 || (result->fd == 0 && result->has_content && result->data == NULL))
		(void)close(result->fd);
	result->data = NULL;
	result->fd = -1;
}
