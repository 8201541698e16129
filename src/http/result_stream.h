/* SPDX-License-Identifier: MIT */
/*
 * The JSON of a result answer whose content is in a file: text before, the content in its form,
 * text after, produced piece by piece in constant memory however large the content is. One thread
 * at a time; reads block on the disk.
 */
#ifndef TASKQ_HTTP_RESULT_STREAM_H
#define TASKQ_HTTP_RESULT_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/status.h"
#include "http/body_source.h"

struct result_stream;

enum result_coding {
	RESULT_CODING_BARE,   /* the bytes as they are: digits */
	RESULT_CODING_ESCAPE, /* as inside a JSON string */
	RESULT_CODING_BASE64,
};

/**
 * result_stream_new - a stream over `bytes` bytes of a file, from where it stands
 * @before, @after: taken (buf_take), whether this succeeds or not
 * @fd:             taken on OK
 * Returns OK, or NOMEM, also when one of the buffers has failed.
 */
enum status result_stream_new(enum result_coding coding, struct buf *before, int fd, uint64_t bytes,
    struct buf *after, struct result_stream **ret_stream, struct error *error) NODISCARD;

/**
 * result_stream_free - close and free; NULL is fine
 */
void result_stream_free(struct result_stream *stream);

/**
 * result_stream_source - the stream as the body of a reply, which frees it
 */
struct body_source *result_stream_source(struct result_stream *stream);

/**
 * result_stream_size - bytes that will come, or UINT64_MAX where only reading it all would tell
 */
uint64_t result_stream_size(const struct result_stream *stream);

/**
 * result_stream_read - the next bytes
 * @room: 1 or more
 * Returns how many were written, 0 at the end, -1 when the file cannot be read or is shorter than
 * it should be.
 */
ssize_t result_stream_read(struct result_stream *stream, char *out, size_t room);

#endif
