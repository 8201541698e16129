/* SPDX-License-Identifier: MIT */
/* The factorisation of factorials against GMP: multiplied out for small n, by its parts for large.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "base/compiler.h"
#include "kinds/factorial/factorisation.h"

static struct effort effort;

/* In an arena of no more than is told beforehand. */
static struct factorisation
factorise(uint64_t n, struct arena *ret_arena)
{
	struct factorisation factorisation;

	assert_int_equal(arena_open(factorisation_bytes(n), ret_arena, NULL), STATUS_OK);
	assert_int_equal(factorisation_open(n, ret_arena, &effort, &factorisation), STATUS_OK);
	return factorisation;
}

static void
test_small_factorials_are_the_product_of_their_powers(void **state)
{
	mpz_t factorial, product, power;

	(void)state;
	mpz_inits(factorial, product, power, NULL);
	for (unsigned long n = 1; n <= 1200; n++) {
		struct arena arena;
		struct factorisation factorisation = factorise(n, &arena);

		mpz_ui_pow_ui(product, 10, factorisation.zeros);
		for (size_t i = 0; i < factorisation.count; i++) {
			mpz_ui_pow_ui(
			    power, factorisation.powers[i].prime, factorisation.powers[i].exponent);
			mpz_mul(product, product, power);
			assert_true(i == 0 || factorisation.powers[i].prime >
						  factorisation.powers[i - 1].prime);
		}
		mpz_fac_ui(factorial, n);
		if (mpz_cmp(factorial, product) != 0)
			fail_msg("%lu! is factorised wrong", n);
		arena_close(&arena);
	}
	mpz_clears(factorial, product, power, NULL);
}

static void
test_the_primes_are_all_that_there_are(void **state)
{
	/* pi(n): sequence A000720 of the OEIS. */
	static const struct {
		uint64_t n;
		size_t primes;
	} cases[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 }, { 100, 25 }, { 113, 30 },
		{ 7919, 1000 }, { 7918, 999 }, { 10000, 1229 }, { 100000, 9592 },
		{ 1000000, 78498 }, { 1048576, 82025 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena arena;
		struct factorisation factorisation = factorise(cases[i].n, &arena);

		assert_int_equal(factorisation.count, cases[i].primes);
		assert_true(factorisation_primes_max(cases[i].n) >= cases[i].primes);
		for (size_t k = 0; k < factorisation.count; k += 97) {
			mpz_t prime;

			mpz_init_set_ui(prime, factorisation.powers[k].prime);
			assert_int_not_equal(mpz_probab_prime_p(prime, 25), 0);
			mpz_clear(prime);
		}
		arena_close(&arena);
	}
}

static void
test_the_bound_for_the_primes_holds_and_is_close(void **state)
{
	struct arena arena;
	struct factorisation factorisation = factorise(1000000, &arena);
	size_t count = 0;

	(void)state;
	for (uint64_t n = 2; n <= 1000000; n++) {
		size_t bound = n % 997 == 0 || n < 2000 ? factorisation_primes_max(n) : SIZE_MAX;

		count += count < factorisation.count && factorisation.powers[count].prime == n;
		assert_true(count <= bound);
		if (bound != SIZE_MAX && n > 50000)
			assert_true(5 * bound <= 6 * count);
	}
	arena_close(&arena);
}

static void
test_zeros_are_pairs_of_two_and_five(void **state)
{
	static const uint64_t numbers[] = { 4, 5, 24, 25, 26, 124, 125, 624, 625, 1000000 };
	static const uint64_t zeros[] = { 0, 1, 4, 6, 6, 28, 31, 152, 156, 249998 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct arena arena;
		struct factorisation factorisation = factorise(numbers[i], &arena);

		assert_int_equal(factorisation.zeros, zeros[i]);
		if (numbers[i] >= 5)
			assert_int_equal(factorisation.powers[2].exponent, 0);
		arena_close(&arena);
	}
}

static bool
is_stopped(void *context)
{
	(void)context;
	return true;
}

static void
test_a_stop_and_too_small_an_arena_are_told(void **state)
{
	struct effort_watch watch = { .is_to_stop = is_stopped };
	struct error error = { "" };
	struct effort stopped = { .watch = &watch, .error = &error };
	struct factorisation factorisation;
	struct arena arena;

	(void)state;
	assert_int_equal(arena_open(factorisation_bytes(1000000), &arena, NULL), STATUS_OK);
	assert_int_equal(
	    factorisation_open(1000000, &arena, &stopped, &factorisation), STATUS_CANCELLED);
	arena_close(&arena);
	stopped.watch = NULL;
	assert_int_equal(arena_open(factorisation_bytes(1000000) - 20000, &arena, NULL), STATUS_OK);
	assert_int_equal(
	    factorisation_open(1000000, &arena, &stopped, &factorisation), STATUS_INTERNAL);
	assert_non_null(strstr(error.text, "primes"));
	arena_close(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_factorials_are_the_product_of_their_powers),
		cmocka_unit_test(test_the_primes_are_all_that_there_are),
		cmocka_unit_test(test_the_bound_for_the_primes_holds_and_is_close),
		cmocka_unit_test(test_zeros_are_pairs_of_two_and_five),
		cmocka_unit_test(test_a_stop_and_too_small_an_arena_are_told),
	};

	return cmocka_run_group_tests_name("factorisation", tests, NULL, NULL);
}
