/* SPDX-License-Identifier: MIT */
/*
 * n! = n * (n - 1)!, digit by digit as on paper, for the few n for which that is no loss. The table
 * is made once and only read afterwards.
 */
#include "kinds/factorial/small_factorials.h"

#include <assert.h>
#include <pthread.h>

#define DIGITS_MAX 375   /* of the last one */
#define DIGITS_ALL 33549 /* of all of them */

static struct {
	char digits[DIGITS_ALL];
	size_t begin[SMALL_FACTORIALS_N_MAX + 2]; /* of each, and behind the last */
} table;

/* Multiplies a number of `size` digits, the least significant first, and returns its new size. */
static size_t
multiply(unsigned char *digits, size_t size, unsigned factor)
{
	unsigned carry = 0;

	for (size_t i = 0; i < size || carry > 0; i++) {
		assert(i < DIGITS_MAX);
		carry += i < size ? digits[i] * factor : 0;
		digits[i] = (unsigned char)(carry % 10);
		carry /= 10;
		if (i >= size)
			size = i + 1;
	}
	return size;
}

static void
make_table(void)
{
	unsigned char digits[DIGITS_MAX] = { 1 };
	size_t size = 1;
	size_t used = 0;

	for (unsigned n = 0; n <= SMALL_FACTORIALS_N_MAX; n++) {
		if (n > 1)
			size = multiply(digits, size, n);
		assert(used + size <= DIGITS_ALL);
		table.begin[n] = used;
		for (size_t i = size; i > 0; i--)
			table.digits[used++] = (char)('0' + digits[i - 1]);
	}
	table.begin[SMALL_FACTORIALS_N_MAX + 1] = used;
}

const char *
small_factorials_digits(uint64_t n, size_t *ret_size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (n > SMALL_FACTORIALS_N_MAX)
		return NULL;
	(void)pthread_once(&once, make_table);
	*ret_size = table.begin[n + 1] - table.begin[n];
	return table.digits + table.begin[n];
}
