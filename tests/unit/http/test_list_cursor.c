/* SPDX-License-Identifier: MIT */
/* Cursors: there and back, and every text that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/list_cursor.h"

#define ID     "018f0000-0000-7000-8000-00000000000a"
#define CURSOR "djE6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDBh"

static void
test_a_cursor_gives_its_id_back(void **state)
{
	static const char *const ids[] = { ID, "00000000-0000-0000-0000-000000000000",
		"ffffffff-ffff-ffff-ffff-ffffffffffff" };
	char text[LIST_CURSOR_SIZE], id[UUID_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		list_cursor_write(ids[i], text);
		assert_int_equal(strlen(text), LIST_CURSOR_LENGTH);
		assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					      "0123456789-_"),
		    LIST_CURSOR_LENGTH);
		assert_true(list_cursor_read(text, id));
		assert_string_equal(id, ids[i]);
	}
	list_cursor_write(ID, text);
	assert_string_equal(text, CURSOR);
}

static void
test_ids_of_all_hexadecimal_digits(void **state)
{
	char text[LIST_CURSOR_SIZE], id[UUID_TEXT_SIZE], again[UUID_TEXT_SIZE];

	(void)state;
	for (uint32_t n = 1; n != 0; n = n * 1664525 + 1013904223, n = n < 1u << 24 ? 0 : n) {
		(void)snprintf(
		    id, sizeof(id), "%08x-%04x-7%03x-8000-%012x", n, n >> 16, n & 0xfff, ~n);
		list_cursor_write(id, text);
		assert_true(list_cursor_read(text, again));
		assert_string_equal(again, id);
	}
}

static void
test_anything_else_is_no_cursor(void **state)
{
	static const char *const texts[] = { "", "x", "018f0000-0000-7000-8000-00000000000a",
		/* one short, one long, padded, blank */
		"djE6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDB",
		"djE6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDBhA",
		"djE6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMD==",
		"djE6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMD A",
		/* the letters of the other base64 */
		"djE6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMD+/",
		/* another version, an id in capitals, no id */
		"djI6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDBh",
		"djE6MDE4RjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDBB",
		"djE6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDB4",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
	char id[UUID_TEXT_SIZE] = "untouched";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (list_cursor_read(texts[i], id))
			fail_msg("'%s' is a cursor", texts[i]);
		assert_string_equal(id, "untouched");
	}
}

static void
test_every_changed_character_is_noticed_or_names_another_id(void **state)
{
	char text[LIST_CURSOR_SIZE], id[UUID_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < LIST_CURSOR_LENGTH; i++) {
		for (int c = 1; c < 256; c++) {
			list_cursor_write(ID, text);
			if (text[i] == (char)c)
				continue;
			text[i] = (char)c;
			if (list_cursor_read(text, id))
				assert_string_not_equal(id, ID);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_cursor_gives_its_id_back),
		cmocka_unit_test(test_ids_of_all_hexadecimal_digits),
		cmocka_unit_test(test_anything_else_is_no_cursor),
		cmocka_unit_test(test_every_changed_character_is_noticed_or_names_another_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
