/* SPDX-License-Identifier: MIT */
/*
 * Products of machine words as decimal numbers. Short ones are OpenSSL BNs, which are multiplied
 * word by word and cut into decimal limbs by short division: both quadratic, and quick for their
 * length. From there on the products of halves are decimal.
 */
#ifndef TASKQ_KINDS_FACTORIAL_BN_PRODUCT_H
#define TASKQ_KINDS_FACTORIAL_BN_PRODUCT_H

#include <openssl/bn.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kinds/factorial/decimal/multiplier.h"

/* Up to this many words are multiplied by BN, up to 924 digits. */
#define BN_PRODUCT_WORDS ((size_t)48)

/**
 * bn_product_room - the limbs that a product of words needs, given the number of all their bits
 */
size_t bn_product_room(uint64_t bits);

/**
 * bn_product - ret_product = the product of `count` words, none of them 0; 1 without any
 * @number:      a BN to work with
 * @ret_product: with limbs, and a capacity of bn_product_room
 * The arena of the multiplier has to have another three times that much, beside what the
 * multiplication of numbers of half the length takes. Returns OK, CANCELLED, NOMEM, INTERNAL.
 */
enum status bn_product(struct multiplier *multiplier, BIGNUM *number, const uint64_t *words,
    size_t count, struct decimal *ret_product) NODISCARD;

#endif
