/* SPDX-License-Identifier: MIT */
/*
 * Factorials from their prime factorisation (factorisation.h), by the bits of the exponents:
 *
 *	n! = 10^z m,    m = m[0],    m[k] = m[k + 1]^2 * product of the p whose e(p) has bit k
 *
 * P. Borwein, "On the Complexity of Calculating Factorials", J. Algorithms 6, 1985. The products of
 * primes are short beside m, so most of the work is squares of numbers that double in length. It
 * begins with the first m[k] that is short enough for a BN. Runs in the thread that asks, and
 * shares nothing.
 */
#include "kinds/factorial/factorial.h"

#include <math.h>
#include <openssl/err.h>

#include "kinds/factorial/bn_product.h"
#include "kinds/factorial/decimal/multiplier.h"
#include "kinds/factorial/factorisation.h"
#include "kinds/factorial/small_factorials.h"

/* What of the work is writing the digits. */
#define TEXT_SHARE 0.05

/* The sizes that n tells beforehand: bounds, in limbs and in words of 64 bits. */
struct sizes {
	size_t limbs;        /* of m */
	size_t factor_words; /* of the longest product of primes */
	size_t factor_limbs;
};

struct job {
	struct arena arena;
	struct effort effort;
	struct factorisation factorisation;
	struct multiplier multiplier;
	BIGNUM *number;
	uint64_t *words; /* of the product of primes at hand */
	struct decimal m;
	struct decimal factor;
	struct sizes sizes;
};

/* H. Robbins, "A Remark on Stirling's Formula", Amer. Math. Monthly 62, 1955. */
static double
digits_max(uint64_t n)
{
	const double pi = 3.14159265358979323846;
	double x = (double)n;

	return (x * log(x) - x + log(2 * pi * x) / 2 + 1 / (12 * x)) / log(10);
}

/*
 * The primes of a product are different and at most n, so it is at most e^theta(n), and theta(n) <
 * 1.01624 n (J. Rosser, L. Schoenfeld, 1962, (3.32)). A word holds two of them at least.
 */
static struct sizes
sizes_of(uint64_t n)
{
	size_t words = factorisation_primes_max(n) / 2 + 1;
	double bits = 1.01624 * (double)n / log(2) + (double)words;
	struct sizes sizes = {
		.limbs = multiplier_room((size_t)(digits_max(n) / LIMB_DIGITS) + 2),
		.factor_words = words > BN_PRODUCT_WORDS * 2 ? words : BN_PRODUCT_WORDS * 2,
		.factor_limbs = bn_product_room((uint64_t)bits + 1),
	};

	return sizes;
}

/* What job_open takes, and the most of what is taken meanwhile. */
static size_t
bytes_of(uint64_t n, const struct sizes *sizes)
{
	size_t limb = sizeof(uint64_t);
	size_t kept = factorisation_bytes(n) + multiplier_bytes(sizes->limbs) +
		      arena_size_of(sizes->limbs * limb) +
		      arena_size_of(sizes->factor_words * limb) +
		      arena_size_of(sizes->factor_limbs * limb);
	size_t square = multiplier_square_bytes(sizes->limbs / 2 + 1);
	size_t product = multiplier_product_bytes(sizes->factor_limbs) +
			 3 * arena_size_of(sizes->factor_limbs * limb);
	size_t text = arena_size_of(DECIMAL_TEXT_PIECE);
	size_t most = square > product ? square : product;

	return kept + (most > text ? most : text);
}

static enum status
job_open(struct job *job, uint64_t n)
{
	struct error *error = job->effort.error;
	enum status status;

	job->sizes = sizes_of(n);
	status = arena_open(bytes_of(n, &job->sizes), &job->arena, error);
	if (status != STATUS_OK)
		return status;
	status = factorisation_open(n, &job->arena, &job->effort, &job->factorisation);
	if (status == STATUS_OK)
		status = multiplier_open(
		    NULL, &job->arena, &job->effort, job->sizes.limbs, &job->multiplier);
	if (status != STATUS_OK)
		return status;
	job->m.capacity = job->sizes.limbs;
	job->m.limbs = arena_take(&job->arena, job->m.capacity * sizeof(uint64_t));
	job->factor.capacity = job->sizes.factor_limbs;
	job->factor.limbs = arena_take(&job->arena, job->factor.capacity * sizeof(uint64_t));
	job->words = arena_take(&job->arena, job->sizes.factor_words * sizeof(uint64_t));
	if (job->m.limbs == NULL || job->factor.limbs == NULL || job->words == NULL)
		return error_set(
		    error, STATUS_INTERNAL, "the memory that was planned is not enough");
	job->number = BN_new();
	return job->number != NULL ? STATUS_OK
				   : error_set(error, STATUS_NOMEM, "no memory for a number");
}

static void
job_close(struct job *job)
{
	BN_free(job->number);
	arena_close(&job->arena);
}

/* Factors on their way into as few words as come from multiplying while it fits. */
struct packer {
	uint64_t *words;
	size_t count;
	uint64_t word;
};

static void
pack(struct packer *packer, uint32_t factor)
{
	uint64_t word;

	if (!__builtin_mul_overflow(packer->word, factor, &word)) {
		packer->word = word;
		return;
	}
	packer->words[packer->count++] = packer->word;
	packer->word = factor;
}

