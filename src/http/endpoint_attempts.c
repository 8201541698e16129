/* SPDX-License-Identifier: MIT */
/* GET /tasks/{id}/attempts: every attempt of a task, the first one first; a hundred at most. */
#include <string.h>

#include "http/http_endpoints.h"
#include "http/json_text.h"
#include "queue/queue.h"

#define AROUND_EXPECTED_BYTES  100
#define ATTEMPT_EXPECTED_BYTES 600

static void
append_text(struct buf *buf, const char *text)
{
	json_text_string(buf, text, strlen(text));
}

static void
append_attempt(struct buf *buf, const struct store_attempt *attempt, const char *node)
{
	JSON_LITERAL(buf, "{\"attempt\":");
	json_text_int(buf, attempt->attempt);
	JSON_LITERAL(buf, ",\"started_at\":");
	json_text_time(buf, attempt->started_at_ms);
	JSON_LITERAL(buf, ",\"ended_at\":");
	json_text_time(buf, attempt->ended_at_ms);
	JSON_LITERAL(buf, ",\"outcome\":");
	append_text(buf, attempt_outcome_name(attempt->outcome));
	JSON_LITERAL(buf, ",\"code\":");
	endpoint_append_failure(buf, attempt->failure);
	JSON_LITERAL(buf, ",\"message\":");
	if (attempt->message[0] != '\0')
		append_text(buf, attempt->message);
	else
		JSON_LITERAL(buf, "null");
	JSON_LITERAL(buf, ",\"response\":");
	buf_text(buf, attempt->response != NULL ? attempt->response : "null");
	JSON_LITERAL(buf, ",\"node\":");
	append_text(buf, node);
	JSON_LITERAL(buf, "}");
}

void
endpoint_attempts(struct request *request)
{
	struct store_attempts attempts;
	struct error error;
	struct buf *buf;
	enum status status = queue_read_attempts(request->queue, request->id, &attempts, &error);

	if (status != STATUS_OK) {
		endpoint_read_failed(request, status, &error);
		return;
	}
	buf = reply_json(
	    &request->reply, 200, AROUND_EXPECTED_BYTES + attempts.count * ATTEMPT_EXPECTED_BYTES);
	JSON_LITERAL(buf, "{\"id\":\"");
	buf_text(buf, request->id);
	JSON_LITERAL(buf, "\",\"attempts\":[");
	for (size_t i = 0; i < attempts.count; i++) {
		if (i > 0)
			JSON_LITERAL(buf, ",");
		append_attempt(buf, &attempts.list[i], request->conf->node);
	}
	JSON_LITERAL(buf, "]}\n");
	store_attempts_done(&attempts);
}
