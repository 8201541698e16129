/* SPDX-License-Identifier: MIT */
/*
 * The events of one task as a body (text/event-stream, HTML Living Standard section 9.2): its state
 * at the beginning, every later change of its status, its progress a few times a second, and after
 * its end no more. Used by the connection's own thread, which sleeps between two events.
 */
#ifndef TASKQ_HTTP_EVENT_STREAM_H
#define TASKQ_HTTP_EVENT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "http/body_source.h"

struct connection;
struct event_stream;
struct queue;

/* Between two events of progress: four a second at most. */
#define EVENT_STREAM_PROGRESS_MS 250

/* What a client is told to wait before it comes again after the stream has ended. */
#define EVENT_STREAM_RETRY_MS 2000

/**
 * event_stream_new - listen to a task from now on
 * @connection:   whose thread this is
 * @heartbeat_ms: after so long without an event a comment is sent
 */
enum status event_stream_new(struct queue *queue, struct connection *connection, const char *id,
    int64_t heartbeat_ms, struct event_stream **ret_stream, struct error *error) NODISCARD;

/**
 * event_stream_begin - read the task and make the first event
 * @seen_id: the id of the event that the client has seen last, or NULL. An event with the same id
 *           would tell nothing new, and is left out
 * Returns what reading the task returns.
 */
enum status event_stream_begin(
    struct event_stream *stream, const char *seen_id, struct error *error) NODISCARD;

/**
 * event_stream_has_ended - whether the task has ended, so that the first event is the last one
 * event_stream_is_seen   - whether the client has seen that event, too: there is nothing to tell
 */
bool event_stream_has_ended(const struct event_stream *stream);
bool event_stream_is_seen(const struct event_stream *stream);

/**
 * event_stream_follow - go on after the first event, which takes a place among those that may wait;
 * else the stream ends with it. Returns false where there is no place
 */
bool event_stream_follow(struct event_stream *stream);

/**
 * event_stream_source - the stream as the body of a reply, which frees it
 */
struct body_source *event_stream_source(struct event_stream *stream);

/**
 * event_stream_free - listen no more; NULL is fine
 */
void event_stream_free(struct event_stream *stream);

#endif
