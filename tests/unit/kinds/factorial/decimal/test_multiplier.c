/* SPDX-License-Identifier: MIT */
/*
 * Products of decimal numbers, by every implementation that runs here: all small lengths, the edges
 * of every shape and of the cutting into pieces, and the numbers that carry most. Short ones are
 * held against GMP, long ones are checked modulo three primes. The random numbers are the same in
 * every run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "base/compiler.h"
#include "kinds/factorial/decimal/convolution.h"
#include "kinds/factorial/decimal/multiplier.h"
#include "kinds/factorial/decimal/uint128.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define LIMBS_MAX   ((size_t)100000)

static const struct transform *const transforms[] = { &transform_generic, &transform_avx2 };
static gmp_randstate_t randomness;

/* A multiplier with all that it stands on. */
struct bench {
	struct arena arena;
	struct error error;
	struct effort effort;
	struct multiplier multiplier;
};

static void
bench_open(struct bench *bench, const struct transform *transform, size_t limbs)
{
	*bench = (struct bench){ .error = { "" } };
	bench->effort.error = &bench->error;
	assert_int_equal(arena_open(ARENA_BYTES, &bench->arena, NULL), STATUS_OK);
	assert_int_equal(
	    multiplier_open(transform, &bench->arena, &bench->effort, limbs, &bench->multiplier),
	    STATUS_OK);
}

static void
bench_close(struct bench *bench)
{
	arena_close(&bench->arena);
}

static size_t
transform_count(void)
{
	return transform_avx2_runs() ? 2 : 1;
}

/* Limbs by what tells most: random ones, all nines, all zeros but the last, and runs of both. */
enum filling {
	FILL_RANDOM,
	FILL_NINES,
	FILL_POWER,
	FILL_RUNS,
	FILLINGS,
};

static uint64_t
random_limb(void)
{
	return (uint64_t)gmp_urandomb_ui(randomness, 64) % LIMB_BASE;
}

static struct decimal
make_number(size_t count, size_t capacity, enum filling filling)
{
	struct decimal number = { .count = count, .capacity = capacity };
	bool is_nines = false;

	number.limbs = malloc(capacity * sizeof(uint64_t) + 1);
	assert_non_null(number.limbs);
	for (size_t i = 0; i < count; i++) {
		switch (filling) {
		case FILL_RANDOM:
			number.limbs[i] = random_limb();
			break;
		case FILL_NINES:
			number.limbs[i] = LIMB_BASE - 1;
			break;
		case FILL_POWER:
			number.limbs[i] = i == count - 1;
			break;
		case FILL_RUNS:
		case FILLINGS:
			if (gmp_urandomm_ui(randomness, 7) == 0)
				is_nines = !is_nines;
			number.limbs[i] = is_nines ? LIMB_BASE - 1 : 0;
			break;
		}
	}
	if (count > 0 && number.limbs[count - 1] == 0)
		number.limbs[count - 1] = 1;
	return number;
}

static void
value_of(mpz_t value, const uint64_t *limbs, size_t count)
{
	mpz_set_ui(value, 0);
	for (size_t i = count; i > 0; i--) {
		mpz_mul_ui(value, value, LIMB_BASE);
		mpz_add_ui(value, value, limbs[i - 1]);
	}
}

/* A number as GMP has it, or modulo primes of 61 bits and less where that would take long. */
#define SHORT_LIMBS 400
#define MODULI      3

static const uint64_t moduli[MODULI] = { (UINT64_C(1) << 61) - 1, 1000000000000000003, 998244353 };

struct value {
	mpz_t number;
	uint64_t residues[MODULI];
};

static void
value_init(struct value *value, const struct decimal *decimal)
{
	mpz_init(value->number);
	if (decimal->count <= SHORT_LIMBS)
		value_of(value->number, decimal->limbs, decimal->count);
	for (size_t i = 0; i < MODULI; i++) {
		uint128 residue = 0;

		for (size_t k = decimal->count; k > 0; k--)
			residue = (residue * LIMB_BASE + decimal->limbs[k - 1]) % moduli[i];
		value->residues[i] = (uint64_t)residue;
	}
}

