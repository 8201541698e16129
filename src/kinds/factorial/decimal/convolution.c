/* SPDX-License-Identifier: MIT */
/* One product by the transform; see convolution.h. */
#include "kinds/factorial/decimal/convolution.h"

#include "kinds/factorial/decimal/uint128.h"

/*
 * Whoever works asks in between whether to go on. Parts of a row up to this many vectors, 2 MiB, go
 * through all levels at once, and so many vectors through whatever does not depend on others: half
 * a millisecond, or ten where the machine has no AVX2.
 */
#define PART_VECTORS ((size_t)65536)

struct shape
convolution_shape(size_t coefficients)
{
	struct shape shape = { .rows = 4, .width = 1 };

	while (8 * shape.width * LANES_PER_VECTOR < coefficients)
		shape.width *= 2;
	while (shape.rows * shape.width * LANES_PER_VECTOR < coefficients)
		shape.rows++;
	return shape;
}

size_t
convolution_size(const struct shape *shape)
{
	return shape->rows * shape->width * LANES_PER_VECTOR;
}

size_t
convolution_bytes(const struct shape *shape)
{
	return arena_size_of(convolution_size(shape) * sizeof(double));
}

enum status
convolution_take(struct multiplier *multiplier, const struct shape *shape, unsigned primes,
    struct residues *ret_residues)
{
	for (unsigned i = 0; i < primes; i++) {
		ret_residues->data[i] =
		    arena_take(multiplier->arena, convolution_size(shape) * sizeof(double));
		if (ret_residues->data[i] == NULL)
			return error_set(multiplier->effort->error, STATUS_INTERNAL,
			    "the memory that was planned for a product is not enough");
	}
	return STATUS_OK;
}

static struct transform_ring
ring_of_prime(const struct multiplier *multiplier, unsigned prime)
{
	return (struct transform_ring){ &prime_fields[prime], multiplier->roots[prime] };
}

/* A pass over so many vectors, for one prime, takes a unit for each of their coefficients. */
static enum status
spend(const struct multiplier *multiplier, size_t vectors)
{
	return effort_spend(multiplier->effort, (double)(LANES_PER_VECTOR * vectors));
}

/* How often a row is split before its parts are short. */
static size_t
depth_of(size_t length)
{
	return length <= PART_VECTORS ? 0 : 1 + depth_of(length / 4);
}

double
convolution_values_effort(const struct shape *shape)
{
	return (double)(PRIMES * convolution_size(shape) * (2 + depth_of(shape->width)));
}

double
convolution_product_effort(const struct shape *shape)
{
	return (double)(PRIMES * convolution_size(shape) * (3 + depth_of(shape->width)));
}

