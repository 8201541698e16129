/* SPDX-License-Identifier: MIT */
/*
 * Lines from a descriptor, one by one, in bounded memory however much comes. Main thread; blocks as
 * the descriptor does.
 */
#ifndef TASKQ_CLI_LINES_H
#define TASKQ_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct lines {
	int fd; /* borrowed */
	size_t max_bytes;
	char *data; /* what was read and is not given out yet lies between begin and end */
	size_t capacity;
	size_t begin, end;
	size_t searched; /* bytes behind begin that have no line end */
	bool is_at_end;  /* of the descriptor */
	uint64_t number; /* of the latest line, from 1 */
	uint64_t bytes;  /* that were given out, with the line ends */
};

/**
 * lines_init
 * @max_bytes: of one line, without its end
 */
void lines_init(struct lines *lines, int fd, size_t max_bytes);
void lines_done(struct lines *lines);

/**
 * lines_next - the next line, without LF or CR LF; the last one needs no end
 * @ret_line: borrowed until the next call; not NUL-terminated, and may hold NUL
 * Returns OK; NOT_FOUND behind the last line; FULL for a line that is too long; IO; CANCELLED where
 * stop_is_wanted(); NOMEM. After anything but OK it is not to be called again.
 */
enum status lines_next(
    struct lines *lines, const char **ret_line, size_t *ret_size, struct error *error) NODISCARD;

#endif
