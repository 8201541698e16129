/* SPDX-License-Identifier: MIT */
/* The reaper: deadlines by phase, making room, and the end. The clock is passed in where it can be.
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
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sync.h"
#include "http/http_connections.h"
#include "queue/waiters.h"

#define LONG_MS     600000
#define SHORT_MS    60
#define PATIENCE_MS 20000

static struct connections_conf
conf_with(unsigned max, int64_t header_ms, int64_t body_ms, int64_t idle_ms, int64_t send_ms)
{
	return (struct connections_conf){ max, max, header_ms, body_ms, idle_ms, send_ms };
}

/* A connection of ours and the client's end of it. */
struct pair {
	struct connection connection;
	int ours;
	int theirs;
};

static void
pair_open(struct pair *pair, struct connections *list)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	pair->theirs = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(pair->theirs, (struct sockaddr *)&address, size), 0);
	pair->ours = accept(listener, NULL, NULL);
	assert_true(pair->ours >= 0);
	close(listener);
	connections_add(list, &pair->connection, pair->ours);
}

static void
pair_close(struct pair *pair)
{
	connections_remove(&pair->connection);
	close(pair->ours);
	close(pair->theirs);
}

static struct connections *
open_list(struct connections_conf conf)
{
	struct connections *list = NULL;

	assert_int_equal(connections_open(&conf, &list, NULL), STATUS_OK);
	return list;
}

/* Waits until the socket has nothing more to give; false when it is still open after PATIENCE_MS.
 */
static bool
ends(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char byte;

	while (poll(&pollfd, 1, PATIENCE_MS) == 1)
		if (recv(fd, &byte, 1, 0) <= 0)
			return true;
	return false;
}

