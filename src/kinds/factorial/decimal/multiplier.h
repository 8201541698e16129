/* SPDX-License-Identifier: MIT */
/*
 * Products of decimal numbers of any length, exact:
 *
 *	a = sum a[i] B^i, b = sum b[i] B^i:    a b = sum c[i] B^i,    c[i] = sum a[j] b[i - j]
 *
 * where B = 10^18. The c[i] are found modulo three primes, each from the values of two polynomials
 * at roots of unity, and are known then because they are less than the product of the primes.
 * J. Pollard, "The Fast Fourier Transform in a Finite Field", Math. Comp. 25, 1971.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_MULTIPLIER_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_MULTIPLIER_H

#include <stddef.h>
#include <stdint.h>

#include "kinds/factorial/decimal/arena.h"
#include "kinds/factorial/decimal/effort.h"
#include "kinds/factorial/decimal/transform.h"

/* A product: 1.2 billion digits. The roots of unity end here; the primes would suffice for a
   shorter factor of p1 p2 p3 / B^2 limbs, 237 millions. */
#define MULTIPLIER_LIMBS_MAX ((size_t)1 << 26)

/* A number: limbs of LIMB_DIGITS digits, the least significant first, of which the last is not 0.
 */
struct decimal {
	uint64_t *limbs;
	size_t count;    /* 0 for 0 */
	size_t capacity; /* of limbs, for what the number becomes */
};

/* What products are made with. */
struct multiplier {
	const struct transform *transform;
	struct arena *arena;   /* borrowed: what a product needs meanwhile is taken from it */
	struct effort *effort; /* borrowed */
	const double *roots[PRIMES];
	size_t root_count;
};

/**
 * multiplier_open - a multiplier for products of up to so many limbs; its tables are taken from the
 * arena and stay there
 * @transform: NULL: the fastest that this machine can run
 * @limbs:     at most MULTIPLIER_LIMBS_MAX
 * Returns OK, CANCELLED, or INTERNAL when the arena is too small.
 */
enum status multiplier_open(const struct transform *transform, struct arena *arena,
    struct effort *effort, size_t limbs, struct multiplier *ret_multiplier) NODISCARD;

/**
 * multiplier_bytes        - what multiplier_open takes of the arena
 * multiplier_square_bytes - what a square of so many limbs takes of it meanwhile
 * multiplier_product_bytes - what any product does whose shorter factor has at most so many limbs
 */
size_t multiplier_bytes(size_t limbs);
size_t multiplier_square_bytes(size_t limbs);
size_t multiplier_product_bytes(size_t limbs);

/**
 * multiplier_room - the capacity that a number must have to become a product of so many limbs
 */
size_t multiplier_room(size_t limbs);

/**
 * multiplier_square  - x = x * x
 * multiplier_product - x = x * y, in time in proportion to the longer one; y is another number
 * Returns OK, CANCELLED, or INTERNAL when the arena, the capacity or the tables are too small; x is
 * spoilt then. One thread at a time for a multiplier.
 */
enum status multiplier_square(struct multiplier *multiplier, struct decimal *x) NODISCARD;
enum status multiplier_product(
    struct multiplier *multiplier, struct decimal *x, const struct decimal *y) NODISCARD;

/**
 * multiplier_square_effort, multiplier_product_effort - the units of effort that they take
 */
double multiplier_square_effort(size_t limbs);
double multiplier_product_effort(size_t x_limbs, size_t y_limbs);

#endif
