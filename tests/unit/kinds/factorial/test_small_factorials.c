/* SPDX-License-Identifier: MIT */
/* The table of the first factorials against GMP; made while several threads ask for it at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "base/compiler.h"
#include "base/sync.h"
#include "kinds/factorial/small_factorials.h"

#define READERS 8

static char *expected[SMALL_FACTORIALS_N_MAX + 1];

static int
setup(void **state)
{
	mpz_t factorial;

	(void)state;
	mpz_init(factorial);
	for (unsigned n = 0; n <= SMALL_FACTORIALS_N_MAX; n++) {
		mpz_fac_ui(factorial, n);
		expected[n] = mpz_get_str(NULL, 10, factorial);
	}
	mpz_clear(factorial);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= SMALL_FACTORIALS_N_MAX; n++)
		free(expected[n]);
	return 0;
}

static bool
is_exact(uint64_t n)
{
	size_t size = 0;
	const char *digits = small_factorials_digits(n, &size);

	return digits != NULL && size == strlen(expected[n]) &&
	       memcmp(digits, expected[n], size) == 0;
}

struct reader {
	pthread_t thread;
	pthread_barrier_t *begin;
	unsigned wrong;
};

static void *
reader_main(void *arg)
{
	struct reader *reader = arg;

	(void)pthread_barrier_wait(reader->begin);
	for (unsigned n = 0; n <= SMALL_FACTORIALS_N_MAX; n++)
		reader->wrong += !is_exact(SMALL_FACTORIALS_N_MAX - n);
	return NULL;
}

/* The first of all tests: nobody has asked for the table before. */
static void
test_threads_that_come_first_together_read_a_whole_table(void **state)
{
	struct reader readers[READERS];
	pthread_barrier_t begin;

	(void)state;
	assert_int_equal(pthread_barrier_init(&begin, NULL, READERS), 0);
	for (size_t i = 0; i < READERS; i++) {
		readers[i] = (struct reader){ .begin = &begin };
		assert_int_equal(
		    thread_start(&readers[i].thread, "reader", 0, reader_main, &readers[i], NULL),
		    STATUS_OK);
	}
	for (size_t i = 0; i < READERS; i++) {
		thread_join(readers[i].thread);
		assert_int_equal(readers[i].wrong, 0);
	}
	assert_int_equal(pthread_barrier_destroy(&begin), 0);
}

static void
test_every_factorial_of_the_table_is_exact(void **state)
{
	size_t all = 0;

	(void)state;
	for (unsigned n = 0; n <= SMALL_FACTORIALS_N_MAX; n++) {
		size_t size;

		if (!is_exact(n))
			fail_msg("%u! is wrong", n);
		(void)small_factorials_digits(n, &size);
		all += size;
	}
	assert_int_equal(all, 33549);
}

static void
test_the_sizes_are_those_of_the_digits(void **state)
{
	static const struct {
		uint64_t n;
		size_t size;
	} cases[] = { { 0, 1 }, { 1, 1 }, { 3, 1 }, { 4, 2 }, { 20, 19 }, { 69, 99 }, { 70, 101 },
		{ 100, 158 }, { 199, 373 }, { 200, 375 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t size = 0;

		assert_non_null(small_factorials_digits(cases[i].n, &size));
		assert_int_equal(size, cases[i].size);
	}
}

static void
test_what_is_not_in_the_table_is_null_and_leaves_the_size_alone(void **state)
{
	static const uint64_t absent[] = { 201, 202, 256, UINT64_C(1) << 32, UINT64_MAX - 1,
		UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		size_t size = 77;

		assert_null(small_factorials_digits(absent[i], &size));
		assert_int_equal(size, 77);
	}
}

static void
test_the_digits_stay_where_they_are(void **state)
{
	size_t size;
	const char *first = small_factorials_digits(100, &size);

	(void)state;
	assert_ptr_equal(small_factorials_digits(100, &size), first);
	assert_true(is_exact(200));
	assert_memory_equal(first, expected[100], size);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_that_come_first_together_read_a_whole_table),
		cmocka_unit_test(test_every_factorial_of_the_table_is_exact),
		cmocka_unit_test(test_the_sizes_are_those_of_the_digits),
		cmocka_unit_test(test_what_is_not_in_the_table_is_null_and_leaves_the_size_alone),
		cmocka_unit_test(test_the_digits_stay_where_they_are),
	};

	return cmocka_run_group_tests_name("small_factorials", tests, setup, teardown);
}