double
convolution_collect_effort(size_t count)
{
	return (double)(PRIMES * count);
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* A row, or a part of one that is `node`; recursive by four where it is long. */
static enum status
forward(const struct multiplier *multiplier, const struct transform_ring *ring, double *part,
    size_t length, size_t node)
{
	const struct transform *transform = multiplier->transform;
	size_t quarter = length / 4;
	enum status status = STATUS_OK;

	if (length <= PART_VECTORS) {
		transform->forward(ring, part, length, node);
		return spend(multiplier, length);
	}
	for (size_t at = 0; at < quarter && status == STATUS_OK; at += PART_VECTORS / 4) {
		transform->split(ring, part, length, node, at, at + PART_VECTORS / 4);
		status = spend(multiplier, PART_VECTORS);
	}
	for (size_t i = 0; i < 4 && status == STATUS_OK; i++)
		status = forward(
		    multiplier, ring, part + LANES_PER_VECTOR * quarter * i, quarter, 4 * node + i);
	return status;
}

static enum status
inverse(const struct multiplier *multiplier, const struct transform_ring *ring, double *part,
    size_t length, size_t node)
{
	const struct transform *transform = multiplier->transform;
	size_t quarter = length / 4;
	enum status status = STATUS_OK;

	if (length <= PART_VECTORS) {
		transform->inverse(ring, part, length, node);
		return spend(multiplier, length);
	}
	for (size_t i = 0; i < 4 && status == STATUS_OK; i++)
		status = inverse(
		    multiplier, ring, part + LANES_PER_VECTOR * quarter * i, quarter, 4 * node + i);
	for (size_t at = 0; at < quarter && status == STATUS_OK; at += PART_VECTORS / 4) {
		transform->join(ring, part, length, node, at, at + PART_VECTORS / 4);
		status = spend(multiplier, PART_VECTORS);
	}
	return status;
}

/* Of as many columns as come to the vectors of a part. */
static size_t
columns_of(const struct shape *shape)
{
	return least(shape->width, PART_VECTORS / 8);
}

enum status
convolution_values(struct multiplier *multiplier, const struct shape *shape, unsigned prime,
    const uint64_t *limbs, size_t count, double *ret_values)
{
	struct transform_ring ring = ring_of_prime(multiplier, prime);
	size_t columns = columns_of(shape);
	enum status status = STATUS_OK;

	for (size_t at = 0; at < shape->width && status == STATUS_OK; at += columns) {
		multiplier->transform->begin(
		    &ring, shape, ret_values, limbs, count, at, at + columns);
		status = spend(multiplier, shape->rows * columns);
	}
	for (size_t i = 0; i < shape->rows && status == STATUS_OK; i++)
		status = forward(multiplier, &ring,
		    ret_values + LANES_PER_VECTOR * shape->width * i, shape->width, i);
	return status;
}

/* What the product is to be multiplied by, as the inverse makes it too large: 1 / 2^k modulo p. */
static double
scale_of(const struct shape *shape, unsigned prime)
{
	uint64_t p = (uint64_t)prime_fields[prime].p;
	uint64_t scale = 1;

	for (size_t k = (shape->rows <= 4 ? 4 : 8) * shape->width; k > 1; k /= 2)
		scale = scale % 2 == 0 ? scale / 2 : (scale + p) / 2;
	return scale <= p / 2 ? (double)scale : -(double)(p - scale);
}

enum status
convolution_product(struct multiplier *multiplier, const struct shape *shape, unsigned prime,
    double *a, const double *b)
{
	const struct transform *transform = multiplier->transform;
	struct transform_ring ring = ring_of_prime(multiplier, prime);
	double scale = scale_of(shape, prime);
	size_t vectors = shape->rows * shape->width, columns = columns_of(shape);
	enum status status = STATUS_OK;

	for (size_t at = 0; at < vectors && status == STATUS_OK; at += PART_VECTORS) {
		size_t to = least(vectors, at + PART_VECTORS);

		transform->multiply(&ring, a, b, scale, at, to);
		status = spend(multiplier, to - at);
	}
	for (size_t i = 0; i < shape->rows && status == STATUS_OK; i++)
		status = inverse(
		    multiplier, &ring, a + LANES_PER_VECTOR * shape->width * i, shape->width, i);
	for (size_t at = 0; at < shape->width && status == STATUS_OK; at += columns) {
		transform->end(&ring, shape, a, at, at + columns);
		status = spend(multiplier, shape->rows * columns);
	}
	return status;
}

enum status
convolution_collect(struct multiplier *multiplier, const struct residues *residues, size_t count,
    uint64_t *ret_limbs)
{
	struct carry carry = { 0 };
	enum status status = STATUS_OK;

	/* Each coefficient is in three places, and takes longer than a vector elsewhere. */
	for (size_t at = 0; at < count && status == STATUS_OK; at += PART_VECTORS) {
		const double *const data[PRIMES] = { residues->data[0] + at, residues->data[1] + at,
			residues->data[2] + at };
		size_t size = least(count - at, PART_VECTORS);

		multiplier->transform->collect(data, size, &carry, ret_limbs + at);
		status = effort_spend(multiplier->effort, convolution_collect_effort(size));
	}
	return status;
}
