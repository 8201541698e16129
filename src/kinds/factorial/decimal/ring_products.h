/* SPDX-License-Identifier: MIT */
/*
 * Where the transform ends: products of two polynomials of four coefficients modulo x^4 - w. With
 * y = x^4 the transform never has to look into a vector of four lanes; this does, once:
 *
 *	    a0 (b0    b1    b2    b3)        from b and w b, since x^4 = w
 *	+   a1 (w b3  b0    b1    b2)
 *	+   a2 (w b2  w b3  b0    b1)
 *	+   a3 (w b1  w b2  w b3  b0)
 *
 * Code: included by transform_code.h.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_RING_PRODUCTS_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_RING_PRODUCTS_H

#include <stddef.h>

#include "kinds/factorial/decimal/butterflies.h"
#include "kinds/factorial/decimal/lanes.h"
#include "kinds/factorial/decimal/residues.h"

#define SHUFFLE __builtin_shufflevector

INLINE lanes
ring_product(lanes a, lanes b, struct lanes_factor w, struct lanes_field field)
{
	lanes wb = lanes_scale(b, w, field);
	lanes rows[LANES] = {
		lanes_multiply(SHUFFLE(a, a, 0, 0, 0, 0), b, field),
		lanes_multiply(SHUFFLE(a, a, 1, 1, 1, 1), SHUFFLE(wb, b, 3, 4, 5, 6), field),
		lanes_multiply(SHUFFLE(a, a, 2, 2, 2, 2), SHUFFLE(wb, b, 2, 3, 4, 5), field),
		lanes_multiply(SHUFFLE(a, a, 3, 3, 3, 3), SHUFFLE(wb, b, 1, 2, 3, 4), field),
	};

	return lanes_reduce((rows[0] + rows[1]) + (rows[2] + rows[3]), field);
}

/* a = a * b * scale for the polynomials from one number on to another. */
INLINE void
multiply_leaves(
    const struct ring *ring, lanes *a, const lanes *b, double scale, size_t from, size_t to)
{
	struct lanes_field field = ring->field;
	struct lanes_factor factor = lanes_factor_of(scale, field);

	for (size_t i = from; i < to; i++) {
		double root = ring->roots[i / 2];
		struct lanes_factor w = lanes_factor_of(i % 2 == 0 ? root : -root, field);

		a[i] = ring_product(
		    lanes_reduce(a[i], field), lanes_scale(b[i], factor, field), w, field);
	}
}

#endif
