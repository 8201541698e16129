/* SPDX-License-Identifier: MIT */
/*
 * Multiplying and dividing against GMP: lengths around every edge of the steps, equal and very
 * unequal, and the operands for which a guessed quotient is too large. The random numbers are the
 * same in every run.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "base/compiler.h"
#include "kinds/factorial/bn_steps.h"

static BN_CTX *ctx;
static gmp_randstate_t randomness;

static int
begin(void **state)
{
	(void)state;
	ctx = BN_CTX_new();
	gmp_randinit_default(randomness);
	gmp_randseed_ui(randomness, 20261123);
	return ctx == NULL ? -1 : 0;
}

static int
end(void **state)
{
	(void)state;
	gmp_randclear(randomness);
	BN_CTX_free(ctx);
	return 0;
}

static BIGNUM *
bn_of(const mpz_t number)
{
	size_t size = (mpz_sizeinbase(number, 2) + 7) / 8;
	unsigned char *bytes = calloc(1, size);
	BIGNUM *result;

	assert_non_null(bytes);
	mpz_export(bytes, NULL, 1, 1, 1, 0, number);
	result = BN_bin2bn(bytes, (int)size, NULL);
	assert_non_null(result);
	free(bytes);
	return result;
}

static void
assert_same(const BIGNUM *found, const mpz_t expected)
{
	BIGNUM *other = bn_of(expected);

	assert_int_equal(BN_cmp(found, other), 0);
	BN_free(other);
}

static void
assert_multiplies(const mpz_t a, const mpz_t b)
{
	struct bn_steps steps = { .ctx = ctx };
	BIGNUM *x = bn_of(a), *y = bn_of(b), *result = BN_new();
	mpz_t expected;

	mpz_init(expected);
	mpz_mul(expected, a, b);
	assert_int_equal(bn_steps_multiply(&steps, result, x, y), STATUS_OK);
	assert_same(result, expected);
	assert_int_equal(bn_steps_multiply(&steps, result, y, x), STATUS_OK);
	assert_same(result, expected);
	mpz_clear(expected);
	BN_free(x);
	BN_free(y);
	BN_free(result);
}

static void
assert_divides(const mpz_t number, const mpz_t divisor)
{
	struct bn_steps steps = { .ctx = ctx };
	BIGNUM *x = bn_of(number), *y = bn_of(divisor), *quotient = BN_new(), *rest = BN_new();
	mpz_t q, r;

	mpz_inits(q, r, NULL);
	mpz_tdiv_qr(q, r, number, divisor);
	assert_int_equal(bn_steps_divide(&steps, quotient, rest, x, y), STATUS_OK);
	assert_same(quotient, q);
	assert_same(rest, r);
	mpz_clears(q, r, NULL);
	BN_free(x);
	BN_free(y);
	BN_free(quotient);
	BN_free(rest);
}

/* A number of exactly that many words: random, or of long runs of ones and zeros, which carry. */
static void
make_number(mpz_t number, unsigned long words, bool has_runs)
{
	if (has_runs)
		mpz_rrandomb(number, randomness, 64 * words);
	else
		mpz_urandomb(number, randomness, 64 * words);
	if (words > 0)
		mpz_setbit(number, 64 * words - 1);
}

static const unsigned long lengths[] = { 0, 1, 2, 3, 31, 49, 50, 51, 63, 64, 65, 66, 127, 128, 129,
	130, 200, 511, 1000 };

static void
test_products_of_all_lengths_are_exact(void **state)
{
	mpz_t a, b;

	(void)state;
	mpz_inits(a, b, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (size_t j = 0; j <= i; j++) {
			make_number(a, lengths[i], (i + j) % 2 == 0);
			make_number(b, lengths[j], i % 2 == 0);
			assert_multiplies(a, b);
		}
	}
	mpz_clears(a, b, NULL);
}

