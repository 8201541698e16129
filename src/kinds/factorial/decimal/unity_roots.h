/* SPDX-License-Identifier: MIT */
/*
 * The table of roots of unity that the transform takes (butterflies.h). With w[k] of order 2^(k+2),
 *
 *	roots[i] = product of w[k] over the bits k that are set in i
 *
 * so that roots[2 i]^2 = roots[i] and roots[2 i + 1]^2 = -roots[i].
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_UNITY_ROOTS_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_UNITY_ROOTS_H

#include <stddef.h>

#include "base/status.h"
#include "kinds/factorial/decimal/effort.h"
#include "kinds/factorial/decimal/transform.h"

#define UNITY_ROOTS_LEAST ((size_t)8)
#define UNITY_ROOTS_MOST  ((size_t)1 << 23) /* for products of 2^26 limbs */

/**
 * unity_roots_count - how many of them a shape takes: a power of two, since inverses are found by
 * flipping all lower bits of an index
 */
size_t unity_roots_count(const struct shape *shape);

/**
 * unity_roots_fill - make the table for one prime; a unit of effort for each root
 * @count: a power of two within the limits
 * Returns OK or CANCELLED.
 */
enum status unity_roots_fill(const struct transform *transform, unsigned prime, size_t count,
    struct effort *effort, double *ret_roots) NODISCARD;

#endif
