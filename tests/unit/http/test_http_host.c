/* SPDX-License-Identifier: MIT */
/* The Host field: ours, somebody else's, or nobody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_host.h"

static const char *const names[] = { "queue.example", "tasks" };

static void
assert_verdict(enum host_verdict expected, const char *const *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (host_check(values[i], names, ARRAY_SIZE(names)) != expected)
			fail_msg("'%s' is not judged %d", values[i], (int)expected);
}

static void
test_localhost_literals_and_our_names_are_ours(void **state)
{
	static const char *const ours[] = { "localhost", "LOCALHOST:1", "localhost:18991",
		"127.0.0.1", "127.0.0.1:65535", "10.1.2.3:0", "127.0.0.1:", "[::1]", "[::1]:80",
		"[2001:DB8::1]", "[::ffff:127.0.0.1]", "queue.example", "Queue.Example:8080",
		"tasks", " localhost ", "255.255.255.255" };

	(void)state;
	assert_verdict(HOST_OURS, ours, ARRAY_SIZE(ours));
}

static void
test_other_names_are_foreign(void **state)
{
	static const char *const foreign[] = { "evil.example", "localhost.", "x.localhost",
		"localhos", "localhost.evil", "127.0.0.1.evil.example", "127.1", "2130706433",
		"0x7f.0.0.1", "127.0.0.01", "queue.example.evil", "xqueue.example", "tasks_",
		"256.0.0.1" };

	(void)state;
	assert_verdict(HOST_FOREIGN, foreign, ARRAY_SIZE(foreign));
}

static void
test_what_is_no_host_is_invalid(void **state)
{
	static const char *const invalid[] = { "", " ", ":80", "localhost:x", "localhost:65536",
		"localhost:-1", "localhost:+80", "localhost:080", "localhost:80:80",
		"localhost:999999", "user@localhost", "local host", "local/host",
		"localhost,localhost", "::1", "[::1", "[::1]x", "[::1]:x", "[::1]:65536", "[]",
		"[localhost]", "[127.0.0.1]", "[::1%lo]", "[fe80::1%25lo]", "\xc3\xa9.example",
		"local%68ost", "localhost\t:80" };

	(void)state;
	assert_verdict(HOST_INVALID, invalid, ARRAY_SIZE(invalid));
}

static void
test_without_names_only_localhost_and_literals_are_ours(void **state)
{
	(void)state;
	assert_int_equal(host_check("tasks", NULL, 0), HOST_FOREIGN);
	assert_int_equal(host_check("localhost", NULL, 0), HOST_OURS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_localhost_literals_and_our_names_are_ours),
		cmocka_unit_test(test_other_names_are_foreign),
		cmocka_unit_test(test_what_is_no_host_is_invalid),
		cmocka_unit_test(test_without_names_only_localhost_and_literals_are_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
