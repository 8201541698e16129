/* SPDX-License-Identifier: MIT */
/* Products of words; see bn_product.h. The only user of OpenSSL's BN. */
#include "kinds/factorial/bn_product.h"

#define LIMB_BITS 59.7947 /* log2 of the base of limbs, rounded down */

size_t
bn_product_room(uint64_t bits)
{
	return multiplier_room((size_t)((double)bits / LIMB_BITS) + 2);
}

static enum status
no_memory(const struct multiplier *multiplier)
{
	return error_set(multiplier->effort->error, STATUS_NOMEM, "no memory for a number");
}

static enum status
multiply_short(struct multiplier *multiplier, BIGNUM *number, const uint64_t *words, size_t count,
    struct decimal *ret_product)
{
	if (!BN_one(number))
		return no_memory(multiplier);
	for (size_t i = 0; i < count; i++)
		if (!BN_mul_word(number, words[i]))
			return no_memory(multiplier);
	ret_product->count = 0;
	while (!BN_is_zero(number)) {
		BN_ULONG limb = BN_div_word(number, LIMB_BASE);

		if (limb == (BN_ULONG)-1)
			return no_memory(multiplier);
		ret_product->limbs[ret_product->count++] = limb;
	}
	return STATUS_OK;
}

static uint64_t
bits_of(const uint64_t *words, size_t count)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < count; i++)
		bits += 64 - (uint64_t)__builtin_clzll(words[i]);
	return bits;
}

enum status
bn_product(struct multiplier *multiplier, BIGNUM *number, const uint64_t *words, size_t count,
    struct decimal *ret_product)
{
	size_t half = count / 2;
	size_t mark = arena_mark(multiplier->arena);
	enum status status;

	if (count <= BN_PRODUCT_WORDS)
		return multiply_short(multiplier, number, words, count, ret_product);

	struct decimal other = { .capacity = bn_product_room(bits_of(words + half, count - half)) };

	other.limbs = arena_take(multiplier->arena, other.capacity * sizeof(uint64_t));
	if (other.limbs == NULL)
		return error_set(multiplier->effort->error, STATUS_INTERNAL,
		    "the memory that was planned for the factors is not enough");
	status = bn_product(multiplier, number, words, half, ret_product);
	if (status == STATUS_OK)
		status = bn_product(multiplier, number, words + half, count - half, &other);
	if (status == STATUS_OK)
		status = multiplier_product(multiplier, ret_product, &other);
	arena_release(multiplier->arena, mark);
	return status;
}
