/* SPDX-License-Identifier: MIT */
/* The list of failure codes: complete, unique, well-formed, and the words that clients know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/failure.h"

static void
test_every_code_has_one_well_formed_word_of_its_own(void **state)
{
	(void)state;
	for (int i = FAILURE_NONE + 1; i < FAILURE_COUNT; i++) {
		const char *word = failure_word((enum failure)i);

		assert_non_null(word);
		assert_true(strlen(word) > 0);
		assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
		for (int j = FAILURE_NONE; j < i; j++)
			assert_string_not_equal(word, failure_word((enum failure)j));
	}
}

static void
test_every_code_has_a_meaning_without_a_full_stop(void **state)
{
	(void)state;
	for (int i = FAILURE_NONE + 1; i < FAILURE_COUNT; i++) {
		const char *meaning = failure_meaning((enum failure)i);

		assert_non_null(meaning);
		assert_true(strlen(meaning) > 0);
		assert_int_not_equal(meaning[strlen(meaning) - 1], '.');
	}
}

static void
test_no_failure_has_no_word(void **state)
{
	(void)state;
	assert_string_equal(failure_word(FAILURE_NONE), "");
	assert_string_equal(failure_meaning(FAILURE_NONE), "");
}

static void
test_published_words_never_change(void **state)
{
	(void)state;
	assert_string_equal(failure_word(FAILURE_ATTEMPTS_EXHAUSTED), "attempts_exhausted");
	assert_string_equal(failure_word(FAILURE_INTERNAL), "internal");
	assert_string_equal(failure_word(FAILURE_OUT_OF_MEMORY), "out_of_memory");
	assert_string_equal(failure_word(FAILURE_STORAGE), "storage");
	assert_string_equal(failure_word(FAILURE_INVALID_ARGUMENT), "invalid_argument");
	assert_string_equal(failure_word(FAILURE_DESTINATION_DENIED), "destination_denied");
	assert_string_equal(failure_word(FAILURE_UNSUPPORTED_SCHEME), "unsupported_scheme");
	assert_string_equal(failure_word(FAILURE_DNS), "dns");
	assert_string_equal(failure_word(FAILURE_CONNECT), "connect");
	assert_string_equal(failure_word(FAILURE_TLS), "tls");
	assert_string_equal(failure_word(FAILURE_TIMEOUT), "timeout");
	assert_string_equal(failure_word(FAILURE_CONNECTION_LOST), "connection_lost");
	assert_string_equal(failure_word(FAILURE_PROTOCOL), "protocol");
	assert_string_equal(failure_word(FAILURE_TOO_MANY_REDIRECTS), "too_many_redirects");
	assert_string_equal(failure_word(FAILURE_BODY_TOO_LARGE), "body_too_large");
	assert_string_equal(failure_word(FAILURE_HEADERS_TOO_LARGE), "headers_too_large");
	assert_string_equal(failure_word(FAILURE_HTTP_STATUS), "http_status");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_has_one_well_formed_word_of_its_own),
		cmocka_unit_test(test_every_code_has_a_meaning_without_a_full_stop),
		cmocka_unit_test(test_no_failure_has_no_word),
		cmocka_unit_test(test_published_words_never_change),
	};

	return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
