/* SPDX-License-Identifier: MIT */
/*
 * Factorials on OpenSSL's BN: a balanced product tree, then a divide-and-conquer conversion to
 * decimal. Runs in the thread that asks, shares nothing, and looks at the stop flag before every
 * step of bounded work. The only file that knows BN; must not know tasks or outputs.
 *
 * OpenSSL multiplies in sub-quadratic time only when the operands' lengths differ by at most one
 * word, and it always divides in quadratic time: the shape of both halves follows from that.
 */
#include "kinds/factorial/factorial.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BITS 64

/* Up to this many factors are multiplied one after the other. */
#define PRODUCT_LEAF_FACTORS 32

/* Operands up to this many words go to BN_mul in one step. */
#define MULTIPLY_STEP_WORDS 8192

/* Divisions up to this many word products (quotient times divisor) go to BN_div in one step. */
#define DIVIDE_STEP_WORK (8 * 1024 * 1024)

/* The conversion ends at numbers of this many decimal groups, which it divides word by word. */
#define GROUP_DIGITS 19
#define GROUP_POWER  UINT64_C(10000000000000000000) /* 10 to the power of GROUP_DIGITS */
#define LEAF_GROUPS  16
#define LEAF_DIGITS  (GROUP_DIGITS * LEAF_GROUPS)
#define LEVELS_MAX   24 /* LEAF_DIGITS << 24 is far more digits than the largest factorial has */
#define BUFFER_BYTES 16384

struct job {
	const atomic_bool *stop;
	const struct factorial_sink *sink;
	struct error *error;
	BN_CTX *ctx;
	BIGNUM *fives[LEVELS_MAX]; /* [i] is 5 to the power of LEAF_DIGITS << i */
	char *buffer;              /* digits on their way to the sink */
	size_t buffered;
};

static enum status
no_memory(const struct job *job)
{
	return error_set(job->error, STATUS_NOMEM, "no memory for the factorial's numbers");
}

static enum status
check_stop(const struct job *job)
{
	if (job->stop != NULL && atomic_load_explicit(job->stop, memory_order_relaxed))
		return error_set(job->error, STATUS_CANCELLED, "the factorial was stopped");
	return STATUS_OK;
}

static int
words(const BIGNUM *number)
{
	return (BN_num_bits(number) + WORD_BITS - 1) / WORD_BITS;
}

/* number = high * 2^bits + low */
static bool
split(const BIGNUM *number, int bits, BIGNUM *high, BIGNUM *low)
{
	if (!BN_rshift(high, number, bits) || !BN_copy(low, number))
		return false;
	/* BN_mask_bits fails when there is nothing to cut off. */
	return BN_num_bits(low) <= bits || BN_mask_bits(low, bits);
}

/* result = high * 2^bits + low; result may be either */
static bool
join(BIGNUM *result, const BIGNUM *high, int bits, const BIGNUM *low, BIGNUM *scratch)
{
	return BN_lshift(scratch, high, bits) && BN_add(result, scratch, low);
}

/*
 * result = a * b, in steps: Karatsuba's three products of halves until a product is small enough
 * for one. `result` is neither operand; the operands may be one.
 */
static enum status
multiply(struct job *job, BIGNUM *result, const BIGNUM *a, const BIGNUM *b)
{
	enum status status = check_stop(job);
	BIGNUM *a_high, *a_low, *b_high, *b_low, *high, *low, *scratch;
	int bits;

	if (status != STATUS_OK)
		return status;
	if (words(a) <= MULTIPLY_STEP_WORDS || words(b) <= MULTIPLY_STEP_WORDS)
		return BN_mul(result, a, b, job->ctx) ? STATUS_OK : no_memory(job);

	bits = (words(a) > words(b) ? words(a) : words(b)) / 2 * WORD_BITS;
	BN_CTX_start(job->ctx);
	a_high = BN_CTX_get(job->ctx);
	a_low = BN_CTX_get(job->ctx);
	b_high = BN_CTX_get(job->ctx);
	b_low = BN_CTX_get(job->ctx);
	high = BN_CTX_get(job->ctx);
	low = BN_CTX_get(job->ctx);
	scratch = BN_CTX_get(job->ctx);
	status = no_memory(job);
	if (scratch == NULL || !split(a, bits, a_high, a_low) || !split(b, bits, b_high, b_low))
		goto out;
	status = multiply(job, high, a_high, b_high);
	if (status == STATUS_OK)
		status = multiply(job, low, a_low, b_low);
	if (status != STATUS_OK)
		goto out;
	if (!BN_add(a_low, a_low, a_high) || !BN_add(b_low, b_low, b_high)) {
		status = no_memory(job);
		goto out;
	}
	status = multiply(job, result, a_low, b_low);
	if (status != STATUS_OK)
		goto out;
	/* What lies between high and low: the product of the sums without the two. */
	if (!BN_sub(result, result, high) || !BN_sub(result, result, low) ||
	    !join(high, high, bits, result, scratch) || !join(result, high, bits, low, scratch))
		status = no_memory(job);
out:
	BN_CTX_end(job->ctx);
	return status;
}

