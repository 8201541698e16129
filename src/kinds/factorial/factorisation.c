/* SPDX-License-Identifier: MIT */
/* Primes and their exponents in a factorial; see factorisation.h. */
#include "kinds/factorial/factorisation.h"

#include <math.h>
#include <string.h>

/* The sieve knows odd numbers only, and goes on for so many of them before it asks to. */
#define ODD_NUMBERS(n) (((n) + 1) / 2)
#define SPEND_PRIMES   1024

/* J. Rosser, L. Schoenfeld, "Approximate formulas for some functions of prime numbers", Illinois J.
   Math. 6, 1962, (3.6): pi(n) < 1.25506 n / ln n for n > 1. */
size_t
factorisation_primes_max(uint64_t n)
{
	return n < 2 ? 0 : (size_t)(1.25506 * (double)n / log((double)n)) + 1;
}

size_t
factorisation_bytes(uint64_t n)
{
	return arena_size_of(factorisation_primes_max(n) * sizeof(struct prime_power)) +
	       arena_size_of(ODD_NUMBERS(n));
}

static uint32_t
exponent_of(uint64_t n, uint64_t prime)
{
	uint64_t exponent = 0;

	for (uint64_t left = n / prime; left > 0; left /= prime)
		exponent += left;
	return (uint32_t)exponent;
}

/* is_composite[i] tells of 2 i + 1. */
static enum status
sieve(uint64_t n, struct effort *effort, unsigned char *ret_is_composite)
{
	uint64_t odd_numbers = ODD_NUMBERS(n);
	enum status status = STATUS_OK;

	memset(ret_is_composite, 0, odd_numbers);
	for (uint64_t p = 3; p * p <= n && status == STATUS_OK; p += 2) {
		if (ret_is_composite[p / 2])
			continue;
		for (uint64_t i = p * p / 2; i < odd_numbers; i += p)
			ret_is_composite[i] = 1;
		status = effort_spend(effort, (double)odd_numbers / (double)p);
	}
	return status;
}

static void
add(struct factorisation *factorisation, uint64_t n, uint64_t prime)
{
	uint32_t exponent = exponent_of(n, prime);

	factorisation->powers[factorisation->count++] =
	    (struct prime_power){ (uint32_t)prime, exponent };
}

/* Pairs of a two and a five are the zeros. */
static void
take_out_zeros(struct factorisation *factorisation, uint64_t n)
{
	struct prime_power *powers = factorisation->powers;

	factorisation->zeros = exponent_of(n, 5);
	if (factorisation->zeros == 0)
		return;
	powers[0].exponent -= (uint32_t)factorisation->zeros;
	powers[2].exponent = 0;
}

enum status
factorisation_open(
    uint64_t n, struct arena *arena, struct effort *effort, struct factorisation *ret_factorisation)
{
	struct factorisation factorisation = { 0 };
	size_t powers_bytes = factorisation_primes_max(n) * sizeof(struct prime_power);
	enum status status;

	factorisation.powers = arena_take(arena, powers_bytes);
	size_t mark = arena_mark(arena);
	unsigned char *is_composite = arena_take(arena, ODD_NUMBERS(n));

	if (factorisation.powers == NULL || is_composite == NULL)
		return error_set(effort->error, STATUS_INTERNAL,
		    "the memory that was planned for the primes is not enough");
	status = sieve(n, effort, is_composite);
	if (n >= 2)
		add(&factorisation, n, 2);
	for (uint64_t i = 1; i < ODD_NUMBERS(n) && status == STATUS_OK; i++) {
		if (is_composite[i])
			continue;
		add(&factorisation, n, 2 * i + 1);
		if (factorisation.count % SPEND_PRIMES == 0)
			status = effort_spend(effort, SPEND_PRIMES);
	}
	take_out_zeros(&factorisation, n);
	arena_release(arena, mark);
	if (status == STATUS_OK)
		*ret_factorisation = factorisation;
	return status;
}
