/* SPDX-License-Identifier: MIT */
/*
 * GET /tasks/{id}/events over sockets and a fake queue: what the bytes are, what news that tell
 * nothing come to, and what becomes of a stream whose task cannot be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http_rig.h"
#include "queue/waiters.h"

#define EVENTS_OF(id) "/tasks/" id "/events"
#define LAST_CHUNK    "0\r\n\r\n"

/* A stream that is being read; `text` is all that came so far, its header and chunks included. */
struct reader {
	int fd;
	char text[16384];
	size_t size;
};

static struct reader *
open_stream(const struct rig *rig, const char *id, const char *fields)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	char request[512];
	int size = snprintf(request, sizeof(request),
	    "GET /tasks/%s/events HTTP/1.1\r\nHost: localhost\r\n%s\r\n", id, fields);

	assert_non_null(reader);
	reader->fd = rig_dial(rig);
	client_say(reader->fd, request, (size_t)size);
	return reader;
}

/* Reads on. Returns false at the end of the connection. */
static bool
read_more(struct reader *reader)
{
	ssize_t n;

	assert_true(reader->size + 1 < sizeof(reader->text));
	n = recv(
	    reader->fd, reader->text + reader->size, sizeof(reader->text) - reader->size - 1, 0);
	if (n <= 0)
		return false;
	reader->size += (size_t)n;
	reader->text[reader->size] = '\0';
	return true;
}

/* Reads until a text has come; what is before its end is dropped. */
static void
hear(struct reader *reader, const char *wanted)
{
	const char *found;
	size_t left;

	while ((found = strstr(reader->text, wanted)) == NULL)
		assert_true(read_more(reader));
	found += strlen(wanted);
	left = reader->size - (size_t)(found - reader->text);
	memmove(reader->text, found, left + 1);
	reader->size = left;
}

/* What comes next, without a text before it. */
static void
expect(struct reader *reader, const char *wanted)
{
	while (reader->size < strlen(wanted))
		assert_true(read_more(reader));
	assert_memory_equal(reader->text, wanted, strlen(wanted));
}

static void
close_stream(struct reader *reader)
{
	close(reader->fd);
	free(reader);
}

static void
test_the_bytes_of_a_stream(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;
	int fd = rig_dial(rig);

	answer = client_ask(fd, "GET", EVENTS_OF(DONE), "Accept: text/event-stream\r\n", NULL);
	assert_non_null(answer);
	assert_int_equal(answer->status, 200);
	assert_field(answer, "Content-Type", "text/event-stream");
	assert_field(answer, "Cache-Control", "no-store");
	assert_field(answer, "X-Content-Type-Options", "nosniff");
	assert_field(answer, "X-Accel-Buffering", "no");
	assert_string_equal(answer->body,
	    "retry: 2000\n"
	    "event: status\n"
	    "id: SUCCEEDED-1-1767323045680\n"
	    "data: {\"id\":\"" DONE "\",\"status\":\"SUCCEEDED\",\"type\":\"factorial\","
	    "\"created_at\":\"2026-01-02T03:04:05.678Z\",\"started_at\":\"2026-01-02T03:04:05.679Z\","
	    "\"finished_at\":\"2026-01-02T03:04:05.680Z\",\"attempts\":1,\"progress\":1}\n"
	    "\n");
	answer_free(answer);
	/* The connection stays. */
	answer = client_ask(
	    fd, "GET", EVENTS_OF(DONE), "Last-Event-ID: SUCCEEDED-1-1767323045680\r\n", NULL);
	assert_non_null(answer);
	assert_int_equal(answer->status, 204);
	assert_no_field(answer, "Content-Type");
	answer_free(answer);
	close(fd);
}

static void
test_an_event_for_each_change_and_the_end(void **state)
{
	struct rig *rig = *state;
	struct reader *reader = open_stream(rig, QUEUED, "");
	struct answer *answer;

	hear(reader, "event: status\nid: QUEUED-0-1767323045678\ndata: ");
	fake_queue_change(rig->queue, QUEUED, TASK_RUNNING, 1);
	hear(reader, "event: status\nid: RUNNING-1-1767323045679\ndata: ");
	hear(reader, "\"attempts\":1}\n\n");
	fake_queue_progress(rig->queue, QUEUED, 0);
	hear(reader, "event: progress\nid: RUNNING-1-1767323045679-0\ndata: ");
	hear(reader, "\"attempts\":1,\"progress\":0}\n\n");
	fake_queue_progress(rig->queue, QUEUED, 250);
	hear(reader, "event: progress\nid: RUNNING-1-1767323045679-250\ndata: ");
	fake_queue_change(rig->queue, QUEUED, TASK_QUEUED, 1);
	hear(reader, "event: status\nid: QUEUED-1-1767323045679\ndata: ");
	hear(reader, "\"attempts\":1}\n\n");
	fake_queue_change(rig->queue, QUEUED, TASK_FAILED, 2);
	hear(reader, "event: status\nid: FAILED-2-1767323045778\ndata: ");
	hear(reader, "\"attempts\":2}\n\n");
	hear(reader, LAST_CHUNK);
	assert_int_equal(reader->size, 0);
	close_stream(reader);
	answer = rig_ask(
	    rig, "GET", EVENTS_OF(QUEUED), "Last-Event-ID: FAILED-2-1767323045778\r\n", NULL);
	assert_int_equal(answer->status, 204);
	answer_free(answer);
}

