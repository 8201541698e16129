/* SPDX-License-Identifier: MIT */
/* Sharing out the machine: the promise for 20,000 descriptors, shrinking, and the least that fits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "app/resources.h"

#define GIB (UINT64_C(1) << 30)

/* What the budget can use at worst: every connection with a result file, every fetch with all of
 * its. */
static uint64_t
descriptors_at_worst(const struct budget *budget)
{
	return budget->connections_fuse + budget->connections_max +
	       UINT64_C(6) * budget->fetch_in_flight + UINT64_C(3) * budget->store_readers + 128;
}

static void
test_share_serves_2000_users_with_20000_descriptors(void **state)
{
	(void)state;
	const struct resources resources = { 2, 8 * GIB, 20000 };
	struct budget budget;
	assert_int_equal(resources_share(&resources, 0, 256, 0, &budget, NULL), STATUS_OK);
	assert_int_equal(budget.cpu_executors, 2);
	assert_int_equal(budget.fetch_in_flight, 256);
	assert_int_equal(budget.connections_max, 4096);
	assert_true(budget.connections_fuse >= 2 * 4096);
	assert_true(descriptors_at_worst(&budget) <= resources.descriptors);
}

static void
test_share_never_plans_more_descriptors_than_there_are(void **state)
{
	(void)state;
	for (uint64_t descriptors = 0; descriptors < 5000; descriptors++) {
		const struct resources resources = { 4, 64 * GIB, descriptors };
		struct budget budget;
		struct error error;
		enum status status = resources_share(&resources, 0, 256, 0, &budget, &error);
		if (status == STATUS_OK) {
			assert_true(descriptors_at_worst(&budget) <= descriptors);
			assert_true(budget.connections_max >= 16);
			assert_true(budget.fetch_in_flight >= 4);
			assert_true(budget.connections_fuse > budget.connections_max);
		} else {
			assert_int_equal(status, STATUS_FULL);
			assert_non_null(strstr(error.text, "RLIMIT_NOFILE"));
			assert_true(descriptors < 320);
		}
	}
}

static void
test_share_follows_memory_unless_told_a_number(void **state)
{
	(void)state;
	const struct resources resources = { 2, GIB / 4, 20000 };
	struct budget budget;
	assert_int_equal(resources_share(&resources, 0, 256, 0, &budget, NULL), STATUS_OK);
	assert_int_equal(budget.connections_max, 1024); /* a quarter at 64 KiB each */
	assert_int_equal(budget.cpu_memory_bytes, GIB / 16);
	assert_int_equal(resources_share(&resources, 3000, 256, 7, &budget, NULL), STATUS_OK);
	assert_int_equal(budget.connections_max, 3000);
	assert_int_equal(budget.cpu_executors, 7);
}

static void
test_measure_finds_a_core_memory_and_descriptors(void **state)
{
	(void)state;
	struct resources resources;
	resources_measure(&resources);
	assert_true(resources.cores >= 1);
	assert_true(resources.memory_bytes > 16 * 1024 * 1024);
	assert_true(resources.descriptors >= 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share_serves_2000_users_with_20000_descriptors),
		cmocka_unit_test(test_share_never_plans_more_descriptors_than_there_are),
		cmocka_unit_test(test_share_follows_memory_unless_told_a_number),
		cmocka_unit_test(test_measure_finds_a_core_memory_and_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