static void
test_products_beyond_one_step_are_exact(void **state)
{
	static const unsigned long pairs[][2] = { { 8192, 8192 }, { 8193, 8192 }, { 8193, 8193 },
		{ 8194, 8192 }, { 8195, 8192 }, { 16385, 16386 }, { 16386, 1 }, { 30000, 64 },
		{ 30000, 65 }, { 20000, 7000 }, { 12000, 11000 } };
	mpz_t a, b;

	(void)state;
	mpz_inits(a, b, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		make_number(a, pairs[i][0], i % 2 == 0);
		make_number(b, pairs[i][1], i % 2 == 0);
		assert_multiplies(a, b);
	}
	mpz_clears(a, b, NULL);
}

static void
test_a_number_is_multiplied_by_itself(void **state)
{
	struct bn_steps steps = { .ctx = ctx };
	mpz_t a;

	(void)state;
	mpz_init(a);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		BIGNUM *x, *result = BN_new();

		make_number(a, lengths[i] * 20, true);
		x = bn_of(a);
		assert_int_equal(bn_steps_multiply(&steps, result, x, x), STATUS_OK);
		mpz_mul(a, a, a);
		assert_same(result, a);
		BN_free(x);
		BN_free(result);
	}
	mpz_clear(a);
}

static void
test_quotients_of_all_lengths_are_exact(void **state)
{
	mpz_t number, divisor;

	(void)state;
	mpz_inits(number, divisor, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (size_t j = 1; j < ARRAY_SIZE(lengths); j++) {
			make_number(number, lengths[i], (i + j) % 2 == 0);
			make_number(divisor, lengths[j], i % 2 == 0);
			assert_divides(number, divisor);
			make_number(number, lengths[i] + lengths[j], (i + j) % 2 == 0);
			assert_divides(number, divisor);
		}
	}
	mpz_clears(number, divisor, NULL);
}

static void
test_large_quotients_are_exact(void **state)
{
	static const unsigned long pairs[][2] = { { 8000, 4000 }, { 8001, 4000 }, { 7000, 1500 },
		{ 12000, 11000 }, { 9000, 120 }, { 5000, 4990 } };
	mpz_t number, divisor;

	(void)state;
	mpz_inits(number, divisor, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		make_number(number, pairs[i][0], i % 2 == 0);
		make_number(divisor, pairs[i][1], i % 2 == 0);
		assert_divides(number, divisor);
	}
	mpz_clears(number, divisor, NULL);
}

/* number = quotient * divisor + rest for a divisor whose low part is all ones or all zeros. */
static void
test_guessed_quotients_are_corrected(void **state)
{
	mpz_t divisor, quotient, number;

	(void)state;
	mpz_inits(divisor, quotient, number, NULL);
	for (unsigned long words = 100; words <= 400; words += 50) {
		for (unsigned long ones = 0; ones < 3; ones++) {
			/* 2^k alone, 2^k and half its bits, all of its bits: the leading part says
			   least about the divisor when the rest is largest. */
			mpz_set_ui(divisor, 0);
			for (unsigned long bit = 0; bit < 64 * words * ones / 2; bit++)
				mpz_setbit(divisor, bit);
			mpz_setbit(divisor, 64 * words - 64);
			/* The largest quotient of half its length, and the rests at both ends. */
			mpz_set_ui(quotient, 0);
			mpz_setbit(quotient, 32 * words);
			mpz_sub_ui(quotient, quotient, 1);
			mpz_mul(number, quotient, divisor);
			assert_divides(number, divisor);
			mpz_sub_ui(number, number, 1);
			assert_divides(number, divisor);
			mpz_add(number, number, divisor);
			assert_divides(number, divisor);
		}
	}
	mpz_clears(divisor, quotient, number, NULL);
}

/* Answers "go on" so many times, then "stop", and is not to be asked again. */
struct patience {
	long questions;
	long granted;
};

static bool
is_over(void *context)
{
	struct patience *patience = context;

	assert_true(patience->questions <= patience->granted);
	return patience->questions++ == patience->granted;
}

