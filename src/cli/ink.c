/* SPDX-License-Identifier: MIT */
/* Writing text for people; see ink.h. Main thread. */
#include "cli/ink.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/safe_text.h"

/* What begins a colour; what ends each of them is one sequence. */
static const char *const sequences[] = {
	[PAINT_PLAIN] = "",
	[PAINT_BOLD] = "\033[1m",
	[PAINT_DIM] = "\033[2m",
	[PAINT_GOOD] = "\033[32m",
	[PAINT_BAD] = "\033[31m",
	[PAINT_ODD] = "\033[33m",
	[PAINT_BUSY] = "\033[36m",
};

static const char *const eighths[] = { " ", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b",
	"\u258a", "\u2589", "\u2588" };
#define TICKS 8
static const char *const ticks[TICKS] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585",
	"\u2586", "\u2587", "\u2588" };

static const struct {
	const char *word;
	enum paint paint;
} words[] = {
	{ "RUNNING", PAINT_BUSY },
	{ "SUCCEEDED", PAINT_GOOD },
	{ "FAILED", PAINT_BAD },
	{ "REJECTED", PAINT_ODD },
	{ "running", PAINT_BUSY },
	{ "succeeded", PAINT_GOOD },
	{ "failed", PAINT_BAD },
	{ "cancelled", PAINT_ODD },
	{ "crashed", PAINT_BAD },
};

enum paint
ink_paint_of_status(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].paint;
	return PAINT_PLAIN;
}

static void
begin(const struct ink *ink, enum paint paint)
{
	if (ink->has_colours)
		fputs(sequences[paint], ink->stream);
}

static void
end(const struct ink *ink, enum paint paint)
{
	if (ink->has_colours && paint != PAINT_PLAIN)
		fputs("\033[0m", ink->stream);
}

/* The formatted text, safe for this ink; to be freed. Without memory there is none, which shows. */
static char *make_safe(const struct ink *ink, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

static char *
make_safe(const struct ink *ink, const char *fmt, va_list ap)
{
	char *text = NULL, *taken;
	struct buf safe;

	if (vasprintf(&text, fmt, ap) < 0)
		return NULL;
	buf_init(&safe, strlen(text) * SAFE_TEXT_GROWTH);
	safe_text_append(ink->is_utf8, text, &safe);
	taken = buf_take(&safe, NULL);
	buf_done(&safe);
	free(text);
	return taken;
}

void
ink_put(const struct ink *ink, enum paint paint, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = make_safe(ink, fmt, ap);
	va_end(ap);
	if (text == NULL)
		return;
	begin(ink, paint);
	fputs(text, ink->stream);
	end(ink, paint);
	free(text);
}

/* Text in exactly so many columns. */
static void
put_cell(const struct ink *ink, enum paint paint, size_t columns, bool is_right, char *text)
{
	const char *ellipsis = ink->is_utf8 ? "\u2026" : "~";
	size_t used;
	size_t size = safe_text_fit(text, columns, &used);
	bool is_cut = text[size] != '\0';

	if (is_cut && columns > 0)
		size = safe_text_fit(text, columns - 1, &used);
	used += is_cut && columns > 0 ? 1 : 0;
	if (is_right)
		fprintf(ink->stream, "%*s", (int)(columns - used), "");
	begin(ink, paint);
	fwrite(text, 1, size, ink->stream);
	if (is_cut && columns > 0)
		fputs(ellipsis, ink->stream);
	end(ink, paint);
	if (!is_right)
		fprintf(ink->stream, "%*s", (int)(columns - used), "");
}

void
ink_cell(const struct ink *ink, enum paint paint, size_t columns, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = make_safe(ink, fmt, ap);
	va_end(ap);
	if (text != NULL)
		put_cell(ink, paint, columns, false, text);
	free(text);
}

void
ink_cell_right(const struct ink *ink, enum paint paint, size_t columns, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = make_safe(ink, fmt, ap);
	va_end(ap);
	if (text != NULL)
		put_cell(ink, paint, columns, true, text);
	free(text);
}

static double
within_one(double share)
{
	return share > 1 ? 1 : share > 0 ? share : 0; /* also of what is no number */
}

/* The part of a bar that is not filled. */
static void
put_empty(const struct ink *ink, size_t columns)
{
	begin(ink, PAINT_DIM);
	for (size_t i = 0; i < columns; i++)
		fputs(ink->is_utf8 ? "\u00b7" : ".", ink->stream);
	end(ink, PAINT_DIM);
}

void
ink_bar(const struct ink *ink, enum paint paint, size_t columns, double share)
{
	size_t steps = ink->is_utf8 ? ARRAY_SIZE(eighths) - 1 : 1;
	size_t filled = (size_t)(within_one(share) * (double)(columns * steps));
	size_t at = 0;

	begin(ink, paint);
	for (; at < filled / steps; at++)
		fputs(ink->is_utf8 ? eighths[steps] : "#", ink->stream);
	if (at < columns && ink->is_utf8 && filled % steps > 0) {
		fputs(eighths[filled % steps], ink->stream);
		at++;
	}
	end(ink, paint);
	put_empty(ink, columns - at);
}

void
ink_sweep(const struct ink *ink, enum paint paint, size_t columns, size_t step)
{
	size_t piece = columns / 5 + 1;
	size_t way = columns > piece ? columns - piece : 0;
	size_t at = way > 0 ? step % (2 * way) : 0;

	if (at > way)
		at = 2 * way - at;
	if (piece > columns)
		piece = columns;
	put_empty(ink, at);
	begin(ink, paint);
	for (size_t i = 0; i < piece; i++)
		fputs(ink->is_utf8 ? eighths[ARRAY_SIZE(eighths) - 1] : "#", ink->stream);
	end(ink, paint);
	put_empty(ink, columns - piece - at);
}

void
ink_tick(const struct ink *ink, enum paint paint, double share)
{
	static const char ascii[] = "_.-=+*%#";
	size_t step = (size_t)(within_one(share) * (TICKS - 1) + 0.5);

	begin(ink, paint);
	if (ink->is_utf8)
		fputs(ticks[step], ink->stream);
	else
		fputc(ascii[step], ink->stream);
	end(ink, paint);
}

void
ink_line(const struct ink *ink)
{
	fputc('\n', ink->stream);
}
