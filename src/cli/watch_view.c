/* SPDX-License-Identifier: MIT */
/* The live view as a frame; see watch_view.h. Main thread. */
#include "cli/watch_view.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/task_view.h"

#define PLOT_TITLE  12
#define PLOT_TEXT   34 /* columns beside the plot */
#define PLOT_LEAST  10
#define CLOCK_LEAST 72
#define ROWS_AROUND 12 /* everything but the rows of tasks */

void
watch_rates_add(struct watch_rates *rates, double per_s)
{
	rates->per_s[rates->count++ % WATCH_SAMPLES] = per_s;
}

double
watch_rates_at(const struct watch_rates *rates, size_t back)
{
	if (back >= rates->count || back >= WATCH_SAMPLES)
		return 0;
	return rates->per_s[(rates->count - 1 - back) % WATCH_SAMPLES];
}

double
watch_rates_most(const struct watch_rates *rates, size_t count)
{
	double most = 0;

	for (size_t i = 0; i < count; i++)
		if (watch_rates_at(rates, i) > most)
			most = watch_rates_at(rates, i);
	return most;
}

bool
watch_view_take(struct watch_view *view, json_t *stats, int64_t now_mono_ms)
{
	struct figures figures;

	if (!figures_read(stats, &figures)) {
		json_decref(stats);
		return false;
	}
	if (view->stats != NULL && now_mono_ms > view->looked_mono_ms)
		watch_rates_add(
		    &view->rates, (double)figures_ended_between(&view->figures, &figures) * 1000 /
				      (double)(now_mono_ms - view->looked_mono_ms));
	json_decref(view->stats);
	view->stats = stats;
	view->figures = figures;
	view->looked_mono_ms = now_mono_ms;
	return true;
}

void
watch_view_done(struct watch_view *view)
{
	json_decref(view->stats);
	json_decref(view->list);
	view->stats = NULL;
	view->list = NULL;
}

static void
end_line(const struct ink *ink)
{
	fputs("\033[K\n", ink->stream);
}

static void
put_head(const struct ink *ink, const struct watch_view *view, size_t columns)
{
	char clock[HUMAN_SIZE], text[HUMAN_SIZE];
	const char *version = view->figures.version;

	ink_put(ink, PAINT_BOLD, "taskqd %s", version);
	ink_put(ink, PAINT_DIM, "  %s  up %s", view->url,
	    human_duration((int64_t)(view->figures.uptime_s * 1000), text));
	if (view->is_paused)
		ink_put(ink, PAINT_ODD, "  paused");
	/* On the right, where there is room; it tells that the view is alive. */
	if (columns >= CLOCK_LEAST) {
		fprintf(ink->stream, "\033[%zuG", columns - 7);
		ink_put(ink, PAINT_DIM, "%s", human_clock(clock_wall_ms(), clock));
	}
	end_line(ink);
	if (view->trouble.text[0] != '\0')
		ink_put(ink, PAINT_BAD, "%s", view->trouble.text);
	else
		figures_put_admission(ink, &view->figures);
	end_line(ink);
}

static void
put_plot(const struct ink *ink, const struct watch_view *view, size_t columns)
{
	size_t room = columns > PLOT_TEXT + PLOT_LEAST ? columns - PLOT_TEXT : PLOT_LEAST;
	size_t shown = room < WATCH_SAMPLES ? room : WATCH_SAMPLES;
	double most = watch_rates_most(&view->rates, shown);
	char text[HUMAN_SIZE];

	ink_cell(ink, PAINT_PLAIN, PLOT_TITLE, "ended");
	for (size_t i = shown; i > 0; i--) {
		double value = watch_rates_at(&view->rates, i - 1);

		if (i > view->rates.count || value <= 0)
			ink_put(ink, PAINT_PLAIN, " ");
		else
			ink_tick(ink, PAINT_GOOD, value / most);
	}
	ink_put(ink, PAINT_PLAIN, "  %s/s", human_rate(watch_rates_at(&view->rates, 0), text));
	ink_put(ink, PAINT_DIM, ", at most %s", human_rate(most, text));
	end_line(ink);
}

static void
put_tasks(const struct ink *ink, const struct watch_view *view, size_t columns, size_t rows)
{
	const json_t *tasks = json_object_get(view->list, "tasks");
	int64_t now_ms = clock_wall_ms();
	struct task_view task;

	task_view_head(ink, columns);
	end_line(ink);
	for (size_t i = 0; i < rows && i < json_array_size(tasks); i++) {
		if (!task_view_read(json_array_get(tasks, i), &task))
			continue;
		task_view_row(ink, &task, now_ms, columns);
		end_line(ink);
	}
	if (json_array_size(tasks) == 0) {
		ink_put(ink, PAINT_DIM, "%s", view->list != NULL ? "none" : "");
		end_line(ink);
	}
}

/* The keys, and which of them is in effect. */
static void
put_keys(const struct ink *ink, const struct watch_view *view)
{
	static const struct {
		const char *text;
		const char *filter;
	} keys[] = {
		{ "a all", NULL },
		{ "r running", "RUNNING" },
		{ "w waiting", "QUEUED" },
		{ "f failed", "FAILED,REJECTED" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		bool is_chosen = view->filter == keys[i].filter ||
				 (view->filter != NULL && keys[i].filter != NULL &&
				     strcmp(view->filter, keys[i].filter) == 0);

		ink_put(ink, is_chosen ? PAINT_BOLD : PAINT_DIM, "%s", keys[i].text);
		ink_put(ink, PAINT_PLAIN, "   ");
	}
	ink_put(ink, view->is_paused ? PAINT_BOLD : PAINT_DIM, "space pause");
	ink_put(ink, PAINT_DIM, "   q quit");
	fputs("\033[K", ink->stream);
}

/* How much of a frame fits above the last row: one that is too high would scroll away. */
static size_t
clip(const char *frame, size_t size, size_t rows)
{
	size_t at = 0;

	for (size_t row = 1; row < rows && at < size; row++) {
		const char *end = memchr(frame + at, '\n', size - at);

		at = end != NULL ? (size_t)(end - frame) + 1 : size;
	}
	return at;
}

void
watch_view_draw(const struct ink *out, const struct watch_view *view, size_t columns, size_t rows)
{
	struct ink ink = *out;
	char *frame = NULL;
	size_t size = 0;

	ink.stream = open_memstream(&frame, &size);
	if (ink.stream == NULL)
		return; /* there may be memory the next time */
	/* A character in the last column would be taken away by what erases the rest of a line. */
	columns = columns > 1 ? columns - 1 : 1;
	put_head(&ink, view, columns);
	end_line(&ink);
	figures_put_tasks(&ink, &view->figures);
	end_line(&ink);
	end_line(&ink);
	for (size_t i = 0; i < FIGURES_LANES; i++) {
		figures_put_lane(&ink, &view->figures.lanes[i], columns);
		end_line(&ink);
	}
	put_plot(&ink, view, columns);
	end_line(&ink);
	put_tasks(&ink, view, columns, rows > ROWS_AROUND ? rows - ROWS_AROUND : 0);
	if (fclose(ink.stream) == 0) {
		ink.stream = out->stream;
		fputs("\033[H", out->stream);
		fwrite(frame, 1, clip(frame, size, rows), out->stream);
		fputs("\033[J", out->stream);
		fprintf(out->stream, "\033[%zu;1H", rows);
		put_keys(&ink, view);
	}
	fflush(out->stream);
	free(frame);
}
