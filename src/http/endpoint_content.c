/* SPDX-License-Identifier: MIT */
/*
 * GET /tasks/{id}/result: the content itself, byte for byte, under its own media type. It comes
 * from strangers, so the answer carries what keeps a browser from running or showing it. A file
 * goes out by sendfile(2).
 */
#include <stdio.h>

#include "http/http_endpoints.h"
#include "http/http_media_type.h"
#include "http/http_range.h"

#define MEDIA_TYPE_BYTES "application/octet-stream"

/* What of the content is to be sent. */
struct slice {
	uint64_t first;
	uint64_t length;
};

static const char *
media_type_of(const struct task_result *result)
{
	return media_type_is_safe(result->media_type) ? result->media_type : MEDIA_TYPE_BYTES;
}

/* The fields of 200, 206 and 304 alike. */
static void
add_fields(struct request *request, const char *etag)
{
	struct reply *reply = &request->reply;

	reply_field(reply, "ETag", "%s", etag);
	reply_field(reply, "Accept-Ranges", "bytes");
	reply_field(reply, "Content-Disposition", "attachment; filename=\"%s\"", request->id);
	reply_field(reply, "Content-Security-Policy", "default-src 'none'; sandbox");
}

/* Which part is asked for. Range has a meaning for GET alone (RFC 9110 section 14.2). */
static enum range_verdict
judge_range(struct request *request, uint64_t bytes, const char *etag, struct slice *ret_slice)
{
	const struct request_head *head = &request->head;

	*ret_slice = (struct slice){ 0, bytes };
	if (head->range == NULL || request->method != METHOD_GET)
		return RANGE_WHOLE;
	if (head->if_range != NULL && !if_range_holds(head->if_range, etag))
		return RANGE_WHOLE;
	return range_parse(head->range, bytes, &ret_slice->first, &ret_slice->length);
}

/* Hands the slice of the content over to the reply. */
static void
send_slice(struct request *request, struct task_result *result, struct slice slice)
{
	struct reply *reply = &request->reply;

	/* Lives as long as the request; the result does not. */
	(void)snprintf(
	    request->media_type, sizeof(request->media_type), "%s", media_type_of(result));
	if (result->fd >= 0 && slice.length > 0) {
		reply->fd = result->fd;
		reply->offset = slice.first;
		reply->bytes = slice.length;
		result->fd = -1;
	} else if (slice.length > 0) {
		buf_append(&reply->body, result->data + slice.first, slice.length);
	}
	reply->media_type = request->media_type;
}

static void
reply_content(struct request *request, struct task_result *result)
{
	struct reply *reply = &request->reply;
	char etag[UUID_TEXT_SIZE + 2];
	struct slice slice;

	(void)snprintf(etag, sizeof(etag), "\"%s\"", request->id);
	add_fields(request, etag);
	if (!etag_is_wanted(request->head.if_match, request->head.if_match_count, etag)) {
		reply_problem(reply, PROBLEM_PRECONDITION_FAILED, NULL,
		    "The content is another one than If-Match names.");
		return;
	}
	if (etag_is_kept(request->head.if_none_match, request->head.if_none_match_count, etag)) {
		/* With the size of what is not sent again (RFC 9110 section 8.6). */
		send_slice(request, result, (struct slice){ 0, result->bytes });
		reply->status = 304;
		return;
	}
	switch (judge_range(request, result->bytes, etag, &slice)) {
	case RANGE_WHOLE:
		reply->status = 200;
		break;
	case RANGE_PART:
		reply->status = 206;
		reply_field(reply, "Content-Range", "bytes %llu-%llu/%llu",
		    (unsigned long long)slice.first,
		    (unsigned long long)(slice.first + slice.length - 1),
		    (unsigned long long)result->bytes);
		break;
	case RANGE_UNSATISFIABLE:
		reply_problem(reply, PROBLEM_RANGE_NOT_SATISFIABLE, NULL,
		    "The content has %llu bytes.", (unsigned long long)result->bytes);
		reply_field(
		    reply, "Content-Range", "bytes */%llu", (unsigned long long)result->bytes);
		return;
	}
	send_slice(request, result, slice);
}

void
endpoint_content(struct request *request)
{
	const struct request_head *head = &request->head;
	struct task_result result;

	if (!endpoint_read_final(request, &result))
		return;
	if (!result.has_content)
		reply_problem(&request->reply, PROBLEM_NO_CONTENT_KEPT, NULL,
		    "The task is %s and left no content.", task_state_name(result.status.state));
	else if (accept_quality(head->accept, head->accept_count, media_type_of(&result)) == 0)
		reply_problem(&request->reply, PROBLEM_NOT_ACCEPTABLE, NULL,
		    "The content is %s, which the request does not accept.",
		    media_type_of(&result));
	else
		reply_content(request, &result);
	task_result_done(&result);
}
