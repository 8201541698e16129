/* SPDX-License-Identifier: MIT */
/* Numbers of 128 bits, and their division by a constant without a division instruction. */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_UINT128_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_UINT128_H

#include <stdint.h>

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

/* A divisor of 64 bits, the highest of them set. */
struct divisor {
	uint64_t d;
	uint64_t reciprocal; /* (2^128 - 1) / d - 2^64, rounded down */
};

static inline struct divisor
divisor_of(uint64_t d)
{
	return (struct divisor){ d, (uint64_t)((((uint128)~d << 64) | UINT64_MAX) / d) };
}

/**
 * divide - high * 2^64 + low = quotient * d + rest, for high < d
 * N. Möller, T. Granlund, "Improved division by invariant integers", IEEE Trans. Comput. 60(2),
 * 2011, algorithm 4. The first correction is as likely as not, so it is made without a jump.
 */
static inline uint64_t
divide(uint64_t high, uint64_t low, struct divisor by, uint64_t *ret_rest)
{
	uint128 product = (uint128)high * by.reciprocal;
	uint64_t fraction = (uint64_t)product + low;
	uint64_t quotient = (uint64_t)(product >> 64) + high + (fraction < low) + 1;
	uint64_t rest = low - quotient * by.d;
	uint64_t is_over = -(uint64_t)(rest > fraction);

	quotient += is_over;
	rest += is_over & by.d;
	if (__builtin_expect(rest >= by.d, 0)) {
		quotient++;
		rest -= by.d;
	}
	*ret_rest = rest;
	return quotient;
}

#endif
