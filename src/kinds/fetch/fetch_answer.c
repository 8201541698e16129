/* SPDX-License-Identifier: MIT */
/* Reads the header of an answer; see fetch_answer.h. What libcurl makes of it is its own affair. */
#include "kinds/fetch/fetch_answer.h"

#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "kinds/fetch/fetch_transfer.h"

/* The value of a field by this name, without blanks around it; NULL for another field. */
static const char *
value_of(const char *name, const char *line, size_t size, size_t *ret_size)
{
	size_t name_size = strlen(name);

	if (size <= name_size || line[name_size] != ':' || strncasecmp(line, name, name_size) != 0)
		return NULL;
	line += name_size + 1;
	size -= name_size + 1;
	while (size > 0 && (line[0] == ' ' || line[0] == '\t')) {
		line++;
		size--;
	}
	while (size > 0 && strchr(" \t\r\n", line[size - 1]) != NULL)
		size--;
	*ret_size = size;
	return line;
}

/*
 * Two lengths, or one that is none, leave open where the answer ends (RFC 9112 section 6.3).
 * libcurl refuses the latter and takes the last of the former.
 */
static void
note_length(struct fetch_progress *progress, const char *value, size_t size)
{
	uint64_t bytes;

	if (num_parse_u64(value, size, &bytes) != STATUS_OK)
		bytes = 0;
	if (progress->has_length && bytes != progress->expected_bytes)
		progress->lengths_differ = true;
	progress->has_length = true;
	progress->expected_bytes = bytes;
}

/* Printable and short enough, or nothing: the value is served as a header later. */
static void
note_media_type(struct fetch_progress *progress, const char *value, size_t size)
{
	progress->media_type[0] = '\0';
	if (size >= sizeof(progress->media_type))
		return;
	for (size_t i = 0; i < size; i++)
		if (value[i] < 0x20 || value[i] > 0x7e)
			return;
	memcpy(progress->media_type, value, size);
	progress->media_type[size] = '\0';
}

static void
note_field(struct fetch_progress *progress, const char *line, size_t size)
{
	const char *value;
	size_t value_size;

	if ((value = value_of("content-type", line, size, &value_size)) != NULL) {
		note_media_type(progress, value, value_size);
	} else if ((value = value_of("content-length", line, size, &value_size)) != NULL) {
		note_length(progress, value, value_size);
	} else if (value_of("transfer-encoding", line, size, &value_size) != NULL) {
		progress->is_chunked = true;
	}
}

/*
 * A status line begins an answer once in a hop, and again after each interim answer (1xx). Anywhere
 * else it is a trailer that pretends.
 */
static bool
begins_answer(const struct fetch_progress *progress, const char *line, size_t size)
{
	return size > 5 && memcmp(line, "HTTP/", 5) == 0 &&
	       (!progress->is_answering || progress->is_interim);
}

static void
begin_answer(struct fetch_progress *progress, const char *line, size_t size)
{
	const char *space = memchr(line, ' ', size - 1);

	progress->is_interim = space != NULL && space[1] == '1';
	progress->is_answering = true;
	progress->is_in_header = true;
	progress->has_answer = false;
	progress->is_chunked = false;
	progress->has_length = false;
	progress->lengths_differ = false;
	progress->expected_bytes = 0;
	progress->body_bytes = 0;
	progress->media_type[0] = '\0';
}

bool
fetch_answer_line(struct fetch_progress *progress, const char *line, size_t size)
{
	if (!progress->is_in_header) {
		/* Trailers come here as well; they are counted and otherwise ignored. */
		if (!begins_answer(progress, line, size))
			return false;
		begin_answer(progress, line, size);
		return true;
	}
	if (line[0] != '\r' && line[0] != '\n') {
		note_field(progress, line, size);
		return false;
	}
	progress->is_in_header = false;
	progress->has_answer = true;
	if (!progress->is_chunked)
		return false;
	/* They mean nothing then. */
	progress->expected_bytes = 0;
	progress->lengths_differ = false;
	return false;
}
