/* SPDX-License-Identifier: MIT */
/*
 * Streams a result answer. Used by the connection's own thread. The content is read in pieces whose
 * size is a multiple of three, so that base64 needs no carry between pieces, and an escape is only
 * ever made from one byte, so that JSON needs none either; what does not fit the caller's room
 * waits in `out`.
 */
#include "http/result_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/base64_text.h"
#include "http/json_text.h"

#define PIECE_BYTES ((size_t)3 * 1365)
#define BLOCK_BYTES 32768

enum part {
	PART_BEFORE,
	PART_CONTENT,
	PART_AFTER,
};

struct result_stream {
	struct body_source source; /* first, so that either is the other */
	enum result_coding coding;
	enum part part;
	char *before;
	size_t before_size;
	char *after;
	size_t after_size;
	int fd;
	uint64_t bytes; /* of the content */
	uint64_t left;  /* of it, not read yet */
	const char *at; /* produced and not handed out yet: into before, out or after */
	size_t ready;
	char in[PIECE_BYTES];
	char out[PIECE_BYTES * JSON_ESCAPE_MAX];
};

static ssize_t
source_read(struct body_source *source, char *out, size_t room)
{
	return result_stream_read((struct result_stream *)source, out, room);
}

static void
source_free(struct body_source *source)
{
	result_stream_free((struct result_stream *)source);
}

struct body_source *
result_stream_source(struct result_stream *stream)
{
	return &stream->source;
}

enum status
result_stream_new(enum result_coding coding, struct buf *before, int fd, uint64_t bytes,
    struct buf *after, struct result_stream **ret_stream, struct error *error)
{
	struct result_stream *stream = malloc(sizeof(*stream));
	size_t before_size = 0, after_size = 0;
	char *before_text = buf_take(before, &before_size);
	char *after_text = buf_take(after, &after_size);

	if (stream == NULL || before_text == NULL || after_text == NULL) {
		free(stream);
		free(before_text);
		free(after_text);
		return error_set(error, STATUS_NOMEM, "no memory to stream a result");
	}
	stream->source = (struct body_source){
		.read = source_read, .free = source_free, .block_bytes = BLOCK_BYTES
	};
	stream->coding = coding;
	stream->part = PART_BEFORE;
	stream->before = before_text;
	stream->before_size = before_size;
	stream->after = after_text;
	stream->after_size = after_size;
	stream->fd = fd;
	stream->bytes = bytes;
	stream->left = bytes;
	stream->at = before_text;
	stream->ready = before_size;
	*ret_stream = stream;
	return STATUS_OK;
}

void
result_stream_free(struct result_stream *stream)
{
	if (stream == NULL)
		return;
	(void)close(stream->fd);
	free(stream->before);
	free(stream->after);
	free(stream);
}

uint64_t
result_stream_size(const struct result_stream *stream)
{
	uint64_t around = stream->before_size + stream->after_size;

	switch (stream->coding) {
	case RESULT_CODING_BARE:
		return around + stream->bytes;
	case RESULT_CODING_BASE64:
		return around + base64_text_size(stream->bytes);
	case RESULT_CODING_ESCAPE:
		break;
	}
	return UINT64_MAX;
}

/* Fills `in` with the next piece. Returns its size, or 0 when the file failed. */
static size_t
read_piece(struct result_stream *stream)
{
	size_t wanted = stream->left < PIECE_BYTES ? (size_t)stream->left : PIECE_BYTES;
	size_t size = 0;

	while (size < wanted) {
		ssize_t n = read(stream->fd, stream->in + size, wanted - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		size += (size_t)n;
	}
	stream->left -= size;
	return size;
}

/* Makes more bytes ready after the last ones were handed out. Returns false when the file failed.
 */
static bool
advance(struct result_stream *stream)
{
	size_t size;

	if (stream->part == PART_BEFORE)
		stream->part = PART_CONTENT;
	if (stream->part == PART_CONTENT && stream->left == 0) {
		stream->part = PART_AFTER;
		stream->at = stream->after;
		stream->ready = stream->after_size;
		return true;
	}
	if (stream->part == PART_AFTER)
		return true;
	size = read_piece(stream);
	if (size == 0)
		return false;
	stream->at = stream->out;
	switch (stream->coding) {
	case RESULT_CODING_BARE:
		stream->at = stream->in;
		stream->ready = size;
		break;
	case RESULT_CODING_ESCAPE:
		stream->ready = json_text_escape(stream->in, size, stream->out);
		break;
	case RESULT_CODING_BASE64:
		stream->ready = base64_text_encode(stream->in, size, stream->out);
		break;
	}
	return true;
}

ssize_t
result_stream_read(struct result_stream *stream, char *out, size_t room)
{
	size_t written = 0;

	while (written < room) {
		size_t size = room - written;

		if (stream->ready == 0) {
			if (!advance(stream))
				return -1;
			if (stream->ready == 0)
				break;
		}
		if (size > stream->ready)
			size = stream->ready;
		memcpy(out + written, stream->at, size);
		stream->at += size;
		stream->ready -= size;
		written += size;
	}
	return (ssize_t)written;
}