static size_t
pack_last(struct packer *packer)
{
	packer->words[packer->count++] = packer->word;
	return packer->count;
}

/* The most bits that m[k] can have, up to what a BN is taken for or more. */
static uint64_t
bits_of_root(const struct factorisation *factorisation, int k)
{
	const struct prime_power *powers = factorisation->powers;
	uint64_t bits = 0;

	for (size_t i = 0; i < factorisation->count; i++) {
		/* Exponents fall from 7 on, so nothing is left where one has no bits. */
		if (powers[i].exponent >> k == 0 && powers[i].prime > 5)
			break;
		bits += (uint64_t)(powers[i].exponent >> k) *
			(32 - (uint64_t)__builtin_clz(powers[i].prime));
		if (bits > 64 * BN_PRODUCT_WORDS)
			break;
	}
	return bits;
}

/* The first m[k]: the product of all primes, as often as they are in it. */
static enum status
begin(struct job *job, int k)
{
	const struct factorisation *factorisation = &job->factorisation;
	struct packer packer = { .words = job->words, .word = 1 };

	for (size_t i = 0; i < factorisation->count; i++) {
		struct prime_power power = factorisation->powers[i];

		if (power.exponent >> k == 0 && power.prime > 5)
			break;
		for (uint32_t times = power.exponent >> k; times > 0; times--)
			pack(&packer, power.prime);
	}
	return bn_product(&job->multiplier, job->number, job->words, pack_last(&packer), &job->m);
}

/* m[k] from m[k + 1]. */
static enum status
go_on(struct job *job, int k, double share)
{
	const struct factorisation *factorisation = &job->factorisation;
	struct packer packer = { .words = job->words, .word = 1 };
	enum status status;
	size_t words;

	for (size_t i = 0; i < factorisation->count; i++) {
		struct prime_power power = factorisation->powers[i];

		if (power.exponent >> k == 0 && power.prime > 5)
			break;
		if ((power.exponent >> k) % 2 == 1)
			pack(&packer, power.prime);
	}
	words = pack_last(&packer);
	effort_begin_share(&job->effort, share,
	    multiplier_square_effort(job->m.count) +
		multiplier_product_effort(2 * job->m.count, words));
	status = multiplier_square(&job->multiplier, &job->m);
	if (status == STATUS_OK)
		status = bn_product(&job->multiplier, job->number, job->words, words, &job->factor);
	if (status == STATUS_OK)
		status = multiplier_product(&job->multiplier, &job->m, &job->factor);
	return status;
}

static enum status
write_digits(struct job *job, const struct digit_sink *sink)
{
	uint64_t zeros = job->factorisation.zeros;
	char *buffer = arena_take(&job->arena, decimal_text_buffer(job->m.count, zeros));

	if (buffer == NULL)
		return error_set(job->effort.error, STATUS_INTERNAL,
		    "the memory that was planned for the digits is not enough");
	effort_begin_share(
	    &job->effort, TEXT_SHARE, (double)job->m.count * LIMB_DIGITS + (double)zeros);
	return decimal_text_write(&job->m, zeros, buffer, sink, &job->effort);
}

/* m[k] has about this length, and making it takes time in proportion. */
static double
weight_of(uint64_t n, int k)
{
	double x = (double)(n >> k);

	return x * log(x + 1);
}

static enum status
compute(struct job *job, uint64_t n, const struct digit_sink *sink)
{
	enum status status = job_open(job, n);
	double all = 0;
	int k = 0;

	while (status == STATUS_OK && bits_of_root(&job->factorisation, k) > 64 * BN_PRODUCT_WORDS)
		all += weight_of(n, k++);
	if (status == STATUS_OK)
		status = begin(job, k);
	while (status == STATUS_OK && k > 0) {
		k--;
		status = go_on(job, k, (1 - TEXT_SHARE) * weight_of(n, k) / all);
	}
	if (status == STATUS_OK)
		status = write_digits(job, sink);
	job_close(job);
	/* What BN noted about a failure would stay with the thread. */
	if (status == STATUS_NOMEM)
		ERR_clear_error();
	return status;
}

size_t
factorial_bytes(uint64_t n)
{
	struct sizes sizes;

	if (n <= SMALL_FACTORIALS_N_MAX)
		return 0;
	sizes = sizes_of(n);
	return bytes_of(n, &sizes);
}

enum status
factorial_decimal(uint64_t n, const struct effort_watch *watch, const struct digit_sink *sink,
    struct error *error)
{
	struct job job = { .effort = { .watch = watch, .error = error } };
	const char *digits;
	size_t size;

	if (n > FACTORIAL_N_LIMIT)
		return error_set(error, STATUS_INVALID, "n is over %d", FACTORIAL_N_LIMIT);
	if (watch != NULL && watch->is_to_stop(watch->context))
		return error_set(error, STATUS_CANCELLED, "the factorial was stopped");
	digits = small_factorials_digits(n, &size);
	if (digits == NULL)
		return compute(&job, n, sink);
	return sink->write(sink->context, digits, size, error);
}
