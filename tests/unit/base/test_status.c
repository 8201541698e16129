/* SPDX-License-Identifier: MIT */
/* Status words and error texts: cutting, prefixing, and doing without an error to fill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

static void
test_every_status_has_its_own_word(void **state)
{
	(void)state;
	for (int i = STATUS_OK; i <= STATUS_INTERNAL; i++) {
		assert_string_not_equal(status_name((enum status)i), "?");
		for (int j = STATUS_OK; j < i; j++)
			assert_string_not_equal(
			    status_name((enum status)i), status_name((enum status)j));
	}
	assert_string_equal(status_name((enum status)(STATUS_INTERNAL + 1)), "?");
}

static void
test_error_set_writes_the_text_and_returns_the_status(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(error_set(&error, STATUS_FULL, "found %d", 7), STATUS_FULL);
	assert_string_equal(error.text, "found 7");
	assert_int_equal(error_set(NULL, STATUS_IO, "nobody reads %s", "this"), STATUS_IO);
}

static void
test_error_set_makes_one_line_of_several(void **state)
{
	struct error error;

	(void)state;
	error_set(
	    &error, STATUS_CORRUPT, "%s", "*** in database main ***\nPage 5:\tbad \x7f \xc3\xa9");
	assert_string_equal(error.text, "*** in database main *** Page 5: bad \x7f \xc3\xa9");
}

static void
test_error_set_may_quote_the_old_text(void **state)
{
	struct error error;

	(void)state;
	status_ignore(error_set(&error, STATUS_IO, "disk"));
	status_ignore(error_set(&error, STATUS_IO, "store: %s", error.text));
	assert_string_equal(error.text, "store: disk");
}

static void
test_error_set_cuts_a_long_text_at_its_size(void **state)
{
	char text[sizeof(((struct error *)NULL)->text) + 1];

	struct {
		struct error error;
		char guard;
	} held = { .guard = 'g' };

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 2] = '\0'; /* fits exactly */
	status_ignore(error_set(&held.error, STATUS_IO, "%s", text));
	assert_int_equal(strlen(held.error.text), sizeof(held.error.text) - 1);
	text[sizeof(text) - 2] = 'x';
	text[sizeof(text) - 1] = '\0'; /* one too long */
	status_ignore(error_set(&held.error, STATUS_IO, "%s", text));
	assert_int_equal(strlen(held.error.text), sizeof(held.error.text) - 1);
	assert_int_equal(held.guard, 'g');
}

static void
test_error_prefix_puts_context_in_front(void **state)
{
	struct error error;

	(void)state;
	status_ignore(error_set(&error, STATUS_IO, "no space"));
	error_prefix(&error, "line %d", 3);
	assert_string_equal(error.text, "line 3: no space");
	error_prefix(&error, "%s", error.text);
	assert_string_equal(error.text, "line 3: no space: line 3: no space");
	error_prefix(NULL, "nothing");
}

static void
test_error_prefix_cuts_the_end_and_not_the_context(void **state)
{
	struct error error;
	char text[400];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	status_ignore(error_set(&error, STATUS_IO, "%s", text));
	error_prefix(&error, "context");
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	assert_memory_equal(error.text, "context: xxx", 12);
	error_prefix(&error, "%s", text);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	assert_null(strchr(error.text, ':'));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status_has_its_own_word),
		cmocka_unit_test(test_error_set_writes_the_text_and_returns_the_status),
		cmocka_unit_test(test_error_set_makes_one_line_of_several),
		cmocka_unit_test(test_error_set_may_quote_the_old_text),
		cmocka_unit_test(test_error_set_cuts_a_long_text_at_its_size),
		cmocka_unit_test(test_error_prefix_puts_context_in_front),
		cmocka_unit_test(test_error_prefix_cuts_the_end_and_not_the_context),
	};

	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
