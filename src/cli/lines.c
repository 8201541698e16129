/* SPDX-License-Identifier: MIT */
/* Lines from a descriptor; see lines.h. Main thread. */
#include "cli/lines.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/stop.h"

#define CAPACITY_FIRST ((size_t)16384)

void
lines_init(struct lines *lines, int fd, size_t max_bytes)
{
	*lines = (struct lines){ .fd = fd, .max_bytes = max_bytes };
}

void
lines_done(struct lines *lines)
{
	free(lines->data);
	lines->data = NULL;
}

/* Room for more: what is left moves to the front, and the memory grows if that is not enough. Two
   bytes more than a line, for its end, tell that it is too long. */
static enum status
make_room(struct lines *lines, struct error *error)
{
	size_t left = lines->end - lines->begin;
	size_t most = lines->max_bytes + 2;
	size_t capacity = lines->capacity == 0 ? CAPACITY_FIRST : lines->capacity * 2;
	char *data;

	if (lines->begin > 0) {
		assert(lines->data != NULL);
		memmove(lines->data, lines->data + lines->begin, left);
		lines->begin = 0;
		lines->end = left;
	}
	if (lines->end < lines->capacity)
		return STATUS_OK;
	if (left >= most)
		return error_set(error, STATUS_FULL, "line %" PRIu64 " has more than %zu bytes",
		    lines->number + 1, lines->max_bytes);
	data = realloc(lines->data, capacity < most ? capacity : most);
	if (data == NULL)
		return error_set(
		    error, STATUS_NOMEM, "no memory for line %" PRIu64, lines->number + 1);
	lines->data = data;
	lines->capacity = capacity < most ? capacity : most;
	return STATUS_OK;
}

static enum status
read_more(struct lines *lines, struct error *error)
{
	enum status status = make_room(lines, error);
	ssize_t got;

	if (status != STATUS_OK)
		return status;
	do {
		if (stop_is_wanted())
			return STATUS_CANCELLED;
		got = read(lines->fd, lines->data + lines->end, lines->capacity - lines->end);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_set(error, STATUS_IO, "cannot read line %" PRIu64 ": %s",
		    lines->number + 1, strerror(errno));
	lines->is_at_end = got == 0;
	lines->end += (size_t)got;
	return STATUS_OK;
}

/* Gives out what lies before `size`, and drops as much as `with_end`. */
static enum status
give_out(struct lines *lines, size_t size, size_t with_end, const char **ret_line, size_t *ret_size,
    struct error *error)
{
	const char *line = lines->data + lines->begin;

	assert(lines->data != NULL);
	if (size > 0 && line[size - 1] == '\r')
		size--;
	if (size > lines->max_bytes)
		return error_set(error, STATUS_FULL, "line %" PRIu64 " has more than %zu bytes",
		    lines->number + 1, lines->max_bytes);
	lines->begin += with_end;
	lines->searched = 0;
	lines->number++;
	lines->bytes += with_end;
	*ret_line = line;
	*ret_size = size;
	return STATUS_OK;
}

enum status
lines_next(struct lines *lines, const char **ret_line, size_t *ret_size, struct error *error)
{
	for (;;) {
		size_t left = lines->end - lines->begin;
		const char *from = lines->data != NULL ? lines->data + lines->begin : "";
		const char *end = memchr(from + lines->searched, '\n', left - lines->searched);
		enum status status;

		if (end != NULL)
			return give_out(lines, (size_t)(end - from), (size_t)(end - from) + 1,
			    ret_line, ret_size, error);
		if (lines->is_at_end && left == 0)
			return STATUS_NOT_FOUND;
		if (lines->is_at_end)
			return give_out(lines, left, left, ret_line, ret_size, error);
		lines->searched = left;
		status = read_more(lines, error);
		if (status != STATUS_OK)
			return status;
	}
}
