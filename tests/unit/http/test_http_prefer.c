/* SPDX-License-Identifier: MIT */
/* Prefer: wait=SECONDS in all its spellings, and what is ignored. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_prefer.h"

#define NONE UINT64_MAX

static uint64_t
wait_of(const char *const *values, size_t count)
{
	unsigned seconds = 12345;

	if (!prefer_wait(values, count, &seconds)) {
		assert_int_equal(seconds, 12345);
		return NONE;
	}
	return seconds;
}

static void
assert_wait(const char *value, uint64_t expected)
{
	uint64_t found = wait_of(&value, 1);

	if (found != expected)
		fail_msg(
		    "%s: %lu, expected %lu", value, (unsigned long)found, (unsigned long)expected);
}

static void
test_seconds_are_found_in_every_spelling(void **state)
{
	(void)state;
	assert_wait("wait=10", 10);
	assert_wait("wait=0", 0);
	assert_wait("Wait = 7", 7);
	assert_wait("wait=\"30\"", 30);
	assert_wait("  wait=5  ", 5);
	assert_wait("respond-async, wait=10", 10);
	assert_wait("respond-async,,wait=10,", 10);
	assert_wait("wait=10; foo=bar", 10);
	assert_wait("handling=lenient; x=\"a,wait=1\", wait=2", 2);
}

static void
test_what_is_not_a_number_of_seconds_is_ignored(void **state)
{
	static const char *const values[] = { "", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5",
		"wait=1s", "wait=\"\"", "wait=\"1", "wait=+1", "waits=1", "await=1", "x; wait=1",
		"\"wait=1\"", "=1", ";wait=1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_wait(values[i], NONE);
}

static void
test_the_first_of_several_counts(void **state)
{
	static const char *const two_fields[] = { "respond-async", "wait=3" };
	static const char *const repeated[] = { "wait=1", "wait=2" };

	(void)state;
	assert_wait("wait=1, wait=2", 1);
	assert_wait("wait=x, wait=2", NONE);
	assert_int_equal(wait_of(two_fields, 2), 3);
	assert_int_equal(wait_of(repeated, 2), 1);
	assert_int_equal(wait_of(NULL, 0), NONE);
}

static void
test_numbers_too_large_to_hold_are_the_largest(void **state)
{
	(void)state;
	assert_wait("wait=4294967294", UINT_MAX - 1);
	assert_wait("wait=4294967295", UINT_MAX);
	assert_wait("wait=4294967296", UINT_MAX);
	assert_wait("wait=18446744073709551616", UINT_MAX);
	assert_wait("wait=99999999999999999999999999", UINT_MAX);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seconds_are_found_in_every_spelling),
		cmocka_unit_test(test_what_is_not_a_number_of_seconds_is_ignored),
		cmocka_unit_test(test_the_first_of_several_counts),
		cmocka_unit_test(test_numbers_too_large_to_hold_are_the_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
