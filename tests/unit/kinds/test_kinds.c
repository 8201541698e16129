/* SPDX-License-Identifier: MIT */
/* The table of kinds: every entry whole, every type word found, and the check of member names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kinds/kind.h"
#include "kinds/kind_settings.h"

static void
test_the_libraries_are_set_up(void **state)
{
	struct error error = { "" };

	(void)state;
	assert_int_equal(kinds_setup(&error), STATUS_OK);
}

static void
test_every_kind_is_found_by_its_word_and_is_whole(void **state)
{
	size_t count;
	const struct kind *const *table = kinds_table(&count);

	(void)state;
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		const struct kind *kind = table[i];

		assert_ptr_equal(kinds_find(kind->type), kind);
		assert_in_range(strlen(kind->type), 1, TASK_TYPE_SIZE - 1);
		assert_non_null(kind->check_args);
		switch (kind->lane) {
		case LANE_CPU:
			assert_non_null(kind->run);
			assert_null(kind->engine);
			break;
		case LANE_IO:
			assert_null(kind->run);
			assert_non_null(kind->engine);
			break;
		}
	}
}

static void
test_the_words_of_the_wire_are_known_and_no_others(void **state)
{
	(void)state;
	assert_non_null(kinds_find("factorial"));
	assert_non_null(kinds_find("http-fetch"));
	assert_null(kinds_find(""));
	assert_null(kinds_find("Factorial"));
	assert_null(kinds_find("factorial "));
	assert_null(kinds_find("fetch"));
}

static void
test_settings_of_every_kind_are_checked(void **state)
{
	static const char *const no_cidr[] = { "not-a-cidr" };
	struct kind_settings settings = { .factorial = { .n_max = 100 } };
	struct error error = { "" };

	(void)state;
	assert_int_equal(kinds_check_settings(&settings, &error), STATUS_OK);
	settings.factorial.n_max = UINT64_MAX;
	assert_int_equal(kinds_check_settings(&settings, &error), STATUS_INVALID);
	settings.factorial.n_max = 100;
	settings.fetch.deny_cidrs = no_cidr;
	settings.fetch.deny_count = 1;
	assert_int_equal(kinds_check_settings(&settings, &error), STATUS_INVALID);
}

static void
test_the_memory_of_the_largest_task_rises_with_the_limits(void **state)
{
	struct kind_settings settings = { .factorial = { .n_max = 100 } };
	uint64_t bytes;

	(void)state;
	assert_int_equal(kinds_memory_bytes(&settings), 0);
	settings.factorial.n_max = 1000000;
	bytes = kinds_memory_bytes(&settings);
	assert_in_range(bytes, 10 << 20, 20 << 20);
	settings.factorial.n_max = 1000001;
	assert_true(kinds_memory_bytes(&settings) >= bytes);
}

static void
test_each_member_that_is_not_allowed_is_a_fault(void **state)
{
	static const char *const allowed[] = { "one", "two" };
	json_t *object = json_pack("{s:i, s:i, s:i, s:i}", "one", 1, "three", 3, "One", 0, "", 0);
	struct faults faults;
	bool has_seen[3] = { false, false, false };

	(void)state;
	assert_non_null(object);
	faults_init(&faults);
	kinds_check_member_names(object, "/base", allowed, ARRAY_SIZE(allowed), &faults);
	assert_int_equal(faults.count, 3);
	for (size_t i = 0; i < 3; i++) {
		has_seen[0] |= strcmp(faults.list[i].pointer, "/base/three") == 0;
		has_seen[1] |= strcmp(faults.list[i].pointer, "/base/One") == 0;
		has_seen[2] |= strcmp(faults.list[i].pointer, "/base/") == 0;
	}
	assert_true(has_seen[0] && has_seen[1] && has_seen[2]);
	json_decref(object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_libraries_are_set_up),
		cmocka_unit_test(test_every_kind_is_found_by_its_word_and_is_whole),
		cmocka_unit_test(test_the_words_of_the_wire_are_known_and_no_others),
		cmocka_unit_test(test_settings_of_every_kind_are_checked),
		cmocka_unit_test(test_the_memory_of_the_largest_task_rises_with_the_limits),
		cmocka_unit_test(test_each_member_that_is_not_allowed_is_a_fault),
	};

	return cmocka_run_group_tests_name("kinds", tests, NULL, NULL);
}
