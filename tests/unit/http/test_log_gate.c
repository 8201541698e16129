/* SPDX-License-Identifier: MIT */
/* The gate of log lines: at its limit, one past, and the next second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/log_gate.h"

static void
test_ten_lines_a_second_pass_and_the_next_tells_what_was_kept_back(void **state)
{
	struct log_gate gate = { 0 };
	unsigned suppressed = 4711;

	(void)state;
	for (int i = 0; i < LOG_GATE_LINES_PER_SECOND; i++) {
		assert_true(log_gate_opens(&gate, 5000 + i, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (int i = 0; i < 7; i++)
		assert_false(log_gate_opens(&gate, 5999, &suppressed));
	assert_true(log_gate_opens(&gate, 6000, &suppressed));
	assert_int_equal(suppressed, 7);
	assert_true(log_gate_opens(&gate, 6001, &suppressed));
	assert_int_equal(suppressed, 0);
}

static void
test_a_quiet_gate_suppresses_nothing(void **state)
{
	struct log_gate gate = { 0 };
	unsigned suppressed = 4711;

	(void)state;
	for (int second = 0; second < 100; second++) {
		assert_true(log_gate_opens(&gate, second * 1000, &suppressed));
		assert_int_equal(suppressed, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_ten_lines_a_second_pass_and_the_next_tells_what_was_kept_back),
		cmocka_unit_test(test_a_quiet_gate_suppresses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
