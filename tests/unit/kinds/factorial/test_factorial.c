/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic against GMP, which shares no code with it: every n up to 5,000 and large ones at
 * the edges of the steps; then cancelling, progress, failing sinks, and every allocation refused
 * once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <gmp.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "kinds/factorial/decimal/uint128.h"
#include "kinds/factorial/factorial.h"

/* Allocations of libcrypto and of the code under test; libcrypto's are counted as live. */
static struct {
	long count;
	long fail_at; /* the number of the allocation that fails, with all after it; -1: none */
	long live;
} memory = { .fail_at = -1 };

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, long offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, long offset);

static bool
allocation_fails(void)
{
	memory.count++;
	return memory.fail_at >= 0 && memory.count > memory.fail_at;
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return allocation_fails() ? NULL : __real_aligned_alloc(alignment, size);
}

void *
__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, long offset)
{
	return allocation_fails() ? MAP_FAILED
				  : __real_mmap(at, size, protection, flags, fd, offset);
}

static void *
crypto_malloc(size_t size, const char *file, int line)
{
	void *data;

	(void)file;
	(void)line;
	if (size == 0 || allocation_fails())
		return NULL;
	data = malloc(size);
	memory.live += data != NULL ? 1 : 0;
	return data;
}

static void *
crypto_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (allocation_fails())
		return NULL;
	memory.live += old == NULL ? 1 : 0;
	return realloc(old, size);
}

static void
crypto_free(void *data, const char *file, int line)
{
	(void)file;
	(void)line;
	memory.live -= data != NULL ? 1 : 0;
	free(data);
}

/* Gathers the digits; can fail or wish to stop, at a given piece or question. */
struct gather {
	struct buf digits;
	int pieces;
	int fail_at;           /* the piece that fails; 0: none */
	enum status fail_with; /* how */
	int stop_at;           /* the piece after which a stop is wanted; 0: none */
	long questions;        /* whether to stop */
	long stop_at_question; /* the question that is answered with yes; 0: none */
	bool is_stopping;
	uint64_t done; /* of the progress that was told last */
	uint64_t total;
	double largest_step; /* of 1 */
};

static bool
gather_stops(void *context)
{
	struct gather *gather = context;

	/* Whoever has said yes is not asked again. */
	assert_false(gather->is_stopping);
	gather->questions++;
	gather->is_stopping = gather->questions == gather->stop_at_question ||
			      (gather->stop_at > 0 && gather->pieces >= gather->stop_at);
	return gather->is_stopping;
}

static void
gather_progress(void *context, uint64_t done, uint64_t total)
{
	struct gather *gather = context;
	double step = (double)(done - gather->done) / (double)total;

	assert_true(done >= gather->done && done < total);
	if (step > gather->largest_step)
		gather->largest_step = step;
	gather->done = done;
	gather->total = total;
}

static enum status
gather_write(void *context, const char *digits, size_t size, struct error *error)
{
	struct gather *gather = context;

	gather->pieces++;
	assert_in_range(size, 1, DECIMAL_TEXT_PIECE);
	if (gather->pieces == gather->fail_at)
		return error_set(error, gather->fail_with, "as asked");
	buf_append(&gather->digits, digits, size);
	return STATUS_OK;
}

static enum status
compute(uint64_t n, struct gather *gather, struct error *error)
{
	const struct digit_sink sink = { .write = gather_write, .context = gather };
	const struct effort_watch watch = {
		.is_to_stop = gather_stops, .progress = gather_progress, .context = gather
	};

	return factorial_decimal(n, &watch, &sink, error);
}

static void
assert_exact(unsigned long n)
{
	struct gather gather = { .pieces = 0 };
	mpz_t expected;
	char *text;

	buf_init(&gather.digits, 4 << 20);
	assert_int_equal(compute(n, &gather, NULL), STATUS_OK);
	assert_int_equal(buf_status(&gather.digits), STATUS_OK);
	mpz_init(expected);
	mpz_fac_ui(expected, n);
	text = mpz_get_str(NULL, 10, expected);
	if (strlen(text) != gather.digits.size || strcmp(text, gather.digits.data) != 0)
		fail_msg("%lu! is wrong", n);
	free(text);
	mpz_clear(expected);
	buf_done(&gather.digits);
}

/* One after the other, so that GMP has to multiply once for each. */
static void
test_every_n_up_to_5000_is_exact(void **state)
{
	mpz_t expected;
	char *text = malloc(20000);

	(void)state;
	assert_non_null(text);
	mpz_init_set_ui(expected, 1);
	for (unsigned long n = 0; n <= 5000; n++) {
		struct gather gather = { .pieces = 0 };

		if (n > 0)
			mpz_mul_ui(expected, expected, n);
		mpz_get_str(text, 10, expected);
		buf_init(&gather.digits, 4 << 20);
		assert_int_equal(compute(n, &gather, NULL), STATUS_OK);
		if (strlen(text) != gather.digits.size || strcmp(text, gather.digits.data) != 0)
			fail_msg("%lu! is wrong", n);
		buf_done(&gather.digits);
	}
	free(text);
	mpz_clear(expected);
}

