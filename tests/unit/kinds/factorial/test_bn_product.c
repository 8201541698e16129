/* SPDX-License-Identifier: MIT */
/* Products of words against GMP, around every number of words at which the way to make them
 * changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <gmp.h>
#include <openssl/crypto.h>

#include "base/compiler.h"
#include "kinds/factorial/bn_product.h"

#define WORDS_MAX 4000

static bool is_refused;

static void *
crypto_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size == 0 || is_refused ? NULL : malloc(size);
}

static void *
crypto_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_refused ? NULL : realloc(old, size);
}

static void
crypto_free(void *data, const char *file, int line)
{
	(void)file;
	(void)line;
	free(data);
}

/* Makes a product in no more memory than its contract says. */
static enum status
make_product(const uint64_t *words, size_t count, struct decimal *ret_product)
{
	struct effort effort = { 0 };
	struct multiplier multiplier;
	struct arena arena;
	enum status status;
	BIGNUM *number = BN_new();
	uint64_t bits = 0;
	size_t room;

	assert_non_null(number);
	for (size_t i = 0; i < count; i++)
		bits += 64 - (uint64_t)__builtin_clzll(words[i]);
	room = bn_product_room(bits);
	*ret_product = (struct decimal){ .capacity = room };
	ret_product->limbs = malloc(room * sizeof(uint64_t));
	assert_non_null(ret_product->limbs);
	assert_int_equal(arena_open(multiplier_bytes(room) + 3 * room * sizeof(uint64_t) +
					multiplier_product_bytes(room / 2 + 1),
			     &arena, NULL),
	    STATUS_OK);
	assert_int_equal(multiplier_open(NULL, &arena, &effort, room, &multiplier), STATUS_OK);
	status = bn_product(&multiplier, number, words, count, ret_product);
	arena_close(&arena);
	BN_free(number);
	return status;
}

static void
assert_product(const uint64_t *words, size_t count)
{
	struct decimal product;
	mpz_t expected, found;

	mpz_inits(expected, found, NULL);
	mpz_set_ui(expected, 1);
	for (size_t i = 0; i < count; i++)
		mpz_mul_ui(expected, expected, words[i]);
	assert_int_equal(make_product(words, count, &product), STATUS_OK);
	assert_true(product.count > 0 && product.limbs[product.count - 1] != 0);
	for (size_t i = product.count; i > 0; i--) {
		mpz_mul_ui(found, found, LIMB_BASE);
		mpz_add_ui(found, found, product.limbs[i - 1]);
	}
	if (mpz_cmp(expected, found) != 0)
		fail_msg("the product of %zu words is wrong", count);
	free(product.limbs);
	mpz_clears(expected, found, NULL);
}

static void
test_products_of_the_largest_and_least_words_are_exact(void **state)
{
	static uint64_t ones[WORDS_MAX], largest[WORDS_MAX], mixed[WORDS_MAX];

	(void)state;
	for (size_t i = 0; i < WORDS_MAX; i++) {
		ones[i] = 1;
		largest[i] = UINT64_MAX;
		mixed[i] = UINT64_MAX >> i % 64;
	}
	for (size_t count = 0; count <= 4 * BN_PRODUCT_WORDS + 2; count++) {
		assert_product(ones, count);
		assert_product(largest, count);
		assert_product(mixed, count);
	}
	for (size_t count = 500; count <= WORDS_MAX; count += 500) {
		assert_product(largest, count);
		assert_product(mixed, count);
	}
}

static void
test_refused_memory_is_told(void **state)
{
	static uint64_t words[200];
	struct decimal product;
	struct effort effort = { 0 };
	struct multiplier multiplier;
	struct arena arena;
	BIGNUM *number = BN_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = UINT64_MAX;
	product.capacity = bn_product_room(64 * ARRAY_SIZE(words));
	product.limbs = malloc(product.capacity * sizeof(uint64_t));
	assert_non_null(number);
	assert_non_null(product.limbs);
	assert_int_equal(arena_open(200000, &arena, NULL), STATUS_OK);
	assert_int_equal(
	    multiplier_open(NULL, &arena, &effort, product.capacity, &multiplier), STATUS_OK);
	is_refused = true;
	assert_int_equal(
	    bn_product(&multiplier, number, words, ARRAY_SIZE(words), &product), STATUS_NOMEM);
	is_refused = false;
	assert_int_equal(
	    bn_product(&multiplier, number, words, ARRAY_SIZE(words), &product), STATUS_OK);
	/* And an arena that has nothing left. */
	while (arena_take(&arena, 64) != NULL)
		;
	assert_int_equal(
	    bn_product(&multiplier, number, words, ARRAY_SIZE(words), &product), STATUS_INTERNAL);
	arena_close(&arena);
	free(product.limbs);
	BN_free(number);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products_of_the_largest_and_least_words_are_exact),
		cmocka_unit_test(test_refused_memory_is_told),
	};

	/* libcrypto takes these only before its first allocation. */
	if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
		return 1;
	return cmocka_run_group_tests_name("bn_product", tests, NULL, NULL);
}
