/* SPDX-License-Identifier: MIT */
/*
 * One product by the transform: the parts of transform.h in their order, with their memory, and a
 * word to the effort every so often. For multiplier.c.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_CONVOLUTION_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_CONVOLUTION_H

#include "kinds/factorial/decimal/multiplier.h"

/* A polynomial modulo each prime: coefficients or values. */
struct residues {
	double *data[PRIMES];
};

/**
 * convolution_shape - the smallest shape for so many coefficients
 * convolution_size  - how many coefficients a shape has
 * convolution_bytes - what the residues of one prime take of an arena
 */
struct shape convolution_shape(size_t coefficients);
size_t convolution_size(const struct shape *shape);
size_t convolution_bytes(const struct shape *shape);

/**
 * convolution_values_effort, convolution_product_effort, convolution_collect_effort - the units of
 * effort that the functions below spend, of the first two for all primes together
 */
double convolution_values_effort(const struct shape *shape);
double convolution_product_effort(const struct shape *shape);
double convolution_collect_effort(size_t count);

/**
 * convolution_take - room for the residues of the first `primes` primes; OK or INTERNAL
 */
enum status convolution_take(struct multiplier *multiplier, const struct shape *shape,
    unsigned primes, struct residues *ret_residues) NODISCARD;

/**
 * convolution_values  - the values of a number's polynomial, modulo one prime
 * convolution_product - values times values, as coefficients; the factors may be the same
 * convolution_collect - coefficients as limbs, a multiple of LANES_PER_VECTOR of them
 * Return OK or CANCELLED.
 */
enum status convolution_values(struct multiplier *multiplier, const struct shape *shape,
    unsigned prime, const uint64_t *limbs, size_t count, double *ret_values) NODISCARD;
enum status convolution_product(struct multiplier *multiplier, const struct shape *shape,
    unsigned prime, double *a, const double *b) NODISCARD;
enum status convolution_collect(struct multiplier *multiplier, const struct residues *residues,
    size_t count, uint64_t *ret_limbs) NODISCARD;

#endif
