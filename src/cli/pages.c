/* SPDX-License-Identifier: MIT */
/* GET /tasks as one run of tasks; see pages.h. Main thread. */
#include "cli/pages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/submission_body.h"

#define QUERY_MAX_BYTES ((size_t)16384)

static void
add_text(struct pages *pages, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(&pages->query, "&%s=", name);
	client_escape(pages->cli->client, value, &pages->query);
}

static void
add_time(struct pages *pages, const char *name, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_SIZE];

	if (wall_ms == OPTION_UNSET)
		return;
	clock_format_rfc3339(wall_ms, text);
	add_text(pages, name, text);
}

enum exit_status
pages_init(struct pages *pages, struct cli *cli, int64_t page_size)
{
	const struct options *options = &cli->options;
	const char *type = options->type != NULL ? submission_type(options->type) : NULL;

	*pages = (struct pages){ .cli = cli };
	buf_init(&pages->query, QUERY_MAX_BYTES);
	if (options->type != NULL && type == NULL)
		return explain_usage(
		    cli, "--type: found '%.60s', expected factorial or fetch", options->type);
	buf_printf(&pages->query, "?limit=%" PRId64, page_size);
	add_text(pages, "status", options->status);
	add_text(pages, "type", type);
	add_text(pages, "url_prefix", options->url_prefix);
	add_time(pages, "created_after", options->since_ms);
	add_time(pages, "created_before", options->until_ms);
	return EXIT_STATUS_OK;
}

void
pages_done(struct pages *pages)
{
	json_decref(pages->page);
	buf_done(&pages->query);
	free(pages->cursor);
	*pages = (struct pages){ .cli = NULL };
}

/* Asks for the page that follows. A page may be empty although others follow. */
static enum exit_status
turn(struct pages *pages)
{
	const char *next;
	struct buf path;
	enum exit_status exit_status;

	json_decref(pages->page);
	pages->page = NULL;
	pages->at = 0;
	buf_init(&path, 2 * QUERY_MAX_BYTES);
	buf_printf(&path, "/tasks%s",
	    buf_status(&pages->query) == STATUS_OK ? pages->query.data : "?limit=0");
	if (pages->cursor != NULL) {
		buf_text(&path, "&cursor=");
		client_escape(pages->cli->client, pages->cursor, &path);
	}
	if (buf_status(&path) != STATUS_OK || buf_status(&pages->query) != STATUS_OK) {
		buf_done(&path);
		return explain_usage(pages->cli, "what is asked for is too long");
	}
	exit_status = ask_get(pages->cli, path.data, NULL, &pages->page, NULL);
	buf_done(&path);
	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	next = json_string_value(json_object_get(pages->page, "next_cursor"));
	free(pages->cursor);
	pages->cursor = next != NULL ? strdup(next) : NULL;
	pages->is_at_end = pages->cursor == NULL;
	return EXIT_STATUS_OK;
}

enum exit_status
pages_next(struct pages *pages, const json_t **ret_task)
{
	*ret_task = NULL;
	for (;;) {
		const json_t *tasks = json_object_get(pages->page, "tasks");
		enum exit_status exit_status;

		if (pages->at < json_array_size(tasks)) {
			*ret_task = json_array_get(tasks, pages->at++);
			return EXIT_STATUS_OK;
		}
		if (pages->is_at_end)
			return EXIT_STATUS_OK;
		exit_status = turn(pages);
		if (exit_status != EXIT_STATUS_OK)
			return exit_status;
	}
}
