/* SPDX-License-Identifier: MIT */
/*
 * What the records own, freed; and how an outcome is noted. One thread at a time per record. Must
 * not know who moves the records around.
 */
#include "task/task.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

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
outcome_init(struct outcome *outcome)
{
	/* Until something is noted the attempt counts as not finished. */
	*outcome = (struct outcome){ .verdict = VERDICT_RELEASED, .failure = FAILURE_NONE };
}

void
outcome_done(struct outcome *outcome)
{
	if (outcome == NULL)
		return;
	free(outcome->response);
	outcome->response = NULL;
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

void
outcome_succeed(struct outcome *outcome, const char *media_type)
{
	size_t size = media_type == NULL ? 0 : strlen(media_type);

	outcome->verdict = VERDICT_SUCCEEDED;
	outcome->failure = FAILURE_NONE;
	outcome->may_be_mended = false;
	outcome->message[0] = '\0';
	outcome->media_type[0] = '\0';
	if (size > 0 && size < sizeof(outcome->media_type))
		memcpy(outcome->media_type, media_type, size + 1);
}

void
outcome_fail(struct outcome *outcome, enum failure failure, const char *fmt, ...)
{
	va_list ap;

	assert(failure != FAILURE_NONE && failure < FAILURE_COUNT);
	outcome->verdict = VERDICT_FAILED;
	outcome->failure = failure;
	outcome->may_be_mended = failure_may_be_mended(failure);
	outcome->retry_after_ms = 0;
	va_start(ap, fmt);
	if (vsnprintf(outcome->message, sizeof(outcome->message), fmt, ap) < 0)
		outcome->message[0] = '\0';
	va_end(ap);
	utf8_scrub(outcome->message);
}
