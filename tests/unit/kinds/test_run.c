/* SPDX-License-Identifier: MIT */
/*
 * The word on an attempt: who may end it, who comes first, and what then becomes of it. And how far
 * it is: what is told of that, and to whom.
 */
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
	check_end(RUN_PUT_ASIDE, VERDICT_DEFERRED, FAILURE_NONE, "");
	check_end(RUN_OUT_OF_TIME, VERDICT_FAILED, FAILURE_TIMEOUT,
	    "The attempt took longer than its limit of 1500 ms");
	assert_true(run.outcome.may_be_mended);
	check_end(RUN_CANCELLED, VERDICT_FAILED, FAILURE_CANCELLED, "Cancelled while running");
	assert_false(run.outcome.may_be_mended);
}

static void
test_progress_is_not_known_before_a_part_of_the_work_is_noted(void **state)
{
	(void)state;
	assert_int_equal(run_progress_now(&run), -1);
	run_progress(&run, 5, 0);
	assert_int_equal(run_progress_now(&run), -1);
	/* Of what is done at once nobody has to hear that it was under way. */
	run_progress(&run, 7, 7);
	run_progress(&run, 8, 7);
	assert_int_equal(run_progress_now(&run), -1);
	run_progress(&run, 0, 7);
	assert_int_equal(run_progress_now(&run), 0);
}

