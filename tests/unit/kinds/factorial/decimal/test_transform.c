/* SPDX-License-Identifier: MIT */
/*
 * The constants of the transform against GMP, the table of roots against its definition, and the
 * two implementations against each other: function by function, to the last bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "base/compiler.h"
#include "kinds/factorial/decimal/convolution.h"
#include "kinds/factorial/decimal/uint128.h"
#include "kinds/factorial/decimal/unity_roots.h"

static uint64_t
residue(unsigned prime, double value)
{
	int64_t p = (int64_t)prime_fields[prime].p;
	int64_t rest = (int64_t)value % p;

	return (uint64_t)(rest < 0 ? rest + p : rest);
}

static uint64_t
multiply(unsigned prime, uint64_t a, uint64_t b)
{
	return (uint64_t)((uint128)a * b % (uint64_t)prime_fields[prime].p);
}

static void
fill(const struct transform *transform, unsigned prime, size_t count, double *roots)
{
	struct effort effort = { 0 };

	assert_int_equal(unity_roots_fill(transform, prime, count, &effort, roots), STATUS_OK);
}

static void
test_the_primes_are_prime_and_of_the_size_that_is_said(void **state)
{
	static const uint64_t primes[PRIMES] = { PRIME_1, PRIME_2, PRIME_3 };

	(void)state;
	for (unsigned i = 0; i < PRIMES; i++) {
		mpz_t p;

		mpz_init_set_ui(p, primes[i]);
		assert_int_not_equal(mpz_probab_prime_p(p, 50), 0);
		assert_true(prime_fields[i].p == (double)primes[i]);
		assert_true(prime_fields[i].p < 0.55 * (double)(UINT64_C(1) << 50));
		assert_int_equal(primes[i] % (UINT64_C(1) << 32), 1);
		mpz_clear(p);
	}
}

static void
test_the_roots_are_of_order_2_to_the_24(void **state)
{
	(void)state;
	for (unsigned prime = 0; prime < PRIMES; prime++) {
		uint64_t p = (uint64_t)prime_fields[prime].p;
		uint64_t power = residue(prime, prime_fields[prime].root);

		assert_true(prime_fields[prime].root <= prime_fields[prime].p / 2);
		assert_true(prime_fields[prime].root >= -prime_fields[prime].p / 2);
		for (int i = 0; i < 23; i++)
			power = multiply(prime, power, power);
		assert_int_equal(power, p - 1);
	}
}

static void
test_the_table_of_roots_is_as_defined(void **state)
{
	static const struct transform *const transforms[] = { &transform_generic, &transform_avx2 };
	_Alignas(64) double roots[4096];

	(void)state;
	for (unsigned i = 0; i < (transform_avx2_runs() ? 2 : 1); i++) {
		for (unsigned prime = 0; prime < PRIMES; prime++) {
			uint64_t p = (uint64_t)prime_fields[prime].p;

			fill(transforms[i], prime, ARRAY_SIZE(roots), roots);
			assert_true(roots[0] == 1);
			for (size_t k = 0; k < ARRAY_SIZE(roots); k++) {
				uint64_t root = residue(prime, roots[k]);
				uint64_t half = residue(prime, roots[k / 2]);

				assert_true(roots[k] <= prime_fields[prime].p / 2);
				assert_true(roots[k] >= -prime_fields[prime].p / 2);
				if (k > 0)
					assert_int_equal(multiply(prime, root, root),
					    k % 2 == 0 ? half : p - half);
			}
		}
	}
}

static void
test_the_table_has_as_many_roots_as_a_shape_takes(void **state)
{
	(void)state;
	for (size_t width = 1; width <= 1024; width *= 2) {
		for (size_t rows = 4; rows <= 8; rows++) {
			struct shape shape = { rows, width };
			size_t count = unity_roots_count(&shape);

			assert_true(count >= UNITY_ROOTS_LEAST && count >= rows * width / 2);
			assert_true(count == UNITY_ROOTS_LEAST || count < rows * width);
			assert_int_equal(count & (count - 1), 0);
		}
	}
}

static void
test_a_shape_is_the_least_that_has_room(void **state)
{
	(void)state;
	for (size_t coefficients = 0; coefficients < 10000; coefficients++) {
		struct shape shape = convolution_shape(coefficients);
		size_t size = convolution_size(&shape);

		assert_in_range(shape.rows, 4, 8);
		assert_int_equal(shape.width & (shape.width - 1), 0);
		assert_true(size >= coefficients);
		assert_true(size == 16 || size - shape.width * LANES_PER_VECTOR < coefficients);
		assert_true(size == 16 || 4 * size <= 5 * (coefficients + shape.width * 4));
	}
}

/* What every function leaves behind, of limbs from a simple generator. */
struct trace {
	double values[PRIMES][8 * 64 * LANES_PER_VECTOR];
	double products[PRIMES][8 * 64 * LANES_PER_VECTOR];
	double coefficients[PRIMES][8 * 64 * LANES_PER_VECTOR];
	uint64_t limbs[8 * 64 * LANES_PER_VECTOR];
	struct carry carry;
};

