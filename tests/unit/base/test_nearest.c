/* SPDX-License-Identifier: MIT */
/* Which name a misspelt one may have meant: edits, their limit, ties, sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"

static const char *
nearest_of(const char *name, const char *const *candidates)
{
	struct nearest nearest;

	nearest_begin(&nearest, name, strlen(name));
	for (; *candidates != NULL; candidates++)
		nearest_offer(&nearest, *candidates);
	return nearest.best;
}

static const char *const verbs[] = { "submit", "status", "stats", "list", "wait", NULL };

static void
test_a_character_more_less_or_changed_is_an_edit(void **state)
{
	(void)state;
	assert_string_equal(nearest_of("submitt", verbs), "submit");
	assert_string_equal(nearest_of("sumit", verbs), "submit");
	assert_string_equal(nearest_of("xubmit", verbs), "submit");
	assert_string_equal(nearest_of("SUBMIT", verbs), "submit");
}

static void
test_two_edits_are_near_and_three_are_not(void **state)
{
	(void)state;
	assert_string_equal(nearest_of("xxbmit", verbs), "submit");
	assert_null(nearest_of("xxxmit", verbs));
	assert_string_equal(nearest_of("submitxx", verbs), "submit");
	assert_null(nearest_of("submitxxx", verbs));
	assert_null(nearest_of("", verbs));
}

static void
test_the_nearest_wins_and_of_equals_the_first(void **state)
{
	static const char *const equals[] = { "abcd", "abce", NULL };

	(void)state;
	assert_string_equal(nearest_of("statu", verbs), "status");
	assert_string_equal(nearest_of("stat", verbs), "stats");
	assert_string_equal(nearest_of("abcx", equals), "abcd");
}

static void
test_what_is_short_is_near_to_nothing(void **state)
{
	static const char *const shorts[] = { "", "a", "ab", NULL };

	(void)state;
	assert_null(nearest_of("ab", shorts));
	assert_null(nearest_of("a", shorts));
}

static void
test_long_names_are_not_compared(void **state)
{
	char name[NEAREST_NAME_MAX + 2];
	const char *const candidates[] = { name, NULL };

	(void)state;
	memset(name, 'n', sizeof(name));
	name[NEAREST_NAME_MAX] = '\0';
	assert_ptr_equal(nearest_of(name, candidates), name);
	name[NEAREST_NAME_MAX] = 'n';
	name[NEAREST_NAME_MAX + 1] = '\0';
	assert_null(nearest_of(name, candidates));
	assert_null(nearest_of(name, verbs));
	assert_null(nearest_of("wait", candidates));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_character_more_less_or_changed_is_an_edit),
		cmocka_unit_test(test_two_edits_are_near_and_three_are_not),
		cmocka_unit_test(test_the_nearest_wins_and_of_equals_the_first),
		cmocka_unit_test(test_what_is_short_is_near_to_nothing),
		cmocka_unit_test(test_long_names_are_not_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
