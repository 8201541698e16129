/* SPDX-License-Identifier: MIT */
/*
 * Products of decimal numbers; see multiplier.h. A factor that is much longer than the other is cut
 * into pieces of about its length, which are multiplied one by one and put together: the transform
 * of the shorter one is made once, and no piece needs more memory than the shorter one says.
 */
#include "kinds/factorial/decimal/multiplier.h"

#include <string.h>

#include "kinds/factorial/decimal/convolution.h"
#include "kinds/factorial/decimal/unity_roots.h"

_Static_assert(ARENA_ALIGNMENT % TRANSFORM_ALIGNMENT == 0, "the arena's pieces are aligned");

/* Products up to this many limbs are not worth cutting a factor. */
#define WHOLE_LIMBS 512

/* How the longer factor of a product is cut. */
struct cut {
	size_t count; /* of pieces; 1: not at all */
	size_t limbs; /* of a piece, but for the last */
	struct shape shape;
};

static enum status
too_small(const struct multiplier *multiplier, const char *what)
{
	return error_set(multiplier->effort->error, STATUS_INTERNAL,
	    "the %s planned for a product is not enough", what);
}

size_t
multiplier_room(size_t limbs)
{
	return (limbs + LANES_PER_VECTOR - 1) / LANES_PER_VECTOR * LANES_PER_VECTOR;
}

static struct cut
cut_of(size_t longer, size_t shorter)
{
	struct cut cut = { .count = 1, .limbs = longer };

	if (longer > 2 * shorter && longer + shorter > WHOLE_LIMBS) {
		struct shape shape = convolution_shape(2 * shorter);

		/* As much as the shape for two equal factors has room for; then pieces alike. */
		cut.limbs = convolution_size(&shape) - shorter;
		cut.count = (longer + cut.limbs - 1) / cut.limbs;
		cut.limbs = (longer + cut.count - 1) / cut.count;
	}
	cut.shape = convolution_shape(cut.limbs + shorter);
	return cut;
}

size_t
multiplier_bytes(size_t limbs)
{
	struct shape shape = convolution_shape(limbs);

	return PRIMES * arena_size_of(unity_roots_count(&shape) * sizeof(double));
}

size_t
multiplier_square_bytes(size_t limbs)
{
	struct shape shape = convolution_shape(2 * limbs);

	return PRIMES * convolution_bytes(&shape);
}

/* Uncut it is at most three times the shorter factor, or small; cut it is two, for both factors. */
size_t
multiplier_product_bytes(size_t limbs)
{
	struct shape whole = convolution_shape(3 * limbs > WHOLE_LIMBS ? 3 * limbs : WHOLE_LIMBS);
	struct shape piece = convolution_shape(2 * limbs);
	size_t uncut = (PRIMES + 1) * convolution_bytes(&whole);
	size_t cut = (size_t)2 * PRIMES * convolution_bytes(&piece) +
		     arena_size_of(convolution_size(&piece) * sizeof(uint64_t));

	return uncut > cut ? uncut : cut;
}

enum status
multiplier_open(const struct transform *transform, struct arena *arena, struct effort *effort,
    size_t limbs, struct multiplier *ret_multiplier)
{
	struct multiplier multiplier = { .transform = transform, .arena = arena, .effort = effort };
	struct shape shape = convolution_shape(limbs);
	enum status status = STATUS_OK;

	if (transform == NULL)
		multiplier.transform = transform_avx2_runs() ? &transform_avx2 : &transform_generic;
	multiplier.root_count = unity_roots_count(&shape);
	for (unsigned prime = 0; prime < PRIMES && status == STATUS_OK; prime++) {
		double *roots = arena_take(arena, multiplier.root_count * sizeof(double));

		if (roots == NULL)
			return too_small(&multiplier, "memory");
		status = unity_roots_fill(
		    multiplier.transform, prime, multiplier.root_count, effort, roots);
		multiplier.roots[prime] = roots;
	}
	if (status == STATUS_OK)
		*ret_multiplier = multiplier;
	return status;
}

/* Whether x has room for a product of this shape, and the tables suffice for it. */
static enum status
check_room(const struct multiplier *multiplier, const struct decimal *x, size_t limbs,
    const struct shape *shape)
{
	if (multiplier_room(limbs) > x->capacity)
		return too_small(multiplier, "room");
	if (unity_roots_count(shape) > multiplier->root_count)
		return too_small(multiplier, "table");
	return STATUS_OK;
}

static void
set_count(struct decimal *x, size_t count)
{
	while (count > 0 && x->limbs[count - 1] == 0)
		count--;
	x->count = count;
}

