/* SPDX-License-Identifier: MIT */
/*
 * DELETE /tasks/{id}: cancel a task. What waits is REJECTED when the answer is sent; what runs is
 * told to end, and will be FAILED. Doing it again changes nothing and answers the same.
 */
#include "http/http_endpoints.h"
#include "http/json_text.h"
#include "queue/queue.h"

#define CANCEL_EXPECTED_BYTES 128

static void
tell(struct request *request, unsigned http_status, enum task_state state)
{
	struct buf *buf = reply_json(&request->reply, http_status, CANCEL_EXPECTED_BYTES);

	JSON_LITERAL(buf, "{\"id\":\"");
	buf_text(buf, request->id);
	JSON_LITERAL(buf, "\",\"status\":\"");
	buf_text(buf, task_state_name(state));
	JSON_LITERAL(buf, "\"}\n");
	if (http_status == 202)
		reply_field(&request->reply, "Location", "/tasks/submissions/%s", request->id);
}

void
endpoint_cancel(struct request *request)
{
	struct store_cancelled cancelled;
	struct error error;
	enum status status = queue_cancel(request->queue, request->id, &cancelled, &error);

	if (status != STATUS_OK) {
		endpoint_read_failed(request, status, &error);
		return;
	}
	switch (cancelled.what) {
	case STORE_CANCEL_REJECTED:
	case STORE_CANCEL_BEFORE:
		tell(request, 200, cancelled.state);
		break;
	case STORE_CANCEL_REQUESTED:
		tell(request, 202, cancelled.state);
		break;
	case STORE_CANCEL_TOO_LATE:
		reply_problem(&request->reply, PROBLEM_COMPLETED, NULL,
		    "The task is completed: its status is %s, which never changes.",
		    task_state_name(cancelled.state));
		break;
	}
}