static void
test_progress_counts_thousandths_and_only_the_whole_is_the_whole(void **state)
{
	static const struct {
		uint64_t done, total;
		int progress;
	} cases[] = { { 0, 3, 0 }, { 1, 3, 333 }, { 2, 3, 666 }, { 999999, 1000000, 999 },
		{ UINT64_MAX / 2, UINT64_MAX, 500 }, { UINT64_MAX - 1, UINT64_MAX, 999 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		atomic_store(&run.progress, 0);
		run_progress(&run, cases[i].done, cases[i].total);
		assert_int_equal(run_progress_now(&run), cases[i].progress);
		run_progress(&run, cases[i].total, cases[i].total);
		assert_int_equal(run_progress_now(&run), RUN_PROGRESS_WHOLE);
	}
}

static void
test_progress_never_falls(void **state)
{
	(void)state;
	run_progress(&run, 60, 100);
	run_progress(&run, 59, 100);
	run_progress(&run, 0, 1);
	assert_int_equal(run_progress_now(&run), 600);
	run_progress(&run, 61, 100);
	assert_int_equal(run_progress_now(&run), 610);
}

static void
count_telling(void *context, struct run *told)
{
	int *tellings = context;

	assert_ptr_equal(told, &run);
	(*tellings)++;
}

static void
test_the_first_progress_is_told_and_more_of_it_to_whoever_awaits_it(void **state)
{
	int tellings = 0;
	const struct run_watch watch = { .progressed = count_telling, .context = &tellings };

	(void)state;
	run.watch = &watch;
	run_progress(&run, 1, 100);
	assert_int_equal(tellings, 1);
	run_progress(&run, 2, 100);
	run_progress(&run, 3, 100);
	assert_int_equal(tellings, 1);
	atomic_store(&run.progress_is_told, false);
	run_progress(&run, 3, 100); /* no more than before */
	assert_int_equal(tellings, 1);
	run_progress(&run, 4, 100);
	run_progress(&run, 5, 100);
	assert_int_equal(tellings, 2);
	atomic_store(&run.progress_is_told, false);
	run_progress(&run, 100, 100);
	assert_int_equal(tellings, 3);
}

static void
test_a_run_is_put_aside_before_it_begins_while_its_host_pauses(void **state)
{
	struct run_host host = { .places = 10 };
	atomic_bool stop = true;

	(void)state;
	run.host = &host;
	atomic_init(&host.taken, 1);
	run_wait(&run);
	assert_int_equal(run_word(&run), RUN_GO_ON);
	atomic_store(&host.paused_until_mono_us, clock_mono_us() + HOUR_US);
	assert_int_equal(run_word(&run), RUN_PUT_ASIDE);
	assert_int_equal(run_word_waiting(&run), RUN_PUT_ASIDE);
	run.stop = &stop;
	assert_int_equal(run_word(&run), RUN_HAND_BACK);
	run.stop = NULL;
	atomic_store(&run.is_cancelled, true);
	assert_int_equal(run_word(&run), RUN_CANCELLED);
	atomic_store(&run.is_cancelled, false);
	run_begin(&run);
	assert_int_equal(run_word(&run), RUN_GO_ON);
	run_wait(&run);
	atomic_store(&host.paused_until_mono_us, clock_mono_us());
	assert_int_equal(run_word(&run), RUN_GO_ON);
}

static void
test_a_run_is_put_aside_when_it_has_waited_for_long_and_its_turn_is_far(void **state)
{
	struct run_host host = { .places = 10 };

	(void)state;
	run.host = &host;
	atomic_init(&host.ended_mono_us, INT64_MIN / 2);
	atomic_init(&host.taken, 11);
	run_wait(&run);
	assert_int_equal(run.deadline_mono_us, 0);
	assert_int_equal(run_word_waiting(&run), RUN_GO_ON); /* not yet */
	run.began_mono_us -= RUN_PATIENCE_MS * 1000 + 1;
	assert_int_equal(run_word(&run), RUN_GO_ON); /* its turn has come */
	assert_int_equal(run_word_waiting(&run), RUN_PUT_ASIDE);
	atomic_store(&host.taken, 10); /* the host has a place for it */
	assert_int_equal(run_word_waiting(&run), RUN_GO_ON);
	/* Where the host ends seven in that time, seven may wait. */
	atomic_store(&host.pace, 7);
	atomic_store(&host.ended_mono_us, clock_mono_us());
	atomic_store(&host.taken, 17);
	assert_int_equal(run_word_waiting(&run), RUN_GO_ON);
	atomic_store(&host.taken, 18);
	assert_int_equal(run_word_waiting(&run), RUN_PUT_ASIDE);
	run_begin(&run);
	run.began_mono_us -= HOUR_US;
	assert_int_equal(run_word_waiting(&run), RUN_GO_ON);
	/* Without a host it waits for ever. */
	run.host = NULL;
	run_wait(&run);
	run.began_mono_us -= HOUR_US;
	assert_int_equal(run_word_waiting(&run), RUN_GO_ON);
}

static void
test_the_pace_of_a_host_is_forgotten_when_it_ends_nothing(void **state)
{
	struct run_host host = { .places = 1 };

	(void)state;
	atomic_init(&host.pace, 5);
	atomic_init(&host.ended_mono_us, 1000000);
	assert_int_equal(run_host_pace(&host, 1000000), 5);
	assert_int_equal(run_host_pace(&host, 1000000 + 2 * RUN_PATIENCE_MS * 1000), 5);
	assert_int_equal(run_host_pace(&host, 1000000 + 2 * RUN_PATIENCE_MS * 1000 + 1), 0);
}

static struct run_figures figures;

static struct histogram_snapshot
read(const struct histogram *histogram)
{
	struct histogram_snapshot snapshot;

	histogram_read(histogram, &snapshot);
	return snapshot;
}

static void
test_an_attempt_is_counted_when_it_begins_and_when_it_ends(void **state)
{
	int64_t took_us;

	(void)state;
	run_figures_init(&figures);
	run.figures = &figures;
	run.task.waits_since_ms = 1000;
	run.task.started_at_ms = 8000;
	run.taken_mono_us = clock_mono_us() - 3000000;
	run_begin(&run);
	assert_int_equal(atomic_load(&figures.busy), 1);
	assert_int_equal(read(&figures.wait_us).count, 1);
	/* What it waited in the store and in the lane, and what this took. */
	assert_in_range(read(&figures.wait_us).sum, 10000000, 70000000);
	assert_int_equal(read(&figures.run_us).count, 0);
	/* Once, however often an engine says so. */
	run_begin(&run);
	assert_int_equal(atomic_load(&figures.busy), 1);
	run.outcome.verdict = VERDICT_FAILED;
	run.began_mono_us -= 5000000;
	took_us = run_over(&run);
	assert_in_range(took_us, 5000000, 65000000);
	assert_int_equal(atomic_load(&figures.busy), 0);
	assert_int_equal(read(&figures.run_us).count, 1);
	assert_int_equal(read(&figures.run_us).sum, took_us);
}

static void
test_what_is_handed_back_has_not_run(void **state)
{
	(void)state;
	run_figures_init(&figures);
	run.figures = &figures;
	run_begin(&run);
	run_end_early(&run, RUN_HAND_BACK);
	(void)run_over(&run);
	assert_int_equal(atomic_load(&figures.busy), 0);
	assert_int_equal(read(&figures.run_us).count, 0);
	assert_int_equal(read(&figures.wait_us).count, 1);
}

static void
test_what_never_began_is_not_counted(void **state)
{
	(void)state;
	run_figures_init(&figures);
	run.figures = &figures;
	run.began_mono_us = clock_mono_us(); /* as an engine notes it */
	run.outcome.verdict = VERDICT_FAILED;
	assert_in_range(run_over(&run), 0, HOUR_US);
	assert_int_equal(atomic_load(&figures.busy), 0);
	assert_int_equal(read(&figures.run_us).count, 0);
	run.figures = NULL;
	run_begin(&run);
	assert_in_range(run_over(&run), 0, HOUR_US);
}

static void
test_a_clock_that_was_set_back_makes_nobody_wait_less_than_nothing(void **state)
{
	(void)state;
	run_figures_init(&figures);
	run.figures = &figures;
	run.task.waits_since_ms = 9000;
	run.task.started_at_ms = 1000;
	run.taken_mono_us = clock_mono_us() + HOUR_US;
	run_begin(&run);
	assert_int_equal(read(&figures.wait_us).count, 1);
	assert_int_equal(read(&figures.wait_us).sum, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_a_time_limit_there_is_no_deadline),
		TEST(test_the_time_limit_counts_from_the_beginning),
		TEST(test_a_run_goes_on_until_its_deadline_and_not_beyond),
		TEST(
		    test_a_cancelling_comes_before_the_deadline_and_that_before_the_end_of_the_lane),
		TEST(test_each_word_has_its_outcome_and_drops_the_content),
		TEST(test_progress_is_not_known_before_a_part_of_the_work_is_noted),
		TEST(test_progress_counts_thousandths_and_only_the_whole_is_the_whole),
		TEST(test_progress_never_falls),
		TEST(test_the_first_progress_is_told_and_more_of_it_to_whoever_awaits_it),
		TEST(test_a_run_is_put_aside_before_it_begins_while_its_host_pauses),
		TEST(test_a_run_is_put_aside_when_it_has_waited_for_long_and_its_turn_is_far),
		TEST(test_the_pace_of_a_host_is_forgotten_when_it_ends_nothing),
		TEST(test_an_attempt_is_counted_when_it_begins_and_when_it_ends),
		TEST(test_what_is_handed_back_has_not_run),
		TEST(test_what_never_began_is_not_counted),
		TEST(test_a_clock_that_was_set_back_makes_nobody_wait_less_than_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
