/* SPDX-License-Identifier: MIT */
/* SHA-256 against the examples of FIPS 180-2 appendix B, in one piece and in several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/sha256.h"

static void
assert_digest(const struct sha256_piece *pieces, size_t count, const char *expected)
{
	unsigned char digest[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];

	assert_int_equal(sha256(pieces, count, digest, NULL), STATUS_OK);
	for (size_t i = 0; i < SHA256_BYTES; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(text, expected);
}

#define EMPTY   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ALPHA   "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
#define MILLION "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void
test_the_examples_of_the_standard(void **state)
{
	static const char alpha[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	char *million = malloc(1000000);

	(void)state;
	assert_non_null(million);
	memset(million, 'a', 1000000);
	assert_digest(NULL, 0, EMPTY);
	assert_digest(&(struct sha256_piece){ "abc", 3 }, 1, ABC);
	assert_digest(&(struct sha256_piece){ alpha, strlen(alpha) }, 1, ALPHA);
	assert_digest(&(struct sha256_piece){ million, 1000000 }, 1, MILLION);
	free(million);
}

static void
test_pieces_count_as_what_they_are_together(void **state)
{
	const struct sha256_piece pieces[] = { { NULL, 0 }, { "a", 1 }, { "", 0 }, { "bc", 2 } };

	(void)state;
	assert_digest(pieces, ARRAY_SIZE(pieces), ABC);
	assert_digest(pieces, 1, EMPTY);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_examples_of_the_standard),
		cmocka_unit_test(test_pieces_count_as_what_they_are_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
