/* SPDX-License-Identifier: MIT */
/* The checks: each fails by what is its own, at its limit and not before, and no other with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "queue/queue_checks.h"

#define NOW_MS INT64_C(1000000)

static struct queue_check checks[QUEUE_CHECK_COUNT];

static struct queue_stats
well(void)
{
	return (struct queue_stats){
		.disk_free_bytes = INT64_C(3) << 30,
		.disk_free_min_bytes = INT64_C(512) << 20,
		.waiting_max = 100,
		.lanes = { { .queued = 7 }, { .queued = 8 } },
	};
}

/* Exactly this check fails; QUEUE_CHECK_COUNT: none. */
static void
assert_fails(const struct queue_stats *stats, size_t failing, const char *reason)
{
	queue_checks(stats, NOW_MS, checks);
	for (size_t i = 0; i < QUEUE_CHECK_COUNT; i++) {
		assert_non_null(checks[i].name);
		if (i == failing)
			assert_string_equal(checks[i].reason, reason);
		else if (checks[i].reason != NULL)
			fail_msg("%s: %s", checks[i].name, checks[i].reason);
	}
}

static void
test_all_is_well(void **state)
{
	struct queue_stats stats = well();

	(void)state;
	assert_fails(&stats, QUEUE_CHECK_COUNT, NULL);
	assert_string_equal(
	    checks[QUEUE_CHECK_DISK].detail, "3072 MiB free, at least 512 MiB are kept free");
	assert_string_equal(checks[QUEUE_CHECK_ADMISSION].detail,
	    "7 wait in the cpu lane and 8 in the io lane, of 100 that may");
	stats.disk_free_bytes = -1;
	assert_fails(&stats, QUEUE_CHECK_COUNT, NULL);
	assert_string_equal(checks[QUEUE_CHECK_DISK].detail, "");
}

static void
test_each_names_its_reason(void **state)
{
	struct queue_stats stats = well();

	(void)state;
	/* Admission says what comes first; the others are looked at all the same. */
	stats.draining = true;
	stats.admission = REFUSAL_DRAINING;
	assert_fails(&stats, QUEUE_CHECK_SHUTDOWN, "draining");
	stats = well();
	stats.disk_low = true;
	stats.admission = REFUSAL_DISK_LOW;
	assert_fails(&stats, QUEUE_CHECK_DISK, "disk_low");
	stats = well();
	stats.admission = REFUSAL_QUEUE_FULL;
	assert_fails(&stats, QUEUE_CHECK_ADMISSION, "queue_full");
}

static void
test_a_failed_commit_counts_for_a_while(void **state)
{
	struct queue_stats stats = well();

	(void)state;
	stats.store.failed_mono_ms = NOW_MS - QUEUE_CHECK_FAILURE_MS + 1;
	assert_fails(&stats, QUEUE_CHECK_STORE, "store_failing");
	assert_string_equal(
	    checks[QUEUE_CHECK_STORE].detail, "a commit failed 4999 ms ago; the log says why");
	stats.store.failed_mono_ms = NOW_MS - QUEUE_CHECK_FAILURE_MS;
	assert_fails(&stats, QUEUE_CHECK_COUNT, NULL);
	/* By a clock that began a moment ago. */
	stats.store.failed_mono_ms = 0;
	queue_checks(&stats, 1, checks);
	assert_null(checks[QUEUE_CHECK_STORE].reason);
}

static void
test_threads_that_are_stuck_are_told_from_those_that_work(void **state)
{
	struct queue_stats stats = well();

	(void)state;
	stats.store.writer_late_ms = QUEUE_CHECK_STALLED_MS - 1;
	stats.engine_late_ms = QUEUE_CHECK_STALLED_MS - 1;
	assert_fails(&stats, QUEUE_CHECK_COUNT, NULL);
	stats.store.writer_late_ms = QUEUE_CHECK_STALLED_MS;
	assert_fails(&stats, QUEUE_CHECK_COMMITTER, "committer_stalled");
	assert_string_equal(checks[QUEUE_CHECK_COMMITTER].detail, "it has been stuck for 10 s");
	stats.store.writer_late_ms = 0;
	stats.engine_late_ms = 61999;
	assert_fails(&stats, QUEUE_CHECK_FETCH_ENGINE, "fetch_engine_stalled");
	assert_string_equal(checks[QUEUE_CHECK_FETCH_ENGINE].detail, "it has been stuck for 61 s");
}

/* The largest numbers there are do not overrun the text. */
static void
test_details_of_any_size_fit(void **state)
{
	struct queue_stats stats = well();

	(void)state;
	stats.lanes[0].queued = stats.lanes[1].queued = stats.waiting_max = INT64_MAX;
	stats.disk_free_bytes = stats.disk_free_min_bytes = INT64_MAX;
	stats.store.writer_late_ms = stats.engine_late_ms = INT64_MAX;
	queue_checks(&stats, NOW_MS, checks);
	for (size_t i = 0; i < QUEUE_CHECK_COUNT; i++)
		assert_true(strlen(checks[i].detail) < QUEUE_CHECK_DETAIL_SIZE - 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_well),
		cmocka_unit_test(test_each_names_its_reason),
		cmocka_unit_test(test_a_failed_commit_counts_for_a_while),
		cmocka_unit_test(test_threads_that_are_stuck_are_told_from_those_that_work),
		cmocka_unit_test(test_details_of_any_size_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
