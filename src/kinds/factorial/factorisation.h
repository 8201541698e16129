/* SPDX-License-Identifier: MIT */
/*
 * The prime factorisation of a factorial without its trailing zeros:
 *
 *	n! = 10^z m,    m = product of p^e(p),    e(p) = [n/p] + [n/p^2] + [n/p^3] + ...
 *
 * A.-M. Legendre, "Essai sur la théorie des nombres", 1808, p. 8. z is e(5), which is at most e(2):
 * so m has no factor 5, and 2 as often as is left. The primes come from Eratosthenes' sieve.
 */
#ifndef TASKQ_KINDS_FACTORIAL_FACTORISATION_H
#define TASKQ_KINDS_FACTORIAL_FACTORISATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kinds/factorial/decimal/arena.h"
#include "kinds/factorial/decimal/effort.h"

struct prime_power {
	uint32_t prime;
	uint32_t exponent; /* 0 for 5 */
};

struct factorisation {
	struct prime_power *powers; /* all primes to n, rising; of the arena */
	size_t count;
	uint64_t zeros;
};

/**
 * factorisation_open - factorise n!
 * @n: 1 to 2^32 - 1; the memory is for less
 * The arena gives up factorisation_bytes(n), of which the list stays. Returns OK, CANCELLED, or
 * INTERNAL when it has not that much.
 */
enum status factorisation_open(uint64_t n, struct arena *arena, struct effort *effort,
    struct factorisation *ret_factorisation) NODISCARD;

/**
 * factorisation_bytes - what it takes of an arena
 */
size_t factorisation_bytes(uint64_t n);

/**
 * factorisation_primes_max - a bound for the number of primes to n, exact to a fifth
 */
size_t factorisation_primes_max(uint64_t n);

#endif
