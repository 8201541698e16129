/* SPDX-License-Identifier: MIT */
/* The word on an attempt: who may end it, who comes first, and what then becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "kinds/run.h"

#define HOUR_US INT64_C(3600000000)

static const struct output_conf conf = {
	.spill_dir = "/nonexistent", .run_name = "run", .memory_max_bytes = 1000
};

static struct run run;

static int
setup(void **state)
{
	(void)state;
	memset(&run, 0, sizeof(run));
	output_init(&run.output, &conf);
	outcome_init(&run.outcome);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	output_done(&run.output);
	outcome_done(&run.outcome);
	return 0;
}

static void
test_without_a_time_limit_there_is_no_deadline(void **state)
{
	(void)state;
	run.deadline_mono_us = 1;
	run_begin(&run);
	assert_in_range(run.began_mono_us, 1, clock_mono_us());
	assert_int_equal(run.deadline_mono_us, 0);
	assert_int_equal(run_word(&run), RUN_GO_ON);
}

static void
test_the_time_limit_counts_from_the_beginning(void **state)
{
	(void)state;
	run.task.terms.timeout_ms = 1500;
	run_begin(&run);
	assert_int_equal(run.deadline_mono_us - run.began_mono_us, 1500000);
}

static void
test_a_run_goes_on_until_its_deadline_and_not_beyond(void **state)
{
	(void)state;
	run.deadline_mono_us = clock_mono_us() + HOUR_US;
	assert_int_equal(run_word(&run), RUN_GO_ON);
	run.deadline_mono_us = clock_mono_us();
	assert_int_equal(run_word(&run), RUN_OUT_OF_TIME);
}

static void
test_a_cancelling_comes_before_the_deadline_and_that_before_the_end_of_the_lane(void **state)
{
	atomic_bool stop = false;

	(void)state;
	run.stop = &stop;
	assert_int_equal(run_word(&run), RUN_GO_ON);
	atomic_store(&stop, true);
	assert_int_equal(run_word(&run), RUN_HAND_BACK);
	run.deadline_mono_us = clock_mono_us();
	assert_int_equal(run_word(&run), RUN_OUT_OF_TIME);
	atomic_store(&run.is_cancelled, true);
	assert_int_equal(run_word(&run), RUN_CANCELLED);
}

static void
check_end(enum run_word word, enum verdict verdict, enum failure failure, const char *message)
{
	assert_int_equal(output_write(&run.output, "part", 4, NULL), STATUS_OK);
	run_end_early(&run, word);
	assert_int_equal(run.output.bytes, 0);
	assert_int_equal(run.outcome.verdict, verdict);
	assert_int_equal(run.outcome.failure, failure);
	assert_string_equal(run.outcome.message, message);
}

static void
test_each_word_has_its_outcome_and_drops_the_content(void **state)
{
	(void)state;
	run.task.terms.timeout_ms = 1500;
	check_end(RUN_HAND_BACK, VERDICT_RELEASED, FAILURE_NONE, "");
	check_end(RUN_OUT_OF_TIME, VERDICT_FAILED, FAILURE_TIMEOUT,
	    "The attempt took longer than its limit of 1500 ms");
	assert_true(run.outcome.may_be_mended);
	check_end(RUN_CANCELLED, VERDICT_FAILED, FAILURE_CANCELLED, "Cancelled while running");
	assert_false(run.outcome.may_be_mended);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_without_a_time_limit_there_is_no_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_the_time_limit_counts_from_the_beginning, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_run_goes_on_until_its_deadline_and_not_beyond, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_cancelling_comes_before_the_deadline_and_that_before_the_end_of_the_lane,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_each_word_has_its_outcome_and_drops_the_content, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
