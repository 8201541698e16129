/* SPDX-License-Identifier: MIT */
/* Version 7 UUIDs bit by bit, and the one text form that is read. getrandom is wrapped. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/uuid.h"

static enum {
	RANDOM_REAL,
	RANDOM_ONES,
	RANDOM_ZEROS,
	RANDOM_FAILS,
	RANDOM_SHORT
} random_mode;

static int interruptions;
static int calls;

ssize_t __real_getrandom(void *data, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *data, size_t size, unsigned flags);

ssize_t
__wrap_getrandom(void *data, size_t size, unsigned flags)
{
	calls++;
	if (interruptions > 0) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	switch (random_mode) {
	case RANDOM_REAL:
		break;
	case RANDOM_ONES:
		memset(data, 0xff, size);
		return (ssize_t)size;
	case RANDOM_ZEROS:
		memset(data, 0, size);
		return (ssize_t)size;
	case RANDOM_FAILS:
		errno = ENOSYS;
		return -1;
	case RANDOM_SHORT:
		return (ssize_t)size - 1;
	}
	return __real_getrandom(data, size, flags);
}

/* A thread has a supply of random bytes of its own, so what needs fresh ones runs in a new one. */
static void
in_fresh_thread(void *(*run)(void *arg), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

struct minting {
	int64_t wall_ms;
	enum status status;
	struct error error;
	char text[UUID_TEXT_SIZE];
};

static void *
mint(void *arg)
{
	struct minting *minting = arg;

	minting->status = uuid_v7(minting->wall_ms, minting->text, &minting->error);
	return NULL;
}

static void
assert_minted(int64_t wall_ms, const char *expected)
{
	struct minting minting = { .wall_ms = wall_ms };

	in_fresh_thread(mint, &minting);
	assert_int_equal(minting.status, STATUS_OK);
	assert_string_equal(minting.text, expected);
}

static void
test_time_version_and_variant_stand_where_rfc_9562_puts_them(void **state)
{
	(void)state;
	random_mode = RANDOM_ONES;
	/* The example of RFC 9562 appendix A.6 has the time 0x017F22E279B0. */
	assert_minted(INT64_C(0x017F22E279B0), "017f22e2-79b0-7fff-bfff-ffffffffffff");
	random_mode = RANDOM_ZEROS;
	assert_minted(INT64_C(0x017F22E279B0), "017f22e2-79b0-7000-8000-000000000000");
	assert_minted(INT64_C(0xffffffffffff), "ffffffff-ffff-7000-8000-000000000000");
	assert_minted(-1, "00000000-0000-7000-8000-000000000000");
	random_mode = RANDOM_REAL;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
test_ids_differ_and_sort_by_time(void **state)
{
	static char texts[10000][UUID_TEXT_SIZE];
	char earlier[UUID_TEXT_SIZE], later[UUID_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(uuid_v7(1000, texts[i], NULL), STATUS_OK);
	qsort(texts, ARRAY_SIZE(texts), sizeof(texts[0]), compare_texts);
	for (size_t i = 1; i < ARRAY_SIZE(texts); i++)
		assert_string_not_equal(texts[i - 1], texts[i]);
	assert_int_equal(uuid_v7(1000, earlier, NULL), STATUS_OK);
	assert_int_equal(uuid_v7(1001, later, NULL), STATUS_OK);
	assert_true(strcmp(earlier, later) < 0);
}

static void
test_missing_randomness_is_an_error_and_an_interruption_is_not(void **state)
{
	struct minting minting = { .wall_ms = 1 };

	(void)state;
	interruptions = 3;
	in_fresh_thread(mint, &minting);
	assert_int_equal(minting.status, STATUS_OK);
	assert_int_equal(interruptions, 0);

	minting = (struct minting){ .wall_ms = 1, .text = "untouched" };
	random_mode = RANDOM_FAILS;
	in_fresh_thread(mint, &minting);
	assert_int_equal(minting.status, STATUS_IO);
	assert_non_null(strstr(minting.error.text, "random"));
	random_mode = RANDOM_SHORT;
	in_fresh_thread(mint, &minting);
	assert_int_equal(minting.status, STATUS_IO);
	random_mode = RANDOM_REAL;
	assert_string_equal(minting.text, "untouched");
}

static void
test_many_ids_of_one_moment_grow_and_stay_random(void **state)
{
	static char texts[1000][UUID_TEXT_SIZE], later[1000][UUID_TEXT_SIZE];
	char canonical[UUID_TEXT_SIZE];

	(void)state;
	assert_int_equal(uuid_v7_many(1000, texts, ARRAY_SIZE(texts), NULL), STATUS_OK);
	assert_int_equal(uuid_v7_many(1001, later, ARRAY_SIZE(later), NULL), STATUS_OK);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_true(i == 0 || strcmp(texts[i - 1], texts[i]) < 0);
		assert_true(uuid_parse(texts[i], strlen(texts[i]), canonical));
		assert_string_equal(canonical, texts[i]);
		assert_memory_equal(texts[i], "00000000-03e8-7", 15);
		assert_true(i == 0 || strcmp(texts[i - 1] + 24, texts[i] + 24) != 0);
	}
	assert_true(strcmp(texts[ARRAY_SIZE(texts) - 1], later[0]) < 0);
	assert_int_equal(uuid_v7_many(1000, texts, 0, NULL), STATUS_OK);
}

static void *
mint_many(void *arg)
{
	static char texts[100][UUID_TEXT_SIZE];
	struct minting *minting = arg;

	minting->status = uuid_v7_many(1, texts, ARRAY_SIZE(texts), &minting->error);
	return NULL;
}

static void
test_missing_randomness_is_an_error_for_many_ids_too(void **state)
{
	struct minting minting = { .wall_ms = 1 };

	(void)state;
	random_mode = RANDOM_FAILS;
	in_fresh_thread(mint_many, &minting);
	random_mode = RANDOM_REAL;
	assert_int_equal(minting.status, STATUS_IO);
}

static void *
mint_a_hundred(void *arg)
{
	char text[UUID_TEXT_SIZE];
	int *failed = arg;

	for (int i = 0; i < 100; i++)
		*failed += uuid_v7(1, text, NULL) != STATUS_OK;
	return NULL;
}

static void
test_the_kernel_is_asked_once_for_many_ids(void **state)
{
	int failed = 0;

	(void)state;
	calls = 0;
	in_fresh_thread(mint_a_hundred, &failed);
	assert_int_equal(failed, 0);
	assert_int_equal(calls, 4); /* 25 ids of 10 bytes in each 250 */
}

static void
test_either_case_is_read_as_lower_case(void **state)
{
	char text[UUID_TEXT_SIZE];

	(void)state;
	assert_true(uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398f", 36, text));
	assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
	assert_true(uuid_parse(text, 36, text));
	assert_true(uuid_parse("00000000-0000-0000-0000-000000000000tail", 36, text));
}

static void
test_every_other_form_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
		"017f22e279b07cc398c4dc0c0c07398f",
		"{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
		"017f22e2-79b0-7cc3-98c4_dc0c0c07398f",
		"017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398 ",
		"017f22e2-79b0-7cc3-98c4--c0c0c07398f",
	};
	char text[UUID_TEXT_SIZE] = "untouched";
	char nul[36];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(uuid_parse(wrong[i], strlen(wrong[i]), text));
	memcpy(nul, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", 36);
	nul[35] = '\0';
	assert_false(uuid_parse(nul, 36, text));
	assert_string_equal(text, "untouched");
}

static void
test_a_floor_is_below_every_id_of_its_time_and_above_all_before(void **state)
{
	static const int64_t times[] = { 0, 1, 255, 1767323045678, (INT64_C(1) << 48) - 1 };
	char floor[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];

	(void)state;
	uuid_floor(1767323045678, floor);
	assert_string_equal(floor, "019b7ca9-8f2e-0000-0000-000000000000");
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		uuid_floor(times[i], floor);
		assert_true(uuid_parse(floor, UUID_TEXT_LENGTH, id));
		random_mode = RANDOM_REAL;
		assert_int_equal(uuid_v7(times[i], id, NULL), STATUS_OK);
		assert_true(strcmp(id, floor) > 0);
		if (times[i] > 0) {
			assert_int_equal(uuid_v7(times[i] - 1, id, NULL), STATUS_OK);
			assert_true(strcmp(id, floor) < 0);
		}
	}
	uuid_floor(INT64_MAX, id);
	assert_string_equal(id, floor);
	uuid_floor(-1, id);
	assert_string_equal(id, "00000000-0000-0000-0000-000000000000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_version_and_variant_stand_where_rfc_9562_puts_them),
		cmocka_unit_test(test_ids_differ_and_sort_by_time),
		cmocka_unit_test(test_missing_randomness_is_an_error_and_an_interruption_is_not),
		cmocka_unit_test(test_many_ids_of_one_moment_grow_and_stay_random),
		cmocka_unit_test(test_missing_randomness_is_an_error_for_many_ids_too),
		cmocka_unit_test(test_the_kernel_is_asked_once_for_many_ids),
		cmocka_unit_test(test_either_case_is_read_as_lower_case),
		cmocka_unit_test(test_every_other_form_is_refused),
		cmocka_unit_test(test_a_floor_is_below_every_id_of_its_time_and_above_all_before),
	};

	return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
