/* SPDX-License-Identifier: MIT */
/* Figures of the service: reading them, percentiles, and the rates of the live view. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/figures.h"
#include "cli/progress.h"
#include "cli/watch_view.h"

static json_t *
load(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	return json;
}

static void
test_figures_are_read_and_what_is_missing_is_nothing(void **state)
{
	json_t *json = load(
	    "{\"version\":\"1.2.3\",\"uptime_s\":1.5,\"tasks\":{\"QUEUED\":1,\"RUNNING\":2,"
	    "\"SUCCEEDED\":3,\"FAILED\":4,\"REJECTED\":5},\"lanes\":{\"io\":{\"queued\":6,"
	    "\"scheduled\":7,\"deferred\":11,\"running\":8,\"slots\":9,\"drained_per_s\":10.5}},"
	    "\"admission\":{\"state\":\"queue_full\"},\"types\":{\"a\":{\"succeeded\":3,\"failed\":"
	    "{\"dns\":4},\"rejected\":7},\"b\":{\"rejected\":{\"expired\":2,\"cancelled\":3}},\"c\":[]}}");
	struct figures figures;

	(void)state;
	assert_true(figures_read(json, &figures));
	assert_int_equal(figures.tasks[0], 1);
	assert_int_equal(figures.ended, 12);
	assert_int_equal(figures.lanes[0].queued, 0);
	assert_int_equal(figures.lanes[1].slots, 9);
	assert_int_equal(figures.lanes[1].deferred, 11);
	assert_true(figures.lanes[1].drained_per_s > 10.4);
	assert_string_equal(figures.admission, "queue_full");
	json_decref(json);
	json = load("{\"tasks\":{}}");
	assert_true(figures_read(json, &figures));
	assert_int_equal(figures.ended, 0);
	assert_string_equal(figures.version, "");
	json_decref(json);
	json = load("{}");
	assert_false(figures_read(json, &figures));
	json_decref(json);
	json = load("{\"tasks\":[],\"lanes\":7,\"version\":[]}");
	assert_false(figures_read(json, &figures));
	json_decref(json);
}

static void
test_figures_that_make_no_sense_are_bounded(void **state)
{
	json_t *json = load(
	    "{\"uptime_s\":1e300,\"tasks\":{\"SUCCEEDED\":9223372036854775807,"
	    "\"FAILED\":9223372036854775807,\"REJECTED\":9223372036854775807,\"QUEUED\":-1},"
	    "\"lanes\":{\"io\":{\"queued\":9223372036854775807,"
	    "\"deferred\":9223372036854775807,\"running\":-9223372036854775808}},"
	    "\"types\":{\"a\":{\"succeeded\":9223372036854775807,\"failed\":{\"a\":9223372036854775807,"
	    "\"b\":9223372036854775807,\"c\":9223372036854775807},\"rejected\":{\"a\":-1}}}}");
	struct figures figures;

	(void)state;
	assert_true(figures_read(json, &figures));
	assert_true(figures.lanes[1].queued + figures.lanes[1].deferred > 0);
	assert_int_equal(figures.lanes[1].running, 0);
	assert_int_equal(figures.tasks[0], 0);
	assert_true(figures.ended > 0);
	assert_true((int64_t)(figures.uptime_s * 1000) > 0);
	json_decref(json);
	json = load("{\"s\":-1e300}");
	assert_true(figures_seconds(json, "s") == 0);
	assert_true(figures_seconds(json, "other") == 0);
	json_decref(json);
}

static void
test_a_percentile_is_the_bound_of_its_bucket(void **state)
{
	json_t *histogram = load("{\"count\":10,\"buckets\":[{\"le\":1,\"count\":4},"
				 "{\"le\":2.5,\"count\":5},{\"le\":10,\"count\":9},"
				 "{\"le\":null,\"count\":10}]}");

	(void)state;
	assert_int_equal(figures_percentile(histogram, 0.1), 1);
	assert_true(figures_percentile(histogram, 0.5) == 2.5);
	assert_int_equal(figures_percentile(histogram, 0.9), 10);
	assert_int_equal(figures_percentile(histogram, 0.99), -1); /* beyond the last bound */
	json_decref(histogram);
	histogram = load("{\"count\":0,\"buckets\":[{\"le\":1,\"count\":0}]}");
	assert_int_equal(figures_percentile(histogram, 0.5), -1);
	json_decref(histogram);
	assert_int_equal(figures_percentile(NULL, 0.5), -1);
}

