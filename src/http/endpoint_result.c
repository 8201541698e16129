/* SPDX-License-Identifier: MIT */
/*
 * GET /tasks/{id}: the final result as JSON. Content that the store keeps in memory is answered
 * from memory; content in a file is streamed, so a result of any size costs the same memory.
 */
#include <string.h>

#include "http/base64_text.h"
#include "http/http_endpoints.h"
#include "http/http_wait.h"
#include "http/json_text.h"
#include "http/result_stream.h"
#include "kinds/kind.h"
#include "queue/queue.h"

#define AROUND_EXPECTED_BYTES ((size_t)256)

bool
endpoint_read_final(struct request *request, struct task_result *ret_result)
{
	struct error error;
	enum status status;

	task_result_init(ret_result);
	status = queue_read_result(request->queue, request->id, ret_result, &error);
	if (status != STATUS_OK) {
		endpoint_read_failed(request, status, &error);
		return false;
	}
	if (!task_state_is_final(ret_result->status.state)) {
		reply_problem(&request->reply, PROBLEM_NOT_COMPLETED, NULL,
		    "The task is %s. Ask again once it is completed.",
		    task_state_name(ret_result->status.state));
		reply_field(&request->reply, "Retry-After", "1");
		task_result_done(ret_result);
		return false;
	}
	return true;
}

static enum result_coding
coding_of(const struct task_result *result)
{
	const struct kind *kind = kinds_find(result->status.type);

	if (kind != NULL && kind->result_form == RESULT_INTEGER)
		return RESULT_CODING_BARE;
	return result->is_utf8 ? RESULT_CODING_ESCAPE : RESULT_CODING_BASE64;
}

static void
append_text(struct buf *buf, const char *text)
{
	json_text_string(buf, text, strlen(text));
}

/* The object that existing clients know for a failure, with our stable word beside it. */
static void
append_failure(struct buf *buf, const struct task_result *result)
{
	const char *message =
	    result->message[0] != '\0' ? result->message : failure_meaning(result->failure);

	JSON_LITERAL(buf, "{\"cause\":null,\"stackTrace\":[],\"message\":");
	append_text(buf, message);
	JSON_LITERAL(buf, ",\"suppressed\":[],\"localizedMessage\":");
	append_text(buf, message);
	JSON_LITERAL(buf, ",\"code\":");
	append_text(buf, failure_word(result->failure));
	JSON_LITERAL(buf, "}");
}

static void
append_start(struct buf *buf, const struct task_result *result)
{
	JSON_LITERAL(buf, "{\"id\":\"");
	buf_text(buf, result->status.id);
	JSON_LITERAL(buf, "\",\"status\":\"");
	buf_text(buf, task_state_name(result->status.state));
	JSON_LITERAL(buf, "\",\"type\":");
	append_text(buf, result->status.type);
	endpoint_append_retry_of(buf, &result->status);
	JSON_LITERAL(buf, ",\"result\":");
}

static void
append_end(struct buf *buf, const struct task_result *result)
{
	if (result->response != NULL) {
		JSON_LITERAL(buf, ",\"response\":");
		buf_text(buf, result->response);
	}
	JSON_LITERAL(buf, "}\n");
}

static void
append_content(struct buf *buf, enum result_coding coding, const char *data, size_t size)
{
	char *room;

	switch (coding) {
	case RESULT_CODING_BARE:
		buf_append(buf, data, size);
		break;
	case RESULT_CODING_ESCAPE:
		json_text_string(buf, data, size);
		break;
	case RESULT_CODING_BASE64:
		JSON_LITERAL(buf, "\"");
		room = buf_reserve(buf, base64_text_size(size));
		if (room != NULL)
			buf->size += base64_text_encode(data, size, room);
		JSON_LITERAL(buf, "\",\"result_encoding\":\"base64\"");
		break;
	}
}

static void
reply_from_memory(struct reply *reply, const struct task_result *result, enum result_coding coding)
{
	size_t expected = (size_t)result->bytes + (size_t)result->bytes / 2;
	struct buf *buf = reply_json(reply, 200, expected + AROUND_EXPECTED_BYTES);

	append_start(buf, result);
	append_content(buf, coding, result->data != NULL ? result->data : "", result->bytes);
	append_end(buf, result);
}

static void
reply_from_file(struct reply *reply, struct task_result *result, enum result_coding coding)
{
	struct result_stream *stream = NULL;
	struct buf before, after;
	struct error error;

	buf_init(&before, REPLY_BODY_MAX_BYTES);
	buf_init(&after, REPLY_BODY_MAX_BYTES);
	append_start(&before, result);
	if (coding != RESULT_CODING_BARE)
		JSON_LITERAL(&before, "\"");
	if (coding != RESULT_CODING_BARE)
		JSON_LITERAL(&after, "\"");
	if (coding == RESULT_CODING_BASE64)
		JSON_LITERAL(&after, ",\"result_encoding\":\"base64\"");
	append_end(&after, result);
	if (result_stream_new(
		coding, &before, result->fd, result->bytes, &after, &stream, &error) != STATUS_OK) {
		reply_internal(reply, "result", &error);
		return;
	}
	result->fd = -1;
	reply->status = 200;
	reply->media_type = MEDIA_TYPE_JSON;
	reply->source = result_stream_source(stream);
	reply->bytes = result_stream_size(stream);
}

static void
reply_success(struct request *request, struct task_result *result)
{
	enum result_coding coding = coding_of(result);
	struct error error;

	if (coding == RESULT_CODING_BARE && result->bytes == 0) {
		(void)error_set(&error, STATUS_CORRUPT, "task %s has lost its digits", request->id);
		reply_internal(&request->reply, "result", &error);
	} else if (result->fd >= 0) {
		reply_from_file(&request->reply, result, coding);
	} else {
		reply_from_memory(&request->reply, result, coding);
	}
}

void
endpoint_result(struct request *request)
{
	struct task_result result;
	struct buf *buf;

	if (!http_wait(request) || !endpoint_read_final(request, &result))
		return;
	if (result.status.state == TASK_SUCCEEDED) {
		reply_success(request, &result);
	} else {
		buf = reply_json(&request->reply, 200, 2 * AROUND_EXPECTED_BYTES);
		append_start(buf, &result);
		append_failure(buf, &result);
		append_end(buf, &result);
	}
	task_result_done(&result);
}
