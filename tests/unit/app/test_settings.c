/* SPDX-License-Identifier: MIT */
/* What the parts take of the settings: the defaults, and settings that contradict each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/settings.h"

static struct conf conf;

static int
setup(void **state)
{
	(void)state;
	return conf_init(&conf, NULL) == STATUS_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	conf_done(&conf);
	return 0;
}

static void
test_terms_are_those_of_the_settings(void **state)
{
	struct task_terms terms;

	(void)state;
	assert_int_equal(settings_of_terms(&conf, &terms, NULL), STATUS_OK);
	assert_int_equal(terms.priority, TASK_PRIORITY_DEFAULT);
	assert_int_equal(terms.max_attempts, 3);
	assert_int_equal(terms.backoff_ms, 1000);
	assert_int_equal(terms.max_backoff_ms, 60000);
	assert_int_equal(terms.run_at_ms, 0);
	assert_int_equal(terms.expires_at_ms, 0);
	assert_int_equal(terms.timeout_ms, 0);
	conf.attempts_max = 7;
	conf.retry_backoff_ms = 3600000;
	conf.retry_backoff_max_ms = 3600000;
	assert_int_equal(settings_of_terms(&conf, &terms, NULL), STATUS_OK);
	assert_int_equal(terms.max_attempts, 7);
	assert_int_equal(terms.backoff_ms, 3600000);
	assert_int_equal(terms.max_backoff_ms, 3600000);
}

static void
test_a_longest_pause_below_the_first_is_refused(void **state)
{
	struct task_terms terms;
	struct error error = { "" };

	(void)state;
	conf.retry_backoff_ms = 500;
	conf.retry_backoff_max_ms = 499;
	assert_int_equal(settings_of_terms(&conf, &terms, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "retry-backoff-max-ms is 499"));
	assert_non_null(strstr(error.text, "retry-backoff-ms, which is 500"));
}

static void
test_kinds_have_the_limits_of_the_settings(void **state)
{
	struct kind_settings kinds;

	(void)state;
	conf.factorial_max_n = 12;
	conf.fetch_max_redirects = 3;
	kinds = settings_of_kinds(&conf);
	assert_int_equal(kinds.factorial.n_max, 12);
	assert_int_equal(kinds.fetch.redirects_max, 3);
	assert_int_equal(kinds.fetch.connect_timeout_ms, 10000);
	assert_int_equal(kinds.fetch.total_timeout_ms, 30000);
	assert_int_equal(kinds.fetch.body_max_bytes, 16777216);
	assert_int_equal(kinds.fetch.in_flight_max, 256);
	assert_int_equal(kinds.fetch.per_host_max, 64);
	conf.fetch_per_host_max = 300;
	assert_int_equal(settings_of_kinds(&conf).fetch.per_host_max, 300);
	assert_int_equal(kinds.fetch.allow_count, 0);
	assert_int_equal(kinds.fetch.deny_count, 0);
}

/* One that hangs is not to take all, however few there are. */
static void
test_a_host_may_have_a_quarter_of_the_fetches_by_default(void **state)
{
	(void)state;
	assert_int_equal(settings_of_host_places(&conf, 10000), 2500);
	assert_int_equal(settings_of_host_places(&conf, 9), 2);
	assert_int_equal(settings_of_host_places(&conf, 7), 1);
	assert_int_equal(settings_of_host_places(&conf, 1), 1);
	conf.fetch_per_host_max = 1;
	assert_int_equal(settings_of_host_places(&conf, 10000), 1);
}

static void
test_retention_is_that_of_the_settings_and_of_half_the_disk(void **state)
{
	struct store_retention retention = settings_of_retention(&conf, 1001);

	(void)state;
	assert_int_equal(retention.succeeded_ms, INT64_C(7) * 24 * 3600 * 1000);
	assert_int_equal(retention.failed_ms, INT64_C(30) * 24 * 3600 * 1000);
	assert_int_equal(retention.tasks_max, 20000000);
	assert_int_equal(retention.bytes_max, 500);
	/* A disk that cannot be asked is no reason to delete, and none is too large. */
	assert_int_equal(settings_of_retention(&conf, 0).bytes_max, 0);
	assert_int_equal(settings_of_retention(&conf, UINT64_MAX).bytes_max, INT64_MAX);
	conf.keep_succeeded_hours = 0;
	conf.keep_failed_hours = 876000;
	conf.keep_tasks_max = 1;
	conf.keep_max_mib = 3;
	retention = settings_of_retention(&conf, 1001);
	assert_int_equal(retention.succeeded_ms, 0);
	assert_int_equal(retention.failed_ms, INT64_C(876000) * 3600 * 1000);
	assert_int_equal(retention.tasks_max, 1);
	assert_int_equal(retention.bytes_max, 3 * 1048576);
	conf.keep_max_mib = 1073741824;
	assert_int_equal(settings_of_retention(&conf, 1).bytes_max, INT64_C(1) << 50);
}

static void
test_the_free_space_that_is_left_is_a_share_of_the_disk_up_to_a_bound(void **state)
{
	(void)state;
	assert_int_equal(settings_of_disk_free(&conf, 0), 0);
	assert_int_equal(settings_of_disk_free(&conf, 2000), 100);
	assert_int_equal(settings_of_disk_free(&conf, UINT64_C(1) << 40), 512 * 1048576);
	conf.disk_free_min_mib = 7;
	assert_int_equal(settings_of_disk_free(&conf, 2000), 7 * 1048576);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_terms_are_those_of_the_settings),
		TEST(test_a_longest_pause_below_the_first_is_refused),
		TEST(test_retention_is_that_of_the_settings_and_of_half_the_disk),
		TEST(test_the_free_space_that_is_left_is_a_share_of_the_disk_up_to_a_bound),
		TEST(test_kinds_have_the_limits_of_the_settings),
		TEST(test_a_host_may_have_a_quarter_of_the_fetches_by_default),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
