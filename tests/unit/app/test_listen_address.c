/* SPDX-License-Identifier: MIT */
/* The address to serve on: what is accepted, what is refused, what counts as loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "app/listen_address.h"
#include "base/compiler.h"

static void
test_parse_accepts_literals_and_prints_them_back(void **state)
{
	(void)state;

	static const struct {
		const char *text;
		bool loopback;
	} cases[] = {
		{ "127.0.0.1:18991", true },
		{ "127.255.0.1:0", true },
		{ "128.0.0.1:1", false },
		{ "0.0.0.0:65535", false },
		{ "[::1]:8080", true },
		{ "[::]:8080", false },
		{ "[fe80::1]:1", false },
		{ "[::ffff:127.0.0.1]:1", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_storage address;
		socklen_t size;
		struct error error;
		assert_int_equal(
		    listen_address_parse(cases[i].text, &address, &size, &error), STATUS_OK);
		assert_int_equal(listen_address_is_loopback(&address), cases[i].loopback);
		uint16_t port = ntohs(address.ss_family == AF_INET
					  ? ((struct sockaddr_in *)&address)->sin_port
					  : ((struct sockaddr_in6 *)&address)->sin6_port);
		char text[LISTEN_ADDRESS_TEXT_SIZE];
		listen_address_print(&address, port, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void
test_parse_refuses_what_is_not_a_literal_and_a_port(void **state)
{
	(void)state;
	static const char *const cases[] = { "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
		"127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:01", "localhost:80",
		"127.1:80", "1.2.3.4.5:80", "::1:80", "[::1:80", "[]:80", "[127.0.0.1]:80",
		"[fe80::1%lo]:80", "[::1]80",
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]:80" };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_storage address = { .ss_family = AF_UNIX };
		socklen_t size = 7;
		struct error error;
		assert_int_equal(
		    listen_address_parse(cases[i], &address, &size, &error), STATUS_INVALID);
		assert_int_equal(address.ss_family, AF_UNIX);
		assert_int_equal(size, 7);
		assert_non_null(strstr(error.text, "expected"));
	}
}

static struct sockaddr_storage
parsed(const char *text)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t size;

	assert_int_equal(listen_address_parse(text, &address, &size, NULL), STATUS_OK);
	return address;
}

static void
test_a_bound_socket_is_covered_by_its_own_address_and_any_port_by_none(void **state)
{
	static const struct {
		const char *asked;
		const char *bound;
		bool covers;
	} cases[] = {
		{ "127.0.0.1:80", "127.0.0.1:80", true },
		{ "127.0.0.1:0", "127.0.0.1:80", true },
		{ "127.0.0.1:80", "127.0.0.1:81", false },
		{ "127.0.0.1:0", "127.0.0.2:80", false },
		{ "127.0.0.1:80", "0.0.0.0:80", false },
		{ "0.0.0.0:80", "127.0.0.1:80", false },
		{ "[::1]:0", "[::1]:80", true },
		{ "[::1]:80", "[::]:80", false },
		{ "0.0.0.0:80", "[::]:80", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_storage asked = parsed(cases[i].asked);
		struct sockaddr_storage bound = parsed(cases[i].bound);

		assert_int_equal(listen_address_covers(&asked, &bound), cases[i].covers);
	}
}

static void
test_a_service_of_every_address_is_asked_at_the_loopback_one(void **state)
{
	static const char *const cases[][2] = {
		{ "0.0.0.0:80", "127.0.0.1:80" },
		{ "[::]:80", "[::1]:80" },
		{ "127.0.0.7:80", "127.0.0.7:80" },
		{ "192.0.2.1:80", "192.0.2.1:80" },
		{ "[2001:db8::1]:80", "[2001:db8::1]:80" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_storage address = parsed(cases[i][0]);
		char text[LISTEN_ADDRESS_TEXT_SIZE];

		listen_address_make_reachable(&address);
		listen_address_print(&address, listen_address_port(&address), text);
		assert_string_equal(text, cases[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_accepts_literals_and_prints_them_back),
		cmocka_unit_test(test_parse_refuses_what_is_not_a_literal_and_a_port),
		cmocka_unit_test(
		    test_a_bound_socket_is_covered_by_its_own_address_and_any_port_by_none),
		cmocka_unit_test(test_a_service_of_every_address_is_asked_at_the_loopback_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
