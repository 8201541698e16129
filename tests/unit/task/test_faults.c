/* SPDX-License-Identifier: MIT */
/* The list of faults: its bound, the pointers' escapes, and hostile names and details. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "task/faults.h"

static void
assert_pointer(const char *base, const char *member, const char *expected)
{
	struct faults faults;

	faults_init(&faults);
	faults_add(&faults, base, member, "x");
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].pointer, expected);
}

static void
test_a_fault_has_a_pointer_and_a_detail(void **state)
{
	struct faults faults;

	(void)state;
	faults_init(&faults);
	faults_add(&faults, "/args", "n", "found %d, expected at most %d", 8, 7);
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].pointer, "/args/n");
	assert_string_equal(faults.list[0].detail, "found 8, expected at most 7");
}

static void
test_pointers_are_escaped_as_rfc_6901_says(void **state)
{
	(void)state;
	assert_pointer("", NULL, "");
	assert_pointer("/args", NULL, "/args");
	assert_pointer("", "type", "/type");
	assert_pointer("", "", "/");
	assert_pointer("", "a/b", "/a~1b");
	assert_pointer("", "m~n", "/m~0n");
	assert_pointer("", "~1", "/~01");
	assert_pointer("/a~1b", "c", "/a~1b/c");
	assert_pointer("", "\xc3\xb6", "/\xc3\xb6");
}

static void
test_a_prefix_leads_to_the_part_that_is_checked(void **state)
{
	struct faults faults;

	(void)state;
	faults_init(&faults);
	faults_set_prefix(&faults, "/tasks/%zu", (size_t)999);
	faults_add(&faults, "/args", "a/b", "x");
	faults_add(&faults, "", NULL, "x");
	faults_set_prefix(&faults, "/%030d", 5);
	faults_add(&faults, "", "n", "as long as it may be");
	faults_set_prefix(&faults, "%s", "");
	faults_add(&faults, "", "more", "x");
	assert_string_equal(faults.list[0].pointer, "/tasks/999/args/a~1b");
	assert_string_equal(faults.list[1].pointer, "/tasks/999");
	assert_string_equal(faults.list[2].pointer, "/000000000000000000000000000005/n");
	assert_string_equal(faults.list[3].pointer, "/more");
	faults_set_prefix(&faults, "/tasks/0");
	faults_init(&faults);
	faults_add(&faults, "", NULL, "x");
	assert_string_equal(faults.list[0].pointer, "");
}

static void
test_the_first_16_faults_are_kept_and_all_are_counted(void **state)
{
	struct {
		struct faults faults;
		char guard[64];
	} held;

	char guard[64];

	(void)state;
	memset(held.guard, 'g', sizeof(held.guard));
	memset(guard, 'g', sizeof(guard));
	faults_init(&held.faults);
	for (size_t i = 0; i < FAULTS_MAX; i++)
		faults_add(&held.faults, "", "m", "fault %zu", i);
	assert_int_equal(held.faults.count, FAULTS_MAX);
	assert_string_equal(held.faults.list[FAULTS_MAX - 1].detail, "fault 15");
	faults_add(&held.faults, "", "m", "one past");
	assert_int_equal(held.faults.count, FAULTS_MAX + 1);
	assert_string_equal(held.faults.list[FAULTS_MAX - 1].detail, "fault 15");
	assert_memory_equal(held.guard, guard, sizeof(guard));
}

static void
test_a_long_name_is_cut_between_characters_and_escapes(void **state)
{
	size_t capacity = sizeof(((struct fault *)NULL)->pointer);

	(void)state;
	for (size_t lead = capacity - 8; lead < capacity + 2; lead++) {
		static const char *const ends[] = { "~~~~", "////", "\xe2\x82\xac\xe2\x82\xac",
			"\xf0\x9f\x98\x80" };

		for (size_t i = 0; i < 4; i++) {
			struct faults faults;
			char name[256];
			const char *pointer = faults.list[0].pointer;
			size_t size;

			memset(name, 'a', lead);
			snprintf(name + lead, sizeof(name) - lead, "%s", ends[i]);
			faults_init(&faults);
			faults_add(&faults, "", name, "x");
			size = strlen(pointer);
			assert_true(size < capacity && size > capacity - 8);
			assert_true(utf8_is_valid(pointer, size));
			assert_int_not_equal(pointer[size - 1], '~');
		}
	}
}

static void
test_a_base_that_fills_the_pointer_leaves_no_room_for_a_name(void **state)
{
	char base[256];
	struct faults faults;

	(void)state;
	memset(base, 'b', sizeof(base));
	for (size_t size = 120; size < 140; size++) {
		base[size] = '\0';
		faults_init(&faults);
		faults_add(&faults, base, "name", "x");
		assert_true(strlen(faults.list[0].pointer) < sizeof(faults.list[0].pointer));
		assert_memory_equal(faults.list[0].pointer, base, 120);
		base[size] = 'b';
	}
}

static void
test_details_are_cut_and_made_printable_utf8(void **state)
{
	struct faults faults;
	char text[400];

	(void)state;
	faults_init(&faults);
	faults_add(&faults, "", NULL, "found '%s'", "a\n\x1b\xff");
	assert_string_equal(faults.list[0].detail, "found 'a??"
						   "?'");
	for (size_t lead = 180; lead < 200; lead++) {
		faults_init(&faults);
		memset(text, 'd', lead);
		memcpy(text + lead, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 9);
		faults_add(&faults, "", NULL, "%s", text);
		assert_true(strlen(faults.list[0].detail) < sizeof(faults.list[0].detail));
		assert_true(utf8_is_valid(faults.list[0].detail, strlen(faults.list[0].detail)));
		assert_null(strchr(faults.list[0].detail, '?'));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_fault_has_a_pointer_and_a_detail),
		cmocka_unit_test(test_pointers_are_escaped_as_rfc_6901_says),
		cmocka_unit_test(test_a_prefix_leads_to_the_part_that_is_checked),
		cmocka_unit_test(test_the_first_16_faults_are_kept_and_all_are_counted),
		cmocka_unit_test(test_a_long_name_is_cut_between_characters_and_escapes),
		cmocka_unit_test(test_a_base_that_fills_the_pointer_leaves_no_room_for_a_name),
		cmocka_unit_test(test_details_are_cut_and_made_printable_utf8),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
