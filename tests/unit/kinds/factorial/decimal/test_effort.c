/* SPDX-License-Identifier: MIT */
/* Progress that only rises, and questions that are not asked too often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kinds/factorial/decimal/effort.h"

struct record {
	int questions;
	int stop_at; /* 0: never */
	int reports;
	uint64_t done;
	uint64_t total;
};

static bool
record_stops(void *context)
{
	struct record *record = context;

	return ++record->questions == record->stop_at;
}

static void
record_progress(void *context, uint64_t done, uint64_t total)
{
	struct record *record = context;

	assert_true(done >= record->done && done < total);
	record->reports++;
	record->done = done;
	record->total = total;
}

static double
part(const struct record *record)
{
	return (double)record->done / (double)record->total;
}

static void
test_progress_is_the_share_that_is_done(void **state)
{
	struct record record = { 0 };
	struct effort_watch watch = { record_stops, record_progress, &record };
	struct effort effort = { .watch = &watch };

	(void)state;
	effort_begin_share(&effort, 0.25, 4e6);
	assert_int_equal(effort_spend(&effort, 2e6), STATUS_OK);
	assert_true(part(&record) > 0.1249 && part(&record) < 0.1251);
	effort_begin_share(&effort, 0.75, 1e6);
	assert_int_equal(effort_spend(&effort, 1e5), STATUS_OK);
	assert_true(part(&record) > 0.3249 && part(&record) < 0.3251);
	assert_int_equal(effort_spend(&effort, 9e5), STATUS_OK);
	assert_int_equal(record.done, record.total - 1);
}

static void
test_a_plan_that_was_too_small_stays_within_its_share(void **state)
{
	struct record record = { 0 };
	struct effort_watch watch = { record_stops, record_progress, &record };
	struct effort effort = { .watch = &watch };

	(void)state;
	effort_begin_share(&effort, 0.5, 1e6);
	for (int i = 0; i < 5; i++)
		assert_int_equal(effort_spend(&effort, 1e6), STATUS_OK);
	assert_true(part(&record) > 0.4999 && part(&record) < 0.5001);
	effort_begin_share(&effort, 0.6, 0);
	assert_int_equal(effort_spend(&effort, 1e6), STATUS_OK);
	assert_int_equal(record.done, record.total - 1);
}

static void
test_small_pieces_are_heard_of_together(void **state)
{
	struct record record = { 0 };
	struct effort_watch watch = { record_stops, record_progress, &record };
	struct effort effort = { .watch = &watch };

	(void)state;
	effort_begin_share(&effort, 1, 1e6);
	for (int i = 0; i < 3 * EFFORT_QUANTUM; i++)
		assert_int_equal(effort_spend(&effort, 1), STATUS_OK);
	assert_int_equal(record.questions, 3);
	assert_int_equal(record.reports, 3);
	assert_int_equal(effort_spend(&effort, EFFORT_QUANTUM - 1), STATUS_OK);
	assert_int_equal(record.questions, 3);
	assert_int_equal(effort_spend(&effort, 1), STATUS_OK);
	assert_int_equal(record.questions, 4);
}

static void
test_a_stop_is_cancelled_and_reports_nothing(void **state)
{
	struct record record = { .stop_at = 2 };
	struct effort_watch watch = { record_stops, record_progress, &record };
	struct error error = { "" };
	struct effort effort = { .watch = &watch, .error = &error };

	(void)state;
	effort_begin_share(&effort, 1, 1e6);
	assert_int_equal(effort_spend(&effort, EFFORT_QUANTUM), STATUS_OK);
	assert_int_equal(effort_spend(&effort, EFFORT_QUANTUM), STATUS_CANCELLED);
	assert_int_equal(record.reports, 1);
	assert_string_not_equal(error.text, "");
}

static void
test_nobody_has_to_watch_or_to_hear_of_progress(void **state)
{
	struct record record = { 0 };
	struct effort_watch watch = { .is_to_stop = record_stops, .context = &record };
	struct effort effort = { .watch = NULL };

	(void)state;
	effort_begin_share(&effort, 1, 1e6);
	assert_int_equal(effort_spend(&effort, 1e7), STATUS_OK);
	effort.watch = &watch;
	assert_int_equal(effort_spend(&effort, 1e7), STATUS_OK);
	assert_int_equal(record.questions, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_progress_is_the_share_that_is_done),
		cmocka_unit_test(test_a_plan_that_was_too_small_stays_within_its_share),
		cmocka_unit_test(test_small_pieces_are_heard_of_together),
		cmocka_unit_test(test_a_stop_is_cancelled_and_reports_nothing),
		cmocka_unit_test(test_nobody_has_to_watch_or_to_hear_of_progress),
	};

	return cmocka_run_group_tests_name("effort", tests, NULL, NULL);
}
