/* SPDX-License-Identifier: MIT */
/*
 * The parts of a product that are done once for each prime: from the limbs of a decimal number to
 * the values of a polynomial, from values to products, and back to limbs. There are two
 * implementations from one source, in plain C and for x86-64 with AVX2 and FMA, and their results
 * are the same. Every function works on a part of a whole, so that the caller can stop in between.
 * Doubles stand at multiples of TRANSFORM_ALIGNMENT bytes, limbs anywhere.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_TRANSFORM_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMB_DIGITS 18
#define LIMB_BASE   UINT64_C(1000000000000000000) /* 10 to the power of LIMB_DIGITS */

#define LANES_PER_VECTOR    4
#define TRANSFORM_ALIGNMENT 32

/* The largest k * 2^32 + 1 below 0.55 * 2^50: k is 144166, 144145 and 144123. */
#define PRIMES  3
#define PRIME_1 UINT64_C(619188255195137)
#define PRIME_2 UINT64_C(619098060881921)
#define PRIME_3 UINT64_C(619003571601409)

/* A prime field, of which doubles hold the residues (lanes.h). */
struct prime_field {
	double p;
	double root; /* of unity, of order 2^24 */
};

extern const struct prime_field prime_fields[PRIMES];

/*
 * How the coefficients of a polynomial stand in memory: `rows` rows of `width` vectors of
 * LANES_PER_VECTOR doubles. Row, column and lane of coefficient i are its digits, in this order.
 */
struct shape {
	size_t rows;  /* 4 to 8 */
	size_t width; /* a power of two */
};

/* One prime: its field and the table of roots, in bit-reversed order; see butterflies.h. */
struct transform_ring {
	const struct prime_field *field;
	const double *roots; /* unity_roots_count(shape) of them */
};

/* What goes from one limb of a result to the next. */
struct carry {
	uint64_t middle; /* what the last coefficient brings to the next limb */
	uint64_t high;   /* what it brings to the one after it */
	uint64_t ones;   /* 0 to 2 */
};

struct transform {
	const char *name;

	/**
	 * scale_roots - ret_roots[i] = factor * roots[i]
	 * @count: a multiple of LANES_PER_VECTOR
	 */
	void (*scale_roots)(const struct prime_field *field, const double *roots, size_t count,
	    double factor, double *ret_roots);

	/**
	 * begin - the limbs as coefficients, and the first levels of the transform
	 * end   - the last levels backward; `rows`, rounded up to 4 or 8, times too large
	 * @limbs, @count: the least significant first; as many as the shape has coefficients at
	 * most
	 * @from, @to:     columns
	 */
	void (*begin)(const struct transform_ring *ring, const struct shape *shape, double *data,
	    const uint64_t *limbs, size_t count, size_t from, size_t to);
	void (*end)(const struct transform_ring *ring, const struct shape *shape, double *data,
	    size_t from, size_t to);

	/**
	 * forward - all other levels of a part of a row
	 * inverse - the same backward; `length` times too large
	 * @part:   `length` vectors, a power of two
	 * @node:   of the part: a row, or the node of what it is a quarter of, times four, plus its
	 *          number there
	 */
	void (*forward)(
	    const struct transform_ring *ring, double *part, size_t length, size_t node);
	void (*inverse)(
	    const struct transform_ring *ring, double *part, size_t length, size_t node);

	/**
	 * split - two levels of a part, which make its quarters parts by themselves
	 * join  - the same backward; four times too large
	 * @from, @to: columns of the quarters, to length / 4
	 */
	void (*split)(const struct transform_ring *ring, double *part, size_t length, size_t node,
	    size_t from, size_t to);
	void (*join)(const struct transform_ring *ring, double *part, size_t length, size_t node,
	    size_t from, size_t to);

	/**
	 * multiply - a = a * b * scale, for vectors of values; both may be the same
	 * @from, @to: vectors of the whole, whatever its rows are
	 */
	void (*multiply)(const struct transform_ring *ring, double *a, const double *b,
	    double scale, size_t from, size_t to);

	/**
	 * collect - the residues of coefficients as limbs, with their carries; see garner.h
	 * @data:      for each prime; a multiple of LANES_PER_VECTOR coefficients
	 * @carry:     from the coefficients before; begins with zeros, and is kept for the next
	 * call
	 * @ret_limbs: as many
	 */
	void (*collect)(const double *const data[PRIMES], size_t count, struct carry *carry,
	    uint64_t *ret_limbs);
};

extern const struct transform transform_generic;
extern const struct transform transform_avx2; /* only where transform_avx2_runs() */

/**
 * transform_avx2_runs - whether this machine has what transform_avx2 takes
 */
bool transform_avx2_runs(void);

#endif
