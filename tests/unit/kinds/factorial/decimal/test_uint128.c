/* SPDX-License-Identifier: MIT */
/* Division by a constant against GMP: the edges of all three numbers, and random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gmp.h>

#include "base/compiler.h"
#include "kinds/factorial/decimal/uint128.h"

static void
assert_divides(uint64_t high, uint64_t low, uint64_t d)
{
	uint128 number = (uint128)high << 64 | low;
	mpz_t expected, rest;
	uint64_t found;

	mpz_inits(expected, rest, NULL);
	mpz_set_ui(expected, high);
	mpz_mul_2exp(expected, expected, 64);
	mpz_add_ui(expected, expected, low);
	mpz_tdiv_qr_ui(expected, rest, expected, d);
	assert_true(divide(high, low, divisor_of(d), &found) == mpz_get_ui(expected));
	assert_true(found == mpz_get_ui(rest));
	assert_true(number / d == mpz_get_ui(expected));
	mpz_clears(expected, rest, NULL);
}

static const uint64_t divisors[] = { UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1,
	UINT64_C(10000000000000000000), UINT64_MAX - 1, UINT64_MAX };

static void
test_quotients_at_the_edges_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(divisors); i++) {
		uint64_t d = divisors[i];
		const uint64_t highs[] = { 0, 1, 2, d / 2, d - 2, d - 1 };
		const uint64_t lows[] = { 0, 1, d - 1, d, d + 1, 0 - d, UINT64_MAX };

		for (size_t k = 0; k < ARRAY_SIZE(highs); k++)
			for (size_t m = 0; m < ARRAY_SIZE(lows); m++)
				assert_divides(highs[k], lows[m], d);
	}
}

static void
test_random_quotients_are_exact(void **state)
{
	gmp_randstate_t randomness;

	(void)state;
	gmp_randinit_default(randomness);
	for (int i = 0; i < 20000; i++) {
		uint64_t d = gmp_urandomb_ui(randomness, 63) | UINT64_C(1) << 63;

		if (i % 2 == 0)
			d = UINT64_C(10000000000000000000);
		assert_divides(
		    gmp_urandomb_ui(randomness, 64) % d, gmp_urandomb_ui(randomness, 64), d);
	}
	gmp_randclear(randomness);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quotients_at_the_edges_are_exact),
		cmocka_unit_test(test_random_quotients_are_exact),
	};

	return cmocka_run_group_tests_name("uint128", tests, NULL, NULL);
}
