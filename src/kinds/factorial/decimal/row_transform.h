/* SPDX-License-Identifier: MIT */
/*
 * All levels of the transform of one row, which is a node of the levels above it (butterflies.h). A
 * part that does not fit the cache is halved twice, and then its quarters are taken one by one: so
 * a number comes into the cache few times, however long the row is.
 *
 * Code: included by transform_code.h.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_ROW_TRANSFORM_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_ROW_TRANSFORM_H

#include <stddef.h>

#include "kinds/factorial/decimal/butterflies.h"

/* Parts up to this many lanes, 32 KiB, are taken through all levels while they are in the cache. */
#define CACHED_LANES ((size_t)1024)

/* All levels of a part that is the given node, the larger parts first; `length` a power of two. */
static void
forward(const struct ring *ring, lanes *data, size_t length, size_t node)
{
	size_t nodes = 1;

	if (length > CACHED_LANES) {
		forward_two_levels(ring, data, length / 4, node, 0, length / 4);
		for (size_t i = 0; i < 4; i++)
			forward(ring, data + i * (length / 4), length / 4, 4 * node + i);
		return;
	}
	for (size_t m = length / 4; m > 0; m /= 4, nodes *= 4)
		for (size_t i = 0; i < nodes; i++)
			forward_two_levels(ring, data + 4 * m * i, m, node * nodes + i, 0, m);
	if (2 * nodes == length)
		for (size_t i = 0; i < nodes; i++)
			forward_level(ring, data + 2 * i, 1, node * nodes + i);
}

/* The same backward, `length` times too large. */
static void
inverse(const struct ring *ring, lanes *data, size_t length, size_t node)
{
	size_t m = 1;

	if (length > CACHED_LANES) {
		for (size_t i = 0; i < 4; i++)
			inverse(ring, data + i * (length / 4), length / 4, 4 * node + i);
		inverse_two_levels(ring, data, length / 4, node, 0, length / 4);
		return;
	}
	if (__builtin_ctzll(length) % 2 == 1) {
		for (size_t i = 0; i < length / 2; i++)
			inverse_level(ring, data + 2 * i, 1, node * (length / 2) + i);
		m = 2;
	}
	for (; m < length; m *= 4)
		for (size_t i = 0; i < length / (4 * m); i++)
			inverse_two_levels(
			    ring, data + 4 * m * i, m, node * (length / (4 * m)) + i, 0, m);
}

#endif
