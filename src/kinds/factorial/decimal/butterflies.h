/* SPDX-License-Identifier: MIT */
/*
 * The number-theoretic transform, halving a polynomial's modulus until it is linear:
 *
 *	y^2m - r^2 = (y^m - r) (y^m + r),    a + b y^m = a + r b by the one, a - r b by the other
 *
 * J. Cooley, J. Tukey, "An Algorithm for the Machine Calculation of Complex Fourier Series", Math.
 * Comp. 19, 1965. Node j of a level is the modulus y^2m - r[j]^2, and r[2j]^2 = r[j], r[2j + 1]^2 =
 * -r[j]: so one table of roots, in bit-reversed order, serves all levels, and neither direction has
 * to move numbers into their order. Two levels are one pass over memory. Coefficients are lanes.
 *
 * Forward, numbers stay below 2 p: what is added to is reduced first. Backward they stay below
 * 1.7 p, and what is multiplied, a sum of four, below 7 p.
 *
 * Code: included by transform_code.h.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_BUTTERFLIES_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_BUTTERFLIES_H

#include <stddef.h>

#include "kinds/factorial/decimal/lanes.h"
#include "kinds/factorial/decimal/residues.h"

struct ring {
	struct lanes_field field;
	const double *roots;
};

/* 1 / r[j] = -r[k], where k is j with all bits below its first one flipped. */
INLINE double
root_inverse(const double *roots, size_t node)
{
	if (node == 0)
		return 1;
	return -roots[node ^ (((size_t)1 << (63 - __builtin_clzll(node))) - 1)];
}

INLINE void
forward_two_levels(
    const struct ring *ring, lanes *data, size_t m, size_t node, size_t from, size_t to)
{
	struct lanes_field field = ring->field;
	struct lanes_factor r = lanes_factor_of(ring->roots[node], field);
	struct lanes_factor upper = lanes_factor_of(ring->roots[2 * node], field);
	struct lanes_factor lower = lanes_factor_of(ring->roots[2 * node + 1], field);

	for (size_t i = from; i < to; i++) {
		lanes a = lanes_reduce(data[i], field);
		lanes b = data[i + m];
		lanes c = lanes_scale(data[i + 2 * m], r, field);
		lanes d = lanes_scale(data[i + 3 * m], r, field);
		lanes up = lanes_scale(b + d, upper, field);
		lanes down = lanes_scale(b - d, lower, field);

		data[i] = a + c + up;
		data[i + m] = a + c - up;
		data[i + 2 * m] = a - c + down;
		data[i + 3 * m] = a - c - down;
	}
}

INLINE void
forward_level(const struct ring *ring, lanes *data, size_t m, size_t node)
{
	struct lanes_factor r = lanes_factor_of(ring->roots[node], ring->field);

	for (size_t i = 0; i < m; i++) {
		lanes a = lanes_reduce(data[i], ring->field);
		lanes b = lanes_scale(data[i + m], r, ring->field);

		data[i] = a + b;
		data[i + m] = a - b;
	}
}

/* The same backward, four times too large. */
INLINE void
inverse_two_levels(
    const struct ring *ring, lanes *data, size_t m, size_t node, size_t from, size_t to)
{
	struct lanes_field field = ring->field;
	struct lanes_factor r = lanes_factor_of(root_inverse(ring->roots, node), field);
	struct lanes_factor upper = lanes_factor_of(root_inverse(ring->roots, 2 * node), field);
	struct lanes_factor lower = lanes_factor_of(root_inverse(ring->roots, 2 * node + 1), field);

	for (size_t i = from; i < to; i++) {
		lanes a = data[i] + data[i + m];
		lanes b = lanes_scale(data[i] - data[i + m], upper, field);
		lanes c = data[i + 2 * m] + data[i + 3 * m];
		lanes d = lanes_scale(data[i + 2 * m] - data[i + 3 * m], lower, field);

		data[i] = lanes_reduce(a + c, field);
		data[i + m] = b + d;
		data[i + 2 * m] = lanes_scale(a - c, r, field);
		data[i + 3 * m] = lanes_scale(b - d, r, field);
	}
}

INLINE void
inverse_level(const struct ring *ring, lanes *data, size_t m, size_t node)
{
	struct lanes_factor r = lanes_factor_of(root_inverse(ring->roots, node), ring->field);

	for (size_t i = 0; i < m; i++) {
		lanes a = data[i];
		lanes b = data[i + m];

		data[i] = lanes_reduce(a + b, ring->field);
		data[i + m] = lanes_scale(a - b, r, ring->field);
	}
}

#endif
