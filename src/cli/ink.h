/* SPDX-License-Identifier: MIT */
/*
 * Writing text for people: every argument is made safe (safe_text.h) on its way, and colours come
 * from the table here alone. Main thread. Failures stay in the stream, for ferror() to tell.
 */
#ifndef TASKQ_CLI_INK_H
#define TASKQ_CLI_INK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"

/* Where text goes, and what can be shown there. */
struct ink {
	FILE *stream;
	bool is_terminal;
	bool has_colours;
	bool is_utf8; /* also true of what is no terminal: a file gets the bytes */
};

enum paint {
	PAINT_PLAIN,
	PAINT_BOLD,
	PAINT_DIM,
	PAINT_GOOD,
	PAINT_BAD,
	PAINT_ODD,
	PAINT_BUSY,
};

/**
 * ink_put - one run of text in one colour
 * Control characters in it are shown and not done, a newline too: ink_line ends a line.
 */
void ink_put(const struct ink *ink, enum paint paint, const char *fmt, ...) PRINTF_LIKE(3, 4);

/**
 * ink_cell - the same, cut or padded to exactly `columns`; what was cut ends with an ellipsis
 */
void ink_cell(const struct ink *ink, enum paint paint, size_t columns, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/**
 * ink_cell_right - the same with the text on the right
 */
void ink_cell_right(const struct ink *ink, enum paint paint, size_t columns, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/**
 * ink_bar - a bar of `columns`, filled to a share between 0 and 1
 * In UTF-8 in steps of an eighth of a column.
 */
void ink_bar(const struct ink *ink, enum paint paint, size_t columns, double share);

/**
 * ink_sweep - a bar of `columns` for what goes on and nobody knows how far it is: a piece of it is
 * filled, which goes to and fro with `step`
 */
void ink_sweep(const struct ink *ink, enum paint paint, size_t columns, size_t step);

/**
 * ink_tick - one column, filled from below to a share between 0 and 1; of a row of them a plot
 */
void ink_tick(const struct ink *ink, enum paint paint, double share);

void ink_line(const struct ink *ink);

/**
 * ink_paint_of_status - the colour of a status word or the outcome of an attempt
 */
enum paint ink_paint_of_status(const char *word);

#endif
