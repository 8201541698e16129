/* SPDX-License-Identifier: MIT */
/*
 * Multiplying and dividing large BNs in steps of bounded work, with a question before each larger
 * one whether to stop. Runs in the caller's thread, shares nothing.
 *
 * OpenSSL multiplies in sub-quadratic time only when the operands' lengths differ by at most one
 * word, and it always divides in quadratic time. So unequal operands are cut into equal ones here,
 * and divisions are turned into multiplications.
 */
#include "kinds/factorial/bn_steps.h"

#include "kinds/factorial/factorial_work.h"

#define WORD_BITS 64

/* Operands up to this many words go to BN_mul whatever their lengths are: a few microseconds. */
#define MULTIPLY_SMALL_WORDS 64

/* Operands of one length go to BN_mul in one step up to this many words: a few milliseconds. */
#define MULTIPLY_STEP_WORDS 8192

/* Divisions up to this many word products (quotient times divisor) go to BN_div: the same. */
#define DIVIDE_SMALL_WORK 2500

enum status
bn_steps_no_memory(const struct bn_steps *steps)
{
	return error_set(steps->error, STATUS_NOMEM, "no memory for the factorial's numbers");
}

enum status
bn_steps_check(const struct bn_steps *steps)
{
	const struct factorial_stop *stop = steps->stop;

	if (stop == NULL)
		return STATUS_OK;
	if (stop->is_wanted(stop->context))
		return error_set(steps->error, STATUS_CANCELLED, "the factorial was stopped");
	/* The estimate may be passed, but whoever is asked whether to go on is not done. */
	if (stop->progressed != NULL && steps->work_total > 0)
		stop->progressed(stop->context,
		    steps->work < steps->work_total ? steps->work : steps->work_total - 1,
		    steps->work_total);
	return STATUS_OK;
}

static int
words(const BIGNUM *number)
{
	return (BN_num_bits(number) + WORD_BITS - 1) / WORD_BITS;
}

bool
bn_steps_split(const BIGNUM *number, int bits, BIGNUM *high, BIGNUM *low)
{
	if (!BN_rshift(high, number, bits) || !BN_copy(low, number))
		return false;
	/* BN_mask_bits fails when there is nothing to cut off. */
	return BN_num_bits(low) <= bits || BN_mask_bits(low, bits);
}

bool
bn_steps_join(BIGNUM *result, const BIGNUM *high, int bits, const BIGNUM *low, BIGNUM *scratch)
{
	return BN_lshift(scratch, high, bits) && BN_add(result, scratch, low);
}

/*
 * result = a * b where `longer` is cut at `bits` and each part is multiplied by `shorter`, whose
 * length the cut is a multiple of: so most of the work is on operands of one length.
 */
static enum status
multiply_parts(
    struct bn_steps *steps, BIGNUM *result, const BIGNUM *longer, const BIGNUM *shorter, int bits)
{
	BIGNUM *high, *low, *scratch;
	enum status status;

	BN_CTX_start(steps->ctx);
	high = BN_CTX_get(steps->ctx);
	low = BN_CTX_get(steps->ctx);
	scratch = BN_CTX_get(steps->ctx);
	if (scratch == NULL || !bn_steps_split(longer, bits, high, low))
		status = bn_steps_no_memory(steps);
	else
		status = bn_steps_multiply(steps, result, high, shorter);
	if (status == STATUS_OK)
		status = bn_steps_multiply(steps, high, low, shorter);
	if (status == STATUS_OK && !bn_steps_join(result, result, bits, high, scratch))
		status = bn_steps_no_memory(steps);
	BN_CTX_end(steps->ctx);
	return status;
}

