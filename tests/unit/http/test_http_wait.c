/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait for a task to end, over sockets and a fake queue. That a request waits is seen
 * from the figures, so that nothing here depends on how long anything takes.
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

#include "base/clock.h"
#include "http_rig.h"

#define STATUS_OF(id) "/tasks/submissions/" id

/* Asks for the figures until so many requests wait. */
static void
await_waiting(const struct rig *rig, unsigned count)
{
	int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
	char expected[64];

	(void)snprintf(expected, sizeof(expected), "\"waiting\":%u,", count);
	for (;;) {
		struct answer *answer = rig_get(rig, "/stats", 200);
		bool is_reached = strstr(answer->body, expected) != NULL;

		answer_free(answer);
		if (is_reached)
			return;
		assert_true(clock_mono_ms() < until_ms);
	}
}

/* Sends a request that will wait, on a connection of its own. */
static int
begin_wait(const struct rig *rig, const char *target, const char *fields)
{
	char request[512];
	int fd = rig_dial(rig);
	int size = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target, fields);

	client_say(fd, request, (size_t)size);
	return fd;
}

static struct answer *
end_wait(int fd, int status)
{
	struct answer *answer = client_hear(fd, false);

	assert_non_null(answer);
	assert_int_equal(answer->status, status);
	close(fd);
	return answer;
}

static void
test_who_waits_is_answered_when_the_task_ends(void **state)
{
	struct rig *rig = *state;
	int on_status = begin_wait(rig, STATUS_OF(QUEUED) "?wait=60", "");
	int on_result = begin_wait(rig, "/tasks/" QUEUED, "Prefer: wait=60\r\n");
	struct answer *answer;

	await_waiting(rig, 2);
	fake_queue_complete(rig->queue, QUEUED);
	answer = end_wait(on_status, 200);
	assert_non_null(strstr(answer->body, "\"status\":\"SUCCEEDED\""));
	assert_no_field(answer, "Preference-Applied");
	answer_free(answer);
	answer = end_wait(on_result, 200);
	assert_non_null(strstr(answer->body, "\"result\":120"));
	assert_field(answer, "Preference-Applied", "wait=60");
	answer_free(answer);
	await_waiting(rig, 0);
}

static void
test_when_the_time_is_over_the_answer_is_that_of_a_task_under_way(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = rig_get(rig, STATUS_OF(QUEUED) "?wait=1", 200);

	assert_non_null(strstr(answer->body, "\"status\":\"QUEUED\""));
	answer_free(answer);
	answer = rig_get(rig, "/tasks/" QUEUED "?wait=1", 400);
	assert_non_null(strstr(answer->body, "/problems/not-completed"));
	answer_free(answer);
}

static void
test_where_there_is_nothing_to_wait_for_the_answer_comes_at_once(void **state)
{
	struct rig *rig = *state;
	int64_t began_ms = clock_mono_ms();

	answer_free(rig_get(rig, STATUS_OF(DONE) "?wait=60", 200));
	answer_free(rig_get(rig, "/tasks/" FAILED "?wait=60", 200));
	answer_free(rig_get(rig, "/tasks/" REJECTED "?wait=60", 200));
	answer_free(rig_get(rig, STATUS_OF(FAKE_QUEUE_ID(9)) "?wait=60", 404));
	answer_free(rig_get(rig, STATUS_OF(QUEUED) "?wait=0", 200));
	fake_queue_fail_reads(rig->queue, STATUS_IO);
	answer_free(rig_get(rig, "/tasks/" QUEUED "?wait=60", 500));
	fake_queue_fail_reads(rig->queue, STATUS_OK);
	assert_true(clock_mono_ms() - began_ms < 60 * 1000);
}

static void
test_as_many_wait_as_may_and_the_next_gets_503(void **state)
{
	struct rig *rig = rig_open(6); /* of which three may wait */
	struct answer *answer;
	int fds[4];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		fds[i] = begin_wait(rig, STATUS_OF(QUEUED) "?wait=60", "");
	await_waiting(rig, 3);
	answer = rig_get(rig, "/tasks/" QUEUED "?wait=60", 503);
	assert_non_null(strstr(answer->body, "/problems/too-many-waiting"));
	assert_field(answer, "Retry-After", "1");
	answer_free(answer);
	answer = rig_ask(rig, "GET", "/tasks/" QUEUED, "Prefer: wait=60\r\n", NULL);
	assert_int_equal(answer->status, 503);
	assert_no_field(answer, "Preference-Applied");
	answer_free(answer);
	/* Who does not have to wait is answered. */
	answer_free(rig_get(rig, STATUS_OF(QUEUED), 200));
	answer_free(rig_get(rig, STATUS_OF(DONE) "?wait=60", 200));
	/* A place that has become free is taken. */
	close(fds[0]);
	await_waiting(rig, 2);
	fds[3] = begin_wait(rig, "/tasks/" QUEUED "?wait=60", "");
	await_waiting(rig, 3);
	fake_queue_complete(rig->queue, QUEUED);
	for (size_t i = 1; i < 4; i++)
		answer_free(end_wait(fds[i], 200));
	rig_close(rig);
}

static void
test_who_shuts_its_sending_side_is_answered_at_once(void **state)
{
	struct rig *rig = *state;
	int fd = begin_wait(rig, STATUS_OF(QUEUED) "?wait=60", "");
	struct answer *answer;

	await_waiting(rig, 1);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	answer = end_wait(fd, 200);
	assert_non_null(strstr(answer->body, "\"status\":\"QUEUED\""));
	answer_free(answer);
}

static void
test_the_connection_stays_and_what_was_sent_meanwhile_is_answered(void **state)
{
	struct rig *rig = *state;
	int fd = begin_wait(rig, STATUS_OF(QUEUED) "?wait=60", "");
	static const char next[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

	await_waiting(rig, 1);
	client_say(fd, next, sizeof(next) - 1);
	fake_queue_complete(rig->queue, QUEUED);
	for (int i = 0; i < 2; i++) {
		struct answer *answer = client_hear(fd, false);

		assert_non_null(answer);
		assert_int_equal(answer->status, 200);
		assert_non_null(strstr(answer->body, i == 0 ? "SUCCEEDED" : "\"ok\""));
		answer_free(answer);
	}
	close(fd);
}

static void
test_when_the_service_drains_nobody_is_kept_waiting(void **state)
{
	struct rig *rig = *state;
	int fd = begin_wait(rig, STATUS_OF(QUEUED) "?wait=60", "");
	struct answer *answer;

	await_waiting(rig, 1);
	http_server_drain(rig->server);
	queue_refuse(rig->queue);
	answer = end_wait(fd, 200);
	assert_field(answer, "Connection", "close");
	answer_free(answer);
	answer_free(rig_get(rig, STATUS_OF(QUEUED) "?wait=60", 200));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_who_waits_is_answered_when_the_task_ends),
		TEST(test_when_the_time_is_over_the_answer_is_that_of_a_task_under_way),
		TEST(test_where_there_is_nothing_to_wait_for_the_answer_comes_at_once),
		cmocka_unit_test(test_as_many_wait_as_may_and_the_next_gets_503),
		TEST(test_who_shuts_its_sending_side_is_answered_at_once),
		TEST(test_the_connection_stays_and_what_was_sent_meanwhile_is_answered),
		TEST(test_when_the_service_drains_nobody_is_kept_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
