/* SPDX-License-Identifier: MIT */
/* The listening socket and the names of its errors. */
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
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_listen.h"

static struct sockaddr_storage
ipv4(const char *text, uint16_t port)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *address = (struct sockaddr_in *)&storage;

	address->sin_family = AF_INET;
	address->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, text, &address->sin_addr), 1);
	return storage;
}

static enum status
bind_to(const char *text, uint16_t port, int *ret_fd, uint16_t *ret_port, struct error *error)
{
	struct sockaddr_storage address = ipv4(text, port);

	return http_bind(&address, sizeof(struct sockaddr_in), ret_fd, ret_port, error);
}

static bool
can_connect(uint16_t port)
{
	struct sockaddr_storage address = ipv4("127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool connected = connect(fd, (struct sockaddr *)&address, sizeof(struct sockaddr_in)) == 0;

	close(fd);
	return connected;
}

static void
test_port_zero_picks_one_and_nobody_gets_in_before_listening(void **state)
{
	struct error error;
	uint16_t port = 0;
	int fd;

	(void)state;
	assert_int_equal(bind_to("127.0.0.1", 0, &fd, &port, &error), STATUS_OK);
	assert_true(port > 0);
	assert_false(can_connect(port));
	assert_int_equal(http_listen(fd, &error), STATUS_OK);
	assert_true(can_connect(port));
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void
test_a_port_in_use_is_busy_and_says_so(void **state)
{
	struct error error;
	uint16_t port, other;
	int first, second;

	(void)state;
	assert_int_equal(bind_to("127.0.0.1", 0, &first, &port, &error), STATUS_OK);
	assert_int_equal(http_listen(first, &error), STATUS_OK);
	assert_int_equal(bind_to("127.0.0.1", port, &second, &other, &error), STATUS_BUSY);
	assert_non_null(strstr(error.text, "EADDRINUSE"));
	close(first);
	assert_int_equal(bind_to("127.0.0.1", port, &first, &other, &error), STATUS_OK);
	close(first);
}

static void
test_of_two_that_bind_only_the_first_to_listen_wins(void **state)
{
	struct error error;
	uint16_t port, other;
	int first, second;

	(void)state;
	assert_int_equal(bind_to("127.0.0.1", 0, &first, &port, &error), STATUS_OK);
	assert_int_equal(bind_to("127.0.0.1", port, &second, &other, &error), STATUS_OK);
	assert_int_equal(http_listen(second, &error), STATUS_OK);
	assert_int_equal(http_listen(first, &error), STATUS_BUSY);
	assert_non_null(strstr(error.text, "EADDRINUSE"));
	close(first);
	close(second);
}

static void
test_an_address_that_is_not_ours_is_invalid(void **state)
{
	struct error error;
	uint16_t port;
	int fd = -1;

	(void)state;
	assert_int_equal(bind_to("192.0.2.1", 0, &fd, &port, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "EADDRNOTAVAIL"));
	assert_int_equal(fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port_zero_picks_one_and_nobody_gets_in_before_listening),
		cmocka_unit_test(test_a_port_in_use_is_busy_and_says_so),
		cmocka_unit_test(test_of_two_that_bind_only_the_first_to_listen_wins),
		cmocka_unit_test(test_an_address_that_is_not_ours_is_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
