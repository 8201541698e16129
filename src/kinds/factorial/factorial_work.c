/* SPDX-License-Identifier: MIT */
/* Counts work; see factorial_work.h. Any thread. Follows what factorial.c and bn_steps.c do. */
#include "kinds/factorial/factorial_work.h"

#define WORD_BITS 64

/* Below this OpenSSL multiplies every word with every word. */
#define KARATSUBA_WORDS 16

/* Below this a conversion divides word by word: LEAF_DIGITS of factorial.c, in words. */
#define CONVERSION_LEAF_WORDS 16

uint64_t
factorial_work_multiply(int long_words, int short_words)
{
	uint64_t work = 1;

	while (short_words > KARATSUBA_WORDS) {
		long_words = (long_words + 1) / 2;
		short_words = (short_words + 1) / 2;
		work *= 3;
	}
	return work * (uint64_t)long_words * (uint64_t)short_words;
}

uint64_t
factorial_work_divide(int quotient_words, int divisor_words)
{
	return quotient_words > 0 ? (uint64_t)quotient_words * (uint64_t)divisor_words : 0;
}

/* The words of n!, from Stirling's formula with the logarithm between powers of two a line. */
static int
factorial_words(uint64_t n)
{
	double log2 = 0;
	double power = 1; /* the greatest of two that is not more than n */

	for (uint64_t rest = n; rest > 1; rest /= 2) {
		power *= 2;
		log2++;
	}
	log2 += (double)n / power - 1;
	return log2 > 1.5 ? (int)((double)n * (log2 - 1.4427) / WORD_BITS) + 1 : 1;
}

/* The product tree: every product of two halves. */
static uint64_t
product_work(int words)
{
	uint64_t work = 0;

	for (uint64_t count = 1; words > 1; count *= 2) {
		words = (words + 1) / 2;
		work += count * factorial_work_multiply(words, words);
	}
	return work;
}

/* A division of a number of twice so many words by one of so many, see bn_steps_divide. */
static uint64_t
halving_work(int words)
{
	uint64_t work = 0;
	uint64_t count = 1;

	while (words > 50) {
		words = (words + 1) / 2;
		count *= 2;
		work += count * factorial_work_multiply(words, words);
	}
	return work + count * factorial_work_divide(words, words);
}

/* The conversion: powers of five by squaring, and every division into halves. */
static uint64_t
conversion_work(int words)
{
	uint64_t work = 0;

	for (uint64_t count = 1; words > CONVERSION_LEAF_WORDS; count *= 2) {
		words = (words + 1) / 2;
		work += count * halving_work(words) + factorial_work_multiply(words, words) / 3;
	}
	return work;
}

uint64_t
factorial_work(uint64_t n)
{
	int words = factorial_words(n);

	return product_work(words) + conversion_work(words);
}
