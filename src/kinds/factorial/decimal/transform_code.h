/* SPDX-License-Identifier: MIT */
/*
 * The functions of struct transform. Code: included by transform_generic.c and transform_avx2.c, of
 * which the latter tells the compiler, and lanes.h, that it may use more instructions.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_TRANSFORM_CODE_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_TRANSFORM_CODE_H

#include "kinds/factorial/decimal/butterflies.h"
#include "kinds/factorial/decimal/garner.h"
#include "kinds/factorial/decimal/lanes.h"
#include "kinds/factorial/decimal/residues.h"
#include "kinds/factorial/decimal/ring_products.h"
#include "kinds/factorial/decimal/row_transform.h"
#include "kinds/factorial/decimal/transform.h"
#include "kinds/factorial/decimal/truncated.h"

_Static_assert(LANES == LANES_PER_VECTOR && sizeof(lanes) == TRANSFORM_ALIGNMENT, "one vector");

INLINE struct ring
ring_of(const struct transform_ring *ring)
{
	return (struct ring){ lanes_field_of(ring->field), ring->roots };
}

static void
scale_roots(const struct prime_field *prime, const double *roots, size_t count, double factor,
    double *ret_roots)
{
	struct lanes_field field = lanes_field_of(prime);
	struct lanes_factor by = lanes_factor_of(factor, field);

	for (size_t i = 0; i < count; i += LANES)
		*(lanes *)(ret_roots + i) =
		    lanes_reduce(lanes_scale(*(const lanes *)(roots + i), by, field), field);
}

static size_t
width_of(size_t from, size_t to)
{
	return to - from < COLUMNS ? to - from : COLUMNS;
}

static void
begin(const struct transform_ring *transform_ring, const struct shape *shape, double *data,
    const uint64_t *limbs, size_t count, size_t from, size_t to)
{
	struct ring ring = ring_of(transform_ring);
	struct lanes_factor two_32 = lanes_factor_of(4294967296.0, ring.field);
	struct columns columns = { .width = 0 };

	for (size_t at = from; at < to; at += columns.width) {
		columns.width = width_of(at, to);
		for (size_t k = 0; k < ROWS_MAX; k++)
			for (size_t i = 0; i < columns.width; i++)
				columns.row[k][i] = residues_at(limbs, count,
				    LANES * (k * shape->width + at + i), two_32, ring.field);
		columns_forward(&ring, &columns, shape->rows);
		for (size_t k = 0; k < shape->rows; k++)
			memcpy(data + LANES * (k * shape->width + at), columns.row[k],
			    columns.width * sizeof(lanes));
	}
}

static void
end(const struct transform_ring *transform_ring, const struct shape *shape, double *data,
    size_t from, size_t to)
{
	struct ring ring = ring_of(transform_ring);
	size_t rows = shape->rows <= ROWS_MAX / 2 ? ROWS_MAX / 2 : ROWS_MAX;
	struct columns columns = { .width = 0 };

	for (size_t at = from; at < to; at += columns.width) {
		columns.width = width_of(at, to);
		for (size_t k = 0; k < shape->rows; k++)
			memcpy(columns.row[k], data + LANES * (k * shape->width + at),
			    columns.width * sizeof(lanes));
		for (size_t k = shape->rows; k < rows; k++)
			memset(columns.row[k], 0, columns.width * sizeof(lanes));
		columns_inverse(&ring, columns.row, rows, 0, shape->rows, columns.width);
		for (size_t k = 0; k < shape->rows; k++)
			memcpy(data + LANES * (k * shape->width + at), columns.row[k],
			    columns.width * sizeof(lanes));
	}
}

static void
forward_part(const struct transform_ring *transform_ring, double *part, size_t length, size_t node)
{
	struct ring ring = ring_of(transform_ring);

	forward(&ring, (lanes *)part, length, node);
}

static void
inverse_part(const struct transform_ring *transform_ring, double *part, size_t length, size_t node)
{
	struct ring ring = ring_of(transform_ring);

	inverse(&ring, (lanes *)part, length, node);
}

static void
split(const struct transform_ring *transform_ring, double *part, size_t length, size_t node,
    size_t from, size_t to)
{
	struct ring ring = ring_of(transform_ring);

	forward_two_levels(&ring, (lanes *)part, length / 4, node, from, to);
}

static void
join(const struct transform_ring *transform_ring, double *part, size_t length, size_t node,
    size_t from, size_t to)
{
	struct ring ring = ring_of(transform_ring);

	inverse_two_levels(&ring, (lanes *)part, length / 4, node, from, to);
}

static void
multiply(const struct transform_ring *transform_ring, double *a, const double *b, double scale,
    size_t from, size_t to)
{
	struct ring ring = ring_of(transform_ring);

	multiply_leaves(&ring, (lanes *)a, (const lanes *)b, scale, from, to);
}

#define TRANSFORM_OF(text)                                                                      \
	{                                                                                       \
		.name = (text), .scale_roots = scale_roots, .begin = begin, .end = end,         \
		.forward = forward_part, .inverse = inverse_part, .split = split, .join = join, \
		.multiply = multiply, .collect = collect                                        \
	}

#endif
