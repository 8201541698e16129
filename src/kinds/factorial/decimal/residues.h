/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic modulo a prime p on four numbers at a time, exact, in floating point:
 *
 *	a * b mod p = a * b - q * p, where q = a * b / p rounded
 *
 * J. van der Hoeven, G. Lecerf, G. Quintin, "Modular SIMD Arithmetic in Mathemagix", ACM TOMS
 * 43(1), 2016, section 3. A residue is an integer of either sign in a double. That all is exact
 * rests on three things, for p < 0.55 * 2^50 and a factor w with |w| <= p / 2:
 *
 * - Rounding to an integer is right up to 2^51: |a * w / p| <= 2^51 as long as |a| <= 7.2 p.
 * - The quotient is rounded from three roundings of 2^-53 each, so it misses a * w / p by at most
 *   1/2 + 3/16 * 0.55 * |a| / p, and the product is at most p times that: 1.25 p for the largest a,
 *   0.71 p for |a| <= 2 p.
 * - a * w - q * p is therefore below 2^51: a double holds it, and whatever is left when its two
 *   products of a hundred bits are taken apart (lanes.h).
 *
 * Code: included by transform_code.h.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_RESIDUES_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_RESIDUES_H

#include <stddef.h>

#include "kinds/factorial/decimal/lanes.h"

struct lanes_field {
	double p;
	double inverse; /* 1 / p, rounded */
};

/* A factor that many numbers are multiplied by. */
struct lanes_factor {
	double w;        /* |w| <= p / 2 */
	double quotient; /* w / p, rounded */
};

INLINE struct lanes_factor
lanes_factor_of(double w, struct lanes_field field)
{
	return (struct lanes_factor){ w, w * field.inverse };
}

/* a * w mod p, of either sign */
INLINE lanes
lanes_scale(lanes a, struct lanes_factor factor, struct lanes_field field)
{
	return lanes_rest(
	    a, lanes_of(factor.w), lanes_round(a * factor.quotient), lanes_of(field.p));
}

/* a * b mod p, of either sign, for |a|, |b| <= p */
INLINE lanes
lanes_multiply(lanes a, lanes b, struct lanes_field field)
{
	return lanes_rest(a, b, lanes_round(a * b * field.inverse), lanes_of(field.p));
}

/* a mod p, from -p / 2 to p / 2 (an integer more at either end), for |a| <= 8 p */
INLINE lanes
lanes_reduce(lanes a, struct lanes_field field)
{
	return a - lanes_round(a * field.inverse) * field.p;
}

/* a mod p, from 0 to p - 1 */
INLINE lanes
lanes_least(lanes a, struct lanes_field field)
{
	lanes reduced = lanes_reduce(a, field);

	/* All bits of a lane are set where it is below zero. */
	return reduced + (lanes)((lanes_bits)(reduced < 0) & (lanes_bits)lanes_of(field.p));
}

/* Unsigned integers below 2^52 and doubles: behind 2^52 an integer is the mantissa. */
INLINE lanes
lanes_from_bits(lanes_bits bits)
{
	return (lanes)(bits | (lanes_bits)lanes_of(TWO_52)) - TWO_52;
}

INLINE lanes_bits
lanes_to_bits(lanes a)
{
	return (lanes_bits)(a + TWO_52) & ((UINT64_C(1) << 52) - 1);
}

/* Four limbs modulo p, from their halves: those beyond the last one are zero. */
INLINE lanes
residues_at(const uint64_t *limbs, size_t count, size_t at, struct lanes_factor two_32,
    struct lanes_field field)
{
	lanes_bits bits = { 0 };

	if (at + LANES <= count)
		memcpy(&bits, limbs + at, sizeof(bits));
	else if (at < count)
		memcpy(&bits, limbs + at, (count - at) * sizeof(limbs[0]));
	return lanes_scale(lanes_from_bits(bits >> 32), two_32, field) +
	       lanes_from_bits(bits & UINT32_MAX);
}

#endif