static void
trace_of(const struct transform *transform, const struct shape *shape, struct trace *ret_trace)
{
	size_t size = convolution_size(shape);
	size_t bytes = size * sizeof(double);
	uint64_t *limbs = calloc(size, sizeof(uint64_t));
	double *roots = aligned_alloc(64, unity_roots_count(shape) * sizeof(double));
	double *data[PRIMES];
	uint64_t seed = 88172645463325252;

	assert_non_null(limbs);
	assert_non_null(roots);
	for (size_t i = 0; i < size / 2; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		limbs[i] = i % 3 == 0 ? LIMB_BASE - 1 : seed % LIMB_BASE;
	}
	for (unsigned prime = 0; prime < PRIMES; prime++) {
		struct transform_ring ring = { &prime_fields[prime], roots };

		data[prime] = aligned_alloc(64, (bytes + 63) / 64 * 64);
		assert_non_null(data[prime]);
		fill(transform, prime, unity_roots_count(shape), roots);
		transform->begin(&ring, shape, data[prime], limbs, size / 2, 0, shape->width);
		for (size_t row = 0; row < shape->rows; row++)
			transform->forward(&ring,
			    data[prime] + LANES_PER_VECTOR * shape->width * row, shape->width, row);
		memcpy(ret_trace->values[prime], data[prime], bytes);
		transform->multiply(
		    &ring, data[prime], data[prime], 12345, 0, shape->rows * shape->width);
		for (size_t row = 0; row < shape->rows; row++)
			transform->inverse(&ring,
			    data[prime] + LANES_PER_VECTOR * shape->width * row, shape->width, row);
		memcpy(ret_trace->products[prime], data[prime], bytes);
		transform->end(&ring, shape, data[prime], 0, shape->width);
		memcpy(ret_trace->coefficients[prime], data[prime], bytes);
	}
	transform->collect((const double *const[PRIMES]){ data[0], data[1], data[2] }, size,
	    &ret_trace->carry, ret_trace->limbs);
	for (unsigned prime = 0; prime < PRIMES; prime++)
		free(data[prime]);
	free(limbs);
	free(roots);
}

static void
test_both_implementations_give_the_same_residues(void **state)
{
	(void)state;
	if (!transform_avx2_runs())
		skip();
	for (size_t width = 1; width <= 64; width *= 2) {
		for (size_t rows = 4; rows <= 8; rows++) {
			struct shape shape = { rows, width };
			struct trace *generic = calloc(1, sizeof(*generic));
			struct trace *avx2 = calloc(1, sizeof(*avx2));

			assert_non_null(generic);
			assert_non_null(avx2);
			trace_of(&transform_generic, &shape, generic);
			trace_of(&transform_avx2, &shape, avx2);
			for (size_t i = 0; i < convolution_size(&shape); i++) {
				for (unsigned prime = 0; prime < PRIMES; prime++) {
					double limit = 2 * prime_fields[prime].p;

					assert_true(generic->values[prime][i] <= limit);
					assert_true(generic->values[prime][i] >= -limit);
					if (generic->values[prime][i] != avx2->values[prime][i] ||
					    generic->products[prime][i] !=
						avx2->products[prime][i] ||
					    generic->coefficients[prime][i] !=
						avx2->coefficients[prime][i])
						fail_msg("%zu rows of %zu: number %zu differs",
						    rows, width, i);
				}
				assert_int_equal(generic->limbs[i], avx2->limbs[i]);
			}
			assert_memory_equal(&generic->carry, &avx2->carry, sizeof(generic->carry));
			free(generic);
			free(avx2);
		}
	}
}

