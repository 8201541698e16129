/* SPDX-License-Identifier: MIT */
/*
 * GET /tasks/{id}/submission: what a task was submitted as, in the form that POST
 * /tasks/submissions takes: its arguments, and the terms that hold for it, those that settings
 * filled in among them.
 */
#include <string.h>

#include "http/http_endpoints.h"
#include "http/json_text.h"
#include "queue/queue.h"

#define AROUND_EXPECTED_BYTES 300

static void
append_terms(struct buf *buf, const struct task_terms *terms)
{
	JSON_LITERAL(buf, ",\"priority\":");
	json_text_int(buf, terms->priority);
	if (terms->run_at_ms > 0) {
		JSON_LITERAL(buf, ",\"run_at\":");
		json_text_time(buf, terms->run_at_ms);
	}
	if (terms->expires_at_ms > 0) {
		JSON_LITERAL(buf, ",\"expires_at\":");
		json_text_time(buf, terms->expires_at_ms);
	}
	if (terms->timeout_ms > 0) {
		JSON_LITERAL(buf, ",\"timeout_ms\":");
		json_text_int(buf, terms->timeout_ms);
	}
	JSON_LITERAL(buf, ",\"retry\":{\"max_attempts\":");
	json_text_int(buf, terms->max_attempts);
	JSON_LITERAL(buf, ",\"backoff_ms\":");
	json_text_int(buf, terms->backoff_ms);
	JSON_LITERAL(buf, ",\"max_backoff_ms\":");
	json_text_int(buf, terms->max_backoff_ms);
	JSON_LITERAL(buf, "}");
}

void
endpoint_submission(struct request *request)
{
	struct store_submission submission;
	struct error error;
	struct buf *buf;
	enum status status =
	    queue_read_submission(request->queue, request->id, &submission, &error);

	if (status != STATUS_OK) {
		endpoint_read_failed(request, status, &error);
		return;
	}
	buf = reply_json(&request->reply, 200, AROUND_EXPECTED_BYTES + submission.args_size);
	JSON_LITERAL(buf, "{\"type\":");
	json_text_string(buf, submission.type, strlen(submission.type));
	JSON_LITERAL(buf, ",\"args\":");
	buf_append(buf, submission.args, submission.args_size);
	append_terms(buf, &submission.terms);
	JSON_LITERAL(buf, "}\n");
	store_submission_done(&submission);
}
