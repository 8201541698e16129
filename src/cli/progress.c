/* SPDX-License-Identifier: MIT */
/* The line of progress; see progress.h. Main thread. */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/human.h"

#define DRAW_EVERY_MS   100
#define LABEL_COLUMNS   10
#define PERCENT_COLUMNS 6
#define BAR_MOST        32
#define BAR_LEAST       6
#define TEXT_SIZE       256

/* An estimate from less than this is worth nothing. */
#define ESTIMATE_AFTER_MS    1000
#define ESTIMATE_AFTER_SHARE 0.02

void
progress_begin(struct progress *progress, struct screen *screen)
{
	*progress = (struct progress){ .screen = screen, .began_mono_ms = clock_mono_ms() };
}

void
progress_again(struct progress *progress)
{
	progress->share_began_mono_ms = 0;
}

int64_t
progress_left_ms(const struct progress *progress, double share, int64_t now_mono_ms)
{
	double done = share - progress->share_began;
	double passed_ms = (double)(now_mono_ms - progress->share_began_mono_ms);

	if (progress->share_began_mono_ms == 0 || passed_ms < ESTIMATE_AFTER_MS ||
	    done < ESTIMATE_AFTER_SHARE || share >= 1)
		return -1;
	return (int64_t)(passed_ms * (1 - share) / done);
}

/* What stands behind the bar, with what is left of the time. */
static void
compose(const struct progress *progress, double share, int64_t now_mono_ms, char *text)
{
	int64_t left_ms = share >= 0 ? progress_left_ms(progress, share, now_mono_ms) : -1;
	size_t used = strlen(text);
	char left[HUMAN_SIZE];

	if (left_ms >= 0)
		(void)snprintf(
		    text + used, TEXT_SIZE - used, ", about %s left", human_seconds(left_ms, left));
}

static void
draw(struct progress *progress, const char *label, enum paint paint, double share, const char *text)
{
	struct screen *screen = progress->screen;
	const struct ink *ink = &screen->err;
	size_t columns = screen_columns(ink) - 1;
	size_t room = columns > LABEL_COLUMNS ? columns - LABEL_COLUMNS : 0;
	size_t text_columns = strlen(text) + 2;
	bool has_bar =
	    share > PROGRESS_NOTHING_GOING && room >= text_columns + PERCENT_COLUMNS + BAR_LEAST;
	size_t bar = has_bar ? room - text_columns - PERCENT_COLUMNS : 0;

	bar = bar < BAR_MOST ? bar : BAR_MOST;
	screen_line_begin(screen);
	ink_cell(ink, paint, columns < LABEL_COLUMNS ? columns : LABEL_COLUMNS, "%s", label);
	if (has_bar && share >= 0) {
		ink_bar(ink, paint, bar, share);
		ink_cell_right(ink, PAINT_PLAIN, PERCENT_COLUMNS - 1, "%d %%",
		    (int)((share < 1 ? share : 1) * 100));
		room -= bar + PERCENT_COLUMNS - 1;
	} else if (has_bar) {
		ink_sweep(ink, paint, bar,
		    (size_t)((clock_mono_ms() - progress->began_mono_ms) / DRAW_EVERY_MS));
		room -= bar;
	}
	ink_cell(ink, PAINT_PLAIN, room, "%s%s", has_bar ? "  " : "", text);
	screen_line_end(screen);
}

void
progress_show(struct progress *progress, const char *label, enum paint paint, double share,
    const char *fmt, ...)
{
	int64_t now_mono_ms = clock_mono_ms();
	char text[TEXT_SIZE];
	va_list ap;

	if (!progress->screen->shows_progress)
		return;
	if (share >= 0 && (progress->share_began_mono_ms == 0 || share < progress->share_began)) {
		progress->share_began_mono_ms = now_mono_ms;
		progress->share_began = share;
	}
	if (progress->screen->has_line && now_mono_ms - progress->drawn_mono_ms < DRAW_EVERY_MS)
		return;
	progress->drawn_mono_ms = now_mono_ms;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	compose(progress, share, now_mono_ms, text);
	draw(progress, label, paint, share, text);
}

void
progress_show_pause(void *arg, const char *why, int64_t left_ms)
{
	char text[HUMAN_SIZE];

	if (why == NULL)
		progress_end(arg);
	else
		progress_show(arg, "waiting", PAINT_ODD, PROGRESS_NOTHING_GOING,
		    "%s, next try in %s", why, human_seconds(left_ms, text));
}

void
progress_end(struct progress *progress)
{
	screen_line_clear(progress->screen);
}
