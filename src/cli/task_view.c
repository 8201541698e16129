/* SPDX-License-Identifier: MIT */
/* A task as it is shown; see task_view.h. Main thread. */
#include "cli/task_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "cli/human.h"

#define STATUS_COLUMNS 9 /* SUCCEEDED */
#define SPAN_COLUMNS   6
#define FIXED_COLUMNS  (UUID_TEXT_LENGTH + STATUS_COLUMNS + 2 * SPAN_COLUMNS + 4 * 2)
#define SUBJECT_LEAST  8

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

int64_t
task_view_time(const json_t *value)
{
	int64_t wall_ms;

	if (!json_is_string(value) || clock_parse_rfc3339(json_string_value(value),
					  json_string_length(value), &wall_ms) != STATUS_OK)
		return 0;
	return wall_ms;
}

bool
task_view_read(const json_t *json, struct task_view *ret_view)
{
	const json_t *progress = json_object_get(json, "progress");

	*ret_view = (struct task_view){
		.id = text_of(json, "id"),
		.status = text_of(json, "status"),
		.type = text_of(json, "type"),
		.code = text_of(json, "code"),
		.created_ms = task_view_time(json_object_get(json, "created_at")),
		.started_ms = task_view_time(json_object_get(json, "started_at")),
		.finished_ms = task_view_time(json_object_get(json, "finished_at")),
		.attempts = json_integer_value(json_object_get(json, "attempts")),
		.progress = json_is_number(progress) ? json_number_value(progress) : -1,
		.args = json_object_get(json, "args"),
	};
	return ret_view->id[0] != '\0' && ret_view->status[0] != '\0';
}

bool
task_view_is_final(const struct task_view *view)
{
	return strcmp(view->status, "SUCCEEDED") == 0 || strcmp(view->status, "FAILED") == 0 ||
	       strcmp(view->status, "REJECTED") == 0;
}

enum exit_status
task_view_exit_status(const struct task_view *view)
{
	if (strcmp(view->status, "SUCCEEDED") == 0)
		return EXIT_STATUS_OK;
	if (strcmp(view->status, "FAILED") == 0)
		return EXIT_STATUS_FAILED;
	if (strcmp(view->status, "REJECTED") == 0)
		return EXIT_STATUS_REJECTED;
	return EXIT_STATUS_NOT_ENDED;
}

int64_t
task_view_took_ms(const struct task_view *view, int64_t now_wall_ms)
{
	int64_t end_ms = view->finished_ms != 0 ? view->finished_ms : now_wall_ms;

	return end_ms > view->created_ms ? end_ms - view->created_ms : 0;
}

char *
task_view_subject(const struct task_view *view)
{
	const char *n = json_string_value(json_object_get(view->args, "n"));
	const char *url = json_string_value(json_object_get(view->args, "url"));
	char *text = NULL;

	if (strcmp(view->type, "factorial") == 0 && n != NULL)
		return asprintf(&text, "%s!", n) >= 0 ? text : NULL;
	if (url != NULL)
		return strdup(url);
	if (view->args != NULL)
		return json_dumps(view->args, JSON_COMPACT);
	return strdup(view->type);
}

void
task_view_head(const struct ink *ink, size_t columns)
{
	ink_cell(ink, PAINT_DIM, UUID_TEXT_LENGTH + 2, "TASK");
	ink_cell(ink, PAINT_DIM, STATUS_COLUMNS + 2, "STATUS");
	ink_cell_right(ink, PAINT_DIM, SPAN_COLUMNS, "AGE");
	ink_put(ink, PAINT_PLAIN, "  ");
	ink_cell_right(ink, PAINT_DIM, SPAN_COLUMNS, "TOOK");
	if (columns >= FIXED_COLUMNS + SUBJECT_LEAST)
		ink_put(ink, PAINT_DIM, "  WHAT");
}

/* How long it took, or how much of it is done where that is known. */
static void
put_took(const struct ink *ink, const struct task_view *view, int64_t now_wall_ms)
{
	char text[HUMAN_SIZE];

	if (view->finished_ms != 0)
		ink_cell_right(ink, PAINT_PLAIN, SPAN_COLUMNS, "%s",
		    human_short_duration(task_view_took_ms(view, now_wall_ms), text));
	else if (view->progress >= 0)
		ink_cell_right(ink, PAINT_BUSY, SPAN_COLUMNS, "%.0f %%", view->progress * 100);
	else
		ink_cell_right(ink, PAINT_PLAIN, SPAN_COLUMNS, "-");
}

void
task_view_row(
    const struct ink *ink, const struct task_view *view, int64_t now_wall_ms, size_t columns)
{
	char text[HUMAN_SIZE];
	char *subject;

	ink_cell(ink, PAINT_PLAIN, UUID_TEXT_LENGTH + 2, "%s", view->id);
	ink_cell(ink, ink_paint_of_status(view->status), STATUS_COLUMNS + 2, "%s", view->status);
	ink_cell_right(ink, PAINT_PLAIN, SPAN_COLUMNS, "%s",
	    human_short_duration(now_wall_ms - view->created_ms, text));
	ink_put(ink, PAINT_PLAIN, "  ");
	put_took(ink, view, now_wall_ms);
	if (columns < FIXED_COLUMNS + SUBJECT_LEAST)
		return;
	subject = task_view_subject(view);
	ink_put(ink, PAINT_PLAIN, "  ");
	ink_cell(ink, PAINT_PLAIN, columns - FIXED_COLUMNS, "%s%s%s", view->code,
	    view->code[0] != '\0' ? ": " : "", subject != NULL ? subject : "");
	free(subject);
}

static void
put_record_time(const struct ink *ink, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(wall_ms, text);
	fputc('\t', ink->stream);
	ink_put(ink, PAINT_PLAIN, "%s", wall_ms != 0 ? text : "-");
}

void
task_view_record(const struct ink *ink, const struct task_view *view)
{
	char *subject = task_view_subject(view);

	ink_put(ink, PAINT_PLAIN, "%s", view->id);
	fputc('\t', ink->stream);
	ink_put(ink, PAINT_PLAIN, "%s", view->status);
	fputc('\t', ink->stream);
	ink_put(ink, PAINT_PLAIN, "%s", view->type[0] != '\0' ? view->type : "-");
	put_record_time(ink, view->created_ms);
	put_record_time(ink, view->finished_ms);
	fputc('\t', ink->stream);
	ink_put(ink, PAINT_PLAIN, "%s", view->code[0] != '\0' ? view->code : "-");
	fputc('\t', ink->stream);
	ink_put(ink, PAINT_PLAIN, "%s", subject != NULL ? subject : "-");
	ink_line(ink);
	free(subject);
}
