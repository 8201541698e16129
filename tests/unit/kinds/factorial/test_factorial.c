/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic against GMP, which shares no code with it: every n up to 2,000 and large ones at
 * the edges of the steps; then cancelling, failing sinks, and every allocation refused once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "kinds/factorial/factorial.h"

#define PIECE_MAX 16384

/* Allocations of libcrypto and of the code under test. */
static struct {
	long count;
	long fail_at; /* the number of the allocation that fails, with all after it; -1: none */
	long live;
} memory = { .fail_at = -1 };

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static bool
allocation_fails(void)
{
	memory.count++;
	return memory.fail_at >= 0 && memory.count > memory.fail_at;
}

void *
__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

static void *
crypto_malloc(size_t size, const char *file, int line)
{
	void *data;

	(void)file;
	(void)line;
	if (size == 0 || allocation_fails())
		return NULL;
	data = __real_malloc(size);
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
	uint64_t done, total; /* of the work, as of the latest report */
	long steps;           /* reports of more than the one before */
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

	assert_false(gather->is_stopping);
	assert_true(done >= gather->done && done < total);
	assert_true(gather->total == 0 || total == gather->total);
	gather->steps += done > gather->done;
	gather->done = done;
	gather->total = total;
}

static enum status
gather_write(void *context, const char *digits, size_t size, struct error *error)
{
	struct gather *gather = context;

	gather->pieces++;
	assert_in_range(size, 1, PIECE_MAX);
	if (gather->pieces == gather->fail_at)
		return error_set(error, gather->fail_with, "as asked");
	buf_append(&gather->digits, digits, size);
	return STATUS_OK;
}

static enum status
compute(uint64_t n, struct gather *gather, struct error *error)
{
	const struct factorial_sink sink = { .write = gather_write, .context = gather };
	const struct factorial_stop stop = {
		.is_wanted = gather_stops, .progressed = gather_progress, .context = gather
	};

	gather->done = gather->total = 0;
	gather->steps = 0;
	return factorial_decimal(n, &stop, &sink, error);
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

static void
test_every_n_up_to_2000_is_exact(void **state)
{
	(void)state;
	for (unsigned long n = 0; n <= 2000; n++)
		assert_exact(n);
}

static void
test_large_n_are_exact(void **state)
{
	/* Around powers of two, where the tree changes its depth; 9,999 to 10,001 and 100,000 for
	   themselves; from about 72,000 on a product, and a division, takes several steps. */
	static const unsigned long numbers[] = { 2047, 2048, 2049, 4095, 4096, 4097, 5000, 8191,
		8192, 8193, 9999, 10000, 10001, 16384, 20000, 32767, 32768, 32769, 50000, 65535,
		65536, 65537, 72000, 81920, 99999, 100000, 131072, 150001 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_exact(numbers[i]);
}

/* The largest n whose factorial has at most that many digits. */
static unsigned long
last_n_within(size_t digits)
{
	unsigned long n = 1;
	mpz_t value;

	mpz_init_set_ui(value, 1);
	for (;;) {
		char *text;
		size_t size;

		mpz_mul_ui(value, value, n + 1);
		/* Exact or one too many; the exact length decides near the edge. */
		size = mpz_sizeinbase(value, 10);
		if (size >= digits) {
			text = mpz_get_str(NULL, 10, value);
			size = strlen(text);
			free(text);
			if (size > digits)
				break;
		}
		n++;
	}
	mpz_clear(value);
	return n;
}

static void
test_results_at_the_edges_of_the_conversions_levels_are_exact(void **state)
{
	(void)state;
	for (size_t digits = 19; digits <= 19 << 10; digits *= 2) {
		unsigned long n = last_n_within(digits);

		assert_exact(n - 1);
		assert_exact(n);
		assert_exact(n + 1);
	}
}

static void
test_n_over_the_limit_is_refused(void **state)
{
	struct gather gather = { .pieces = 0 };
	struct error error = { "" };

	(void)state;
	assert_int_equal(compute(FACTORIAL_N_LIMIT + 1, &gather, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "10000000"));
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
	assert_int_equal(compute(20000, &all, NULL), STATUS_OK);
	assert_true(all.questions > 100);
	live = memory.live;
	for (long at = 1; at <= all.questions; at += at < 10 ? 1 : all.questions / 50) {
		struct gather gather = { .stop_at_question = at };

		buf_init(&gather.digits, 4 << 20);
		assert_int_equal(compute(20000, &gather, NULL), STATUS_CANCELLED);
		assert_int_equal(gather.questions, at);
		assert_int_equal(memory.live, live);
		buf_done(&gather.digits);
	}
	buf_done(&all.digits);
}

/* That it never falls is checked with every factorial here. */
static void
test_progress_comes_in_small_steps_and_near_to_the_whole(void **state)
{
	static const uint64_t numbers[] = { 3000, 10000, 30000, 65536, 100000, 150000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct gather gather = { .pieces = 0 };

		buf_init(&gather.digits, 4 << 20);
		assert_int_equal(compute(numbers[i], &gather, NULL), STATUS_OK);
		assert_in_range(gather.done * 100 / gather.total, 75, 99);
		assert_true(gather.steps > (numbers[i] > 10000 ? 300 : 10));
		buf_done(&gather.digits);
	}
}

static void
test_progress_of_a_stopped_factorial_is_a_part(void **state)
{
	struct gather gather = { .stop_at = 4 };

	(void)state;
	buf_init(&gather.digits, 4 << 20);
	assert_int_equal(compute(100000, &gather, NULL), STATUS_CANCELLED);
	assert_in_range(gather.done * 100 / gather.total, 20, 80);
	buf_done(&gather.digits);
}

static void
test_nobody_has_to_be_able_to_stop_it(void **state)
{
	struct gather gather = { .pieces = 0 };
	const struct factorial_sink sink = { .write = gather_write, .context = &gather };

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
	/* 28 pieces in all; the digits between two questions are far fewer than a piece. */
	assert_int_equal(compute(100000, &gather, NULL), STATUS_CANCELLED);
	assert_int_equal(gather.pieces, 2);
	buf_done(&gather.digits);
}

static void
test_a_failing_sink_ends_the_work_with_its_status(void **state)
{
	static const enum status failures[] = { STATUS_FULL, STATUS_IO, STATUS_NOMEM };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		for (int at = 1; at <= 3; at++) { /* 10,000! has three pieces */
			struct gather gather = { .fail_at = at, .fail_with = failures[i] };
			struct error error = { "" };

			buf_init(&gather.digits, 4 << 20);
			assert_int_equal(compute(10000, &gather, &error), failures[i]);
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
	assert_true(allocations > 20);
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
		cmocka_unit_test(test_every_n_up_to_2000_is_exact),
		cmocka_unit_test(test_large_n_are_exact),
		cmocka_unit_test(test_results_at_the_edges_of_the_conversions_levels_are_exact),
		cmocka_unit_test(test_n_over_the_limit_is_refused),
		cmocka_unit_test(test_n_at_the_limit_is_begun),
		cmocka_unit_test(test_a_stop_before_the_start_computes_nothing),
		cmocka_unit_test(test_a_stop_at_any_question_ends_the_work_and_leaks_nothing),
		cmocka_unit_test(test_progress_comes_in_small_steps_and_near_to_the_whole),
		cmocka_unit_test(test_progress_of_a_stopped_factorial_is_a_part),
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
