/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 validation against a decoder written the other way round: every code point encoded, and
 * every byte sequence of up to three bytes (and the four-byte ones that matter) judged by decoding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static size_t
encode(uint32_t point, uint8_t *ret_bytes)
{
	if (point < 0x80) {
		ret_bytes[0] = (uint8_t)point;
		return 1;
	}
	if (point < 0x800) {
		ret_bytes[0] = (uint8_t)(0xc0 | point >> 6);
		ret_bytes[1] = (uint8_t)(0x80 | (point & 63));
		return 2;
	}
	if (point < 0x10000) {
		ret_bytes[0] = (uint8_t)(0xe0 | point >> 12);
		ret_bytes[1] = (uint8_t)(0x80 | (point >> 6 & 63));
		ret_bytes[2] = (uint8_t)(0x80 | (point & 63));
		return 3;
	}
	ret_bytes[0] = (uint8_t)(0xf0 | point >> 18);
	ret_bytes[1] = (uint8_t)(0x80 | (point >> 12 & 63));
	ret_bytes[2] = (uint8_t)(0x80 | (point >> 6 & 63));
	ret_bytes[3] = (uint8_t)(0x80 | (point & 63));
	return 4;
}

static void
test_exactly_the_scalar_values_are_valid(void **state)
{
	(void)state;
	for (uint32_t point = 0; point < 0x1fffff; point++) {
		uint8_t bytes[4];
		size_t size = encode(point, bytes);
		bool is_scalar = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);

		if (utf8_is_valid(bytes, size) != is_scalar)
			fail_msg("U+%04X", point);
		for (size_t cut = 1; cut < size; cut++)
			assert_false(utf8_is_valid(bytes, cut));
	}
}

/* Whether the bytes are a sequence of shortest encodings of scalar values; by decoding. */
static bool
decodes(const uint8_t *bytes, size_t size)
{
	size_t i = 0;

	while (i < size) {
		uint8_t first = bytes[i];
		size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : 4;
		uint32_t point = length == 1 ? first : first & (0x7fu >> length);
		uint8_t again[4];

		if ((first >= 0x80 && first < 0xc0) || first > 0xf7 || i + length > size)
			return false;
		for (size_t k = 1; k < length; k++) {
			if ((bytes[i + k] & 0xc0) != 0x80)
				return false;
			point = point << 6 | (bytes[i + k] & 63);
		}
		if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
			return false;
		if (encode(point, again) != length)
			return false;
		i += length;
	}
	return true;
}

static void
test_every_sequence_of_three_bytes_is_judged_as_by_decoding(void **state)
{
	(void)state;
	for (uint32_t all = 0; all < 0x1000000; all++) {
		uint8_t bytes[3] = { (uint8_t)(all >> 16), (uint8_t)(all >> 8), (uint8_t)all };

		if (utf8_is_valid(bytes, 3) != decodes(bytes, 3))
			fail_msg("%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
	}
}

static void
test_every_first_byte_with_edge_continuations_is_judged_as_by_decoding(void **state)
{
	static const uint8_t edges[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
		0xff };

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		for (size_t i = 0; i < 1000; i++) {
			uint8_t bytes[4] = { (uint8_t)first, edges[i / 100], edges[i / 10 % 10],
				edges[i % 10] };

			assert_int_equal(utf8_is_valid(bytes, 4), decodes(bytes, 4));
		}
	}
}

static void
test_pieces_of_any_size_give_the_same_verdict(void **state)
{
	static const char text[] =
	    "plain ascii, longer than eight \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 "
	    "and back to ascii again";
	size_t size = sizeof(text) - 1;

	(void)state;
	for (size_t cut = 0; cut <= size; cut++) {
		struct utf8 utf8;

		utf8_init(&utf8);
		assert_true(utf8_feed(&utf8, text, cut));
		assert_int_equal(
		    utf8_is_complete(&utf8), cut == size || ((uint8_t)text[cut] & 0xc0) != 0x80);
		assert_true(utf8_feed(&utf8, text + cut, size - cut));
		assert_true(utf8_is_complete(&utf8));
	}
}

static void
test_a_bad_byte_at_any_place_is_found_and_stays_found(void **state)
{
	(void)state;
	for (size_t place = 0; place < 40; place++) {
		struct utf8 utf8;
		char text[40];

		memset(text, 'a', sizeof(text));
		text[place] = '\xff';
		utf8_init(&utf8);
		assert_false(utf8_feed(&utf8, text, sizeof(text)));
		assert_false(utf8_feed(&utf8, "fine", 4));
		assert_false(utf8_is_complete(&utf8));
	}
}

static void
test_empty_content_is_valid(void **state)
{
	(void)state;
	assert_true(utf8_is_valid("", 0));
	assert_true(utf8_is_valid(NULL, 0));
}

static void
assert_scrubs(const char *from, const char *to)
{
	char text[64];

	snprintf(text, sizeof(text), "%s", from);
	utf8_scrub(text);
	assert_string_equal(text, to);
}

static void
test_scrubbing_leaves_valid_printable_text_alone(void **state)
{
	(void)state;
	assert_scrubs("", "");
	assert_scrubs("Gr\xc3\xb6\xc3\x9f"
		      "e 1 \xe2\x82\xac \xf0\x9f\x98\x80",
	    "Gr\xc3\xb6\xc3\x9f"
	    "e 1 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void
test_scrubbing_replaces_what_is_not_text_and_drops_a_cut_end(void **state)
{
	(void)state;
	assert_scrubs("a\nb\tc\x1b\x7f", "a?b?c??");
	assert_scrubs("a\xff\xc3"
		      "b",
	    "a??b");
	assert_scrubs("\xed\xa0\x80", "???");
	assert_scrubs("end \xc3", "end ");
	assert_scrubs("end \xf0\x9f\x98", "end ");
	assert_scrubs("end \xe2\x82\xac\xe2\x82", "end \xe2\x82\xac");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exactly_the_scalar_values_are_valid),
		cmocka_unit_test(test_every_sequence_of_three_bytes_is_judged_as_by_decoding),
		cmocka_unit_test(
		    test_every_first_byte_with_edge_continuations_is_judged_as_by_decoding),
		cmocka_unit_test(test_pieces_of_any_size_give_the_same_verdict),
		cmocka_unit_test(test_a_bad_byte_at_any_place_is_found_and_stays_found),
		cmocka_unit_test(test_empty_content_is_valid),
		cmocka_unit_test(test_scrubbing_leaves_valid_printable_text_alone),
		cmocka_unit_test(test_scrubbing_replaces_what_is_not_text_and_drops_a_cut_end),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
