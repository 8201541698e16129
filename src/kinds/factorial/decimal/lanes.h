/* SPDX-License-Identifier: MIT */
/*
 * Four doubles at a time, and the two operations of theirs that arithmetic modulo a prime needs and
 * C has no operator for. A double holds an integer here, exactly.
 *
 * Code: included by transform_code.h, once for each instruction set.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_LANES_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_LANES_H

#include <stdint.h>
#include <string.h>

#define LANES  4
#define INLINE static inline __attribute__((always_inline))

typedef double lanes __attribute__((vector_size(32), may_alias));
typedef uint64_t lanes_bits __attribute__((vector_size(32), may_alias));

#define TWO_52 4503599627370496.0 /* from here to its double, doubles are the integers */

INLINE lanes
lanes_of(double value)
{
	return (lanes){ value, value, value, value };
}

#ifdef LANES_AVX2
#	include <immintrin.h>

INLINE lanes
lanes_round(lanes a)
{
	return (lanes)_mm256_round_pd((__m256d)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a * b - q * p, which is below 2^53: the upper part of a * b, the lower one, and their sum. */
INLINE lanes
lanes_rest(lanes a, lanes b, lanes q, lanes p)
{
	__m256d high = (__m256d)(a * b);
	__m256d low = _mm256_fmsub_pd((__m256d)a, (__m256d)b, high);

	return (lanes)_mm256_fnmadd_pd((__m256d)q, (__m256d)p, high) + (lanes)low;
}
#else
/* Rounds where the last bit that can be kept has the value 1. */
INLINE lanes
lanes_round(lanes a)
{
	return (a + 1.5 * TWO_52) - 1.5 * TWO_52;
}

/* The upper half of the bits of each lane. */
INLINE lanes
lanes_upper(lanes a)
{
	lanes shifted = a * 134217729.0; /* 2^27 + 1 */

	return shifted - (shifted - a);
}

/*
 * What rounding has taken from a product: a * b - product.
 * T. Dekker, "A Floating-Point Technique for Extending the Available Precision", Numer. Math. 18,
 * 1971.
 */
INLINE lanes
lanes_lost(lanes a, lanes b, lanes product)
{
	lanes a_upper = lanes_upper(a), b_upper = lanes_upper(b);
	lanes a_lower = a - a_upper, b_lower = b - b_upper;

	return ((a_upper * b_upper - product) + a_upper * b_lower + a_lower * b_upper) +
	       a_lower * b_lower;
}

/* a * b - q * p, which is below 2^53: the upper parts of both products, and the lower ones. */
INLINE lanes
lanes_rest(lanes a, lanes b, lanes q, lanes p)
{
	lanes ab = a * b;
	lanes qp = q * p;

	return (ab - qp) + (lanes_lost(a, b, ab) - lanes_lost(q, p, qp));
}
#endif

#endif