static bool
is_open(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void
test_each_phase_is_cut_at_its_own_deadline(void **state)
{
	static const enum phase phases[] = { PHASE_HEADER, PHASE_BODY, PHASE_SENDING };
	struct connections_conf confs[] = {
		conf_with(10, SHORT_MS, LONG_MS, LONG_MS, LONG_MS),
		conf_with(10, LONG_MS, SHORT_MS, LONG_MS, LONG_MS),
		conf_with(10, LONG_MS, LONG_MS, LONG_MS, SHORT_MS),
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct connections *list = open_list(confs[i]);
		struct pair pairs[3];

		for (size_t p = 0; p < 3; p++) {
			pair_open(&pairs[p], list);
			connection_enter(&pairs[p].connection, phases[p], clock_mono_us());
		}
		assert_true(ends(pairs[i].theirs));
		for (size_t p = 0; p < 3; p++) {
			if (p != i)
				assert_true(is_open(pairs[p].theirs));
			pair_close(&pairs[p]);
		}
		connections_close(list);
	}
}

static void
test_handling_has_no_deadline(void **state)
{
	struct connections *list = open_list(conf_with(10, SHORT_MS, SHORT_MS, SHORT_MS, SHORT_MS));
	struct pair working, waiting;

	(void)state;
	pair_open(&working, list);
	connection_enter(&working.connection, PHASE_HANDLING, clock_mono_us() - 3600000000);
	pair_open(&waiting, list);
	assert_true(ends(waiting.theirs));
	assert_true(is_open(working.theirs));
	pair_close(&working);
	pair_close(&waiting);
	connections_close(list);
}

static void
test_a_header_under_way_keeps_its_deadline(void **state)
{
	struct connections *list = open_list(conf_with(10, 10000, LONG_MS, LONG_MS, LONG_MS));
	struct pair pair;
	int64_t before;

	(void)state;
	pair_open(&pair, list);
	before = atomic_load(&pair.connection.state);
	connection_enter(&pair.connection, PHASE_HEADER, clock_mono_us() + 5000000);
	assert_true(atomic_load(&pair.connection.state) == before);
	connection_enter(&pair.connection, PHASE_IDLE, clock_mono_us());
	connection_enter(&pair.connection, PHASE_HEADER, clock_mono_us() + 5000000);
	assert_true(atomic_load(&pair.connection.state) > before);
	pair_close(&pair);
	connections_close(list);
}

static void
test_an_idle_connection_ends_by_itself_with_what_has_arrived_still_readable(void **state)
{
	struct connections *list = open_list(conf_with(10, LONG_MS, LONG_MS, SHORT_MS, LONG_MS));
	struct pair pair;
	char byte = 0;

	(void)state;
	pair_open(&pair, list);
	assert_int_equal(send(pair.theirs, "x", 1, 0), 1);
	connection_enter(&pair.connection, PHASE_IDLE, clock_mono_us());
	/* Our end sees the byte that was sent, then the end; the client can still be answered. */
	assert_int_equal(recv(pair.ours, &byte, 1, 0), 1);
	assert_int_equal(recv(pair.ours, &byte, 1, 0), 0);
	assert_true(connections_is_leaving(&pair.connection));
	assert_int_equal(send(pair.ours, "y", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(pair.theirs, &byte, 1, 0), 1);
	/* One that does not leave is cut. */
	assert_true(ends(pair.theirs));
	pair_close(&pair);
	connections_close(list);
}

static void
test_a_header_that_dribbles_into_an_idle_connection_has_a_headers_time(void **state)
{
	struct connections *list = open_list(conf_with(10, SHORT_MS, LONG_MS, LONG_MS, LONG_MS));
	struct pollfd pollfd;
	struct pair pair;
	int tries = 0;

	(void)state;
	pair_open(&pair, list);
	connection_enter(&pair.connection, PHASE_IDLE, clock_mono_us());
	pollfd = (struct pollfd){ .fd = pair.theirs, .events = POLLIN };
	do
		(void)send(pair.theirs, "G", 1, MSG_NOSIGNAL);
	while (poll(&pollfd, 1, 50) == 0 && ++tries < PATIENCE_MS / 50);
	assert_true(ends(pair.theirs));
	pair_close(&pair);
	connections_close(list);
}

static void
test_beyond_the_limit_the_longest_idle_makes_room(void **state)
{
	struct connections *list = open_list(conf_with(3, LONG_MS, LONG_MS, 8000, LONG_MS));
	int64_t now_us = clock_mono_us();
	struct pair busy, fresh, old, next;
	char byte;

	(void)state;
	pair_open(&busy, list);
	connection_enter(&busy.connection, PHASE_HANDLING, now_us);
	pair_open(&fresh, list);
	connection_enter(&fresh.connection, PHASE_IDLE, now_us - 500000);
	pair_open(&old, list);
	connection_enter(&old.connection, PHASE_IDLE, now_us - 1500000);
	assert_int_equal(connections_count(list), 3);
	pair_open(&next, list);
	assert_false(connections_is_over(&next.connection));
	assert_int_equal(connections_count(list), 3);
	assert_true(connections_is_leaving(&old.connection));
	assert_int_equal(recv(old.ours, &byte, 1, 0), 0);
	assert_false(connections_is_leaving(&fresh.connection));
	assert_false(connections_is_leaving(&busy.connection));
	pair_close(&old);
	assert_int_equal(connections_count(list), 3);
	pair_close(&busy);
	pair_close(&fresh);
	pair_close(&next);
	assert_int_equal(connections_count(list), 0);
	connections_close(list);
}

static void
test_where_nobody_is_idle_the_new_one_is_over_until_there_is_room(void **state)
{
	struct connections *list = open_list(conf_with(1, LONG_MS, LONG_MS, LONG_MS, LONG_MS));
	struct pair first, second, third;

	(void)state;
	pair_open(&first, list);
	assert_false(connections_is_over(&first.connection));
	pair_open(&second, list);
	pair_open(&third, list);
	assert_true(connections_is_over(&second.connection));
	assert_true(connections_is_over(&third.connection));
	pair_close(&first);
	assert_true(connections_is_over(&second.connection));
	pair_close(&third);
	assert_false(connections_is_over(&second.connection));
	pair_close(&second);
	connections_close(list);
}

static void
test_a_surplus_connection_gets_two_seconds_for_its_header(void **state)
{
	struct connections *list = open_list(conf_with(1, LONG_MS, LONG_MS, LONG_MS, LONG_MS));
	struct pair first, second;

	(void)state;
	pair_open(&first, list);
	pair_open(&second, list);
	assert_true(ends(second.theirs));
	assert_true(is_open(first.theirs));
	pair_close(&first);
	pair_close(&second);
	connections_close(list);
}

/* Takes what arrives until the end, from a thread of its own. */
static void *
read_on(void *arg)
{
	const struct pair *pair = arg;
	char buffer[4096];

	while (recv(pair->theirs, buffer, sizeof(buffer), 0) > 0)
		;
	return NULL;
}

static void
test_a_client_that_takes_a_response_steadily_is_given_more_time(void **state)
{
	struct connections *list = open_list(conf_with(10, LONG_MS, LONG_MS, LONG_MS, SHORT_MS));
	int64_t first_state;
	struct pair steady, stalled;
	pthread_t reader;

	(void)state;
	pair_open(&steady, list);
	pair_open(&stalled, list);
	assert_int_equal(pthread_create(&reader, NULL, read_on, &steady), 0);
	connection_enter(&steady.connection, PHASE_SENDING, clock_mono_us());
	connection_enter(&stalled.connection, PHASE_SENDING, clock_mono_us());
	first_state = atomic_load(&steady.connection.state);
	/* Bytes flow until the stalled one is cut, which takes two looks of the reaper. */
	while (is_open(stalled.theirs)) {
		char block[1024] = { 0 };
		struct pollfd pollfd = { .fd = stalled.theirs, .events = POLLIN };

		assert_int_equal(send(steady.ours, block, sizeof(block), MSG_NOSIGNAL), 1024);
		(void)poll(&pollfd, 1, 1);
	}
	assert_true(atomic_load(&steady.connection.state) > first_state);
	assert_int_equal(send(steady.ours, "x", 1, MSG_NOSIGNAL), 1);
	shutdown(steady.ours, SHUT_RDWR);
	pthread_join(reader, NULL);
	pair_close(&steady);
	pair_close(&stalled);
	connections_close(list);
}

static void *
finish_request(void *arg)
{
	struct pair *pair = arg;
	char byte;

	/* The other connection was told to go, so settling has begun. */
	assert_int_equal(recv(pair[1].ours, &byte, 1, 0), 0);
	pair_close(&pair[1]);
	connection_enter(&pair[0].connection, PHASE_SENDING, clock_mono_us());
	connection_enter(&pair[0].connection, PHASE_IDLE, clock_mono_us());
	assert_int_equal(recv(pair[0].ours, &byte, 1, 0), 0);
	pair_close(&pair[0]);
	return NULL;
}

static void
test_settling_waits_for_requests_under_way_and_sends_the_idle_away(void **state)
{
	struct connections *list = open_list(conf_with(10, LONG_MS, LONG_MS, LONG_MS, LONG_MS));
	struct pair pairs[2];
	pthread_t thread;

	(void)state;
	pair_open(&pairs[0], list);
	connection_enter(&pairs[0].connection, PHASE_HANDLING, clock_mono_us());
	pair_open(&pairs[1], list);
	connection_enter(&pairs[1].connection, PHASE_IDLE, clock_mono_us());
	assert_int_equal(pthread_create(&thread, NULL, finish_request, pairs), 0);
	connections_settle(list, clock_mono_ms() + LONG_MS);
	assert_int_equal(connections_count(list), 0);
	pthread_join(thread, NULL);
	connections_close(list);
}

static void
test_settling_ends_at_its_deadline(void **state)
{
	struct connections *list = open_list(conf_with(10, LONG_MS, LONG_MS, LONG_MS, LONG_MS));
	struct pair pair;

	(void)state;
	pair_open(&pair, list);
	connection_enter(&pair.connection, PHASE_HANDLING, clock_mono_us());
	connections_settle(list, clock_mono_ms() + SHORT_MS);
	assert_int_equal(connections_count(list), 1);
	pair_close(&pair);
	connections_close(list);
}

/* A thread that waits for a task over a connection, until the reaper lets it go. */
struct parked {
	struct waiters *waiters;
	struct pair pair;
	struct waiter waiter;
	pthread_t thread;
	atomic_bool is_done;
};

static void *
parked_main(void *arg)
{
	struct parked *parked = arg;

	(void)waiters_wait(&parked->waiter, WAITER_ENDED, clock_mono_ms() + PATIENCE_MS);
	atomic_store(&parked->is_done, true);
	return NULL;
}

static void
park_as(struct parked *parked, struct connections *list, struct waiters *waiters,
    bool (*begin)(struct connection *connection, struct waiter *waiter))
{
	pair_open(&parked->pair, list);
	atomic_init(&parked->is_done, false);
	connection_enter(&parked->pair.connection, PHASE_HANDLING, clock_mono_us());
	waiters_add(waiters, &parked->waiter, "018f0000-0000-7000-8000-000000000001", WAITER_ENDED);
	assert_true(begin(&parked->pair.connection, &parked->waiter));
	assert_int_equal(
	    thread_start(&parked->thread, "parked", 0, parked_main, parked, NULL), STATUS_OK);
}

static void
park(struct parked *parked, struct connections *list, struct waiters *waiters)
{
	park_as(parked, list, waiters, connection_wait_begin);
}

static void
unpark(struct parked *parked)
{
	thread_join(parked->thread);
	connection_wait_end(&parked->pair.connection);
	waiters_remove(&parked->waiter);
	pair_close(&parked->pair);
}

static void
test_who_waits_goes_on_when_the_client_is_gone_and_only_then(void **state)
{
	struct connections *list = open_list(conf_with(10, LONG_MS, LONG_MS, LONG_MS, LONG_MS));
	struct waiters *waiters = NULL;
	struct parked closed, reset, half_closed, stays;
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int64_t began_ms = clock_mono_ms();

	(void)state;
	assert_int_equal(waiters_new(&waiters, NULL), STATUS_OK);
	park(&closed, list, waiters);
	park(&reset, list, waiters);
	park(&half_closed, list, waiters);
	park(&stays, list, waiters);
	assert_int_equal(connections_waiting(list), 4);
	/* More bytes of the client's are no reason to go on. */
	assert_int_equal(send(stays.pair.theirs, "GET", 3, 0), 3);
	assert_int_equal(send(closed.pair.theirs, "GET", 3, 0), 3);
	close(closed.pair.theirs);
	closed.pair.theirs = -1;
	(void)setsockopt(reset.pair.theirs, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(reset.pair.theirs);
	reset.pair.theirs = -1;
	assert_int_equal(shutdown(half_closed.pair.theirs, SHUT_WR), 0);
	unpark(&closed);
	unpark(&reset);
	unpark(&half_closed);
	assert_true(clock_mono_ms() - began_ms < PATIENCE_MS);
	assert_false(atomic_load(&stays.is_done));
	assert_int_equal(connections_waiting(list), 1);
	waiters_tell(waiters, "018f0000-0000-7000-8000-000000000001", WAITER_ENDED);
	unpark(&stays);
	assert_int_equal(connections_waiting(list), 0);
	waiters_free(waiters);
	connections_close(list);
}

/* Sends more than the client's side can hold. */
static void
overfill(const struct parked *parked)
{
	static const char bytes[65536];

	while (send(parked->pair.ours, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

static void
test_a_stream_is_cut_when_its_client_has_stalled_and_no_other(void **state)
{
	struct connections *list = open_list(conf_with(10, LONG_MS, LONG_MS, LONG_MS, 700));
	struct waiters *waiters = NULL;
	struct parked stalled, reads, is_sent_nothing, is_no_stream;
	static char bytes[65536];

	(void)state;
	assert_int_equal(waiters_new(&waiters, NULL), STATUS_OK);
	park_as(&stalled, list, waiters, connection_stream_begin);
	park_as(&reads, list, waiters, connection_stream_begin);
	park_as(&is_sent_nothing, list, waiters, connection_stream_begin);
	park(&is_no_stream, list, waiters);
	assert_int_equal(connections_waiting(list), 4);
	assert_int_equal(send(is_sent_nothing.pair.ours, "event", 5, 0), 5);
	overfill(&is_no_stream);
	overfill(&reads);
	overfill(&stalled);
	while (!atomic_load(&stalled.is_done)) {
		struct pollfd pollfd = { .fd = reads.pair.theirs, .events = POLLIN };

		/* As slowly as that there is always something left to take. */
		if (poll(&pollfd, 1, 20) == 1)
			assert_true(recv(reads.pair.theirs, bytes, 4096, MSG_DONTWAIT) > 0);
		(void)poll(NULL, 0, 5);
	}
	unpark(&stalled);
	assert_false(atomic_load(&reads.is_done));
	assert_false(atomic_load(&is_sent_nothing.is_done));
	assert_false(atomic_load(&is_no_stream.is_done));
	assert_true(is_open(reads.pair.ours) && is_open(is_sent_nothing.pair.ours) &&
		    is_open(is_no_stream.pair.ours));
	waiters_close(waiters);
	unpark(&reads);
	unpark(&is_sent_nothing);
	unpark(&is_no_stream);
	assert_int_equal(connections_waiting(list), 0);
	waiters_free(waiters);
	connections_close(list);
}

static void
test_as_many_wait_as_may_and_one_more_does_not(void **state)
{
	struct connections_conf conf = conf_with(10, LONG_MS, LONG_MS, LONG_MS, LONG_MS);
	struct connections *list;
	struct pair pairs[3];
	struct waiter waiters[3] = { 0 }; /* nobody is gone, so nobody looks at them */

	(void)state;
	conf.waiting_max = 2;
	list = open_list(conf);
	for (size_t i = 0; i < 3; i++) {
		pair_open(&pairs[i], list);
		assert_int_equal(connection_wait_begin(&pairs[i].connection, &waiters[i]), i < 2);
	}
	assert_int_equal(connections_waiting(list), 2);
	connection_wait_end(&pairs[0].connection);
	assert_true(connection_wait_begin(&pairs[2].connection, &waiters[2]));
	connection_wait_end(&pairs[1].connection);
	connection_wait_end(&pairs[2].connection);
	assert_int_equal(connections_waiting(list), 0);
	for (size_t i = 0; i < 3; i++)
		pair_close(&pairs[i]);
	connections_close(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_phase_is_cut_at_its_own_deadline),
		cmocka_unit_test(test_handling_has_no_deadline),
		cmocka_unit_test(test_a_header_under_way_keeps_its_deadline),
		cmocka_unit_test(
		    test_an_idle_connection_ends_by_itself_with_what_has_arrived_still_readable),
		cmocka_unit_test(
		    test_a_header_that_dribbles_into_an_idle_connection_has_a_headers_time),
		cmocka_unit_test(test_beyond_the_limit_the_longest_idle_makes_room),
		cmocka_unit_test(test_where_nobody_is_idle_the_new_one_is_over_until_there_is_room),
		cmocka_unit_test(test_a_surplus_connection_gets_two_seconds_for_its_header),
		cmocka_unit_test(test_a_client_that_takes_a_response_steadily_is_given_more_time),
		cmocka_unit_test(
		    test_settling_waits_for_requests_under_way_and_sends_the_idle_away),
		cmocka_unit_test(test_settling_ends_at_its_deadline),
		cmocka_unit_test(test_who_waits_goes_on_when_the_client_is_gone_and_only_then),
		cmocka_unit_test(test_a_stream_is_cut_when_its_client_has_stalled_and_no_other),
		cmocka_unit_test(test_as_many_wait_as_may_and_one_more_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