static void
test_news_that_tell_nothing_new_are_no_event(void **state)
{
	struct rig *rig = *state;
	struct reader *reader = open_stream(rig, QUEUED, "");

	hear(reader, "id: QUEUED-0-");
	hear(reader, "\n\n");
	for (int i = 0; i < 3; i++) {
		fake_queue_change(rig->queue, QUEUED, TASK_QUEUED, 0);
		waiters_tell(queue_waiters(rig->queue), QUEUED, WAITER_ENDED);
		fake_queue_progress(rig->queue, QUEUED, 100 + i);
	}
	fake_queue_change(rig->queue, QUEUED, TASK_RUNNING, 1);
	hear(reader, "event: ");
	expect(reader, "status\nid: RUNNING-1-1767323045679-102\n");
	hear(reader, "\n\n");
	/* Less than was told, or as much, is no progress. */
	fake_queue_progress(rig->queue, QUEUED, 102);
	fake_queue_progress(rig->queue, QUEUED, 50);
	waiters_tell(queue_waiters(rig->queue), QUEUED, WAITER_CHANGED);
	fake_queue_complete(rig->queue, QUEUED);
	hear(reader, "event: ");
	expect(reader, "status\nid: SUCCEEDED");
	close_stream(reader);
}

static void
test_a_task_that_cannot_be_read_any_more_cuts_its_stream(void **state)
{
	static const enum status faults[] = { STATUS_BUSY, STATUS_IO, STATUS_NOT_FOUND };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct reader *reader = open_stream(rig, QUEUED, "");

		hear(reader, "id: QUEUED-0-");
		fake_queue_fail_reads(rig->queue, faults[i]);
		waiters_tell(queue_waiters(rig->queue), QUEUED, WAITER_CHANGED);
		while (read_more(reader))
			;
		assert_null(strstr(reader->text, LAST_CHUNK));
		fake_queue_fail_reads(rig->queue, STATUS_OK);
		close_stream(reader);
	}
}

static void
test_a_task_that_cannot_be_read_at_first_is_a_problem(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	answer_free(rig_get(rig, EVENTS_OF(FAKE_QUEUE_ID(9)), 404));
	fake_queue_fail_reads(rig->queue, STATUS_BUSY);
	answer = rig_get(rig, EVENTS_OF(QUEUED), 503);
	assert_non_null(strstr(answer->body, "/problems/store-busy"));
	assert_field(answer, "Retry-After", "1");
	answer_free(answer);
	fake_queue_fail_reads(rig->queue, STATUS_IO);
	answer_free(rig_get(rig, EVENTS_OF(QUEUED), 500));
	fake_queue_fail_reads(rig->queue, STATUS_OK);
	answer_free(rig_get(rig, EVENTS_OF(DONE), 200));
}

static void
test_who_has_seen_the_present_state_hears_of_the_next(void **state)
{
	struct rig *rig = *state;
	struct reader *reader =
	    open_stream(rig, QUEUED, "Last-Event-ID: QUEUED-0-1767323045678\r\n");

	hear(reader, "\r\n\r\n");
	hear(reader, "retry: 2000\n\n");
	fake_queue_change(rig->queue, QUEUED, TASK_RUNNING, 1);
	hear(reader, "event: ");
	expect(reader, "status\nid: RUNNING-1-");
	close_stream(reader);
}

static void
test_a_field_of_any_length_that_is_no_id_of_ours_is_nothing_seen(void **state)
{
	struct rig *rig = *state;
	static const char *const fields[] = { "Last-Event-ID:\r\n", "Last-Event-ID: 1\r\n",
		"Last-Event-ID: SUCCEEDED-1-1767323045680 \x80\r\n",
		"Last-Event-ID: SUCCEEDED-1-17673230456800\r\n",
		("Last-Event-ID: SUCCEEDED-1-1767323045680\r\n"
		 "Last-Event-ID: SUCCEEDED-1-1767323045680\r\n") };
	char large[3000];
	struct answer *answer;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		answer = rig_ask(rig, "GET", EVENTS_OF(DONE), fields[i], NULL);
		assert_int_equal(answer->status, 200);
		answer_free(answer);
	}
	(void)snprintf(large, sizeof(large), "Last-Event-ID: %02900d\r\n", 1);
	answer = rig_ask(rig, "GET", EVENTS_OF(DONE), large, NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
	/* Blanks around a value are none of it. */
	answer = rig_ask(
	    rig, "GET", EVENTS_OF(DONE), "last-event-id: \t SUCCEEDED-1-1767323045680\r\n", NULL);
	assert_int_equal(answer->status, 204);
	answer_free(answer);
}

static void
test_when_the_service_drains_a_stream_ends_in_good_order(void **state)
{
	struct rig *rig = *state;
	struct reader *reader = open_stream(rig, QUEUED, "");
	struct answer *answer;

	hear(reader, "id: QUEUED-0-");
	http_server_drain(rig->server);
	queue_refuse(rig->queue);
	hear(reader, LAST_CHUNK);
	close_stream(reader);
	reader = open_stream(rig, QUEUED, "");
	hear(reader, "Connection: close\r\n");
	hear(reader, "retry: 2000\nevent: status\nid: QUEUED-0-");
	hear(reader, "}\n\n");
	while (read_more(reader))
		;
	close_stream(reader);
	answer = rig_ask(
	    rig, "GET", EVENTS_OF(DONE), "Last-Event-ID: SUCCEEDED-1-1767323045680\r\n", NULL);
	assert_int_equal(answer->status, 204);
	answer_free(answer);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_bytes_of_a_stream),
		TEST(test_an_event_for_each_change_and_the_end),
		TEST(test_news_that_tell_nothing_new_are_no_event),
		TEST(test_a_task_that_cannot_be_read_any_more_cuts_its_stream),
		TEST(test_a_task_that_cannot_be_read_at_first_is_a_problem),
		TEST(test_who_has_seen_the_present_state_hears_of_the_next),
		TEST(test_a_field_of_any_length_that_is_no_id_of_ours_is_nothing_seen),
		TEST(test_when_the_service_drains_a_stream_ends_in_good_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
