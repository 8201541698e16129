/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as two decimal numbers, in runs of equal limbs so that few bytes make long ones: their
 * product, and the square of the first, by every implementation, are what OpenSSL's BN says.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>

#include "kinds/factorial/decimal/multiplier.h"

#define LIMBS_MAX ((size_t)700)
#define ROOM      (2 * LIMBS_MAX + LANES_PER_VECTOR)

/* A run is a byte for its length, one for its kind, and eight for a limb where the kind says so. */
static size_t
take_run(const uint8_t *data, size_t size, size_t *at, uint64_t *ret_limb)
{
	size_t length = data[*at] + (size_t)1;
	uint8_t kind = *at + 1 < size ? data[*at + 1] : 0;

	*at += 2;
	*ret_limb = kind % 4 == 0 ? 0 : kind % 4 == 1 ? LIMB_BASE - 1 : kind;
	if (kind % 4 == 3 && *at + sizeof(*ret_limb) <= size) {
		memcpy(ret_limb, data + *at, sizeof(*ret_limb));
		*ret_limb %= LIMB_BASE;
		*at += sizeof(*ret_limb);
	}
	return length;
}

static void
read_number(const uint8_t *data, size_t size, struct decimal *number)
{
	number->count = 0;
	for (size_t at = 0; at < size && number->count < LIMBS_MAX;) {
		uint64_t limb;
		size_t length = take_run(data, size, &at, &limb);

		while (length-- > 0 && number->count < LIMBS_MAX)
			number->limbs[number->count++] = limb;
	}
	while (number->count > 0 && number->limbs[number->count - 1] == 0)
		number->count--;
}

static BIGNUM *
bn_of(const struct decimal *number)
{
	BIGNUM *bn = BN_new();

	FUZZ_REQUIRE(bn != NULL && BN_set_word(bn, 0));
	for (size_t i = number->count; i > 0; i--) {
		FUZZ_REQUIRE(number->limbs[i - 1] < LIMB_BASE);
		FUZZ_REQUIRE(BN_mul_word(bn, LIMB_BASE) && BN_add_word(bn, number->limbs[i - 1]));
	}
	return bn;
}

static void
check_is(const struct decimal *number, const BIGNUM *expected)
{
	BIGNUM *found = bn_of(number);

	FUZZ_REQUIRE(number->count == 0 || number->limbs[number->count - 1] != 0);
	FUZZ_REQUIRE(BN_cmp(found, expected) == 0);
	BN_free(found);
}

static void
check(const struct transform *transform, const struct decimal *a, const struct decimal *b)
{
	struct error error = { "" };
	struct effort effort = { .error = &error };
	struct multiplier multiplier;
	struct arena arena;
	struct decimal x = { .capacity = ROOM };
	BIGNUM *product = BN_new(), *bn_a = bn_of(a), *bn_b = bn_of(b);
	BN_CTX *ctx = BN_CTX_new();

	x.limbs = malloc(ROOM * sizeof(uint64_t));
	FUZZ_REQUIRE(x.limbs != NULL && product != NULL && ctx != NULL);
	FUZZ_REQUIRE(arena_open(multiplier_bytes(ROOM) + multiplier_product_bytes(LIMBS_MAX),
			 &arena, &error) == STATUS_OK);
	FUZZ_REQUIRE(multiplier_open(transform, &arena, &effort, ROOM, &multiplier) == STATUS_OK);
	FUZZ_REQUIRE(BN_mul(product, bn_a, bn_b, ctx));
	for (int i = 0; i < 2; i++) {
		const struct decimal *first = i == 0 ? a : b, *second = i == 0 ? b : a;

		x.count = first->count;
		memcpy(x.limbs, first->limbs, first->count * sizeof(uint64_t));
		FUZZ_REQUIRE(multiplier_product(&multiplier, &x, second) == STATUS_OK);
		check_is(&x, product);
	}
	x.count = a->count;
	memcpy(x.limbs, a->limbs, a->count * sizeof(uint64_t));
	FUZZ_REQUIRE(multiplier_square(&multiplier, &x) == STATUS_OK);
	FUZZ_REQUIRE(BN_sqr(product, bn_a, ctx));
	check_is(&x, product);
	arena_close(&arena);
	free(x.limbs);
	BN_free(product);
	BN_free(bn_a);
	BN_free(bn_b);
	BN_CTX_free(ctx);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half = size > 0 ? 1 + (size - 1) * data[0] / 255 : 0;
	uint64_t *limbs = malloc(2 * LIMBS_MAX * sizeof(uint64_t));
	struct decimal a = { .limbs = limbs }, b = { .limbs = limbs + LIMBS_MAX };

	FUZZ_REQUIRE(limbs != NULL);
	if (size > 0) {
		read_number(data + 1, half - 1, &a);
		read_number(data + half, size - half, &b);
	}
	check(&transform_generic, &a, &b);
	if (transform_avx2_runs())
		check(&transform_avx2, &a, &b);
	free(limbs);
	return 0;
}
