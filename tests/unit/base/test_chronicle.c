/* SPDX-License-Identifier: MIT */
/* The chronicle: what rows tell, how many are kept, which are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/chronicle.h"
#include "base/compiler.h"
#include "base/sync.h"

#define MINUTE INT64_C(60000)
/* The beginning of some minute. */
#define T0 (INT64_C(29455000) * MINUTE)

enum {
	COUNTER_A,
	COUNTER_B,
	PEAK,
	MEAN,
	P50,
	P95,
	P99,
	WIDTH
};

static const int64_t bounds[] = { 100, 200 };
static const struct chronicle_shape shape = {
	.counters = 2, .peaks = 1, .means = 1, .latencies = 1
};

static struct chronicle *
make(void)
{
	struct chronicle *chronicle = NULL;
	struct error error;

	assert_int_equal(chronicle_new(&shape, &chronicle, &error), STATUS_OK);
	assert_int_equal(chronicle_width(&shape), WIDTH);
	return chronicle;
}

/* So many of the latencies lie below 100, all others between 100 and 200. */
static void
add(struct chronicle *chronicle, int64_t at_ms, int64_t a, int64_t b, int64_t level, int64_t fast,
    int64_t slow)
{
	const int64_t counters[] = { a, b };
	const struct histogram_snapshot latency = { .bounds = bounds,
		.bound_count = ARRAY_SIZE(bounds),
		.cumulative = { fast, fast + slow, fast + slow },
		.count = fast + slow };
	const struct chronicle_moment moment = { .at_ms = at_ms,
		.counters = counters,
		.peaks = &level,
		.means = &level,
		.latencies = &latency };

	chronicle_add(chronicle, &moment);
}

static struct chronicle_rows
read_rows(struct chronicle *chronicle, enum chronicle_tier tier, int64_t after_ms, size_t rows_max)
{
	struct chronicle_rows rows = { 0 };
	struct error error;

	assert_int_equal(
	    chronicle_read(chronicle, tier, after_ms, rows_max, &rows, &error), STATUS_OK);
	return rows;
}

static int64_t
value(const struct chronicle_rows *rows, size_t row, size_t column)
{
	assert_true(row < rows->count);
	assert_int_equal(rows->width, WIDTH);
	return rows->values[row * rows->width + column];
}

static void
test_a_row_tells_what_happened_in_its_second(void **state)
{
	struct chronicle *chronicle = make();
	struct chronicle_rows rows;

	(void)state;
	/* What was before the first look is nobody's. */
	add(chronicle, T0, 1000, 7, 3, 50, 50);
	rows = read_rows(chronicle, CHRONICLE_SECONDS, 0, 10);
	assert_int_equal(rows.count, 0);
	chronicle_rows_done(&rows);

	add(chronicle, T0 + 1000, 1010, 7, 5, 150, 50);
	add(chronicle, T0 + 2000, 1011, 9, 4, 150, 50);
	rows = read_rows(chronicle, CHRONICLE_SECONDS, 0, 10);
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.at_ms[0], T0 + 1000);
	assert_int_equal(value(&rows, 0, COUNTER_A), 10);
	assert_int_equal(value(&rows, 0, COUNTER_B), 0);
	assert_int_equal(value(&rows, 0, PEAK), 5);
	assert_int_equal(value(&rows, 0, MEAN), 5);
	assert_int_equal(value(&rows, 0, P50), 50);
	assert_int_equal(value(&rows, 0, P99), 99);
	assert_int_equal(rows.at_ms[1], T0 + 2000);
	assert_int_equal(value(&rows, 1, COUNTER_A), 1);
	assert_int_equal(value(&rows, 1, COUNTER_B), 2);
	assert_int_equal(value(&rows, 1, PEAK), 4);
	assert_int_equal(value(&rows, 1, P50), CHRONICLE_UNKNOWN);
	assert_int_equal(value(&rows, 1, P95), CHRONICLE_UNKNOWN);
	chronicle_rows_done(&rows);
	chronicle_free(chronicle);
}

static void
test_a_minute_has_the_sum_the_peak_and_the_mean_of_its_seconds(void **state)
{
	struct chronicle *chronicle = make();
	struct chronicle_rows rows;

	(void)state;
	add(chronicle, T0 + 58000, 0, 0, 99, 0, 0);
	for (int64_t i = 0; i <= 60; i++)
		add(chronicle, T0 + 60000 + i * 1000, 10 + i, 5 * i,
		    i == 30   ? 61
		    : i == 31 ? -1
			      : 0,
		    i, 0);
	rows = read_rows(chronicle, CHRONICLE_MINUTES, 0, 10);
	assert_int_equal(rows.count, 2);
	/* The first one is cut: it has what was seen of its minute. */
	assert_int_equal(rows.at_ms[0], T0 + MINUTE);
	assert_int_equal(value(&rows, 0, COUNTER_A), 10);
	assert_int_equal(value(&rows, 0, PEAK), 0);
	assert_int_equal(rows.at_ms[1], T0 + 2 * MINUTE);
	assert_int_equal(value(&rows, 1, COUNTER_A), 60);
	assert_int_equal(value(&rows, 1, COUNTER_B), 300);
	assert_int_equal(value(&rows, 1, PEAK), 61);
	assert_int_equal(value(&rows, 1, MEAN), 1);
	assert_int_equal(value(&rows, 1, P50), 50);
	chronicle_rows_done(&rows);
	chronicle_free(chronicle);
}

