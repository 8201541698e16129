/* SPDX-License-Identifier: MIT */
/*
 * Whether another attempt follows, and the pause before it: its bounds, its spread, and what the
 * other side asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/retry_pause.h"

static const struct task_terms usual = {
	.max_attempts = 100,
	.backoff_ms = 1000,
	.max_backoff_ms = 60000,
};

/* The longest pause there is: that of a random number just below the bound's multiple. */
static int64_t
bound(const struct task_terms *terms, int attempt)
{
	int64_t most = 0;

	for (uint64_t random = 0; random < 200000; random++) {
		int64_t pause_ms = retry_pause_ms(terms, attempt, 0, random);

		if (pause_ms > most)
			most = pause_ms;
	}
	return most;
}

static void
test_the_bound_doubles_up_to_the_most(void **state)
{
	(void)state;
	assert_int_equal(bound(&usual, 1), 1000);
	assert_int_equal(bound(&usual, 2), 2000);
	assert_int_equal(bound(&usual, 3), 4000);
	assert_int_equal(bound(&usual, 6), 32000);
	assert_int_equal(bound(&usual, 7), 60000);
	assert_int_equal(bound(&usual, 99), 60000);
}

static void
test_every_pause_from_none_to_the_bound_comes_up_alike(void **state)
{
	int seen[11] = { 0 };
	const struct task_terms terms = { .backoff_ms = 10, .max_backoff_ms = 10 };

	(void)state;
	for (uint64_t random = 0; random < 1100; random++)
		seen[retry_pause_ms(&terms, 1, 0, random)]++;
	for (int i = 0; i < 11; i++)
		assert_int_equal(seen[i], 100);
}

static void
test_the_extremes_do_not_overflow(void **state)
{
	const struct task_terms wide = { .backoff_ms = 3600000, .max_backoff_ms = 86400000 };
	const struct task_terms none = { .backoff_ms = 0, .max_backoff_ms = 86400000 };
	const struct task_terms less = { .backoff_ms = 1000, .max_backoff_ms = 10 };

	(void)state;
	assert_in_range(retry_pause_ms(&wide, 100, 0, UINT64_MAX), 0, 86400000);
	assert_int_equal(retry_pause_ms(&none, 100, 0, UINT64_MAX), 0);
	assert_in_range(retry_pause_ms(&less, 1, 0, UINT64_MAX), 0, 10);
}

static void
test_it_is_no_shorter_than_was_asked(void **state)
{
	(void)state;
	assert_int_equal(retry_pause_ms(&usual, 1, 5000, 7), 5000);
	assert_int_equal(retry_pause_ms(&usual, 1, 5, 700), 700);
	assert_int_equal(retry_pause_ms(&usual, 1, 120000, 0), 120000);
}

static void
test_another_attempt_follows_what_it_can_mend_while_one_is_left(void **state)
{
	struct task task = { .attempt = 2, .terms.max_attempts = 3 };
	struct outcome outcome;

	(void)state;
	outcome_init(&outcome);
	assert_false(retry_follows(&task, &outcome)); /* handed back */
	outcome_fail(&outcome, FAILURE_DNS, "x");
	assert_true(retry_follows(&task, &outcome));
	task.attempt = 3;
	assert_false(retry_follows(&task, &outcome));
	task.attempt = 1;
	outcome_fail(&outcome, FAILURE_TLS, "x");
	assert_false(retry_follows(&task, &outcome));
	outcome.may_be_mended = true; /* a kind that knows better */
	assert_true(retry_follows(&task, &outcome));
	outcome_succeed(&outcome, "");
	assert_false(retry_follows(&task, &outcome));
	outcome_done(&outcome);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_bound_doubles_up_to_the_most),
		cmocka_unit_test(test_every_pause_from_none_to_the_bound_comes_up_alike),
		cmocka_unit_test(test_the_extremes_do_not_overflow),
		cmocka_unit_test(test_it_is_no_shorter_than_was_asked),
		cmocka_unit_test(test_another_attempt_follows_what_it_can_mend_while_one_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