/*
 * number = quotient * divisor + rest, in steps: long division with two digits, each half of the
 * quotient, until a division is small enough for one. `quotient` and `rest` may not be operands.
 */
static enum status
divide(struct job *job, BIGNUM *quotient, BIGNUM *rest, const BIGNUM *number, const BIGNUM *divisor)
{
	enum status status = check_stop(job);
	int quotient_words = words(number) - words(divisor) + 1;
	BIGNUM *high, *low, *low_quotient;
	int bits;

	if (status != STATUS_OK)
		return status;
	if (quotient_words < 4 || (int64_t)quotient_words * words(divisor) <= DIVIDE_STEP_WORK)
		return BN_div(quotient, rest, number, divisor, job->ctx) ? STATUS_OK
									 : no_memory(job);

	bits = quotient_words / 2 * WORD_BITS;
	BN_CTX_start(job->ctx);
	high = BN_CTX_get(job->ctx);
	low = BN_CTX_get(job->ctx);
	low_quotient = BN_CTX_get(job->ctx);
	status = no_memory(job);
	if (low_quotient == NULL || !split(number, bits, high, low))
		goto out;
	status = divide(job, quotient, rest, high, divisor);
	if (status != STATUS_OK)
		goto out;
	if (!join(low, rest, bits, low, high)) {
		status = no_memory(job);
		goto out;
	}
	status = divide(job, low_quotient, rest, low, divisor);
	if (status == STATUS_OK && !join(quotient, quotient, bits, low_quotient, high))
		status = no_memory(job);
out:
	BN_CTX_end(job->ctx);
	return status;
}

/*
 * result = first * (first + step) * (first + 2 step) * ... up to n.
 * Halving by stride rather than by range keeps the two halves within a few bits of one length.
 */
static enum status
product(struct job *job, BIGNUM *result, uint64_t first, uint64_t step, uint64_t n)
{
	enum status status = check_stop(job);
	BIGNUM *even, *odd;

	if (status != STATUS_OK)
		return status;
	if ((n - first) / step < PRODUCT_LEAF_FACTORS) {
		uint64_t word = 1;

		if (!BN_one(result))
			return no_memory(job);
		for (uint64_t factor = first; factor <= n; factor += step) {
			if (word <= UINT64_MAX / factor) {
				word *= factor;
				continue;
			}
			if (!BN_mul_word(result, word))
				return no_memory(job);
			word = factor;
		}
		return BN_mul_word(result, word) ? STATUS_OK : no_memory(job);
	}

	BN_CTX_start(job->ctx);
	even = BN_CTX_get(job->ctx);
	odd = BN_CTX_get(job->ctx);
	if (odd == NULL)
		status = no_memory(job);
	if (status == STATUS_OK)
		status = product(job, even, first, 2 * step, n);
	if (status == STATUS_OK)
		status = product(job, odd, first + step, 2 * step, n);
	if (status == STATUS_OK)
		status = multiply(job, result, even, odd);
	BN_CTX_end(job->ctx);
	return status;
}

static enum status
flush_digits(struct job *job)
{
	size_t size = job->buffered;

	job->buffered = 0;
	return size == 0 ? STATUS_OK
			 : job->sink->write(job->sink->context, job->buffer, size, job->error);
}

