/* SPDX-License-Identifier: MIT */
/*
 * Factorials on OpenSSL's BN: a balanced product tree, then a divide-and-conquer conversion to
 * decimal. Runs in the thread that asks, shares nothing, and asks before every step of bounded work
 * whether it is to stop. Must not know tasks or outputs.
 */
#include "kinds/factorial/factorial.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "kinds/factorial/bn_steps.h"
#include "kinds/factorial/factorial_work.h"
#include "kinds/factorial/small_factorials.h"

/* Up to this many factors are multiplied one after the other. */
#define PRODUCT_LEAF_FACTORS 32

/* The conversion ends at numbers of this many decimal groups, which it divides word by word. */
#define GROUP_DIGITS 19
#define GROUP_POWER  UINT64_C(10000000000000000000) /* 10 to the power of GROUP_DIGITS */
#define LEAF_GROUPS  16
#define LEAF_DIGITS  (GROUP_DIGITS * LEAF_GROUPS)
#define LEVELS_MAX   24 /* LEAF_DIGITS << 24 is far more digits than the largest factorial has */
#define BUFFER_BYTES 16384

struct job {
	struct bn_steps steps;
	const struct factorial_sink *sink;
	BIGNUM *fives[LEVELS_MAX]; /* [i] is 5 to the power of LEAF_DIGITS << i */
	char *buffer;              /* digits on their way to the sink */
	size_t buffered;
};

/*
 * result = first * (first + step) * (first + 2 step) * ... up to n.
 * Halving by stride rather than by range keeps the two halves within a few bits of one length.
 */
static enum status
product(struct job *job, BIGNUM *result, uint64_t first, uint64_t step, uint64_t n)
{
	enum status status = STATUS_OK;
	BIGNUM *even, *odd;

	if ((n - first) / step < PRODUCT_LEAF_FACTORS) {
		uint64_t word = 1;

		if (!BN_one(result))
			return bn_steps_no_memory(&job->steps);
		for (uint64_t factor = first; factor <= n; factor += step) {
			if (word <= UINT64_MAX / factor) {
				word *= factor;
				continue;
			}
			if (!BN_mul_word(result, word))
				return bn_steps_no_memory(&job->steps);
			word = factor;
		}
		return BN_mul_word(result, word) ? STATUS_OK : bn_steps_no_memory(&job->steps);
	}

	BN_CTX_start(job->steps.ctx);
	even = BN_CTX_get(job->steps.ctx);
	odd = BN_CTX_get(job->steps.ctx);
	if (odd == NULL)
		status = bn_steps_no_memory(&job->steps);
	if (status == STATUS_OK)
		status = product(job, even, first, 2 * step, n);
	if (status == STATUS_OK)
		status = product(job, odd, first + step, 2 * step, n);
	if (status == STATUS_OK)
		status = bn_steps_multiply(&job->steps, result, even, odd);
	BN_CTX_end(job->steps.ctx);
	return status;
}

static enum status
flush_digits(struct job *job)
{
	size_t size = job->buffered;

	job->buffered = 0;
	return size == 0
		   ? STATUS_OK
		   : job->sink->write(job->sink->context, job->buffer, size, job->steps.error);
}

/* Writes a number below 10^LEAF_DIGITS; with all its leading zeros unless it is the first. */
static enum status
write_leaf(struct job *job, BIGNUM *number, bool is_first)
{
	char digits[LEAF_DIGITS];
	const char *begin = digits;
	size_t size = sizeof(digits);
	enum status status;

	for (char *at = digits + sizeof(digits); at > digits;) {
		BN_ULONG group = BN_div_word(number, GROUP_POWER);

		if (group == (BN_ULONG)-1)
			return bn_steps_no_memory(&job->steps);
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
	BN_CTX_start(job->steps.ctx);
	quotient = BN_CTX_get(job->steps.ctx);
	rest = BN_CTX_get(job->steps.ctx);
	BN_CTX_start(job->steps.ctx);
	shifted = BN_CTX_get(job->steps.ctx);
	low = BN_CTX_get(job->steps.ctx);
	if (low == NULL || !bn_steps_split(number, bits, shifted, low))
		status = bn_steps_no_memory(&job->steps);
	else
		status =
		    bn_steps_divide(&job->steps, quotient, rest, shifted, job->fives[level - 1]);
	if (status == STATUS_OK && !bn_steps_join(rest, rest, bits, low, shifted))
		status = bn_steps_no_memory(&job->steps);
	/* The recursion uses again what was needed up to here. */
	BN_CTX_end(job->steps.ctx);
	if (status == STATUS_OK && !(is_first && BN_is_zero(quotient))) {
		status = write_number(job, quotient, level - 1, is_first);
		is_first = false;
	}
	if (status == STATUS_OK)
		status = write_number(job, rest, level - 1, is_first);
	BN_CTX_end(job->steps.ctx);
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
			return bn_steps_no_memory(&job->steps);
		if (level > 0) {
			status = bn_steps_multiply(
			    &job->steps, five, job->fives[level - 1], job->fives[level - 1]);
			if (status != STATUS_OK)
				return status;
		} else {
			if (!BN_one(five))
				return bn_steps_no_memory(&job->steps);
			for (int i = 0; i < LEAF_DIGITS; i++) {
				if (!BN_mul_word(five, 5))
					return bn_steps_no_memory(&job->steps);
			}
		}
		level++;
	}
	*ret_level = level;
	return STATUS_OK;
}

static enum status
compute(uint64_t n, const struct factorial_stop *stop, const struct factorial_sink *sink,
    struct error *error)
{
	struct job job = {
		.steps = { .stop = stop, .error = error, .work_total = factorial_work(n) },
		.sink = sink,
	};
	BIGNUM *number = NULL;
	enum status status;
	int level = 0;

	job.steps.ctx = BN_CTX_new();
	job.buffer = malloc(BUFFER_BYTES);
	number = BN_new();
	if (job.steps.ctx == NULL || job.buffer == NULL || number == NULL) {
		status = bn_steps_no_memory(&job.steps);
		goto out;
	}
	status = product(&job, number, 1, 1, n);
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
	BN_CTX_free(job.steps.ctx);
	/* What BN noted about a failure would stay with the thread. */
	if (status == STATUS_NOMEM)
		ERR_clear_error();
	return status;
}

enum status
factorial_decimal(uint64_t n, const struct factorial_stop *stop, const struct factorial_sink *sink,
    struct error *error)
{
	const char *digits;
	size_t size;

	if (n > FACTORIAL_N_LIMIT)
		return error_set(error, STATUS_INVALID, "n is over %d", FACTORIAL_N_LIMIT);
	if (stop != NULL && stop->is_wanted(stop->context))
		return error_set(error, STATUS_CANCELLED, "the factorial was stopped");
	digits = small_factorials_digits(n, &size);
	if (digits == NULL)
		return compute(n, stop, sink, error);
	return sink->write(sink->context, digits, size, error);
}