static void
test_as_many_rows_are_kept_as_is_said_and_the_oldest_go(void **state)
{
	static const enum chronicle_tier tiers[] = { CHRONICLE_SECONDS, CHRONICLE_MINUTES };

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(tiers); t++) {
		struct chronicle *chronicle = make();
		struct chronicle_rows rows;
		int64_t step_ms = chronicle_step_s(tiers[t]) * 1000;
		int64_t most = (int64_t)chronicle_rows_max(tiers[t]);

		for (int64_t i = 0; i <= most; i++)
			add(chronicle, T0 + i * step_ms, i, 0, 0, 0, 0);
		rows = read_rows(chronicle, tiers[t], 0, SIZE_MAX / 1024);
		assert_int_equal(rows.count, most);
		assert_int_equal(rows.at_ms[0], T0 + step_ms);
		chronicle_rows_done(&rows);
		add(chronicle, T0 + (most + 1) * step_ms, most + 3, 0, 0, 0, 0);
		rows = read_rows(chronicle, tiers[t], 0, SIZE_MAX / 1024);
		assert_int_equal(rows.count, most);
		assert_int_equal(rows.at_ms[0], T0 + 2 * step_ms);
		assert_int_equal(rows.at_ms[most - 1], T0 + (most + 1) * step_ms);
		assert_int_equal(value(&rows, (size_t)most - 1, COUNTER_A), 3);
		chronicle_rows_done(&rows);
		chronicle_free(chronicle);
	}
}

static void
test_only_newer_rows_are_read_and_no_more_than_wanted(void **state)
{
	struct chronicle *chronicle = make();
	struct chronicle_rows rows;

	(void)state;
	for (int64_t i = 0; i <= 5; i++)
		add(chronicle, T0 + i * 1000, i, 0, 0, 0, 0);
	rows = read_rows(chronicle, CHRONICLE_SECONDS, T0 + 3000, 10);
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.at_ms[0], T0 + 4000);
	chronicle_rows_done(&rows);
	rows = read_rows(chronicle, CHRONICLE_SECONDS, T0 + 2999, 2);
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.at_ms[0], T0 + 4000);
	chronicle_rows_done(&rows);
	rows = read_rows(chronicle, CHRONICLE_SECONDS, T0 + 5000, 10);
	assert_int_equal(rows.count, 0);
	chronicle_rows_done(&rows);
	rows = read_rows(chronicle, CHRONICLE_SECONDS, 0, 0);
	assert_int_equal(rows.count, 0);
	chronicle_rows_done(&rows);
	chronicle_free(chronicle);
}

static void
test_a_pause_leaves_a_gap_and_loses_nothing(void **state)
{
	struct chronicle *chronicle = make();
	struct chronicle_rows rows;

	(void)state;
	add(chronicle, T0, 0, 0, 0, 0, 0);
	add(chronicle, T0 + 5 * MINUTE, 500, 0, 0, 0, 0);
	rows = read_rows(chronicle, CHRONICLE_MINUTES, 0, 10);
	assert_int_equal(rows.count, 1);
	assert_int_equal(value(&rows, 0, COUNTER_A), 500);
	chronicle_rows_done(&rows);
	chronicle_free(chronicle);
}

enum {
	ADDITIONS = 3000
};

static void *
add_main(void *arg)
{
	for (int64_t i = 0; i <= ADDITIONS; i++)
		add(arg, T0 + i * 1000, i, 2 * i, i, 0, 0);
	return NULL;
}

/* Whatever is read meanwhile is whole: consecutive rows, each from one moment. */
static void
test_rows_are_read_whole_while_others_are_added(void **state)
{
	struct chronicle *chronicle = make();
	struct chronicle_rows rows;
	pthread_t thread;
	bool is_over = false;

	(void)state;
	assert_int_equal(thread_start(&thread, "adder", 0, add_main, chronicle, NULL), 0);
	while (!is_over) {
		rows = read_rows(chronicle, CHRONICLE_SECONDS, 0, CHRONICLE_SECONDS_MAX);
		for (size_t i = 0; i < rows.count; i++) {
			assert_int_equal(value(&rows, i, COUNTER_B), 2);
			assert_int_equal(value(&rows, i, PEAK), (rows.at_ms[i] - T0) / 1000);
			assert_true(i == 0 || rows.at_ms[i] == rows.at_ms[i - 1] + 1000);
		}
		is_over = rows.count > 0 && rows.at_ms[rows.count - 1] == T0 + ADDITIONS * 1000;
		chronicle_rows_done(&rows);
	}
	thread_join(thread);
	chronicle_free(chronicle);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_tells_what_happened_in_its_second),
		cmocka_unit_test(test_a_minute_has_the_sum_the_peak_and_the_mean_of_its_seconds),
		cmocka_unit_test(test_as_many_rows_are_kept_as_is_said_and_the_oldest_go),
		cmocka_unit_test(test_only_newer_rows_are_read_and_no_more_than_wanted),
		cmocka_unit_test(test_a_pause_leaves_a_gap_and_loses_nothing),
		cmocka_unit_test(test_rows_are_read_whole_while_others_are_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
