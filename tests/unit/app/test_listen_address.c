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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_accepts_literals_and_prints_them_back),
		cmocka_unit_test(test_parse_refuses_what_is_not_a_literal_and_a_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