/* The result may lie where the factors are: they have been read when it is written. */
static enum status
multiply_whole(struct multiplier *multiplier, const struct shape *shape, struct decimal *x,
    const struct decimal *y)
{
	bool is_square = x == y;
	size_t limbs = x->count + y->count;
	struct residues a, b = { 0 };
	enum status status = convolution_take(multiplier, shape, PRIMES, &a);

	if (status == STATUS_OK && !is_square)
		status = convolution_take(multiplier, shape, 1, &b);
	for (unsigned prime = 0; prime < PRIMES && status == STATUS_OK; prime++) {
		status =
		    convolution_values(multiplier, shape, prime, x->limbs, x->count, a.data[prime]);
		if (status == STATUS_OK && !is_square)
			status = convolution_values(
			    multiplier, shape, prime, y->limbs, y->count, b.data[0]);
		if (status == STATUS_OK)
			status = convolution_product(multiplier, shape, prime, a.data[prime],
			    is_square ? a.data[prime] : b.data[0]);
	}
	if (status == STATUS_OK)
		status = convolution_collect(multiplier, &a, multiplier_room(limbs), x->limbs);
	if (status == STATUS_OK)
		set_count(x, limbs);
	return status;
}

/* x = x + y, where x has enough limbs behind `count` for the carry to end in them. */
static void
add(uint64_t *x, const uint64_t *y, size_t count)
{
	uint64_t carry = 0;

	for (size_t i = 0; i < count || carry != 0; i++) {
		uint64_t sum = x[i] + (i < count ? y[i] : 0) + carry;

		carry = sum >= LIMB_BASE;
		x[i] = carry != 0 ? sum - LIMB_BASE : sum;
	}
}

/* The pieces from the last to the first: each gives way to the low part of its product. */
static enum status
multiply_pieces(struct multiplier *multiplier, const struct cut *cut, struct decimal *x,
    const struct decimal *y)
{
	size_t limbs = x->count + y->count;
	struct residues a, b;
	enum status status = convolution_take(multiplier, &cut->shape, PRIMES, &b);
	uint64_t *product;

	if (status == STATUS_OK)
		status = convolution_take(multiplier, &cut->shape, PRIMES, &a);
	if (status != STATUS_OK)
		return status;
	product = arena_take(multiplier->arena, convolution_size(&cut->shape) * sizeof(uint64_t));
	if (product == NULL)
		return too_small(multiplier, "memory");
	for (unsigned prime = 0; prime < PRIMES && status == STATUS_OK; prime++)
		status = convolution_values(
		    multiplier, &cut->shape, prime, y->limbs, y->count, b.data[prime]);
	if (status != STATUS_OK)
		return status;
	memset(x->limbs + x->count, 0, y->count * sizeof(uint64_t));
	for (size_t i = cut->count; i > 0 && status == STATUS_OK; i--) {
		size_t at = (i - 1) * cut->limbs;
		size_t count = x->count - at < cut->limbs ? x->count - at : cut->limbs;

		for (unsigned prime = 0; prime < PRIMES && status == STATUS_OK; prime++) {
			status = convolution_values(
			    multiplier, &cut->shape, prime, x->limbs + at, count, a.data[prime]);
			if (status == STATUS_OK)
				status = convolution_product(
				    multiplier, &cut->shape, prime, a.data[prime], b.data[prime]);
		}
		if (status == STATUS_OK)
			status = convolution_collect(
			    multiplier, &a, multiplier_room(count + y->count), product);
		if (status != STATUS_OK)
			return status;
		memcpy(x->limbs + at, product, count * sizeof(uint64_t));
		add(x->limbs + at + count, product + count, y->count);
	}
	if (status == STATUS_OK)
		set_count(x, limbs);
	return status;
}

enum status
multiplier_square(struct multiplier *multiplier, struct decimal *x)
{
	struct shape shape = convolution_shape(2 * x->count);
	size_t mark = arena_mark(multiplier->arena);
	enum status status = check_room(multiplier, x, 2 * x->count, &shape);

	if (status == STATUS_OK)
		status = multiply_whole(multiplier, &shape, x, x);
	arena_release(multiplier->arena, mark);
	return status;
}

enum status
multiplier_product(struct multiplier *multiplier, struct decimal *x, const struct decimal *y)
{
	struct cut cut = cut_of(x->count, y->count);
	size_t mark = arena_mark(multiplier->arena);
	enum status status = check_room(multiplier, x, x->count + y->count, &cut.shape);

	if (status == STATUS_OK && cut.count > 1)
		status = multiply_pieces(multiplier, &cut, x, y);
	else if (status == STATUS_OK)
		status = multiply_whole(multiplier, &cut.shape, x, y);
	arena_release(multiplier->arena, mark);
	return status;
}

double
multiplier_square_effort(size_t limbs)
{
	struct shape shape = convolution_shape(2 * limbs);

	return convolution_values_effort(&shape) + convolution_product_effort(&shape) +
	       convolution_collect_effort(multiplier_room(2 * limbs));
}

double
multiplier_product_effort(size_t x_limbs, size_t y_limbs)
{
	struct cut cut = cut_of(x_limbs, y_limbs);
	double transforms =
	    convolution_values_effort(&cut.shape) + convolution_product_effort(&cut.shape);
	double collect = convolution_collect_effort(multiplier_room(cut.limbs + y_limbs));

	return convolution_values_effort(&cut.shape) + (double)cut.count * (transforms + collect);
}
