/* SPDX-License-Identifier: MIT */
/* taskq show: one task's story with its attempts. Main thread. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/human.h"
#include "cli/ids.h"
#include "cli/pages.h"
#include "cli/story.h"
#include "cli/task_view.h"
#include "cli/verbs.h"

#define PAGE_MAX    500
#define SEARCH_MOST 20000 /* tasks of one millisecond */

/* A status answer has no arguments and no terms, but the list has them; and since the list can be
   asked for the very millisecond of the submission, it is a matter of one page. Sets *ret_listed
   to NULL where the task is not found, which is no fault. */
static enum exit_status
find_in_list(struct cli *cli, const char *id, const struct task_view *view, json_t **ret_listed)
{
	enum exit_status exit_status;
	const json_t *task;
	struct pages pages;

	*ret_listed = NULL;
	if (view->created_ms == 0)
		return EXIT_STATUS_OK;
	cli->options.since_ms = view->created_ms;
	cli->options.until_ms = view->created_ms + 1;
	exit_status = pages_init(&pages, cli, PAGE_MAX);
	for (int i = 0; exit_status == EXIT_STATUS_OK && i < SEARCH_MOST; i++) {
		const char *found;

		exit_status = pages_next(&pages, &task);
		if (exit_status != EXIT_STATUS_OK || task == NULL)
			break;
		found = json_string_value(json_object_get(task, "id"));
		if (found != NULL && strcmp(found, id) == 0) {
			*ret_listed = json_deep_copy(task);
			break;
		}
	}
	pages_done(&pages);
	return exit_status;
}

/* Everything that the list knows beyond the status answer, whose state is the newer one. */
static enum exit_status
ask(struct cli *cli, const char *id, json_t **ret_task, json_t **ret_attempts)
{
	char path[ASK_PATH_SIZE];
	json_t *task, *listed = NULL;
	struct task_view view;
	enum exit_status exit_status =
	    ask_get(cli, ask_path(path, "/tasks/submissions/", id, ""), id, &task, NULL);

	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	if (!task_view_read(task, &view)) {
		screen_error(&cli->screen, "the answer about the task has no status");
		exit_status = EXIT_STATUS_SERVICE;
	}
	if (exit_status == EXIT_STATUS_OK)
		exit_status = find_in_list(cli, id, &view, &listed);
	if (exit_status == EXIT_STATUS_OK)
		exit_status = ask_get(
		    cli, ask_path(path, "/tasks/", id, "/attempts"), id, ret_attempts, NULL);
	/* How far it is belongs to its state. */
	(void)json_object_del(listed, "progress");
	if (exit_status == EXIT_STATUS_OK && listed != NULL &&
	    json_object_update_missing(task, listed) != 0) {
		struct error error;
		enum status status = error_set(&error, STATUS_NOMEM, "no memory for the task");

		exit_status = explain_local(cli, status, &error);
		json_decref(*ret_attempts);
	}
	json_decref(listed);
	if (exit_status == EXIT_STATUS_OK)
		*ret_task = task;
	else
		json_decref(task);
	return exit_status;
}

static enum exit_status
run(struct cli *cli)
{
	char id[UUID_TEXT_SIZE];
	json_t *task, *attempts;
	struct error error;
	enum exit_status exit_status = ids_one(cli, id);

	if (exit_status == EXIT_STATUS_OK)
		exit_status = ask(cli, id, &task, &attempts);
	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	if (cli->options.is_json) {
		json_t *both = json_pack(
		    "{s:O, s:O}", "task", task, "attempts", json_object_get(attempts, "attempts"));

		ask_print_json(cli, both);
		json_decref(both);
	} else {
		story_print(&cli->screen.out, task, json_object_get(attempts, "attempts"),
		    screen_columns(&cli->screen.out));
	}
	json_decref(task);
	json_decref(attempts);
	if (screen_flush(&cli->screen, &error) != STATUS_OK)
		return explain_local(cli, STATUS_IO, &error);
	return EXIT_STATUS_OK;
}

const struct verb verb_show = {
	.name = "show",
	.arguments = "ID",
	.summary = "tell a task's story, with every attempt at it",
	.text =
	    "What it is, what was asked for, when it came and went, and each attempt: when, how "
	    "long, and how it ended. The bars show when in the life of the task the attempt was. "
	    "The exit status is 0 whatever became of it.",
	.examples = "taskq show 018f3c4e-8a5b-7c1d-9e2f-0123456789ab",
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run,
};
