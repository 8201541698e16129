/* SPDX-License-Identifier: MIT */
/*
 * GET /tasks/{id}/events: what becomes of a task, as server-sent events. A client that comes again
 * with the id of the last event (Last-Event-ID, which EventSource sends by itself) is told 204,
 * which makes it stop, when that was the task's end.
 */
#include "http/event_stream.h"
#include "http/http_endpoints.h"
#include "http/http_wait.h"
#include "queue/queue.h"

/* Of several fields none can be trusted to be the last event. */
static const char *
seen_id(const struct request_head *head)
{
	return head->last_event_id_count == 1 ? head->last_event_id : NULL;
}

/*
 * Whether the stream goes on after the first event. Not at the task's end, of course. While the
 * service drains a client that has got an event comes again, and finds the next service; one that
 * has got a 503 never does.
 */
static bool
is_to_follow(const struct request *request, const struct event_stream *stream)
{
	return request->method == METHOD_GET && !event_stream_has_ended(stream) &&
	       !atomic_load(request->draining);
}

static void
reply_events(struct request *request, struct event_stream *stream)
{
	struct reply *reply = &request->reply;

	reply->status = 200;
	reply->media_type = MEDIA_TYPE_EVENTS;
	/* A proxy that gathers the answer before it passes it on would defeat it. */
	reply_field(reply, "X-Accel-Buffering", "no");
	reply->source = event_stream_source(stream);
	reply->bytes = REPLY_UNKNOWN_BYTES;
}

void
endpoint_events(struct request *request)
{
	struct event_stream *stream = NULL;
	struct error error;
	enum status status = event_stream_new(request->queue, request->connection, request->id,
	    request->conf->heartbeat_ms, &stream, &error);

	if (status != STATUS_OK) {
		reply_internal(&request->reply, "events", &error);
		return;
	}
	status = event_stream_begin(stream, seen_id(&request->head), &error);
	if (status != STATUS_OK) {
		endpoint_read_failed(request, status, &error);
	} else if (event_stream_has_ended(stream) && event_stream_is_seen(stream)) {
		request->reply.status = 204;
	} else if (is_to_follow(request, stream) && !event_stream_follow(stream)) {
		http_wait_refuse(request);
	} else {
		reply_events(request, stream);
		return;
	}
	event_stream_free(stream);
}
