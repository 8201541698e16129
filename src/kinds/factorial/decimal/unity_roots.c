/* SPDX-License-Identifier: MIT */
/* The table of roots of unity; see unity_roots.h. */
#include "kinds/factorial/decimal/unity_roots.h"

#include <assert.h>

#include "kinds/factorial/decimal/uint128.h"

/* Of the root that each prime is given with, and of the least that is used. */
#define ORDER_BITS       24
#define ORDER_BITS_LEAST 2

size_t
unity_roots_count(const struct shape *shape)
{
	size_t count = UNITY_ROOTS_LEAST;

	while (count < shape->rows * shape->width / 2)
		count *= 2;
	return count;
}

/* a * b mod p, of the least size, which is what a table holds. */
static double
multiply(unsigned prime, double a, double b)
{
	int64_t p = (int64_t)prime_fields[prime].p;
	int64_t rest = (int64_t)((int128)a * (int128)b % p);

	if (rest > p / 2)
		rest -= p;
	else if (rest < -(p / 2))
		rest += p;
	return (double)rest;
}

/* So many at a time. */
#define PIECE ((size_t)65536)

enum status
unity_roots_fill(const struct transform *transform, unsigned prime, size_t count,
    struct effort *effort, double *ret_roots)
{
	double root_of_order[ORDER_BITS + 1]; /* [k]: of order 2^k */
	unsigned bits = ORDER_BITS_LEAST;
	enum status status = STATUS_OK;

	assert(count >= UNITY_ROOTS_LEAST && count <= UNITY_ROOTS_MOST);
	root_of_order[ORDER_BITS] = prime_fields[prime].root;
	for (unsigned k = ORDER_BITS; k > ORDER_BITS_LEAST; k--)
		root_of_order[k - 1] = multiply(prime, root_of_order[k], root_of_order[k]);
	ret_roots[0] = 1;
	for (size_t half = 1; half < LANES_PER_VECTOR; half *= 2, bits++)
		for (size_t i = 0; i < half; i++)
			ret_roots[half + i] = multiply(prime, ret_roots[i], root_of_order[bits]);
	for (size_t half = LANES_PER_VECTOR; half < count; half *= 2, bits++) {
		size_t piece = half < PIECE ? half : PIECE;

		for (size_t i = 0; i < half && status == STATUS_OK; i += piece) {
			transform->scale_roots(&prime_fields[prime], ret_roots + i, piece,
			    root_of_order[bits], ret_roots + half + i);
			status = effort_spend(effort, (double)piece);
		}
	}
	return status;
}