static void
assert_product(const struct decimal *found, const struct value *a, const struct value *b)
{
	struct value value;
	bool is_right = true;

	for (size_t i = 0; i < found->count; i++)
		is_right = is_right && found->limbs[i] < LIMB_BASE;
	is_right = is_right && found->limbs[found->count - 1] != 0;
	value_init(&value, found);
	for (size_t i = 0; i < MODULI; i++)
		is_right = is_right && (uint128)a->residues[i] * b->residues[i] % moduli[i] ==
					   value.residues[i];
	if (is_right && found->count <= SHORT_LIMBS) {
		mpz_submul(value.number, a->number, b->number);
		is_right = mpz_sgn(value.number) == 0;
	}
	if (!is_right)
		fail_msg("a product of %zu limbs is wrong", found->count);
	mpz_clear(value.number);
}

/* x and y both ways, and the square of x, by every transform. */
static void
assert_multiplies(struct bench *benches, size_t x_count, size_t y_count, enum filling filling)
{
	size_t capacity = multiplier_room(x_count + y_count);

	for (size_t i = 0; i < transform_count(); i++) {
		struct multiplier *multiplier = &benches[i].multiplier;
		struct decimal x = make_number(x_count, capacity, filling);
		struct decimal y = make_number(y_count, capacity, (filling + i) % FILLINGS);
		struct decimal z = make_number(x_count, multiplier_room(2 * x_count), filling);
		struct value a, b;

		memcpy(z.limbs, x.limbs, x_count * sizeof(uint64_t));
		value_init(&a, &x);
		value_init(&b, &y);
		assert_int_equal(multiplier_product(multiplier, &x, &y), STATUS_OK);
		assert_product(&x, &a, &b);
		assert_int_equal(multiplier_product(multiplier, &y, &z), STATUS_OK);
		assert_product(&y, &a, &b);
		assert_int_equal(multiplier_square(multiplier, &z), STATUS_OK);
		assert_product(&z, &a, &a);
		/* What was taken meanwhile has been given back. */
		assert_int_equal(arena_mark(&benches[i].arena), arena_mark(&benches[0].arena));
		mpz_clears(a.number, b.number, NULL);
		free(x.limbs);
		free(y.limbs);
		free(z.limbs);
	}
}

static int
begin(void **state)
{
	struct bench *benches = calloc(2, sizeof(*benches));

	gmp_randinit_default(randomness);
	gmp_randseed_ui(randomness, 20270309);
	assert_non_null(benches);
	for (size_t i = 0; i < transform_count(); i++)
		bench_open(&benches[i], transforms[i], LIMBS_MAX);
	*state = benches;
	return 0;
}

static int
end(void **state)
{
	struct bench *benches = *state;

	for (size_t i = 0; i < transform_count(); i++)
		bench_close(&benches[i]);
	free(benches);
	gmp_randclear(randomness);
	return 0;
}

static void
test_products_of_all_short_lengths_are_exact(void **state)
{
	for (size_t x = 1; x <= 40; x++)
		for (size_t y = 1; y <= x; y++)
			assert_multiplies(*state, x, y, (x + y) % FILLINGS);
}

/* A shape is 4 to 8 times a power of two, in vectors of four: at its last length and one more. */
static void
test_products_at_the_edges_of_all_shapes_are_exact(void **state)
{
	for (size_t width = 1; width <= 64; width *= 2) {
		for (size_t rows = 4; rows <= 8; rows++) {
			size_t limbs = rows * width * LANES_PER_VECTOR;

			for (size_t more = 0; more < 2; more++) {
				size_t x = (limbs + more) / 2;

				assert_multiplies(*state, x, limbs + more - x, rows % FILLINGS);
				assert_multiplies(*state, x + 3, limbs + more - x - 3, FILL_RUNS);
			}
		}
	}
}

static void
test_the_numbers_that_carry_most_are_exact(void **state)
{
	static const size_t counts[] = { 1, 2, 15, 16, 100, 640, 1000, 2047, 2048, 5000 };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		assert_multiplies(*state, counts[i], counts[i], FILL_NINES);
		assert_multiplies(*state, counts[i], (counts[i] + 6) / 7, FILL_NINES);
		assert_multiplies(*state, counts[i], counts[i], FILL_POWER);
	}
}

/* A factor is cut where both have more than 512 limbs together and it is more than twice as long.
 */
static void
test_products_at_the_edges_of_cutting_are_exact(void **state)
{
	static const size_t pairs[][2] = { { 342, 170 }, { 342, 171 }, { 343, 171 }, { 344, 171 },
		{ 400, 199 }, { 400, 200 }, { 401, 200 }, { 402, 200 }, { 511, 1 }, { 512, 1 },
		{ 510, 2 }, { 511, 2 }, { 5000, 1 }, { 5000, 2 }, { 5000, 15 }, { 5000, 16 },
		{ 5000, 17 }, { 5000, 700 }, { 5000, 2499 }, { 5000, 2500 }, { 5001, 2500 } };

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		for (enum filling filling = 0; filling < FILLINGS; filling++)
			assert_multiplies(*state, pairs[i][0], pairs[i][1], filling);
}

