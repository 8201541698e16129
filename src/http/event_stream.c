/* SPDX-License-Identifier: MIT */
/*
 * Makes the events of a task, see event_stream.h. Every event tells the whole state as it is when
 * it is made; its id names that state, so that what a client has seen can be told from what it has
 * not without anything being kept for it, across restarts as well.
 *
 * The stream is a waiter from its beginning to its end, so nothing that is committed after the
 * first look is missed. While it waits it holds no lock, and no clock runs but that of the
 * heartbeat. The reaper lets it go when the client is gone, or has stopped to take what is sent.
 */
#include "http/event_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/block_size.h"
#include "base/clock.h"
#include "http/http_connections.h"
#include "http/http_endpoints.h"
#include "http/json_text.h"
#include "queue/queue.h"
#include "queue/waiters.h"

#define TEXT_EXPECTED_BYTES 480
#define TEXT_MAX_BYTES      4096
#define BLOCK_BYTES         1024

/* A status word, two numbers of 11 and 20 digits, a progress of 4, and what is between them. */
#define EVENT_ID_SIZE 64

struct event_stream {
	struct body_source source; /* first, so that either is the other */
	struct queue *queue;
	struct connection *connection;
	struct waiter waiter;
	bool has_place; /* among those that may wait: it goes on after the first event */
	bool is_over;   /* ends when the text is out */
	bool is_seen;
	int64_t heartbeat_ms;
	int64_t beat_at_mono_ms; /* the next heartbeat */
	int64_t look_at_mono_ms; /* the next progress, not before */
	struct task_status task; /* as the latest event told it, and this one: */
	int progress;
	struct buf text; /* on its way out, from `at` on */
	size_t at;
};

static struct event_stream *
stream_of(struct body_source *source)
{
	return (struct event_stream *)source;
}

/* When the task came into the state that it is in. */
static int64_t
moment_of(const struct task_status *task)
{
	if (task->finished_at_ms != 0)
		return task->finished_at_ms;
	return task->started_at_ms != 0 ? task->started_at_ms : task->created_at_ms;
}

/* No two states of a task have one id, nor do states of different tasks, as far as clocks tell. */
static void
make_id(const struct event_stream *stream, char ret_id[EVENT_ID_SIZE])
{
	const struct task_status *task = &stream->task;
	int length = snprintf(ret_id, EVENT_ID_SIZE, "%s-%d-%" PRId64, task_state_name(task->state),
	    task->attempt, moment_of(task));

	if (task->state == TASK_RUNNING && stream->progress != QUEUE_PROGRESS_UNKNOWN)
		(void)snprintf(
		    ret_id + length, EVENT_ID_SIZE - (size_t)length, "-%d", stream->progress);
}

static void
append_event(struct event_stream *stream, const char *type)
{
	struct buf *text = &stream->text;
	char id[EVENT_ID_SIZE];

	make_id(stream, id);
	JSON_LITERAL(text, "event: ");
	buf_text(text, type);
	JSON_LITERAL(text, "\nid: ");
	buf_text(text, id);
	JSON_LITERAL(text, "\ndata: {");
	endpoint_append_status(text, &stream->task);
	endpoint_append_progress(text, stream->progress);
	JSON_LITERAL(text, "}\n\n");
}

static void
take_state(struct event_stream *stream, const struct task_status *task)
{
	stream->task = *task;
	stream->progress = queue_progress(stream->queue, task);
	stream->is_over = task_state_is_final(task->state);
}

/* Tells the status where it has changed; false where it cannot be read. */
static bool
tell_status(struct event_stream *stream)
{
	struct task_status task;
	struct error error;

	if (queue_read_status(stream->queue, stream->task.id, &task, &error) != STATUS_OK)
		return false;
	if (task.state == stream->task.state && task.attempt == stream->task.attempt &&
	    moment_of(&task) == moment_of(&stream->task))
		return true;
	take_state(stream, &task);
	append_event(stream, "status");
	return true;
}

/* Tells progress where there is more than the latest event told; otherwise it is awaited. */
static void
tell_progress(struct event_stream *stream)
{
	int progress = queue_await_progress(stream->queue, &stream->task, stream->progress);

	if (progress <= stream->progress)
		return;
	stream->progress = progress;
	append_event(stream, "progress");
}

/* Sleeps until there is something to tell, and makes its text; false where the task cannot be read.
 */
