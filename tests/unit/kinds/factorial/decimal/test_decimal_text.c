/* SPDX-License-Identifier: MIT */
/* Digits of numbers against printf, by limb and by piece, and sinks that fail. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kinds/factorial/decimal/decimal_text.h"

#define LIMBS_MAX 8000

/* Compares what comes with what is expected; can fail. */
struct reader {
	const char *expected;
	size_t size;
	int pieces;
	int fail_at; /* 0: never */
};

static enum status
reader_write(void *context, const char *digits, size_t size, struct error *error)
{
	struct reader *reader = context;

	assert_in_range(size, 1, DECIMAL_TEXT_PIECE);
	if (++reader->pieces == reader->fail_at)
		return error_set(error, STATUS_FULL, "as asked");
	assert_memory_equal(reader->expected + reader->size, digits, size);
	reader->size += size;
	return STATUS_OK;
}

static char *
text_of(const struct decimal *number, uint64_t zeros)
{
	size_t room = number->count * LIMB_DIGITS + zeros + 2;
	char *text = malloc(room), *at = text;

	assert_non_null(text);
	at += snprintf(at, room, "%" PRIu64, number->limbs[number->count - 1]);
	for (size_t i = number->count - 1; i > 0; i--)
		at += snprintf(at, LIMB_DIGITS + 1, "%018" PRIu64, number->limbs[i - 1]);
	memset(at, '0', zeros);
	at[zeros] = '\0';
	return text;
}

static int
write_all(const struct decimal *number, uint64_t zeros)
{
	char *expected = text_of(number, zeros);
	char *buffer = malloc(decimal_text_buffer(number->count, zeros));
	struct reader reader = { .expected = expected };
	struct digit_sink sink = { reader_write, &reader };
	struct effort effort = { 0 };

	assert_non_null(buffer);
	assert_int_equal(decimal_text_write(number, zeros, buffer, &sink, &effort), STATUS_OK);
	assert_int_equal(reader.size, strlen(expected));
	assert_true(effort.spent == (double)strlen(expected));
	free(expected);
	free(buffer);
	return reader.pieces;
}

static void
test_every_single_limb_is_written(void **state)
{
	uint64_t limb = 1;

	(void)state;
	for (int digits = 1; digits <= LIMB_DIGITS; digits++, limb *= 10) {
		uint64_t limbs[] = { limb, limb + limb / 2, 10 * limb - 1, 0 };

		if (digits == LIMB_DIGITS)
			limbs[2] = LIMB_BASE - 1;
		for (size_t i = 0; i < 3; i++) {
			struct decimal number = { .limbs = &limbs[i], .count = 1 };

			assert_int_equal(write_all(&number, 0), 1);
		}
	}
}

/* All that a limb is cut into: two digits, eight and eight. */
static void
test_digits_at_every_place_are_right(void **state)
{
	uint64_t limbs[2] = { 0, 1 };
	struct decimal number = { .limbs = limbs, .count = 2 };

	(void)state;
	for (uint64_t i = 0; i < 10000; i++) {
		limbs[0] = i * UINT64_C(100000000000000) + i * UINT64_C(10000000000) +
			   i * UINT64_C(1000000) + i;
		limbs[0] %= LIMB_BASE;
		assert_int_equal(write_all(&number, 0), 1);
	}
}

static void
test_lower_limbs_have_all_their_zeros(void **state)
{
	uint64_t limbs[] = { 0, 1, UINT64_C(100000000), 0, LIMB_BASE - 1, 7 };
	struct decimal number = { .limbs = limbs, .count = ARRAY_SIZE(limbs) };

	(void)state;
	for (; number.count > 0; number.count--)
		if (limbs[number.count - 1] != 0)
			assert_int_equal(write_all(&number, 3), 1);
}

static void
test_long_texts_come_in_pieces(void **state)
{
	static const uint64_t zeros[] = { 0, 1, 65535, 65536, 65537, 200000 };
	uint64_t *limbs = malloc(LIMBS_MAX * sizeof(uint64_t));
	struct decimal number = { .limbs = limbs, .count = LIMBS_MAX };

	(void)state;
	assert_non_null(limbs);
	for (size_t i = 0; i < LIMBS_MAX; i++)
		limbs[i] = (i + 1) * UINT64_C(1234567890123456789) % LIMB_BASE;
	for (size_t i = 0; i < ARRAY_SIZE(zeros); i++)
		for (number.count = 3638; number.count <= 3643; number.count++)
			assert_in_range(write_all(&number, zeros[i]), 1, 6);
	number.count = LIMBS_MAX;
	assert_int_equal(write_all(&number, 0), 3);
	free(limbs);
}

static bool
is_stopped(void *context)
{
	(void)context;
	return true;
}

static void
test_a_failing_sink_and_a_stop_end_the_writing(void **state)
{
	uint64_t *limbs = malloc(LIMBS_MAX * sizeof(uint64_t));
	struct decimal number = { .limbs = limbs, .count = LIMBS_MAX };
	struct effort_watch watch = { .is_to_stop = is_stopped };
	struct error error = { "" };
	char *buffer = malloc(DECIMAL_TEXT_PIECE);
	char *expected;

	(void)state;
	assert_non_null(limbs);
	assert_non_null(buffer);
	for (size_t i = 0; i < LIMBS_MAX; i++)
		limbs[i] = i + 1;
	expected = text_of(&number, 100000);
	for (int at = 1; at <= 4; at++) {
		struct reader reader = { .expected = expected, .fail_at = at };
		struct digit_sink sink = { reader_write, &reader };
		struct effort effort = { .error = &error };

		assert_int_equal(
		    decimal_text_write(&number, 100000, buffer, &sink, &effort), STATUS_FULL);
		assert_int_equal(reader.pieces, at);
		assert_string_equal(error.text, "as asked");
	}
	struct reader reader = { .expected = expected };
	struct digit_sink sink = { reader_write, &reader };
	struct effort effort = { .error = &error, .watch = &watch };

	assert_int_equal(decimal_text_write(&number, 0, buffer, &sink, &effort), STATUS_CANCELLED);
	assert_in_range(reader.pieces, 0, 2);
	free(expected);
	free(limbs);
	free(buffer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_single_limb_is_written),
		cmocka_unit_test(test_digits_at_every_place_are_right),
		cmocka_unit_test(test_lower_limbs_have_all_their_zeros),
		cmocka_unit_test(test_long_texts_come_in_pieces),
		cmocka_unit_test(test_a_failing_sink_and_a_stop_end_the_writing),
	};

	return cmocka_run_group_tests_name("decimal_text", tests, NULL, NULL);
}