/* One part of a row goes through all levels at once up to 1,024 vectors, and deeper from there. */
static void
test_long_products_are_exact(void **state)
{
	static const size_t pairs[][2] = { { 8192, 8192 }, { 10000, 6384 }, { 10000, 6385 },
		{ 16384, 16384 }, { 16385, 16384 }, { 20000, 9000 }, { 40000, 25536 },
		{ 40000, 25537 }, { 30001, 40 } };

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		assert_multiplies(
		    *state, pairs[i][0], pairs[i][1], i % 2 ? FILL_RANDOM : FILL_NINES);
}

/* (B^n - 1)^2 = B^2n - 2 B^n + 1: no other square has larger coefficients. */
static void
assert_squares_nines(struct multiplier *multiplier, size_t n)
{
	struct decimal x = make_number(n, multiplier_room(2 * n), FILL_NINES);

	assert_int_equal(multiplier_square(multiplier, &x), STATUS_OK);
	assert_int_equal(x.count, 2 * n);
	for (size_t k = 0; k < 2 * n; k++) {
		uint64_t expected = LIMB_BASE - (k == n ? 2 : 1);

		if (k < n)
			expected = k == 0 ? 1 : 0;
		if (x.limbs[k] != expected)
			fail_msg("limb %zu of %zu is wrong", k, 2 * n);
	}
	free(x.limbs);
}

static void
test_the_square_of_a_million_nines_is_exact(void **state)
{
	struct bench *benches = *state;

	for (size_t i = 0; i < transform_count(); i++)
		assert_squares_nines(&benches[i].multiplier, 1000000 / LIMB_DIGITS);
}

/* The first length whose rows are taken in parts (PART_VECTORS), and the last that is not. */
static void
test_the_squares_around_the_first_row_in_parts_are_exact(void **state)
{
	size_t limbs = 8 * (size_t)65536 * LANES_PER_VECTOR / 2;
	struct effort effort = { 0 };
	struct multiplier multiplier;
	struct arena arena;

	(void)state;
	assert_int_equal(
	    arena_open(
		multiplier_bytes(2 * limbs + 2) + multiplier_square_bytes(limbs + 1), &arena, NULL),
	    STATUS_OK);
	assert_int_equal(
	    multiplier_open(NULL, &arena, &effort, 2 * limbs + 2, &multiplier), STATUS_OK);
	assert_squares_nines(&multiplier, limbs);
	assert_squares_nines(&multiplier, limbs + 1);
	arena_close(&arena);
}

static void
test_zero_times_anything_is_zero(void **state)
{
	struct bench *benches = *state;

	for (size_t i = 0; i < transform_count(); i++) {
		struct multiplier *multiplier = &benches[i].multiplier;
		struct decimal zero = make_number(0, 2000, FILL_RANDOM);
		struct decimal x = make_number(1000, 2000, FILL_RANDOM);

		assert_int_equal(multiplier_product(multiplier, &zero, &x), STATUS_OK);
		assert_int_equal(zero.count, 0);
		assert_int_equal(multiplier_square(multiplier, &zero), STATUS_OK);
		assert_int_equal(zero.count, 0);
		assert_int_equal(multiplier_product(multiplier, &x, &zero), STATUS_OK);
		assert_int_equal(x.count, 0);
		free(zero.limbs);
		free(x.limbs);
	}
}

static void
test_random_products_are_exact(void **state)
{
	for (int i = 0; i < 60; i++) {
		size_t x = 1 + gmp_urandomm_ui(randomness, i < 50 ? 3000 : 30000);
		size_t y = 1 + gmp_urandomm_ui(randomness, x);

		assert_multiplies(*state, x, y, gmp_urandomm_ui(randomness, FILLINGS));
	}
}

static void
test_what_has_no_room_is_refused(void **state)
{
	struct bench *benches = *state;
	struct multiplier *multiplier = &benches[0].multiplier;
	struct decimal x = make_number(10, 20, FILL_RANDOM), y = make_number(11, 12, FILL_RANDOM);

	assert_int_equal(multiplier_room(20), 20);
	assert_int_equal(multiplier_room(21), 24);
	assert_int_equal(multiplier_product(multiplier, &x, &y), STATUS_INTERNAL);
	assert_string_not_equal(benches[0].error.text, "");
	x.capacity = 19;
	assert_int_equal(multiplier_square(multiplier, &x), STATUS_INTERNAL);
	free(x.limbs);
	free(y.limbs);
}