static void
test_large_n_are_exact(void **state)
{
	/* Around powers of two and of ten; where the conversion's pieces and the largest shapes of
	   products begin; primes and their neighbours. */
	static const unsigned long numbers[] = { 8191, 8192, 8193, 9999, 10000, 10001, 16384, 16385,
		17500, 17800, 20000, 32767, 32768, 32769, 50000, 65535, 65536, 65537, 99990, 99991,
		99992, 99999, 100000, 131071, 131072, 131073, 150001, 200003 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_exact(numbers[i]);
}

static void
test_random_large_n_are_exact(void **state)
{
	gmp_randstate_t randomness;

	(void)state;
	gmp_randinit_default(randomness);
	for (int i = 0; i < 40; i++)
		assert_exact(5000 + gmp_urandomm_ui(randomness, i < 30 ? 30000 : 150000));
	gmp_randclear(randomness);
}

/* Where the first number is just short enough for a BN, or not any more, there is a level more. */
static void
test_n_at_the_edges_of_the_levels_are_exact(void **state)
{
	(void)state;
	for (unsigned long n = 313; n <= 420; n++)
		for (unsigned long times = 16; times <= 64; times *= 4)
			assert_exact(n * times + n % 2);
}

/* Residues of n! modulo primes over n, which no digit can change and leave the same. */
static void
test_a_million_has_the_right_residues(void **state)
{
	static const uint64_t moduli[] = { (UINT64_C(1) << 61) - 1, 1000000000000000003, 1000003 };
	struct gather gather = { .pieces = 0 };

	(void)state;
	buf_init(&gather.digits, 8 << 20);
	assert_int_equal(compute(1000000, &gather, NULL), STATUS_OK);
	assert_int_equal(gather.digits.size, 5565709);
	for (size_t i = 0; i < ARRAY_SIZE(moduli); i++) {
		uint128 expected = 1, found = 0;

		for (uint64_t factor = 2; factor <= 1000000; factor++)
			expected = expected * factor % moduli[i];
		for (size_t at = 0; at < gather.digits.size; at++)
			found = (found * 10 + (uint64_t)(gather.digits.data[at] - '0')) % moduli[i];
		assert_true(expected == found);
	}
	buf_done(&gather.digits);
}

static void
test_n_over_the_limit_is_refused(void **state)
{
	struct gather gather = { .pieces = 0 };
	struct error error = { "" };

	(void)state;
	assert_int_equal(compute(FACTORIAL_N_LIMIT + 1, &gather, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "100000000"));
	assert_int_equal(compute(UINT64_MAX, &gather, NULL), STATUS_INVALID);
	assert_int_equal(gather.pieces, 0);
}

static void
test_n_at_the_limit_is_begun(void **state)
{
	struct gather gather = { .stop_at_question = 100 };

	(void)state;
	assert_int_equal(compute(FACTORIAL_N_LIMIT, &gather, NULL), STATUS_CANCELLED);
}

static void
test_a_stop_before_the_start_computes_nothing(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 200, 201, 1000, 100000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct gather gather = { .stop_at_question = 1 };
		struct error error = { "" };

		memory.count = 0;
		assert_int_equal(compute(numbers[i], &gather, &error), STATUS_CANCELLED);
		assert_int_equal(gather.pieces, 0);
		assert_int_equal(memory.count, 0);
		assert_string_not_equal(error.text, "");
	}
}

static void
test_a_stop_at_any_question_ends_the_work_and_leaks_nothing(void **state)
{
	struct gather all = { .pieces = 0 };
	long live;

	(void)state;
	buf_init(&all.digits, 4 << 20);
	assert_int_equal(compute(100000, &all, NULL), STATUS_OK);
	assert_in_range(all.questions, 30, 1000);
	live = memory.live;
	for (long at = 1; at <= all.questions; at++) {
		struct gather gather = { .stop_at_question = at };

		buf_init(&gather.digits, 4 << 20);
		assert_int_equal(compute(100000, &gather, NULL), STATUS_CANCELLED);
		assert_int_equal(gather.questions, at);
		assert_int_equal(memory.live, live);
		buf_done(&gather.digits);
	}
	buf_done(&all.digits);
}

static void
test_progress_rises_steadily_from_nothing_to_all(void **state)
{
	struct gather gather = { .pieces = 0 };

	(void)state;
	buf_init(&gather.digits, 8 << 20);
	assert_int_equal(compute(1000000, &gather, NULL), STATUS_OK);
	assert_true(gather.total > 0);
	assert_true((double)gather.done / (double)gather.total > 0.99);
	assert_true(gather.largest_step < 0.05);
	buf_done(&gather.digits);
}

