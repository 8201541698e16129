/* SPDX-License-Identifier: MIT */
/* Base64 against the vectors of RFC 4648 section 10, and pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/base64_text.h"

static void
test_vectors_of_the_rfc(void **state)
{
	static const struct {
		const char *plain;
		const char *text;
	} vectors[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		char out[16] = "";
		size_t size = strlen(vectors[i].plain);
		size_t written = base64_text_encode(vectors[i].plain, size, out);

		assert_int_equal(written, strlen(vectors[i].text));
		assert_int_equal(written, base64_text_size(size));
		assert_memory_equal(out, vectors[i].text, written);
	}
}

static void
test_pieces_of_three_bytes_join_to_the_whole(void **state)
{
	unsigned char data[256];
	char whole[400], pieces[400];
	size_t whole_size;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)i;
	whole_size = base64_text_encode(data, sizeof(data), whole);
	for (size_t cut = 0; cut < sizeof(data); cut += 3) {
		size_t used = base64_text_encode(data, cut, pieces);

		used += base64_text_encode(data + cut, sizeof(data) - cut, pieces + used);
		assert_int_equal(used, whole_size);
		assert_memory_equal(pieces, whole, used);
	}
}

static void
test_size_does_not_overflow_for_large_contents(void **state)
{
	(void)state;
	assert_true(base64_text_size((uint64_t)3 << 40) == (uint64_t)4 << 40);
	assert_true(base64_text_size(((uint64_t)3 << 40) + 1) == ((uint64_t)4 << 40) + 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors_of_the_rfc),
		cmocka_unit_test(test_pieces_of_three_bytes_join_to_the_whole),
		cmocka_unit_test(test_size_does_not_overflow_for_large_contents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
