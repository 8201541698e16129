/* SPDX-License-Identifier: MIT */
/*
 * The first three levels of the transform and the last three of its inverse. Coefficients stand in
 * up to eight rows of a power of two of lanes each, and a product that is known to fit into five of
 * eight rows is found from five: so lengths are 5, 6, 7 and 8 times a power of two, and not powers
 * of two alone.
 *
 * J. van der Hoeven, "The Truncated Fourier Transform and Applications", ISSAC 2004. Forward, what
 * nobody asks for is left out. Backward, the first of n rows are values, and the others are known
 * to be certain coefficients, at first zero. Let u and v be the halves of all coefficients, and
 *
 *	b = u + r v    c = u - r v
 *
 * the values by halves. Where all of b is known, its inverse is taken, c = b - 2 r v where v is
 * known, then the inverse of c, and u and v from both. Where it is not, v is known: b = u + r v
 * where u is known, then the inverse of b, and u = b - r v. A group of n rows comes out n times
 * too large.
 *
 * Code: included by transform_code.h. The caller cuts rows into columns, which are independent.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_TRUNCATED_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_TRUNCATED_H

#include <stddef.h>

#include "kinds/factorial/decimal/butterflies.h"
#include "kinds/factorial/decimal/lanes.h"
#include "kinds/factorial/decimal/residues.h"

#define ROWS_MAX 8
#define COLUMNS  16 /* at a time, in 4 KiB */

struct columns {
	lanes row[ROWS_MAX][COLUMNS];
	size_t width;
};

INLINE void
columns_split(
    const struct ring *ring, struct columns *columns, size_t first, size_t half, size_t node)
{
	struct lanes_factor r = lanes_factor_of(ring->roots[node], ring->field);

	for (size_t k = first; k < first + half; k++) {
		for (size_t i = 0; i < columns->width; i++) {
			lanes a = lanes_reduce(columns->row[k][i], ring->field);
			lanes b = lanes_scale(columns->row[k + half][i], r, ring->field);

			columns->row[k][i] = a + b;
			columns->row[k + half][i] = a - b;
		}
	}
}

/* Forward: what is in `rows` rows becomes their values; rows beyond are zero before. */
INLINE void
columns_forward(const struct ring *ring, struct columns *columns, size_t rows)
{
	for (size_t half = rows > ROWS_MAX / 2 ? ROWS_MAX / 2 : ROWS_MAX / 4; half > 0; half /= 2)
		for (size_t node = 0; 2 * half * node < rows; node++)
			columns_split(ring, columns, 2 * half * node, half, node);
}

INLINE void
columns_join(const struct ring *ring, lanes (*row)[COLUMNS], size_t half, size_t node, size_t width)
{
	struct lanes_factor r = lanes_factor_of(root_inverse(ring->roots, node), ring->field);

	for (size_t k = 0; k < half; k++) {
		for (size_t i = 0; i < width; i++) {
			lanes b = row[k][i];
			lanes c = row[k + half][i];

			row[k][i] = lanes_reduce(b + c, ring->field);
			row[k + half][i] = lanes_scale(b - c, r, ring->field);
		}
	}
}

/* Backward, `n` rows below `node` of which `known` are values. */
static void
columns_inverse(const struct ring *ring, lanes (*row)[COLUMNS], size_t n, size_t node, size_t known,
    size_t width)
{
	struct lanes_field field = ring->field;
	struct lanes_factor r = lanes_factor_of(ring->roots[node], field);
	struct lanes_factor half_of = lanes_factor_of(0.5 - 0.5 * field.p, field);
	size_t half = n / 2;

	if (n == 1)
		return;
	if (known >= half) {
		columns_inverse(ring, row, half, 2 * node, half, width);
		/* Here v is n times too large, b is half as much: c = b - r v. */
		for (size_t k = known; k < n; k++)
			for (size_t i = 0; i < width; i++)
				row[k][i] = lanes_reduce(
				    row[k - half][i] - lanes_scale(row[k][i], r, field), field);
		columns_inverse(ring, row + half, half, 2 * node + 1, known - half, width);
		columns_join(ring, row, half, node, width);
		return;
	}
	for (size_t k = known; k < half; k++)
		for (size_t i = 0; i < width; i++)
			row[k][i] = lanes_scale(
			    row[k][i] + lanes_scale(row[k + half][i], r, field), half_of, field);
	columns_inverse(ring, row, half, 2 * node, known, width);
	for (size_t k = 0; k < half; k++)
		for (size_t i = 0; i < width; i++)
			row[k][i] = lanes_reduce(
			    2 * row[k][i] - lanes_scale(row[k + half][i], r, field), field);
}

#endif
