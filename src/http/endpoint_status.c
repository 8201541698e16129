/* SPDX-License-Identifier: MIT */
/*
 * GET /tasks/submissions/{id}: where a task is. Clients poll this once a second for every task in
 * progress, so it is one read and one allocation. How far a task is comes from memory.
 */
#include <string.h>

#include "http/http_endpoints.h"
#include "http/http_wait.h"
#include "http/json_text.h"
#include "queue/queue.h"

#define STATUS_EXPECTED_BYTES 320

void
endpoint_read_failed(struct request *request, enum status status, const struct error *error)
{
	if (status == STATUS_NOT_FOUND) {
		reply_problem(&request->reply, PROBLEM_NO_SUCH_TASK, NULL,
		    "There is no task with the id %s.", request->id);
	} else if (status == STATUS_BUSY) {
		reply_problem(&request->reply, PROBLEM_STORE_BUSY, NULL,
		    "The store could not be read in time. Try again.");
		reply_field(&request->reply, "Retry-After", "1");
	} else {
		reply_internal(&request->reply, "read", error);
	}
}

void
endpoint_append_retry_of(struct buf *buf, const struct task_status *task)
{
	if (task->retry_of[0] == '\0')
		return;
	JSON_LITERAL(buf, ",\"retry_of\":\"");
	buf_text(buf, task->retry_of);
	JSON_LITERAL(buf, "\"");
}

void
endpoint_append_status(struct buf *buf, const struct task_status *task)
{
	JSON_LITERAL(buf, "\"id\":\"");
	buf_text(buf, task->id);
	JSON_LITERAL(buf, "\",\"status\":\"");
	buf_text(buf, task_state_name(task->state));
	JSON_LITERAL(buf, "\",\"type\":");
	json_text_string(buf, task->type, strlen(task->type));
	JSON_LITERAL(buf, ",\"created_at\":");
	json_text_time(buf, task->created_at_ms);
	JSON_LITERAL(buf, ",\"started_at\":");
	json_text_time(buf, task->started_at_ms);
	JSON_LITERAL(buf, ",\"finished_at\":");
	json_text_time(buf, task->finished_at_ms);
	JSON_LITERAL(buf, ",\"attempts\":");
	json_text_int(buf, task->attempt);
	endpoint_append_retry_of(buf, task);
}

void
endpoint_append_progress(struct buf *buf, int progress)
{
	if (progress == QUEUE_PROGRESS_UNKNOWN)
		return;
	JSON_LITERAL(buf, ",\"progress\":");
	json_text_thousandths(buf, progress);
}

void
endpoint_status(struct request *request)
{
	struct task_status task;
	struct error error;
	enum status status;
	struct buf *buf;

	if (!http_wait(request))
		return;
	status = queue_read_status(request->queue, request->id, &task, &error);
	if (status != STATUS_OK) {
		endpoint_read_failed(request, status, &error);
		return;
	}
	buf = reply_json(&request->reply, 200, STATUS_EXPECTED_BYTES);
	JSON_LITERAL(buf, "{");
	endpoint_append_status(buf, &task);
	endpoint_append_progress(buf, queue_progress(request->queue, &task));
	JSON_LITERAL(buf, "}\n");
}
