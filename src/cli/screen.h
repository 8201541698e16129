/* SPDX-License-Identifier: MIT */
/*
 * What standard output and standard error are, and who writes where: data goes to the one, messages
 * and progress to the other. Progress is a single line at the bottom of a terminal, which goes away
 * before anything else is written. Main thread.
 */
#ifndef TASKQ_CLI_SCREEN_H
#define TASKQ_CLI_SCREEN_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "cli/ink.h"

struct screen {
	struct ink out;
	struct ink err;
	bool is_able;        /* the terminal can move its cursor, as far as TERM tells */
	bool is_quiet;       /* no progress, no hints */
	bool shows_progress; /* standard error is a terminal that can, and nobody asked for quiet */
	bool has_line;       /* a line of progress stands there */
	bool is_utf8;        /* what the locale says of terminals */
	locale_t locale;     /* for the widths of characters; 0: none */
};

/**
 * screen_open - look at the descriptors, the locale, TERM and NO_COLOR (no-color.org)
 */
void screen_open(struct screen *screen);
void screen_close(struct screen *screen);

/**
 * screen_set_quiet - before the first progress
 */
void screen_set_quiet(struct screen *screen);

/**
 * screen_columns - the width of the terminal now; 80 where nobody knows
 */
size_t screen_columns(const struct ink *ink);

/**
 * screen_rows - its height now; 24 where nobody knows
 */
size_t screen_rows(const struct ink *ink);

/**
 * screen_line_begin / screen_line_end - write a line of progress to screen->err between them
 * What is written must fit screen_columns() - 1, or lines are left behind.
 */
void screen_line_begin(struct screen *screen);
void screen_line_end(struct screen *screen);

/**
 * screen_line_clear - take the line of progress away; nothing where there is none
 * To be called before anything else goes to a terminal.
 */
void screen_line_clear(struct screen *screen);

/**
 * screen_error - "taskq: text" on standard error
 */
void screen_error(struct screen *screen, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * screen_detail - a further line below an error
 */
void screen_detail(struct screen *screen, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * screen_hint - what to do next, as a line on standard error; not where quiet was asked for
 */
void screen_hint(struct screen *screen, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * screen_flush - let everything that was written to standard output go
 * Returns OK, or IO where it could not be written.
 */
enum status screen_flush(struct screen *screen, struct error *error) NODISCARD;

#endif