/* Every function does its part of a whole, whatever the parts are. */
static void
test_columns_can_be_taken_in_any_pieces(void **state)
{
	struct shape shape = { 7, 64 };
	size_t size = convolution_size(&shape);
	uint64_t limbs[900];
	_Alignas(64) double roots[512];
	double *whole = aligned_alloc(64, size * sizeof(double));
	double *parts = aligned_alloc(64, size * sizeof(double));
	struct transform_ring ring = { &prime_fields[1], roots };

	(void)state;
	assert_non_null(whole);
	assert_non_null(parts);
	for (size_t i = 0; i < ARRAY_SIZE(limbs); i++)
		limbs[i] = LIMB_BASE - 1 - i;
	fill(&transform_generic, 1, ARRAY_SIZE(roots), roots);
	transform_generic.begin(&ring, &shape, whole, limbs, ARRAY_SIZE(limbs), 0, 64);
	for (size_t at = 0; at < 64; at += 1 + at)
		transform_generic.begin(&ring, &shape, parts, limbs, ARRAY_SIZE(limbs), at,
		    2 * at + 1 < 64 ? 2 * at + 1 : 64);
	assert_memory_equal(whole, parts, size * sizeof(double));
	transform_generic.end(&ring, &shape, whole, 0, 64);
	for (size_t at = 0; at < 64; at += 1 + at)
		transform_generic.end(&ring, &shape, parts, at, 2 * at + 1 < 64 ? 2 * at + 1 : 64);
	assert_memory_equal(whole, parts, size * sizeof(double));
	free(whole);
	free(parts);
}

/* Split and joined, a part is what it is when it is taken through all levels at once. */
static void
test_a_part_can_be_taken_by_its_quarters(void **state)
{
	static const struct transform *const transforms[] = { &transform_generic, &transform_avx2 };
	size_t length = 256, quarter = length / 4, size = length * LANES_PER_VECTOR;
	_Alignas(64) double roots[8 * 256], whole[256 * LANES_PER_VECTOR];
	_Alignas(64) double parts[256 * LANES_PER_VECTOR];

	(void)state;
	for (unsigned i = 0; i < (transform_avx2_runs() ? 2 : 1); i++) {
		const struct transform *transform = transforms[i];
		struct transform_ring ring = { &prime_fields[2], roots };

		fill(transform, 2, ARRAY_SIZE(roots), roots);
		for (size_t node = 0; node < 8; node++) {
			for (size_t k = 0; k < size; k++)
				parts[k] = whole[k] = (double)(k * k * 7919 + node);
			transform->forward(&ring, whole, length, node);
			transform->split(&ring, parts, length, node, 0, 10);
			transform->split(&ring, parts, length, node, 10, quarter);
			for (size_t k = 0; k < 4; k++)
				transform->forward(&ring, parts + LANES_PER_VECTOR * quarter * k,
				    quarter, 4 * node + k);
			assert_memory_equal(whole, parts, sizeof(whole));
			transform->inverse(&ring, whole, length, node);
			for (size_t k = 0; k < 4; k++)
				transform->inverse(&ring, parts + LANES_PER_VECTOR * quarter * k,
				    quarter, 4 * node + k);
			transform->join(&ring, parts, length, node, 0, quarter - 1);
			transform->join(&ring, parts, length, node, quarter - 1, quarter);
			assert_memory_equal(whole, parts, sizeof(whole));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_primes_are_prime_and_of_the_size_that_is_said),
		cmocka_unit_test(test_the_roots_are_of_order_2_to_the_24),
		cmocka_unit_test(test_the_table_of_roots_is_as_defined),
		cmocka_unit_test(test_the_table_has_as_many_roots_as_a_shape_takes),
		cmocka_unit_test(test_a_shape_is_the_least_that_has_room),
		cmocka_unit_test(test_both_implementations_give_the_same_residues),
		cmocka_unit_test(test_columns_can_be_taken_in_any_pieces),
		cmocka_unit_test(test_a_part_can_be_taken_by_its_quarters),
	};

	return cmocka_run_group_tests_name("transform", tests, NULL, NULL);
}
