/* SPDX-License-Identifier: MIT */
/* A task's story; see story.h. Main thread. */
#include "cli/story.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/task_view.h"

#define NAME_COLUMNS    11
#define SPAN_COLUMNS    12
#define OUTCOME_COLUMNS 10
#define LINE_COLUMNS    24 /* of the bar that shows when an attempt was */
#define BEFORE_LINE     (NAME_COLUMNS + SPAN_COLUMNS + OUTCOME_COLUMNS + 3 * 2)

/* Members that have a line of their own, or stand in the headline. */
static const char *const known[] = { "id", "status", "type", "created_at", "started_at",
	"finished_at", "attempts", "args", "code", "run_at", "expires_at", "progress", "priority" };

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static void
put_name(const struct ink *ink, const char *name)
{
	ink_put(ink, PAINT_PLAIN, "  ");
	ink_cell(ink, PAINT_DIM, NAME_COLUMNS, "%s", name);
}

/* A value of JSON as a line: texts without their quotes. */
static void
put_value(const struct ink *ink, const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		ink_put(ink, PAINT_PLAIN, "%s", json_string_value(value));
		return;
	}
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
	ink_put(ink, PAINT_PLAIN, "%s", text != NULL ? text : "?");
	free(text);
}

static void
put_member(const struct ink *ink, const char *name, const json_t *value)
{
	if (value == NULL || json_is_null(value))
		return;
	put_name(ink, name);
	put_value(ink, value);
	ink_line(ink);
}

/* A time, and how long after another one it was. */
static void
put_time(const struct ink *ink, const char *name, int64_t wall_ms, int64_t after_ms,
    const char *after_what)
{
	char text[HUMAN_SIZE];

	if (wall_ms == 0)
		return;
	put_name(ink, name);
	ink_put(ink, PAINT_PLAIN, "%s", human_time(wall_ms, text));
	if (after_ms != 0 && wall_ms >= after_ms)
		ink_put(ink, PAINT_DIM, "  %s after %s", human_duration(wall_ms - after_ms, text),
		    after_what);
	ink_line(ink);
}

static void
put_unknown(const struct ink *ink, json_t *task)
{
	const char *name;
	json_t *value;

	json_object_foreach(task, name, value)
	{
		bool is_known = false;

		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			is_known = is_known || strcmp(name, known[i]) == 0;
		if (!is_known)
			put_member(ink, name, value);
	}
}

static void
put_task(const struct ink *ink, json_t *task, const struct task_view *view)
{
	int64_t now_ms = clock_wall_ms();
	char *subject = task_view_subject(view);
	char text[HUMAN_SIZE];

	ink_put(ink, PAINT_BOLD, "%s", view->id);
	ink_put(ink, PAINT_PLAIN, "  ");
	ink_put(ink, ink_paint_of_status(view->status), "%s", view->status);
	ink_put(ink, PAINT_PLAIN, "  %s", view->type);
	if (view->progress >= 0 && !task_view_is_final(view))
		ink_put(ink, PAINT_PLAIN, "  %.0f %%", view->progress * 100);
	ink_line(ink);
	if (view->args != NULL) {
		put_name(ink, "what");
		ink_put(ink, PAINT_PLAIN, "%s", subject != NULL ? subject : "?");
		ink_line(ink);
	}
	free(subject);
	/* The subject of a fetch leaves out how it is to be fetched. */
	if (json_object_size(view->args) > 1)
		put_member(ink, "arguments", view->args);
	put_member(ink, "priority", json_object_get(task, "priority"));
	put_time(ink, "submitted", view->created_ms, 0, "");
	put_time(ink, "not before", task_view_time(json_object_get(task, "run_at")),
	    view->created_ms, "the submission");
	put_time(ink, "expires", task_view_time(json_object_get(task, "expires_at")),
	    view->created_ms, "the submission");
	put_time(ink, "ended", view->finished_ms, view->created_ms, "the submission");
	if (!task_view_is_final(view)) {
		put_name(ink, "so far");
		ink_put(
		    ink, PAINT_PLAIN, "%s", human_duration(task_view_took_ms(view, now_ms), text));
		ink_line(ink);
	}
	if (view->code[0] != '\0') {
		put_name(ink, "failure");
		ink_put(ink, PAINT_BAD, "%s", view->code);
		ink_line(ink);
	}
	put_unknown(ink, task);
}

/* When in the life of the task an attempt was. */
static void
put_line(const struct ink *ink, enum paint paint, const struct task_view *view, int64_t began_ms,
    int64_t ended_ms, int64_t now_ms)
{
	int64_t end_ms = view->finished_ms != 0 ? view->finished_ms : now_ms;
	double span = end_ms > view->created_ms ? (double)(end_ms - view->created_ms) : 1;
	double from = (double)(began_ms - view->created_ms) / span * LINE_COLUMNS;
	double to =
	    (double)((ended_ms != 0 ? ended_ms : end_ms) - view->created_ms) / span * LINE_COLUMNS;
	/* Clocks may have been set in between. */
	size_t first = from > 0 ? (size_t)from : 0;
	size_t last = to > 0 ? (size_t)(to + 0.5) : 0;

	first = first < LINE_COLUMNS ? first : LINE_COLUMNS - 1;
	last = last <= LINE_COLUMNS ? last : LINE_COLUMNS;
	last = last > first ? last : first + 1;
	ink_bar(ink, paint, first, 0);
	ink_bar(ink, paint, last - first, 1);
	ink_bar(ink, paint, LINE_COLUMNS - last, 0);
}

