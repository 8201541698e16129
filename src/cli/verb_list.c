/* SPDX-License-Identifier: MIT */
/* taskq list: tasks, the newest first. Main thread. However many: a page at a time is held. */
#include "base/clock.h"
#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/pages.h"
#include "cli/task_view.h"
#include "cli/verbs.h"

#define LIMIT_DEFAULT 20
#define PAGE_MAX      500

/* One task; false for what is none. */
static bool
print(struct cli *cli, const json_t *task, bool is_first, size_t columns)
{
	const struct ink *out = &cli->screen.out;
	struct task_view view;

	if (!task_view_read(task, &view))
		return false;
	if (cli->options.is_json) {
		ask_print_json(cli, task);
	} else if (out->is_terminal) {
		if (is_first) {
			task_view_head(out, columns);
			ink_line(out);
		}
		task_view_row(out, &view, clock_wall_ms(), columns);
		ink_line(out);
	} else {
		task_view_record(out, &view);
	}
	return true;
}

static enum exit_status
print_all(struct cli *cli, struct pages *pages, int64_t limit)
{
	size_t columns = screen_columns(&cli->screen.out);
	enum exit_status exit_status = EXIT_STATUS_OK;
	struct error error;
	int64_t count = 0;

	while (count < limit) {
		const json_t *task;

		exit_status = pages_next(pages, &task);
		if (exit_status != EXIT_STATUS_OK || task == NULL)
			break;
		if (!print(cli, task, count == 0, columns)) {
			screen_error(&cli->screen, "the answer has a task without id or status");
			return EXIT_STATUS_SERVICE;
		}
		count++;
		if (screen_flush(&cli->screen, &error) != STATUS_OK)
			return explain_local(cli, STATUS_IO, &error);
	}
	if (exit_status != EXIT_STATUS_OK || !cli->screen.out.is_terminal)
		return exit_status;
	if (count == 0)
		screen_hint(&cli->screen, "There is no such task.");
	else if (count == limit &&
		 (!pages->is_at_end ||
		     pages->at < json_array_size(json_object_get(pages->page, "tasks"))))
		screen_hint(&cli->screen, "There may be more: --limit NUMBER or --all");
	return exit_status;
}

static enum exit_status
run(struct cli *cli)
{
	int64_t limit = cli->options.limit != OPTION_UNSET ? cli->options.limit : LIMIT_DEFAULT;
	enum exit_status exit_status;
	struct pages pages;

	if (cli->options.is_all)
		limit = INT64_MAX;
	if (limit == 0)
		return explain_usage(cli, "--limit: found 0, expected 1 or more");
	exit_status = pages_init(&pages, cli, limit < PAGE_MAX ? limit : PAGE_MAX);
	if (exit_status == EXIT_STATUS_OK)
		exit_status = print_all(cli, &pages, limit);
	pages_done(&pages);
	return exit_status;
}

const struct verb verb_list = {
	.name = "list",
	.arguments = "",
	.summary = "list tasks, the newest first",
	.text = "A table on a terminal, with how much is done of what runs where that is known. "
		"Elsewhere a line for each task, with tabs between id, status, "
		"type, time of submission and of the end, the code of its failure, and what it is "
		"about; - stands for what there is not.",
	.examples = "taskq list\n"
		    "taskq list --status FAILED,REJECTED --since 2h --all\n"
		    "taskq list --url-prefix https://example.com/ --json",
	.groups = OPTION_LISTING,
	.run = run,
};