static bool
wait_for_text(struct event_stream *stream)
{
	int64_t now_ms = clock_mono_ms();
	unsigned news;

	while (stream->text.size == 0 && !stream->is_over) {
		unsigned which = WAITER_ENDED | WAITER_CHANGED;
		int64_t until_ms = stream->beat_at_mono_ms;

		if (stream->task.state == TASK_RUNNING && now_ms < stream->look_at_mono_ms) {
			if (until_ms > stream->look_at_mono_ms)
				until_ms = stream->look_at_mono_ms;
		} else if (stream->task.state == TASK_RUNNING) {
			which |= WAITER_PROGRESSED;
			tell_progress(stream);
			if (stream->text.size > 0)
				break;
		}
		news = waiters_wait(&stream->waiter, which, until_ms);
		now_ms = clock_mono_ms();
		if ((news & (WAITER_ENDED | WAITER_CHANGED)) != 0) {
			if (!tell_status(stream))
				return false;
		} else if ((news & WAITER_DISMISSED) != 0) {
			stream->is_over = true;
		} else if (now_ms >= stream->beat_at_mono_ms) {
			JSON_LITERAL(&stream->text, ":\n\n");
		}
	}
	stream->beat_at_mono_ms = now_ms + stream->heartbeat_ms;
	stream->look_at_mono_ms = now_ms + EVENT_STREAM_PROGRESS_MS;
	return true;
}

static ssize_t
source_read(struct body_source *source, char *out, size_t room)
{
	struct event_stream *stream = stream_of(source);
	bool is_fine = true;
	size_t size;

	if (stream->at == stream->text.size) {
		stream->text.size = 0;
		stream->at = 0;
		/* However long this takes, it is no time in which the client takes nothing. */
		connection_enter(stream->connection, PHASE_HANDLING, 0);
		is_fine = wait_for_text(stream) && buf_status(&stream->text) == STATUS_OK;
		connection_enter(stream->connection, PHASE_SENDING, clock_mono_us());
	}
	if (!is_fine)
		return -1;
	size = stream->text.size - stream->at;
	if (size > room)
		size = room;
	if (size > 0)
		memcpy(out, stream->text.data + stream->at, size);
	stream->at += size;
	return (ssize_t)size;
}

static void
source_free(struct body_source *source)
{
	event_stream_free(stream_of(source));
}

enum status
event_stream_new(struct queue *queue, struct connection *connection, const char *id,
    int64_t heartbeat_ms, struct event_stream **ret_stream, struct error *error)
{
	struct event_stream *stream = malloc(block_size(sizeof(*stream)));
	int64_t now_ms = clock_mono_ms();

	if (stream == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a stream of events");
	*stream = (struct event_stream){
		.source = { .read = source_read, .free = source_free, .block_bytes = BLOCK_BYTES },
		.queue = queue,
		.connection = connection,
		.heartbeat_ms = heartbeat_ms,
		.beat_at_mono_ms = now_ms + heartbeat_ms,
		.look_at_mono_ms = now_ms + EVENT_STREAM_PROGRESS_MS,
	};
	buf_init(&stream->text, TEXT_MAX_BYTES);
	waiters_add(queue_waiters(queue), &stream->waiter, id,
	    WAITER_ENDED | WAITER_CHANGED | WAITER_PROGRESSED);
	*ret_stream = stream;
	return STATUS_OK;
}

enum status
event_stream_begin(struct event_stream *stream, const char *seen_id, struct error *error)
{
	struct task_status task;
	char id[EVENT_ID_SIZE];
	enum status status = queue_read_status(stream->queue, stream->waiter.id, &task, error);

	if (status != STATUS_OK)
		return status;
	take_state(stream, &task);
	stream->is_over = true; /* until somebody wants it to go on */
	make_id(stream, id);
	stream->is_seen = seen_id != NULL && strcmp(seen_id, id) == 0;
	(void)buf_reserve(&stream->text, TEXT_EXPECTED_BYTES);
	buf_printf(&stream->text, "retry: %d\n", EVENT_STREAM_RETRY_MS);
	if (stream->is_seen)
		JSON_LITERAL(&stream->text, "\n");
	else
		append_event(stream, "status");
	return STATUS_OK;
}

bool
event_stream_has_ended(const struct event_stream *stream)
{
	return task_state_is_final(stream->task.state);
}

bool
event_stream_is_seen(const struct event_stream *stream)
{
	return stream->is_seen;
}

bool
event_stream_follow(struct event_stream *stream)
{
	stream->has_place = connection_stream_begin(stream->connection, &stream->waiter);
	stream->is_over = !stream->has_place;
	return stream->has_place;
}

struct body_source *
event_stream_source(struct event_stream *stream)
{
	return &stream->source;
}

void
event_stream_free(struct event_stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->has_place)
		connection_wait_end(stream->connection);
	waiters_remove(&stream->waiter);
	buf_done(&stream->text);
	free(stream);
}
