/* SPDX-License-Identifier: MIT */
/* Streams of results: every coding, every size of room, sizes around the piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/compiler.h"
#include "http/base64_text.h"
#include "http/json_text.h"
#include "http/result_stream.h"

#define PIECE_BYTES 4095 /* as result_stream.c reads */

static int
file_of(const char *data, size_t size)
{
	FILE *file = tmpfile();
	int fd;

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fflush(file), 0);
	fd = dup(fileno(file));
	fclose(file);
	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static struct result_stream *
stream_of(enum result_coding coding, const char *data, size_t size, uint64_t claimed)
{
	struct result_stream *stream = NULL;
	struct buf before, after;

	buf_init(&before, 100);
	buf_init(&after, 100);
	buf_text(&before, "<before>");
	buf_text(&after, "<after>");
	assert_int_equal(
	    result_stream_new(coding, &before, file_of(data, size), claimed, &after, &stream, NULL),
	    STATUS_OK);
	return stream;
}

/* What the stream should give, made at once. */
static char *
expect(enum result_coding coding, const char *data, size_t size, size_t *ret_size)
{
	char *out = malloc(size * JSON_ESCAPE_MAX + 100);
	size_t used = 8;

	memcpy(out, "<before>", 8);
	switch (coding) {
	case RESULT_CODING_BARE:
		memcpy(out + used, data, size);
		used += size;
		break;
	case RESULT_CODING_ESCAPE:
		used += json_text_escape(data, size, out + used);
		break;
	case RESULT_CODING_BASE64:
		used += base64_text_encode(data, size, out + used);
		break;
	}
	memcpy(out + used, "<after>", 7);
	*ret_size = used + 7;
	return out;
}

static void
check(enum result_coding coding, const char *data, size_t size, size_t room)
{
	struct result_stream *stream = stream_of(coding, data, size, size);
	size_t expected_size, used = 0;
	char *expected = expect(coding, data, size, &expected_size);
	char *out = malloc(expected_size + room);
	ssize_t n;

	while ((n = result_stream_read(stream, out + used, room)) > 0) {
		used += (size_t)n;
		assert_true(used <= expected_size);
	}
	assert_int_equal(n, 0);
	assert_int_equal(used, expected_size);
	assert_memory_equal(out, expected, used);
	assert_int_equal(result_stream_read(stream, out, room), 0);
	if (coding == RESULT_CODING_ESCAPE)
		assert_true(result_stream_size(stream) == UINT64_MAX);
	else
		assert_true(result_stream_size(stream) == expected_size);
	result_stream_free(stream);
	free(out);
	free(expected);
}

static const enum result_coding codings[] = { RESULT_CODING_BARE, RESULT_CODING_ESCAPE,
	RESULT_CODING_BASE64 };

static void
test_every_size_of_room_gives_the_same_bytes(void **state)
{
	static const char data[] = "plain \"quoted\"\n\0\x01 \xc3\xa9 \\ end";

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(codings); c++)
		for (size_t room = 1; room <= 120; room++)
			check(codings[c], data, sizeof(data) - 1, room);
}

static void
test_contents_around_the_size_of_a_piece(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 3, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1,
		2 * PIECE_BYTES, 3 * PIECE_BYTES + 2 };
	char *data = malloc(4 * PIECE_BYTES);

	(void)state;
	for (size_t i = 0; i < 4 * PIECE_BYTES; i++)
		data[i] = (char)(i % 251);
	for (size_t c = 0; c < ARRAY_SIZE(codings); c++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (size_t room = 1000; room <= 40000; room += 13000)
				check(codings[c], data, sizes[i], room);
	free(data);
}

static void
test_content_that_escapes_at_its_worst(void **state)
{
	char *data = malloc(PIECE_BYTES + 1);

	(void)state;
	memset(data, 1, PIECE_BYTES + 1);
	check(RESULT_CODING_ESCAPE, data, PIECE_BYTES + 1, 32768);
	free(data);
}

static void
test_a_file_that_is_too_short_is_an_error(void **state)
{
	struct result_stream *stream = stream_of(RESULT_CODING_BARE, "abc", 3, 4);
	char out[100];

	(void)state;
	assert_int_equal(result_stream_read(stream, out, sizeof(out)), -1);
	result_stream_free(stream);
}

static void
test_a_buffer_that_failed_makes_no_stream(void **state)
{
	struct result_stream *stream = NULL;
	struct buf before, after;
	struct error error;

	(void)state;
	buf_init(&before, 3);
	buf_init(&after, 100);
	buf_text(&before, "too long");
	assert_int_equal(
	    result_stream_new(RESULT_CODING_BARE, &before, -1, 0, &after, &stream, &error),
	    STATUS_NOMEM);
	assert_null(stream);
	buf_done(&before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size_of_room_gives_the_same_bytes),
		cmocka_unit_test(test_contents_around_the_size_of_a_piece),
		cmocka_unit_test(test_content_that_escapes_at_its_worst),
		cmocka_unit_test(test_a_file_that_is_too_short_is_an_error),
		cmocka_unit_test(test_a_buffer_that_failed_makes_no_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