/* A phase of a fetch; what took no time was not needed, as a connection that was there. */
static void
put_timing(const struct ink *ink, const json_t *timing, const char *name, const char *called)
{
	double ms = json_number_value(json_object_get(timing, name));
	char text[HUMAN_SIZE];

	if (!(ms >= 0.05))
		return;
	if (ms < 10)
		ink_put(ink, PAINT_DIM, ", %s %.1f ms", called, ms);
	else
		ink_put(ink, PAINT_DIM, ", %s %s", called,
		    human_duration(ms < 1e15 ? (int64_t)(ms + 0.5) : INT64_MAX, text));
}

/* What the origin of a fetch answered. */
static void
put_response(const struct ink *ink, const json_t *response, const struct task_view *view)
{
	const json_t *timing = json_object_get(response, "timing_ms");
	const json_t *bytes = json_object_get(response, "bytes");
	const json_t *redirects = json_object_get(response, "redirects");
	const char *url = text_of(response, "url");
	char text[HUMAN_SIZE];

	if (!json_is_object(response))
		return;
	if (strcmp(url, text_of(view->args, "url")) != 0) {
		put_name(ink, "");
		ink_put(ink, PAINT_DIM, "%s", url);
		if (json_integer_value(redirects) > 0)
			ink_put(ink, PAINT_DIM, ", redirects %" JSON_INTEGER_FORMAT,
			    json_integer_value(redirects));
		ink_line(ink);
	}
	put_name(ink, "");
	if (json_is_integer(json_object_get(response, "status")))
		ink_put(ink, PAINT_DIM, "status %" JSON_INTEGER_FORMAT ", %s",
		    json_integer_value(json_object_get(response, "status")),
		    text_of(response, "content_type"));
	else
		ink_put(ink, PAINT_DIM, "no answer");
	if (json_is_integer(bytes) && json_integer_value(bytes) >= 0)
		ink_put(
		    ink, PAINT_DIM, ", %s", human_bytes((uint64_t)json_integer_value(bytes), text));
	put_timing(ink, timing, "dns", "name");
	put_timing(ink, timing, "connect", "connection");
	put_timing(ink, timing, "tls", "TLS");
	put_timing(ink, timing, "first_byte", "first byte");
	put_timing(ink, timing, "total", "all");
	ink_line(ink);
}

static void
put_attempt(const struct ink *ink, const json_t *attempt, const struct task_view *view,
    int64_t now_ms, size_t columns)
{
	int64_t began_ms = task_view_time(json_object_get(attempt, "started_at"));
	int64_t ended_ms = task_view_time(json_object_get(attempt, "ended_at"));
	const char *outcome = text_of(attempt, "outcome");
	const char *code = text_of(attempt, "code"), *message = text_of(attempt, "message");
	enum paint paint = ink_paint_of_status(outcome);
	char text[HUMAN_SIZE];

	ink_put(ink, PAINT_PLAIN, "  ");
	ink_cell(ink, PAINT_PLAIN, NAME_COLUMNS, "%" JSON_INTEGER_FORMAT,
	    json_integer_value(json_object_get(attempt, "attempt")));
	ink_cell(ink, PAINT_PLAIN, SPAN_COLUMNS, "%s",
	    human_duration((ended_ms != 0 ? ended_ms : now_ms) - began_ms, text));
	ink_cell(ink, paint, OUTCOME_COLUMNS, "%s", outcome);
	if (columns >= BEFORE_LINE + LINE_COLUMNS)
		put_line(ink, paint, view, began_ms, ended_ms, now_ms);
	ink_line(ink);
	if (code[0] != '\0' || message[0] != '\0') {
		put_name(ink, "");
		ink_put(ink, paint, "%s", code);
		ink_put(ink, PAINT_PLAIN, "%s%s", code[0] != '\0' && message[0] != '\0' ? ": " : "",
		    message);
		ink_line(ink);
	}
	put_response(ink, json_object_get(attempt, "response"), view);
}

void
story_print(const struct ink *ink, json_t *task, const json_t *attempts, size_t columns)
{
	int64_t now_ms = clock_wall_ms();
	struct task_view view;

	if (!task_view_read(task, &view))
		return;
	put_task(ink, task, &view);
	ink_line(ink);
	if (json_array_size(attempts) == 0) {
		ink_put(ink, PAINT_DIM, "  No attempt yet.");
		ink_line(ink);
		return;
	}
	ink_put(ink, PAINT_PLAIN, "  ");
	ink_cell(ink, PAINT_DIM, NAME_COLUMNS, "attempt");
	ink_cell(ink, PAINT_DIM, SPAN_COLUMNS, "took");
	ink_cell(ink, PAINT_DIM, OUTCOME_COLUMNS, "outcome");
	ink_line(ink);
	for (size_t i = 0; i < json_array_size(attempts); i++)
		put_attempt(ink, json_array_get(attempts, i), &view, now_ms, columns);
}