/* Writes a number below 10^LEAF_DIGITS; with all its leading zeros unless it is the first. */
static enum status
write_leaf(struct job *job, BIGNUM *number, bool is_first)
{
	char digits[LEAF_DIGITS];
	const char *begin = digits;
	size_t size = sizeof(digits);
	enum status status;

	for (char *at = digits + LEAF_DIGITS; at > digits;) {
		BN_ULONG group = BN_div_word(number, GROUP_POWER);

		if (group == (BN_ULONG)-1)
			return no_memory(job);
		for (int i = 0; i < GROUP_DIGITS; i++) {
			*--at = (char)('0' + group % 10);
			group /= 10;
		}
	}
	while (is_first && size > 1 && *begin == '0') {
		begin++;
		size--;
	}
	if (size > BUFFER_BYTES - job->buffered) {
		status = flush_digits(job);
		if (status != STATUS_OK)
			return status;
	}
	memcpy(job->buffer + job->buffered, begin, size);
	job->buffered += size;
	return STATUS_OK;
}

/*
 * Writes a number below 10^(LEAF_DIGITS << level), and spends it. Divides by the power of ten in
 * the middle: its power of two is a shift, and the rest, a power of five, is three tenths shorter.
 */
static enum status
write_number(struct job *job, BIGNUM *number, int level, bool is_first)
{
	BIGNUM *shifted, *low, *quotient, *rest;
	enum status status;
	int bits;

	if (level == 0)
		return write_leaf(job, number, is_first);
	bits = LEAF_DIGITS << (level - 1);
	BN_CTX_start(job->ctx);
	quotient = BN_CTX_get(job->ctx);
	rest = BN_CTX_get(job->ctx);
	BN_CTX_start(job->ctx);
	shifted = BN_CTX_get(job->ctx);
	low = BN_CTX_get(job->ctx);
	if (low == NULL || !split(number, bits, shifted, low))
		status = no_memory(job);
	else
		status = divide(job, quotient, rest, shifted, job->fives[level - 1]);
	if (status == STATUS_OK && !join(rest, rest, bits, low, shifted))
		status = no_memory(job);
	/* The recursion uses again what was needed up to here. */
	BN_CTX_end(job->ctx);
	if (status == STATUS_OK && !(is_first && BN_is_zero(quotient))) {
		status = write_number(job, quotient, level - 1, is_first);
		is_first = false;
	}
	if (status == STATUS_OK)
		status = write_number(job, rest, level - 1, is_first);
	BN_CTX_end(job->ctx);
	return status;
}

/* Makes the powers of five for `number`; the level is such that 10^(LEAF_DIGITS << level) > it. */
static enum status
prepare_fives(struct job *job, const BIGNUM *number, int *ret_level)
{
	enum status status = STATUS_OK;
	int level = 0;

	/* 10^d has more than 3.3219 d bits, so a number with at most that many is smaller. */
	while ((int64_t)BN_num_bits(number) * 10000 > ((int64_t)LEAF_DIGITS << level) * 33219) {
		BIGNUM *five = BN_new();

		job->fives[level] = five;
		if (five == NULL)
			return no_memory(job);
		if (level > 0) {
			status = multiply(job, five, job->fives[level - 1], job->fives[level - 1]);
			if (status != STATUS_OK)
				return status;
		} else {
			if (!BN_one(five))
				return no_memory(job);
			for (int i = 0; i < LEAF_DIGITS; i++) {
				if (!BN_mul_word(five, 5))
					return no_memory(job);
			}
		}
		level++;
	}
	*ret_level = level;
	return STATUS_OK;
}

enum status
factorial_decimal(
    uint64_t n, const atomic_bool *stop, const struct factorial_sink *sink, struct error *error)
{
	struct job job = { .stop = stop, .sink = sink, .error = error };
	BIGNUM *number = NULL;
	enum status status;
	int level = 0;

	if (n > FACTORIAL_N_LIMIT)
		return error_set(error, STATUS_INVALID, "n is over %d", FACTORIAL_N_LIMIT);
	job.ctx = BN_CTX_new();
	job.buffer = malloc(BUFFER_BYTES);
	number = BN_new();
	if (job.ctx == NULL || job.buffer == NULL || number == NULL) {
		status = no_memory(&job);
		goto out;
	}
	status = product(&job, number, 1, 1, n == 0 ? 1 : n);
	if (status == STATUS_OK)
		status = prepare_fives(&job, number, &level);
	if (status == STATUS_OK)
		status = write_number(&job, number, level, true);
	if (status == STATUS_OK)
		status = flush_digits(&job);
out:
	for (size_t i = 0; i < LEVELS_MAX; i++)
		BN_free(job.fives[i]);
	BN_free(number);
	free(job.buffer);
	BN_CTX_free(job.ctx);
	/* What BN noted about a failure would stay with the thread. */
	if (status == STATUS_NOMEM)
		ERR_clear_error();
	return status;
}
