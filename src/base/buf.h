/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer with a bound that is set when it is made. Appending never fails aloud: the
 * first failure sticks, later appends do nothing, and the user asks once at the end (buf_status).
 */
#ifndef TASKQ_BASE_BUF_H
#define TASKQ_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct buf {
	char *data; /* NUL-terminated whenever not NULL; the NUL is not counted */
	size_t size;
	size_t capacity;
	size_t max;
	enum status status; /* OK, FULL (over max) or NOMEM */
};

/**
 * buf_init - an empty buffer that holds at most max_bytes; allocates nothing
 */
void buf_init(struct buf *buf, size_t max_bytes);

/**
 * buf_done - free the content; NULL and zeroed buffers are fine
 */
void buf_done(struct buf *buf);

void buf_append(struct buf *buf, const void *data, size_t size);
void buf_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * buf_reserve - room for at least `size` more bytes; returns where they start, or NULL (status is
 * set). Add what was written to buf->size and keep the NUL.
 */
char *buf_reserve(struct buf *buf, size_t size);

enum status buf_status(const struct buf *buf) NODISCARD;

/**
 * buf_take - hand the bytes to the caller (free with free()); NULL when the status is not OK.
 * An empty buffer gives an empty string. The buffer is empty afterwards.
 */
char *buf_take(struct buf *buf, size_t *ret_size);

#endif
