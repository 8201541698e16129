/* SPDX-License-Identifier: MIT */
/* What was taken off a connection as the kernel tells it, and how much of it is too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kinds/fetch/fetch_wire.h"

/* Both ends of a connection over loopback. */
static void
connect_both(int ret_fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	ret_fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(ret_fds[0], (struct sockaddr *)&address, sizeof(address)), 0);
	ret_fds[1] = accept(listener, NULL, NULL);
	assert_true(ret_fds[1] >= 0);
	close(listener);
}

static void
test_what_was_read_counts_and_what_waits_does_not(void **state)
{
	char bytes[1000] = { 0 };
	uint64_t taken = 77;
	int fds[2];

	(void)state;
	connect_both(fds);
	assert_true(fetch_wire_taken(fds[0], &taken));
	assert_int_equal(taken, 0);
	assert_int_equal(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(recv(fds[0], bytes, 300, MSG_WAITALL), 300);
	assert_true(fetch_wire_taken(fds[0], &taken));
	assert_int_equal(taken, 300);
	/* The last byte is there when all the others are. */
	assert_int_equal(recv(fds[0], bytes, 700, MSG_WAITALL), 700);
	assert_true(fetch_wire_taken(fds[0], &taken));
	assert_int_equal(taken, 1000);
	close(fds[0]);
	close(fds[1]);
}

static void
test_what_is_no_connection_tells_nothing(void **state)
{
	uint64_t taken;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_false(fetch_wire_taken(pair[0], &taken));
	assert_false(fetch_wire_taken(-1, &taken));
	close(pair[0]);
	close(pair[1]);
}

/* Takes so many bytes from one end to the other. */
static void
pass(const int fds[2], size_t size)
{
	char bytes[32768] = { 0 };

	while (size > 0) {
		size_t part = size < sizeof(bytes) ? size : sizeof(bytes);

		assert_int_equal(write(fds[1], bytes, part), part);
		assert_int_equal(recv(fds[0], bytes, part, MSG_WAITALL), part);
		size -= part;
	}
}

static void
test_so_much_may_come_beside_the_content_of_each_hop(void **state)
{
	struct fetch_wire wire;
	int fds[2];

	(void)state;
	connect_both(fds);
	fetch_wire_init(&wire);
	pass(fds, 2 * FETCH_WIRE_BESIDE_BYTES);
	assert_false(fetch_wire_is_wasted(&wire, 0)); /* no connection */
	fetch_wire_told(&wire, fds[0], false);
	for (int hop = 0; hop < 2; hop++) {
		assert_false(fetch_wire_is_wasted(&wire, 0));
		pass(fds, FETCH_WIRE_BESIDE_BYTES + FETCH_WIRE_PER_BYTE - 1);
		assert_false(fetch_wire_is_wasted(&wire, 0));
		pass(fds, 1);
		assert_true(fetch_wire_is_wasted(&wire, 0));
		assert_false(fetch_wire_is_wasted(&wire, 1));
		pass(fds, 99 * FETCH_WIRE_PER_BYTE);
		assert_true(fetch_wire_is_wasted(&wire, 99));
		assert_false(fetch_wire_is_wasted(&wire, 100));
		fetch_wire_told(&wire, fds[0], false); /* nothing new */
		assert_true(fetch_wire_is_wasted(&wire, 99));
		fetch_wire_next(&wire);
	}
	assert_false(fetch_wire_is_wasted(&wire, 0));
	pass(fds, 2 * FETCH_WIRE_BESIDE_BYTES);
	fetch_wire_told(&wire, fds[1], true); /* another one */
	assert_true(fetch_wire_is_wasted(&wire, 0));
	fetch_wire_told(&wire, fds[0], true);
	assert_false(fetch_wire_is_wasted(&wire, 0));
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_read_counts_and_what_waits_does_not),
		cmocka_unit_test(test_what_is_no_connection_tells_nothing),
		cmocka_unit_test(test_so_much_may_come_beside_the_content_of_each_hop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