/* result = a * b by Karatsuba's three products of parts that are cut at `bits`. */
static enum status
multiply_halves(struct bn_steps *steps, BIGNUM *result, const BIGNUM *a, const BIGNUM *b, int bits)
{
	BIGNUM *a_high, *a_low, *b_high, *b_low, *high, *low, *scratch;
	enum status status;

	BN_CTX_start(steps->ctx);
	a_high = BN_CTX_get(steps->ctx);
	a_low = BN_CTX_get(steps->ctx);
	b_high = BN_CTX_get(steps->ctx);
	b_low = BN_CTX_get(steps->ctx);
	high = BN_CTX_get(steps->ctx);
	low = BN_CTX_get(steps->ctx);
	scratch = BN_CTX_get(steps->ctx);
	if (scratch == NULL || !bn_steps_split(a, bits, a_high, a_low) ||
	    !bn_steps_split(b, bits, b_high, b_low))
		status = bn_steps_no_memory(steps);
	else
		status = bn_steps_multiply(steps, high, a_high, b_high);
	if (status == STATUS_OK)
		status = bn_steps_multiply(steps, low, a_low, b_low);
	if (status == STATUS_OK && (!BN_add(a_low, a_low, a_high) || !BN_add(b_low, b_low, b_high)))
		status = bn_steps_no_memory(steps);
	if (status == STATUS_OK)
		status = bn_steps_multiply(steps, result, a_low, b_low);
	/* Joining is linear, but at the largest n it takes tens of milliseconds, at every level. */
	if (status == STATUS_OK)
		status = bn_steps_check(steps);
	/* What lies between high and low: the product of the sums without the two. */
	if (status == STATUS_OK && (!BN_sub(result, result, high) || !BN_sub(result, result, low) ||
				       !bn_steps_join(high, high, bits, result, scratch)))
		status = bn_steps_no_memory(steps);
	if (status == STATUS_OK)
		status = bn_steps_check(steps);
	if (status == STATUS_OK && !bn_steps_join(result, high, bits, low, scratch))
		status = bn_steps_no_memory(steps);
	BN_CTX_end(steps->ctx);
	return status;
}

/* Leaves a product to OpenSSL. */
static enum status
multiply_step(struct bn_steps *steps, BIGNUM *result, const BIGNUM *longer, const BIGNUM *shorter)
{
	steps->work += factorial_work_multiply(words(longer), words(shorter));
	return BN_mul(result, longer, shorter, steps->ctx) ? STATUS_OK : bn_steps_no_memory(steps);
}

enum status
bn_steps_multiply(struct bn_steps *steps, BIGNUM *result, const BIGNUM *a, const BIGNUM *b)
{
	const BIGNUM *longer = words(a) >= words(b) ? a : b;
	const BIGNUM *shorter = longer == a ? b : a;
	int long_words = words(longer);
	int short_words = words(shorter);
	enum status status;

	if (long_words <= MULTIPLY_SMALL_WORDS)
		return multiply_step(steps, result, longer, shorter);
	status = bn_steps_check(steps);
	if (status != STATUS_OK)
		return status;
	if ((long_words - short_words <= 1 && long_words <= MULTIPLY_STEP_WORDS) ||
	    (short_words <= MULTIPLY_SMALL_WORDS && long_words <= MULTIPLY_STEP_WORDS))
		return multiply_step(steps, result, longer, shorter);
	if (long_words - short_words <= 1)
		return multiply_halves(steps, result, a, b, (long_words + 1) / 2 * WORD_BITS);
	if (short_words <= MULTIPLY_SMALL_WORDS)
		return multiply_parts(steps, result, longer, shorter, long_words / 2 * WORD_BITS);
	return multiply_parts(steps, result, longer, shorter,
	    (long_words / short_words + 1) / 2 * short_words * WORD_BITS);
}

/*
 * A division whose quotient is `bits` shorter than its divisor: the quotient of the leading parts
 * is the quotient or a little more, and the product with the rest of the divisor tells.
 */
