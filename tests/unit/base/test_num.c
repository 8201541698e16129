/* SPDX-License-Identifier: MIT */
/* Strict number parsing: the accepted spelling, everything near it, and both ends of the range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/num.h"

static void
assert_u64(const char *text, enum status expected, uint64_t value)
{
	uint64_t got = 4711;

	if (num_parse_u64(text, strlen(text), &got) != expected)
		fail_msg("'%s'", text);
	assert_true(got == (expected == STATUS_OK ? value : 4711));
}

static void
assert_i64(const char *text, enum status expected, int64_t value)
{
	int64_t got = 4711;

	if (num_parse_i64(text, strlen(text), &got) != expected)
		fail_msg("'%s'", text);
	assert_true(got == (expected == STATUS_OK ? value : 4711));
}

static const char *const malformed[] = { "", "+1", " 1", "1 ", "01", "00", "1.0", "1e3", "0x10",
	"1_000", "1,000", "--1", "a", "1a", "\t1", "1\n", "\xd9\xa1", "+0", "-",
	"184467440737095516150x" };

static void
test_decimal_digits_are_accepted(void **state)
{
	(void)state;
	assert_u64("0", STATUS_OK, 0);
	assert_u64("7", STATUS_OK, 7);
	assert_u64("100000", STATUS_OK, 100000);
	assert_i64("0", STATUS_OK, 0);
	assert_i64("-1", STATUS_OK, -1);
	assert_i64("42", STATUS_OK, 42);
}

static void
test_every_other_spelling_is_invalid(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		assert_u64(malformed[i], STATUS_INVALID, 0);
		assert_i64(malformed[i], STATUS_INVALID, 0);
	}
	assert_u64("-1", STATUS_INVALID, 0);
	assert_i64("-0", STATUS_INVALID, 0);
	assert_i64("-01", STATUS_INVALID, 0);
	assert_i64("- 1", STATUS_INVALID, 0);
}

static void
test_every_single_byte_is_a_digit_or_invalid(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char text = (char)byte;
		uint64_t value;
		enum status status = num_parse_u64(&text, 1, &value);

		assert_int_equal(status, byte >= '0' && byte <= '9' ? STATUS_OK : STATUS_INVALID);
	}
}

static void
test_the_range_ends_at_64_bits(void **state)
{
	(void)state;
	assert_u64("18446744073709551615", STATUS_OK, UINT64_MAX);
	assert_u64("18446744073709551616", STATUS_FULL, 0);
	assert_u64("18446744073709551620", STATUS_FULL, 0);
	assert_u64("99999999999999999999", STATUS_FULL, 0);
	assert_u64("100000000000000000000000000000000000000", STATUS_FULL, 0);
	assert_i64("9223372036854775807", STATUS_OK, INT64_MAX);
	assert_i64("9223372036854775808", STATUS_FULL, 0);
	assert_i64("-9223372036854775808", STATUS_OK, INT64_MIN);
	assert_i64("-9223372036854775809", STATUS_FULL, 0);
	assert_i64("-99999999999999999999", STATUS_FULL, 0);
}

static void
test_only_the_given_bytes_are_read(void **state)
{
	uint64_t value;
	int64_t sign;

	(void)state;
	assert_int_equal(num_parse_u64("123", 2, &value), STATUS_OK);
	assert_int_equal(value, 12);
	assert_int_equal(num_parse_u64("1\0"
				       "2",
			     3, &value),
	    STATUS_INVALID);
	assert_int_equal(num_parse_i64("-1", 1, &sign), STATUS_INVALID);
}

static void
test_what_printf_writes_is_read_back(void **state)
{
	(void)state;
	for (int shift = 0; shift < 64; shift++) {
		for (int offset = -1; offset <= 1; offset++) {
			uint64_t value = (UINT64_C(1) << shift) + (uint64_t)offset;
			char text[32];

			snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
			assert_u64(text, STATUS_OK, value);
			snprintf(text, sizeof(text), "%lld", (long long)value);
			assert_i64(text, STATUS_OK, (int64_t)value);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decimal_digits_are_accepted),
		cmocka_unit_test(test_every_other_spelling_is_invalid),
		cmocka_unit_test(test_every_single_byte_is_a_digit_or_invalid),
		cmocka_unit_test(test_the_range_ends_at_64_bits),
		cmocka_unit_test(test_only_the_given_bytes_are_read),
		cmocka_unit_test(test_what_printf_writes_is_read_back),
	};

	return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