static void
test_the_memory_that_is_told_rises_with_n(void **state)
{
	size_t last = 0;

	(void)state;
	for (uint64_t n = 0; n <= FACTORIAL_N_LIMIT; n += n < 3000 ? 1 : n / 1000) {
		size_t bytes = factorial_bytes(n);

		assert_true(bytes >= last);
		last = bytes;
	}
	assert_int_equal(factorial_bytes(0), 0);
	assert_int_equal(factorial_bytes(200), 0);
	/* Two to three bytes for each of 65,657,060 and of 756,570,557 digits. */
	assert_in_range(factorial_bytes(10000000), 130000000, 197000000);
	assert_in_range(factorial_bytes(FACTORIAL_N_LIMIT), 1500000000, 2270000000);
}

static void
test_nobody_has_to_be_able_to_stop_it(void **state)
{
	struct gather gather = { .pieces = 0 };
	const struct digit_sink sink = { .write = gather_write, .context = &gather };

	(void)state;
	buf_init(&gather.digits, 4 << 20);
	assert_int_equal(factorial_decimal(5, NULL, &sink, NULL), STATUS_OK);
	assert_int_equal(factorial_decimal(3000, NULL, &sink, NULL), STATUS_OK);
	assert_memory_equal(gather.digits.data, "120", 3);
	buf_done(&gather.digits);
}

static void
test_a_stop_during_the_conversion_ends_it_soon(void **state)
{
	struct gather gather = { .stop_at = 2 };

	(void)state;
	buf_init(&gather.digits, 4 << 20);
	/* Seven pieces in all; one at most is written between two questions. */
	assert_int_equal(compute(100000, &gather, NULL), STATUS_CANCELLED);
	assert_in_range(gather.pieces, 2, 3);
	buf_done(&gather.digits);
}

static void
test_a_failing_sink_ends_the_work_with_its_status(void **state)
{
	static const enum status failures[] = { STATUS_FULL, STATUS_IO, STATUS_NOMEM };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		for (int at = 1; at <= 3; at++) { /* 40,000! has three pieces */
			struct gather gather = { .fail_at = at, .fail_with = failures[i] };
			struct error error = { "" };

			buf_init(&gather.digits, 4 << 20);
			assert_int_equal(compute(40000, &gather, &error), failures[i]);
			assert_string_equal(error.text, "as asked");
			assert_int_equal(gather.pieces, at);
			buf_done(&gather.digits);
		}
	}
}

static void
test_every_refused_allocation_is_reported_and_leaks_nothing(void **state)
{
	struct gather gather = { .pieces = 0 };
	long live, allocations;

	(void)state;
	/* Once for what libcrypto keeps for good, once to count. */
	assert_int_equal(ERR_peek_error(), 0);
	ERR_clear_error();
	buf_init(&gather.digits, 4 << 20);
	assert_non_null(buf_reserve(&gather.digits, 100000));
	assert_int_equal(compute(3000, &gather, NULL), STATUS_OK);
	live = memory.live;
	memory.count = 0;
	assert_int_equal(compute(3000, &gather, NULL), STATUS_OK);
	allocations = memory.count;
	assert_int_equal(memory.live, live);
	assert_true(allocations > 3);
	for (long at = 0; at < allocations; at++) {
		struct error error = { "" };

		memory.count = 0;
		memory.fail_at = at;
		gather.digits.size = 0;
		assert_int_equal(compute(3000, &gather, &error), STATUS_NOMEM);
		memory.fail_at = -1;
		assert_non_null(strstr(error.text, "memory"));
		assert_int_equal(memory.live, live);
		assert_int_equal(ERR_peek_error(), 0);
	}
	buf_done(&gather.digits);
	assert_exact(3000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_n_up_to_5000_is_exact),
		cmocka_unit_test(test_large_n_are_exact),
		cmocka_unit_test(test_random_large_n_are_exact),
		cmocka_unit_test(test_n_at_the_edges_of_the_levels_are_exact),
		cmocka_unit_test(test_a_million_has_the_right_residues),
		cmocka_unit_test(test_n_over_the_limit_is_refused),
		cmocka_unit_test(test_n_at_the_limit_is_begun),
		cmocka_unit_test(test_a_stop_before_the_start_computes_nothing),
		cmocka_unit_test(test_a_stop_at_any_question_ends_the_work_and_leaks_nothing),
		cmocka_unit_test(test_progress_rises_steadily_from_nothing_to_all),
		cmocka_unit_test(test_the_memory_that_is_told_rises_with_n),
		cmocka_unit_test(test_nobody_has_to_be_able_to_stop_it),
		cmocka_unit_test(test_a_stop_during_the_conversion_ends_it_soon),
		cmocka_unit_test(test_a_failing_sink_ends_the_work_with_its_status),
		cmocka_unit_test(test_every_refused_allocation_is_reported_and_leaks_nothing),
	};

	/* libcrypto takes these only before its first allocation. */
	if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
		return 1;
	return cmocka_run_group_tests_name("factorial", tests, NULL, NULL);
}
