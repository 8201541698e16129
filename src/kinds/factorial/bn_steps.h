/* SPDX-License-Identifier: MIT */
/*
 * Multiplying and dividing large OpenSSL BNs so that the work can be stopped: in steps of a few
 * milliseconds, with a question before each whether to stop. What takes microseconds is not worth
 * the question: whoever does much of it comes by larger steps as well. For the files of this
 * directory.
 */
#ifndef TASKQ_KINDS_FACTORIAL_BN_STEPS_H
#define TASKQ_KINDS_FACTORIAL_BN_STEPS_H

#include <openssl/bn.h>
#include <stdbool.h>

#include "base/status.h"
#include "kinds/factorial/factorial.h"

/* What every step needs; all borrowed. */
struct bn_steps {
	BN_CTX *ctx;
	const struct factorial_stop *stop; /* NULL: never stopped */
	struct error *error;               /* may be NULL */
	uint64_t work;                     /* done so far, as factorial_work.h counts it ... */
	uint64_t work_total;               /* ... of so much; 0: nobody has estimated it */
};

/**
 * bn_steps_no_memory - note that a call of BN failed, which is for want of memory; returns NOMEM
 */
enum status bn_steps_no_memory(const struct bn_steps *steps);

/**
 * bn_steps_check - tell how far the work is; OK, or CANCELLED when it is to stop
 */
enum status bn_steps_check(const struct bn_steps *steps) NODISCARD;

/**
 * bn_steps_split - number = high * 2^bits + low; three different numbers. False: no memory
 */
bool bn_steps_split(const BIGNUM *number, int bits, BIGNUM *high, BIGNUM *low) NODISCARD;

/**
 * bn_steps_join - result = high * 2^bits + low, where result may be either; spends scratch.
 * False: no memory
 */
bool bn_steps_join(
    BIGNUM *result, const BIGNUM *high, int bits, const BIGNUM *low, BIGNUM *scratch) NODISCARD;

/**
 * bn_steps_multiply - result = a * b, in the time that Karatsuba's method takes
 * @result: neither operand; the operands may be one number
 * Returns OK, CANCELLED or NOMEM; the result is undefined unless OK.
 */
enum status bn_steps_multiply(
    struct bn_steps *steps, BIGNUM *result, const BIGNUM *a, const BIGNUM *b) NODISCARD;

/**
 * bn_steps_divide - number = quotient * divisor + rest, in the time of a few multiplications
 * @quotient, @rest: two different numbers that are no operands
 * @number, @divisor: not negative; the divisor not zero
 * Returns OK, CANCELLED or NOMEM; the results are undefined unless OK.
 */
enum status bn_steps_divide(struct bn_steps *steps, BIGNUM *quotient, BIGNUM *rest,
    const BIGNUM *number, const BIGNUM *divisor) NODISCARD;

#endif
