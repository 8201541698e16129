/* SPDX-License-Identifier: MIT */
/* Standard output and standard error; see screen.h. Main thread. */
#include "cli/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/stop.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_MAX     1000
#define ROWS_DEFAULT    24
#define ROWS_MAX        500
#define MESSAGE_BYTES   4096

/* Whether the environment asks for UTF-8, by the variables in their order. */
static bool
environment_says_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return strcasestr(value, "utf-8") != NULL ||
			       strcasestr(value, "utf8") != NULL;
	}
	return false;
}

/* The locale of the user, or where it is not installed one that agrees about the characters. */
static bool
open_locale(locale_t *ret_locale)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

	if (locale == (locale_t)0 && environment_says_utf8())
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	*ret_locale = locale;
	if (locale == (locale_t)0)
		return false;
	(void)uselocale(locale);
	return strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
}

void
screen_open(struct screen *screen)
{
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");
	bool is_able = term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
	bool has_colours = is_able && (no_color == NULL || no_color[0] == '\0');
	bool out_is_terminal = isatty(STDOUT_FILENO) == 1;
	bool err_is_terminal = isatty(STDERR_FILENO) == 1;
	bool is_utf8;

	*screen = (struct screen){ .is_able = is_able };
	is_utf8 = open_locale(&screen->locale);
	screen->is_utf8 = is_utf8;
	screen->out = (struct ink){
		.stream = stdout,
		.is_terminal = out_is_terminal,
		.has_colours = out_is_terminal && has_colours,
		.is_utf8 = !out_is_terminal || is_utf8,
	};
	screen->err = (struct ink){
		.stream = stderr,
		.is_terminal = err_is_terminal,
		.has_colours = err_is_terminal && has_colours,
		.is_utf8 = !err_is_terminal || is_utf8,
	};
	screen->shows_progress = err_is_terminal && is_able;
}

void
screen_close(struct screen *screen)
{
	screen_line_clear(screen);
	/* Ctrl-C makes a terminal forget what it was about to show, the end of a colour too. */
	if (stop_is_wanted() && screen->out.has_colours) {
		fputs("\033[0m", stdout);
		fflush(stdout);
	}
	if (screen->locale == (locale_t)0)
		return;
	(void)uselocale(LC_GLOBAL_LOCALE);
	freelocale(screen->locale);
	screen->locale = (locale_t)0;
}

void
screen_set_quiet(struct screen *screen)
{
	screen->is_quiet = true;
	screen->shows_progress = false;
}

size_t
screen_columns(const struct ink *ink)
{
	struct winsize size = { .ws_col = 0 };

	if (ioctl(fileno(ink->stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

size_t
screen_rows(const struct ink *ink)
{
	struct winsize size = { .ws_row = 0 };

	if (ioctl(fileno(ink->stream), TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
		return ROWS_DEFAULT;
	return size.ws_row < ROWS_MAX ? size.ws_row : ROWS_MAX;
}

void
screen_line_begin(struct screen *screen)
{
	/* Both may be the same terminal. */
	fflush(stdout);
	fputs("\r", stderr);
	screen->has_line = true;
}

void
screen_line_end(struct screen *screen)
{
	(void)screen;
	fputs("\033[K", stderr);
	fflush(stderr);
}

void
screen_line_clear(struct screen *screen)
{
	if (!screen->has_line)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	screen->has_line = false;
}

static void put_message(struct screen *screen, const char *prefix, enum paint prefix_paint,
    enum paint paint, const char *fmt, va_list ap) PRINTF_LIKE(5, 0);

static void
put_message(struct screen *screen, const char *prefix, enum paint prefix_paint, enum paint paint,
    const char *fmt, va_list ap)
{
	char text[MESSAGE_BYTES];

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	screen_line_clear(screen);
	fflush(stdout);
	ink_put(&screen->err, prefix_paint, "%s", prefix);
	ink_put(&screen->err, paint, "%s", text);
	ink_line(&screen->err);
	fflush(stderr);
}

void
screen_error(struct screen *screen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_message(screen, "taskq: ", PAINT_BAD, PAINT_PLAIN, fmt, ap);
	va_end(ap);
}

void
screen_detail(struct screen *screen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_message(screen, "  ", PAINT_PLAIN, PAINT_PLAIN, fmt, ap);
	va_end(ap);
}

void
screen_hint(struct screen *screen, const char *fmt, ...)
{
	va_list ap;

	if (screen->is_quiet)
		return;
	va_start(ap, fmt);
	put_message(screen, "  ", PAINT_PLAIN, PAINT_DIM, fmt, ap);
	va_end(ap);
}

enum status
screen_flush(struct screen *screen, struct error *error)
{
	(void)screen;
	errno = 0;
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return STATUS_OK;
	return error_set(error, STATUS_IO, "cannot write to standard output: %s",
	    errno != 0 ? strerror(errno) : "an earlier write failed");
}
