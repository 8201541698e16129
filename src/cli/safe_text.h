/* SPDX-License-Identifier: MIT */
/*
 * Text that may stand in a terminal. URLs, the texts of problems and failures, and results come
 * from strangers: a control sequence in them could move the cursor, change the title, answer for
 * the user or hide what stands there. So everything but the program's own sequences passes through
 * here. Pure, but that widths are those of the thread's locale.
 */
#ifndef TASKQ_CLI_SAFE_TEXT_H
#define TASKQ_CLI_SAFE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/utf8.h"

struct safe_text {
	bool is_utf8; /* what the terminal shows; else ASCII alone */
	bool keeps_lines;
	bool has_cr;        /* a carriage return came, and what follows it is not known yet */
	struct utf8 utf8;   /* over what is pending */
	uint8_t pending[4]; /* of a character that is not complete */
	size_t pending_size;
};

/* Bytes that one byte becomes at most. */
#define SAFE_TEXT_GROWTH 3

/**
 * safe_text_init
 * @is_utf8:     whether the terminal takes UTF-8; one that does not may take the bytes of a
 *               character for control sequences, so it gets ASCII
 * @keeps_lines: newline and tab are kept, and CR LF is a newline; else they are shown like other
 *               control characters
 */
void safe_text_init(struct safe_text *safe, bool is_utf8, bool keeps_lines);

/**
 * safe_text_feed - the next piece of a text, which may be cut anywhere
 * Control characters become ^X as cat -v shows them. Characters that are invisible and change how
 * others are shown (C1, marks and overrides of direction, separators of lines, tags) and bytes that
 * are no UTF-8 become U+FFFD, or ? where it is ASCII. The first failure sticks in @out.
 */
void safe_text_feed(struct safe_text *safe, const void *data, size_t size, struct buf *out);

/**
 * safe_text_end - the end of the text: what is pending is not going to be complete
 */
void safe_text_end(struct safe_text *safe, struct buf *out);

/**
 * safe_text_append - a whole text of one line
 */
void safe_text_append(bool is_utf8, const char *text, struct buf *out);

/**
 * safe_text_fit - how many bytes at the front of a safe text fit some columns
 * @ret_columns: how many columns those bytes take
 * Characters of no width stay with what they stand on.
 */
size_t safe_text_fit(const char *safe, size_t columns, size_t *ret_columns);

#endif
