/* SPDX-License-Identifier: MIT */
/*
 * From the residues of a coefficient c modulo three primes to its limbs:
 *
 *	c = d1 + p1 (d2 + p2 d3)    d1 = c mod p1    d2 = (c - d1) / p1 mod p2
 *	                                             d3 = ((c - d1) / p1 - d2) / p2 mod p3
 *
 * H. Garner, "The Residue Number System", IRE Trans. Electron. Comput. EC-8, 1959; D. Knuth, "The
 * Art of Computer Programming" 2, section 4.3.2. A c, below p1 p2 p3, is three limbs. With
 * p1 p2 = u B + v,
 *
 *	c = (d1 + p1 d2 + v d3) + u d3 B
 *
 * and two divisions of 128 bits by the base B = 10^18 give them. Coefficients overlap by two limbs,
 * so each limb of the result is a sum of three, and a carry.
 *
 * Code: included by transform_code.h.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_GARNER_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_GARNER_H

#include "kinds/factorial/decimal/lanes.h"
#include "kinds/factorial/decimal/residues.h"
#include "kinds/factorial/decimal/transform.h"
#include "kinds/factorial/decimal/uint128.h"

/* 1 / p1 mod p2, 1 / p1 mod p3, 1 / p2 mod p3, the least in size */
#define INVERSE_1_MOD_2 (-117923440174849.0)
#define INVERSE_1_MOD_3 (-100768023287302.0)
#define INVERSE_2_MOD_3 253228733830389.0

#define UPPER      ((uint64_t)((uint128)PRIME_1 * PRIME_2 / LIMB_BASE)) /* u */
#define LIMB_SHIFT 4 /* by which the base has no zeros before its first bit */
#define LOWER      ((uint64_t)((uint128)PRIME_1 * PRIME_2 % LIMB_BASE)) /* v */

struct mixed {
	lanes_bits d1;
	lanes_bits d2;
	lanes_bits d3;
};

INLINE struct lanes_field
lanes_field_of(const struct prime_field *field)
{
	return (struct lanes_field){ field->p, 1 / field->p };
}

INLINE struct mixed
garner_digits(const lanes residues[PRIMES])
{
	struct lanes_field f1 = lanes_field_of(&prime_fields[0]);
	struct lanes_field f2 = lanes_field_of(&prime_fields[1]);
	struct lanes_field f3 = lanes_field_of(&prime_fields[2]);
	lanes d1 = lanes_least(residues[0], f1);
	lanes d2 = lanes_least(
	    lanes_scale(residues[1] - d1, lanes_factor_of(INVERSE_1_MOD_2, f2), f2), f2);
	lanes d3 = lanes_scale(residues[2] - d1, lanes_factor_of(INVERSE_1_MOD_3, f3), f3);

	d3 = lanes_least(lanes_scale(d3 - d2, lanes_factor_of(INVERSE_2_MOD_3, f3), f3), f3);
	return (struct mixed){ lanes_to_bits(d1), lanes_to_bits(d2), lanes_to_bits(d3) };
}

/* a + b modulo the base; returns the carry. It is as likely as not, so there is no jump. */
INLINE uint64_t
limb_add(uint64_t *a, uint64_t b)
{
	uint64_t sum = *a + b;
	uint64_t carry = sum >= LIMB_BASE;

	*a = sum - (LIMB_BASE & -carry);
	return carry;
}

/* number / base, where the divisor is the base in the highest bits. */
INLINE uint64_t
limb_divide(uint128 number, struct divisor shifted, uint64_t *ret_rest)
{
	uint128 all = number << LIMB_SHIFT;
	uint64_t quotient = divide((uint64_t)(all >> 64), (uint64_t)all, shifted, ret_rest);

	*ret_rest >>= LIMB_SHIFT;
	return quotient;
}

/* The limb at the place of a coefficient; what it has above goes into the carry. */
INLINE uint64_t
garner_limb(uint64_t d1, uint64_t d2, uint64_t d3, struct divisor base, struct carry *carry)
{
	uint64_t limb, middle;
	uint64_t above = limb_divide((uint128)PRIME_1 * d2 + d1 + (uint128)LOWER * d3, base, &limb);
	uint64_t high = limb_divide((uint128)UPPER * d3 + above, base, &middle);
	uint64_t ones = limb_add(&limb, carry->middle) + limb_add(&limb, carry->ones);

	high += limb_add(&middle, carry->high);
	*carry = (struct carry){ .middle = middle, .high = high, .ones = ones };
	return limb;
}

static void
collect(const double *const data[PRIMES], size_t count, struct carry *carry, uint64_t *ret_limbs)
{
	struct divisor base = divisor_of(LIMB_BASE << LIMB_SHIFT);
	struct carry now = *carry;

	for (size_t i = 0; i < count; i += LANES) {
		const lanes residues[PRIMES] = { *(const lanes *)(data[0] + i),
			*(const lanes *)(data[1] + i), *(const lanes *)(data[2] + i) };
		struct mixed digits = garner_digits(residues);

		for (size_t k = 0; k < LANES; k++)
			ret_limbs[i + k] =
			    garner_limb(digits.d1[k], digits.d2[k], digits.d3[k], base, &now);
	}
	*carry = now;
}

#endif
