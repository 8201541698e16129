/* SPDX-License-Identifier: MIT */
/*
 * The bounded buffer. One thread at a time. The allocation doubles up to the bound, so appending n
 * bytes costs O(n) in total; the room for the NUL is not part of the bound.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/block_size.h"

void
buf_init(struct buf *buf, size_t max_bytes)
{
	assert(max_bytes < SIZE_MAX);
	*buf = (struct buf){ .max = max_bytes };
}

void
buf_done(struct buf *buf)
{
	if (buf == NULL)
		return;
	free(buf->data);
	buf->data = NULL;
	buf->size = 0;
	buf->capacity = 0;
}

/* The slow path of buf_room: more memory for `size` bytes and the NUL. */
static bool
buf_grow(struct buf *buf, size_t size)
{
	size_t capacity = buf->capacity == 0 ? block_size(1) : buf->capacity;
	char *data;

	if (size > buf->max - buf->size) {
		buf->status = STATUS_FULL;
		return false;
	}
	while (capacity <= buf->size + size)
		capacity = capacity > buf->max / 2 ? buf->max + 1 : block_size(capacity * 2);
	if (capacity > buf->max + 1)
		capacity = buf->max + 1;
	data = realloc(buf->data, block_size(capacity));
	if (data == NULL) {
		buf->status = STATUS_NOMEM;
		return false;
	}
	data[buf->size] = '\0';
	buf->data = data;
	buf->capacity = capacity;
	return true;
}

/* Whether `size` more bytes and the NUL have room now. */
static inline bool
buf_room(struct buf *buf, size_t size)
{
	if (buf->status != STATUS_OK)
		return false;
	if (buf->capacity > buf->size && size < buf->capacity - buf->size)
		return true;
	return buf_grow(buf, size);
}

void
buf_append(struct buf *buf, const void *data, size_t size)
{
	if (!buf_room(buf, size))
		return;
	if (size > 0)
		memcpy(buf->data + buf->size, data, size);
	buf->size += size;
	buf->data[buf->size] = '\0';
}

void
buf_text(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void
buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int length;

	if (!buf_room(buf, 0))
		return;
	room = buf->capacity - buf->size;
	va_start(ap, fmt);
	length = vsnprintf(buf->data + buf->size, room, fmt, ap);
	va_end(ap);
	if (length < 0) {
		/* The only failures that a fixed format leaves are of memory. */
		buf->data[buf->size] = '\0';
		buf->status = STATUS_NOMEM;
		return;
	}
	if ((size_t)length >= room) {
		buf->data[buf->size] = '\0';
		if (!buf_room(buf, (size_t)length))
			return;
		va_start(ap, fmt);
		length = vsnprintf(buf->data + buf->size, (size_t)length + 1, fmt, ap);
		va_end(ap);
		assert(length >= 0);
	}
	buf->size += (size_t)length;
}

char *
buf_reserve(struct buf *buf, size_t size)
{
	return buf_room(buf, size) ? buf->data + buf->size : NULL;
}

enum status
buf_status(const struct buf *buf)
{
	return buf->status;
}

char *
buf_take(struct buf *buf, size_t *ret_size)
{
	char *data;

	if (!buf_room(buf, 0))
		return NULL;
	data = buf->data;
	if (ret_size != NULL)
		*ret_size = buf->size;
	buf->data = NULL;
	buf->size = 0;
	buf->capacity = 0;
	return data;
}
