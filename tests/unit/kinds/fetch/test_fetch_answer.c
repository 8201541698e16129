/* SPDX-License-Identifier: MIT */
/* What the header of an answer tells: media type and length of the last one, and no trailer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kinds/fetch/fetch_answer.h"
#include "kinds/fetch/fetch_transfer.h"

static struct fetch_progress progress;

static bool
line(const char *text)
{
	return fetch_answer_line(&progress, text, strlen(text));
}

/* A whole header with two fields, one of which may be empty. */
static void
header(const char *first, const char *second)
{
	memset(&progress, 0, sizeof(progress));
	assert_true(line("HTTP/1.1 200 OK\r\n"));
	assert_false(line(first));
	assert_false(line(second));
	assert_false(progress.has_answer);
	assert_false(line("\r\n"));
	assert_true(progress.has_answer);
	assert_false(progress.is_in_header);
}

static void
test_a_length_in_digits_is_taken(void **state)
{
	static const struct {
		const char *field;
		uint64_t bytes;
	} cases[] = { { "Content-Length: 42\r\n", 42 }, { "content-length:42\n", 42 },
		{ "CONTENT-LENGTH: \t42 \t\r\n", 42 }, { "Content-Length: 0\r\n", 0 },
		{ "Content-Length: 18446744073709551615\r\n", UINT64_MAX },
		{ "Content-Length: 18446744073709551616\r\n", 0 }, { "Content-Length: -1\r\n", 0 },
		{ "Content-Length: 4 2\r\n", 0 }, { "Content-Length: \r\n", 0 },
		{ "Content-Length\r\n", 0 }, { "Content-Lengths: 42\r\n", 0 },
		{ "X-Content-Length: 42\r\n", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		header(cases[i].field, "X: y\r\n");
		assert_int_equal(progress.expected_bytes, cases[i].bytes);
	}
}

static void
test_beside_a_transfer_coding_a_length_means_nothing(void **state)
{
	(void)state;
	header("Content-Length: 42\r\n", "Transfer-Encoding: chunked\r\n");
	assert_int_equal(progress.expected_bytes, 0);
	header("transfer-encoding:gzip\r\n", "Content-Length: 42\r\n");
	assert_int_equal(progress.expected_bytes, 0);
}

static void
test_two_lengths_that_differ_are_noted(void **state)
{
	(void)state;
	header("Content-Length: 42\r\n", "Content-Length: 42\r\n");
	assert_false(progress.lengths_differ);
	header("Content-Length: 42\r\n", "content-length: 0\r\n");
	assert_true(progress.lengths_differ);
	header("Content-Length: 0\r\n", "Content-Length: 42\r\n");
	assert_true(progress.lengths_differ);
	header("Content-Length: 42\r\n", "Content-Length: x\r\n");
	assert_true(progress.lengths_differ);
	/* Another answer begins anew. */
	progress.is_answering = false;
	assert_true(line("HTTP/1.1 200 OK\r\n"));
	assert_false(line("Content-Length: 7\r\n"));
	assert_false(progress.lengths_differ);
}

static void
test_nothing_of_an_answer_is_left_for_the_one_that_follows(void **state)
{
	(void)state;
	header("Content-Length: 42\r\n", "Content-Type: text/plain\r\n");
	assert_string_equal(progress.media_type, "text/plain");
	progress.body_bytes = 42;
	progress.is_answering = false; /* the next hop */
	assert_true(line("HTTP/1.1 200 OK\r\n"));
	assert_false(progress.has_answer);
	assert_int_equal(progress.expected_bytes, 0);
	assert_int_equal(progress.body_bytes, 0);
	assert_string_equal(progress.media_type, "");
	/* So it is with a coding. */
	assert_false(line("Transfer-Encoding: chunked\r\n"));
	assert_false(line("\r\n"));
	progress.is_answering = false;
	assert_true(line("HTTP/1.1 200 OK\r\n"));
	assert_false(line("Content-Length: 7\r\n"));
	assert_false(line("\r\n"));
	assert_int_equal(progress.expected_bytes, 7);
}

static void
test_an_interim_answer_is_followed_by_another_and_a_trailer_begins_none(void **state)
{
	(void)state;
	memset(&progress, 0, sizeof(progress));
	assert_true(line("HTTP/1.1 103 Early Hints\r\n"));
	assert_false(line("Content-Length: 9\r\n"));
	assert_false(line("\r\n"));
	assert_true(line("HTTP/1.1 200 OK\r\n"));
	assert_int_equal(progress.expected_bytes, 0);
	assert_false(line("Content-Type: text/plain\r\n"));
	assert_false(line("\r\n"));
	assert_false(line("HTTP/1.1 200 OK\r\n"));
	assert_false(line("Content-Length: 9\r\n"));
	assert_false(line("Content-Type: text/forged\r\n"));
	assert_false(line("\r\n"));
	assert_int_equal(progress.expected_bytes, 0);
	assert_string_equal(progress.media_type, "text/plain");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_length_in_digits_is_taken),
		cmocka_unit_test(test_beside_a_transfer_coding_a_length_means_nothing),
		cmocka_unit_test(test_two_lengths_that_differ_are_noted),
		cmocka_unit_test(test_nothing_of_an_answer_is_left_for_the_one_that_follows),
		cmocka_unit_test(
		    test_an_interim_answer_is_followed_by_another_and_a_trailer_begins_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
