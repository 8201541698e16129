/* SPDX-License-Identifier: MIT */
/*
 * Connections as clients see them, over loopback and a fake queue: what keeps one, what ends one,
 * what a body may be, the limit, draining and the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "http_rig.h"

/* Connections ---------------------------------------------------------------------------------- */

static void
test_refusals_that_leave_the_framing_whole_keep_the_connection(void **state)
{
	static const struct {
		const char *method;
		const char *path;
		const char *fields;
		const char *body;
		int status;
	} cases[] = {
		{ "GET", "/nothing", "", NULL, 404 },
		{ "POST", "/nothing", "", "body", 404 },
		{ "PUT", "/healthz", "", "body", 405 },
		{ "POST", "/tasks/submissions", "Content-Type: text/plain\r\n", "body", 415 },
		{ "POST", "/tasks/submissions", "Content-Type: application/json\r\n", "{", 400 },
		{ "GET", "/healthz", "Accept: image/png\r\n", NULL, 406 },
		{ "OPTIONS", "/healthz", "", NULL, 204 },
		{ "GET", "/healthz?x=1", "", NULL, 400 },
		{ "GET", "/healthz", "", "body", 200 },
		{ "POST", "/tasks/submissions", "Content-Type: application/json\r\n", SUBMISSION,
		    202 },
	};
	struct rig *rig = *state;
	int fd = rig_dial(rig);

	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			struct answer *answer = client_ask(
			    fd, cases[i].method, cases[i].path, cases[i].fields, cases[i].body);

			assert_non_null(answer);
			assert_int_equal(answer->status, cases[i].status);
			assert_no_field(answer, "Connection");
			answer_free(answer);
		}
	}
	close(fd);
}

static void
test_bodies_at_the_limit_and_one_past(void **state)
{
	struct rig *rig = *state;
	char *body = malloc(BODY_MAX + 2);
	int fd = rig_dial(rig);

	for (size_t extra = 0; extra < 2; extra++) {
		struct answer *answer;

		memset(body, ' ', BODY_MAX + 1);
		memcpy(body, SUBMISSION, strlen(SUBMISSION));
		body[BODY_MAX + extra] = '\0';
		answer = client_ask(
		    fd, "POST", "/tasks/submissions", "Content-Type: application/json\r\n", body);
		assert_int_equal(answer->status, extra == 0 ? 202 : 413);
		answer_free(answer);
	}
	answer_free(client_ask(fd, "GET", "/healthz", "", NULL));
	free(body);
	close(fd);
}

static void
test_a_body_far_over_the_limit_is_refused_unread_and_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	int fd = rig_dial(rig);
	struct answer *answer = client_ask(fd, "POST", "/tasks/submissions",
	    "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n",
	    NULL);

	assert_int_equal(answer->status, 413);
	assert_field(answer, "Connection", "close");
	assert_true(client_sees_end(fd));
	answer_free(answer);
	close(fd);
}

static void
say_chunk(int fd, size_t size)
{
	char *chunk = malloc(size + 100);
	int head = snprintf(chunk, size + 100, "%zx\r\n", size);

	memset(chunk + head, ' ', size);
	memcpy(chunk + head + size, "\r\n", 2);
	client_say(fd, chunk, head + size + 2);
	free(chunk);
}

static void
test_bodies_over_what_all_may_hold_get_503_and_give_their_place_back(void **state)
{
	struct rig *rig = rig_open_with(10, 2000);
	char body[2002];
	char value[16];
	int fd = rig_dial(rig);

	(void)state;
	for (int round = 0; round < 3; round++) {
		struct answer *answer;

		memset(body, ' ', sizeof(body));
		body[2000] = '\0';
		answer = client_ask(
		    fd, "POST", "/tasks/submissions", "Content-Type: application/json\r\n", body);
		assert_int_equal(answer->status, 400);
		answer_free(answer);
		body[2000] = ' ';
		body[2001] = '\0';
		answer = client_ask(
		    fd, "POST", "/tasks/submissions", "Content-Type: application/json\r\n", body);
		assert_int_equal(answer->status, 503);
		assert_non_null(strstr(answer->body, "/problems/too-many-bodies"));
		assert_string_equal(answer_field(answer, "Retry-After", value, sizeof(value)), "1");
		answer_free(answer);
	}
	close(fd);
	rig_close(rig);
}