static BIGNUM *
bn_of_words(int words)
{
	BIGNUM *number = BN_new();

	assert_non_null(number);
	assert_true(BN_set_bit(number, 64 * words - 1) && BN_add_word(number, 7));
	return number;
}

static void
test_a_wish_to_stop_is_heeded_before_the_first_step(void **state)
{
	struct patience patience = { .granted = 0 };
	const struct factorial_stop stop = { .is_wanted = is_over, .context = &patience };
	struct error error = { "" };
	struct bn_steps steps = { .ctx = ctx, .stop = &stop, .error = &error };
	BIGNUM *a = bn_of_words(130), *b = bn_of_words(65), *c = BN_new(), *d = BN_new();

	(void)state;
	assert_int_equal(bn_steps_multiply(&steps, c, a, b), STATUS_CANCELLED);
	assert_string_not_equal(error.text, "");
	patience = (struct patience){ .granted = 0 };
	error.text[0] = '\0';
	assert_int_equal(bn_steps_divide(&steps, c, d, a, b), STATUS_CANCELLED);
	assert_string_not_equal(error.text, "");
	patience = (struct patience){ .granted = 1000 };
	assert_int_equal(bn_steps_divide(&steps, c, d, a, b), STATUS_OK);
	assert_in_range(patience.questions, 1, 1000);
	BN_free(a);
	BN_free(b);
	BN_free(c);
	BN_free(d);
}

static void
test_a_wish_to_stop_is_heeded_at_every_step(void **state)
{
	struct patience patience = { .granted = LONG_MAX };
	const struct factorial_stop stop = { .is_wanted = is_over, .context = &patience };
	struct bn_steps steps = { .ctx = ctx, .stop = &stop };
	BIGNUM *a = bn_of_words(1000), *b = bn_of_words(400), *c = BN_new(), *d = BN_new();
	long questions;

	(void)state;
	assert_int_equal(bn_steps_divide(&steps, c, d, a, b), STATUS_OK);
	questions = patience.questions;
	assert_true(questions > 10);
	for (long granted = 0; granted <= questions; granted++) {
		patience = (struct patience){ .granted = granted };
		assert_int_equal(bn_steps_divide(&steps, c, d, a, b),
		    granted < questions ? STATUS_CANCELLED : STATUS_OK);
	}
	BN_free(a);
	BN_free(b);
	BN_free(c);
	BN_free(d);
}

/* Where the clock is asked each time, that would cost more than the work. */
static void
test_what_takes_microseconds_is_not_worth_a_question(void **state)
{
	struct patience patience = { .granted = 0 };
	const struct factorial_stop stop = { .is_wanted = is_over, .context = &patience };
	struct bn_steps steps = { .ctx = ctx, .stop = &stop };
	BIGNUM *a = bn_of_words(64), *b = bn_of_words(50), *c = BN_new(), *d = BN_new();

	(void)state;
	assert_int_equal(bn_steps_multiply(&steps, c, a, b), STATUS_OK);
	assert_int_equal(bn_steps_divide(&steps, c, d, a, b), STATUS_OK);
	assert_int_equal(patience.questions, 0);
	BN_free(a);
	BN_free(b);
	BN_free(c);
	BN_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products_of_all_lengths_are_exact),
		cmocka_unit_test(test_products_beyond_one_step_are_exact),
		cmocka_unit_test(test_a_number_is_multiplied_by_itself),
		cmocka_unit_test(test_quotients_of_all_lengths_are_exact),
		cmocka_unit_test(test_large_quotients_are_exact),
		cmocka_unit_test(test_guessed_quotients_are_corrected),
		cmocka_unit_test(test_a_wish_to_stop_is_heeded_before_the_first_step),
		cmocka_unit_test(test_a_wish_to_stop_is_heeded_at_every_step),
		cmocka_unit_test(test_what_takes_microseconds_is_not_worth_a_question),
	};

	return cmocka_run_group_tests_name("bn_steps", tests, begin, end);
}