static void
test_more_limbs_than_the_tables_are_for_are_refused(void **state)
{
	struct bench bench;
	struct decimal x = make_number(32, 68, FILL_RANDOM);

	(void)state;
	bench_open(&bench, NULL, 64);
	assert_int_equal(multiplier_square(&bench.multiplier, &x), STATUS_OK);
	x.count = 34;
	assert_int_equal(multiplier_square(&bench.multiplier, &x), STATUS_INTERNAL);
	bench_close(&bench);
	free(x.limbs);
}

/* No factor of the longest product can have a coefficient that the primes would not tell. */
static void
test_the_primes_suffice_for_the_longest_product(void **state)
{
	mpz_t largest, primes;

	(void)state;
	mpz_init_set_ui(primes, PRIME_1);
	mpz_mul_ui(primes, primes, PRIME_2);
	mpz_mul_ui(primes, primes, PRIME_3);
	mpz_init_set_ui(largest, LIMB_BASE - 1);
	mpz_mul(largest, largest, largest);
	mpz_mul_ui(largest, largest, MULTIPLIER_LIMBS_MAX);
	assert_true(mpz_cmp(largest, primes) < 0);
	mpz_clears(largest, primes, NULL);
}

/* As much as is told beforehand is enough, and with less nothing is written that was not taken. */
static void
test_the_memory_that_is_told_beforehand_is_enough(void **state)
{
	static const size_t pairs[][2] = { { 1, 1 }, { 100, 100 }, { 200, 100 }, { 511, 1 },
		{ 600, 5 }, { 2000, 999 }, { 2000, 1000 }, { 3000, 1000 }, { 9000, 1100 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		size_t limbs = pairs[i][0] + pairs[i][1];
		size_t tables = multiplier_bytes(2 * limbs);
		size_t square = multiplier_square_bytes(pairs[i][0]);
		size_t product = multiplier_product_bytes(pairs[i][1]);
		struct bench bench = { .error = { "" } };
		struct decimal x = make_number(pairs[i][0], 2 * limbs + 4, FILL_RANDOM);
		struct decimal y = make_number(pairs[i][1], limbs, FILL_RANDOM);

		bench.effort.error = &bench.error;
		assert_int_equal(
		    arena_open(tables + (square > product ? square : product), &bench.arena, NULL),
		    STATUS_OK);
		assert_int_equal(multiplier_open(NULL, &bench.arena, &bench.effort, 2 * limbs,
				     &bench.multiplier),
		    STATUS_OK);
		assert_int_equal(multiplier_product(&bench.multiplier, &x, &y), STATUS_OK);
		x.count = pairs[i][0];
		assert_int_equal(multiplier_square(&bench.multiplier, &x), STATUS_OK);
		bench_close(&bench);
		free(x.limbs);
		free(y.limbs);
	}
}

static void
test_an_arena_that_is_too_small_is_told(void **state)
{
	struct error error = { "" };
	struct effort effort = { .error = &error };
	struct multiplier multiplier;
	struct arena arena;
	struct decimal x = make_number(3000, 6000, FILL_RANDOM);
	struct decimal y = make_number(700, 3700, FILL_RANDOM);
	size_t tables = multiplier_bytes(6000);

	(void)state;
	assert_int_equal(arena_open(tables / 2, &arena, NULL), STATUS_OK);
	assert_int_equal(
	    multiplier_open(NULL, &arena, &effort, 6000, &multiplier), STATUS_INTERNAL);
	arena_close(&arena);
	for (size_t more = 0; more < multiplier_product_bytes(700); more += 20000) {
		enum status status;

		assert_int_equal(arena_open(tables + more, &arena, NULL), STATUS_OK);
		assert_int_equal(
		    multiplier_open(NULL, &arena, &effort, 6000, &multiplier), STATUS_OK);
		x.count = 3000;
		status = multiplier_product(&multiplier, &x, &y);
		assert_true(status == STATUS_OK || status == STATUS_INTERNAL);
		if (more == 0)
			assert_int_equal(status, STATUS_INTERNAL);
		arena_close(&arena);
	}
	free(x.limbs);
	free(y.limbs);
}

/* Says stop at a given question; counts them and the work between two. */
struct watcher {
	long questions;
	long stop_at; /* 0: never */
};

static bool
watcher_stops(void *context)
{
	struct watcher *watcher = context;

	assert_true(watcher->stop_at == 0 || watcher->questions < watcher->stop_at);
	return ++watcher->questions == watcher->stop_at;
}

static void
test_a_stop_at_any_question_ends_a_product(void **state)
{
	struct watcher watcher = { 0 };
	struct effort_watch watch = { .is_to_stop = watcher_stops, .context = &watcher };
	struct bench bench;
	struct decimal x = make_number(20000, 40000, FILL_RANDOM);
	struct decimal y = make_number(3000, 3000, FILL_RANDOM);
	size_t mark;
	long all;

	(void)state;
	bench_open(&bench, NULL, LIMBS_MAX);
	bench.effort.watch = &watch;
	mark = arena_mark(&bench.arena);
	x.count = 17000;
	assert_int_equal(multiplier_product(&bench.multiplier, &x, &y), STATUS_OK);
	x.count = 20000;
	assert_int_equal(multiplier_square(&bench.multiplier, &x), STATUS_OK);
	all = watcher.questions;
	assert_in_range(all, 10, 1000);
	for (long at = 1; at <= all; at++) {
		enum status status;

		watcher = (struct watcher){ .stop_at = at };
		bench.effort.quiet = 0;
		x.count = 17000;
		status = multiplier_product(&bench.multiplier, &x, &y);
		x.count = 20000;
		if (status == STATUS_OK)
			status = multiplier_square(&bench.multiplier, &x);
		assert_int_equal(status, STATUS_CANCELLED);
		assert_int_equal(watcher.questions, at);
		assert_int_equal(arena_mark(&bench.arena), mark);
	}
	bench_close(&bench);
	free(x.limbs);
	free(y.limbs);
}

/* The last of several pieces is shorter than what is told. */
static void
assert_spent(const struct effort *effort, double told)
{
	assert_true(effort->spent > 0.98 * told && effort->spent < 1.001 * told);
}

static void
test_the_effort_that_is_told_beforehand_is_what_is_spent(void **state)
{
	static const size_t pairs[][2] = { { 10, 10 }, { 100, 30 }, { 300, 300 }, { 600, 5 },
		{ 4000, 700 }, { 9000, 9000 } };
	struct bench *benches = *state;
	struct effort *effort = &benches[0].effort;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct decimal x = make_number(pairs[i][0], 2 * pairs[i][0] + 1000, FILL_RANDOM);
		struct decimal y = make_number(pairs[i][1], pairs[i][1] + 4, FILL_RANDOM);

		effort_begin_share(effort, 0, 1);
		assert_int_equal(multiplier_product(&benches[0].multiplier, &x, &y), STATUS_OK);
		assert_spent(effort, multiplier_product_effort(pairs[i][0], pairs[i][1]));
		x.count = pairs[i][0];
		effort_begin_share(effort, 0, 1);
		assert_int_equal(multiplier_square(&benches[0].multiplier, &x), STATUS_OK);
		assert_spent(effort, multiplier_square_effort(pairs[i][0]));
		free(x.limbs);
		free(y.limbs);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products_of_all_short_lengths_are_exact),
		cmocka_unit_test(test_products_at_the_edges_of_all_shapes_are_exact),
		cmocka_unit_test(test_the_numbers_that_carry_most_are_exact),
		cmocka_unit_test(test_products_at_the_edges_of_cutting_are_exact),
		cmocka_unit_test(test_long_products_are_exact),
		cmocka_unit_test(test_the_square_of_a_million_nines_is_exact),
		cmocka_unit_test(test_the_squares_around_the_first_row_in_parts_are_exact),
		cmocka_unit_test(test_zero_times_anything_is_zero),
		cmocka_unit_test(test_random_products_are_exact),
		cmocka_unit_test(test_what_has_no_room_is_refused),
		cmocka_unit_test(test_more_limbs_than_the_tables_are_for_are_refused),
		cmocka_unit_test(test_the_primes_suffice_for_the_longest_product),
		cmocka_unit_test(test_the_memory_that_is_told_beforehand_is_enough),
		cmocka_unit_test(test_an_arena_that_is_too_small_is_told),
		cmocka_unit_test(test_a_stop_at_any_question_ends_a_product),
		cmocka_unit_test(test_the_effort_that_is_told_beforehand_is_what_is_spent),
	};

	return cmocka_run_group_tests_name("multiplier", tests, begin, end);
}
