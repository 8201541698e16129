/* SPDX-License-Identifier: MIT */
/*
 * Reads answers. Trusts nothing: an answer without Content-Length or with a head over the limit is
 * broken, and so is one that is followed by more than was announced.
 */
#include "load_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
	DROP_BYTES = 4 * 1024 * 1024, /* at most so many are dropped in one call */
};

void
load_answer_reset(struct load_answer *answer)
{
	answer->status = 0;
	answer->head_bytes = 0;
	answer->body_bytes = 0;
	answer->got = 0;
	answer->buffer[0] = '\0';
}

const char *
load_answer_body(const struct load_answer *answer)
{
	return answer->buffer + answer->head_bytes;
}

/* Finds the end of the head and takes from it what counts. */
static enum load_progress
parse_head(struct load_answer *answer)
{
	static const char name[] = "\r\nContent-Length:";
	const char *end = strstr(answer->buffer, "\r\n\r\n");
	if (end == NULL)
		return answer->got < LOAD_ANSWER_MAX - 1 ? LOAD_PART : LOAD_BROKEN;
	const char *length = strcasestr(answer->buffer, name);
	if (strncmp(answer->buffer, "HTTP/1.1 ", 9) != 0 || length == NULL || length > end)
		return LOAD_BROKEN;
	answer->status = (int)strtol(answer->buffer + 9, NULL, 10);
	answer->body_bytes = strtoul(length + sizeof(name) - 1, NULL, 10);
	answer->head_bytes = (size_t)(end + 4 - answer->buffer);
	return LOAD_WHOLE;
}

enum load_progress
load_answer_read(struct load_answer *answer, int fd)
{
	for (;;) {
		size_t room =
		    answer->got < LOAD_ANSWER_MAX - 1 ? LOAD_ANSWER_MAX - 1 - answer->got : 0;
		/* With MSG_TRUNC the kernel throws the bytes away instead of copying them. */
		ssize_t got = room > 0 ? recv(fd, answer->buffer + answer->got, room, MSG_DONTWAIT)
				       : recv(fd, NULL, DROP_BYTES, MSG_DONTWAIT | MSG_TRUNC);
		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? LOAD_PART : LOAD_BROKEN;
		if (got == 0)
			return LOAD_BROKEN;
		answer->got += (size_t)got;
		if (room > 0)
			answer->buffer[answer->got] = '\0';
		if (answer->head_bytes == 0) {
			enum load_progress progress = parse_head(answer);
			if (progress != LOAD_WHOLE)
				return progress;
		}
		size_t whole = answer->head_bytes + answer->body_bytes;
		if (answer->got >= whole)
			return answer->got == whole ? LOAD_WHOLE : LOAD_BROKEN;
		if (whole < LOAD_ANSWER_MAX)
			return LOAD_PART;
	}
}