static void
test_a_chunked_body_over_the_limit_is_413_and_an_endless_one_is_cut(void **state)
{
	static const char head[] =
	    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct rig *rig = *state;
	struct answer *answer;
	int fd = rig_dial(rig);

	client_say(fd, head, strlen(head));
	say_chunk(fd, BODY_MAX);
	say_chunk(fd, 1);
	client_say(fd, "0\r\n\r\n", 5);
	answer = client_hear(fd, false);
	assert_int_equal(answer->status, 413);
	answer_free(answer);
	answer = client_ask(fd, "GET", "/healthz", "", NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
	client_say(fd, head, strlen(head));
	for (int i = 0; i < 40; i++)
		say_chunk(fd, 65536);
	assert_null(client_hear(fd, false));
	close(fd);
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static void
test_a_fault_of_framing_ends_the_connection_and_runs_no_successor(void **state)
{
	static const char *const heads[] = {
		"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
		"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"Host: localhost\r\n\r\n",
		"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
		"X: y\r\n: z\r\nContent-Length: 0\r\n\r\n",
		"X: a\nContent-Length: 0\r\n\r\n",
		"X(: a\r\nContent-Length: 0\r\n\r\n",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		char text[2000];
		int size = snprintf(text, sizeof(text),
		    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Type: application/json\r\n%s"
		    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    heads[i], strlen(SUBMISSION), SUBMISSION);
		struct answer *answer;
		int fd = rig_dial(rig);

		client_say(fd, text, size);
		answer = client_hear(fd, false);
		assert_non_null(answer);
		if (answer->status != 400 && answer->status != 501)
			fail_msg("%s: %d", heads[i], answer->status);
		assert_true(client_sees_end(fd));
		answer_free(answer);
		close(fd);
	}
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static void
test_beyond_the_limit_a_body_is_read_so_that_the_503_is_not_lost(void **state)
{
	struct rig *rig = rig_open(1);
	char *body = malloc(200001);
	struct answer *answer;
	int first, second;

	(void)state;
	memset(body, ' ', 200000);
	body[200000] = '\0';
	first = rig_dial(rig);
	answer_free(client_ask(first, "GET", "/healthz", "", NULL));
	second = rig_dial(rig);
	answer = client_ask(
	    second, "POST", "/tasks/submissions", "Content-Type: application/json\r\n", body);
	assert_non_null(answer);
	assert_int_equal(answer->status, 503);
	assert_true(client_sees_end(second));
	answer_free(answer);
	close(first);
	close(second);
	free(body);
	rig_close(rig);
}

static void
test_beyond_the_limit_requests_get_503_and_health_is_served(void **state)
{
	struct rig *rig = rig_open(1);
	struct answer *answer;
	int first, second, third;

	(void)state;
	first = rig_dial(rig);
	answer_free(client_ask(first, "GET", "/healthz", "", NULL));
	second = rig_dial(rig);
	answer = client_ask(second, "GET", "/tasks/" DONE, "", NULL);
	assert_int_equal(answer->status, 503);
	assert_field(answer, "Retry-After", "1");
	assert_field(answer, "Connection", "close");
	assert_true(client_sees_end(second));
	answer_free(answer);
	third = rig_dial(rig);
	answer = client_ask(third, "GET", "/readyz", "", NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
	answer = client_ask(first, "GET", "/tasks/" DONE, "", NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
	close(first);
	close(second);
	close(third);
	rig_close(rig);
}

/* The end -------------------------------------------------------------------------------------- */

static void
test_while_draining_every_answer_ends_its_connection(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;
	int fd = rig_dial(rig);

	answer_free(client_ask(fd, "GET", "/healthz", "", NULL));
	http_server_drain(rig->server);
	answer = client_ask(fd, "GET", "/tasks/" DONE, "", NULL);
	assert_int_equal(answer->status, 200);
	assert_field(answer, "Connection", "close");
	assert_true(client_sees_end(fd));
	answer_free(answer);
	close(fd);
	answer = rig_get(rig, "/readyz", 503);
	assert_non_null(strstr(answer->body, "\"draining\""));
	answer_free(answer);
	answer_free(rig_get(rig, "/healthz", 200));
}

static void *
submit_held(void *arg)
{
	return rig_submit(arg, SUBMISSION);
}

static void *
release_once_refused(void *arg)
{
	const struct rig *rig = arg;
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(rig->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int refused = 0;

	/* Closing has begun when nobody listens any more. */
	while (!refused) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		refused = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0;
		close(fd);
	}
	fake_queue_hold(rig->queue, false);
	return NULL;
}

static void
test_closing_waits_for_the_request_under_way_and_answers_it(void **state)
{
	struct rig *rig = rig_open(10);
	pthread_t submitter, releaser;
	void *answered = NULL;
	struct answer *answer;
	int idle = rig_dial(rig);

	(void)state;
	answer_free(client_ask(idle, "GET", "/healthz", "", NULL));
	fake_queue_hold(rig->queue, true);
	assert_int_equal(pthread_create(&submitter, NULL, submit_held, rig), 0);
	fake_queue_await_held(rig->queue, 1);
	assert_int_equal(pthread_create(&releaser, NULL, release_once_refused, rig), 0);
	http_server_close(rig->server, clock_mono_ms() + PATIENCE_MS);
	rig->server = NULL;
	pthread_join(releaser, NULL);
	pthread_join(submitter, &answered);
	answer = answered;
	assert_non_null(answer);
	assert_int_equal(answer->status, 202);
	assert_field(answer, "Connection", "close");
	assert_true(client_sees_end(idle));
	answer_free(answer);
	close(idle);
	rig_close(rig);
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_refusals_that_leave_the_framing_whole_keep_the_connection),
		WITH_RIG(test_bodies_at_the_limit_and_one_past),
		WITH_RIG(test_a_body_far_over_the_limit_is_refused_unread_and_ends_the_connection),
		cmocka_unit_test(
		    test_bodies_over_what_all_may_hold_get_503_and_give_their_place_back),
		WITH_RIG(test_a_chunked_body_over_the_limit_is_413_and_an_endless_one_is_cut),
		WITH_RIG(test_a_fault_of_framing_ends_the_connection_and_runs_no_successor),
		cmocka_unit_test(test_beyond_the_limit_requests_get_503_and_health_is_served),
		cmocka_unit_test(test_beyond_the_limit_a_body_is_read_so_that_the_503_is_not_lost),
		WITH_RIG(test_while_draining_every_answer_ends_its_connection),
		cmocka_unit_test(test_closing_waits_for_the_request_under_way_and_answers_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