static enum status
divide_leading(struct bn_steps *steps, BIGNUM *quotient, BIGNUM *rest, const BIGNUM *number,
    const BIGNUM *divisor, int bits)
{
	BIGNUM *number_high, *number_low, *divisor_high, *divisor_low;
	enum status status;

	BN_CTX_start(steps->ctx);
	number_high = BN_CTX_get(steps->ctx);
	number_low = BN_CTX_get(steps->ctx);
	divisor_high = BN_CTX_get(steps->ctx);
	divisor_low = BN_CTX_get(steps->ctx);
	if (divisor_low == NULL || !bn_steps_split(number, bits, number_high, number_low) ||
	    !bn_steps_split(divisor, bits, divisor_high, divisor_low))
		status = bn_steps_no_memory(steps);
	else
		status = bn_steps_divide(steps, quotient, rest, number_high, divisor_high);
	if (status == STATUS_OK && !bn_steps_join(rest, rest, bits, number_low, number_high))
		status = bn_steps_no_memory(steps);
	if (status == STATUS_OK)
		status = bn_steps_multiply(steps, number_high, quotient, divisor_low);
	if (status == STATUS_OK && !BN_sub(rest, rest, number_high))
		status = bn_steps_no_memory(steps);
	/* At most twice, since the leading part of the divisor is longer than the quotient. */
	while (status == STATUS_OK && BN_is_negative(rest)) {
		if (!BN_add(rest, rest, divisor) || !BN_sub_word(quotient, 1))
			status = bn_steps_no_memory(steps);
	}
	BN_CTX_end(steps->ctx);
	return status;
}

/* Long division with two digits: the halves of the quotient, of which the low one has `bits`. */
static enum status
divide_halves(struct bn_steps *steps, BIGNUM *quotient, BIGNUM *rest, const BIGNUM *number,
    const BIGNUM *divisor, int bits)
{
	BIGNUM *high, *low, *low_quotient;
	enum status status;

	BN_CTX_start(steps->ctx);
	high = BN_CTX_get(steps->ctx);
	low = BN_CTX_get(steps->ctx);
	low_quotient = BN_CTX_get(steps->ctx);
	if (low_quotient == NULL || !bn_steps_split(number, bits, high, low))
		status = bn_steps_no_memory(steps);
	else
		status = bn_steps_divide(steps, quotient, rest, high, divisor);
	if (status == STATUS_OK && !bn_steps_join(low, rest, bits, low, high))
		status = bn_steps_no_memory(steps);
	if (status == STATUS_OK)
		status = bn_steps_divide(steps, low_quotient, rest, low, divisor);
	if (status == STATUS_OK && !bn_steps_join(quotient, quotient, bits, low_quotient, high))
		status = bn_steps_no_memory(steps);
	BN_CTX_end(steps->ctx);
	return status;
}

/* C. Burnikel, J. Ziegler, "Fast Recursive Division", Max-Planck-Institut MPI-I-98-1-022, 1998. */
enum status
bn_steps_divide(struct bn_steps *steps, BIGNUM *quotient, BIGNUM *rest, const BIGNUM *number,
    const BIGNUM *divisor)
{
	int divisor_words = words(divisor);
	int quotient_words = words(number) - divisor_words + 1;
	bool is_small = quotient_words < 2 || divisor_words < 2 ||
			(int64_t)quotient_words * divisor_words <= DIVIDE_SMALL_WORK;
	enum status status = is_small ? STATUS_OK : bn_steps_check(steps);

	if (status != STATUS_OK)
		return status;
	if (is_small) {
		steps->work += factorial_work_divide(quotient_words, divisor_words);
		return BN_div(quotient, rest, number, divisor, steps->ctx)
			   ? STATUS_OK
			   : bn_steps_no_memory(steps);
	}
	if (quotient_words + 1 < divisor_words)
		return divide_leading(steps, quotient, rest, number, divisor,
		    (divisor_words - quotient_words - 1) * WORD_BITS);
	return divide_halves(
	    steps, quotient, rest, number, divisor, quotient_words / 2 * WORD_BITS);
}