static void
test_rates_are_kept_the_latest_over_the_oldest(void **state)
{
	struct watch_rates rates = { .count = 0 };

	(void)state;
	assert_true(watch_rates_at(&rates, 0) == 0);
	assert_true(watch_rates_most(&rates, 10) == 0);
	for (int i = 1; i <= WATCH_SAMPLES + 5; i++)
		watch_rates_add(&rates, i);
	assert_true(watch_rates_at(&rates, 0) == WATCH_SAMPLES + 5);
	assert_true(watch_rates_at(&rates, WATCH_SAMPLES - 1) == 6);
	assert_true(watch_rates_at(&rates, WATCH_SAMPLES) == 0);
	assert_true(watch_rates_most(&rates, 3) == WATCH_SAMPLES + 5);
	watch_rates_add(&rates, 1);
	assert_true(watch_rates_at(&rates, 0) == 1);
	assert_true(watch_rates_most(&rates, 1) == 1);
}

static void
take_of_run(struct watch_view *view, int uptime_s, int succeeded, int failed, int64_t at_ms)
{
	char text[320];

	/* What leaves the queue, and what is there after retention, tell nothing about what ends.
	 */
	snprintf(text, sizeof(text),
	    "{\"uptime_s\":%d,"
	    "\"tasks\":{\"SUCCEEDED\":7},\"lanes\":{\"cpu\":{\"drained_per_s\":40}},"
	    "\"types\":{\"factorial\":{\"succeeded\":%d,\"failed\":{},\"rejected\":{}},"
	    "\"http-fetch\":{\"succeeded\":0,\"failed\":{\"dns\":%d},\"rejected\":{\"expired\":1}}}}",
	    uptime_s, succeeded, failed);
	assert_true(watch_view_take(view, load(text), at_ms));
}

static void
take(struct watch_view *view, int succeeded, int failed, int64_t at_ms)
{
	take_of_run(view, 0, succeeded, failed, at_ms);
}

static void
test_a_rate_is_what_ended_between_two_looks(void **state)
{
	struct watch_view view = { .url = "" };

	(void)state;
	take(&view, 100, 0, 1000);
	assert_int_equal(view.rates.count, 0); /* there is nothing to compare with */
	take(&view, 290, 10, 3000);
	assert_true(watch_rates_at(&view.rates, 0) == 100);
	take(&view, 290, 10, 4000); /* nothing has ended, however fast it went before */
	assert_true(watch_rates_at(&view.rates, 0) == 0);
	take(&view, 29, 0, 5000); /* a service that was started anew: it counts from 0 */
	assert_true(watch_rates_at(&view.rates, 0) == 30);
	take(&view, 30, 0, 5000);
	assert_int_equal(view.rates.count, 3); /* no time has passed */
	assert_false(watch_view_take(&view, load("{}"), 5000));
	assert_int_equal(view.figures.ended, 31);
	/* Started anew, and it has got further than the run before. */
	take_of_run(&view, 9, 39, 0, 6000);
	take_of_run(&view, 1, 49, 0, 7000);
	assert_true(watch_rates_at(&view.rates, 0) == 50);
	watch_view_done(&view);
}

static void
test_the_time_left_is_told_when_there_is_something_to_tell_it_by(void **state)
{
	struct progress progress = { .share_began_mono_ms = 0 };

	(void)state;
	assert_int_equal(progress_left_ms(&progress, 0.5, 100000), -1);
	progress.share_began_mono_ms = 1000;
	progress.share_began = 0.5;
	assert_int_equal(progress_left_ms(&progress, 0.75, 1999), -1);
	assert_int_equal(progress_left_ms(&progress, 0.75, 3000), 2000);
	assert_int_equal(progress_left_ms(&progress, 0.51, 3000), -1);
	assert_int_equal(progress_left_ms(&progress, 1, 3000), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures_are_read_and_what_is_missing_is_nothing),
		cmocka_unit_test(test_figures_that_make_no_sense_are_bounded),
		cmocka_unit_test(test_a_percentile_is_the_bound_of_its_bucket),
		cmocka_unit_test(test_rates_are_kept_the_latest_over_the_oldest),
		cmocka_unit_test(test_a_rate_is_what_ended_between_two_looks),
		cmocka_unit_test(test_the_time_left_is_told_when_there_is_something_to_tell_it_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
