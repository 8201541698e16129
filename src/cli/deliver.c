/* SPDX-License-Identifier: MIT */
/* A task that has ended, to the user; see deliver.h. Main thread. */
#include "cli/deliver.h"

#include <string.h>

#include "cli/ask.h"
#include "cli/download.h"
#include "cli/explain.h"
#include "cli/follow.h"
#include "cli/human.h"
#include "cli/sink.h"
#include "cli/stop.h"

bool
deliver_is_wanted(const struct cli *cli)
{
	return cli->options.is_waiting || cli->options.output != NULL ||
	       cli->options.for_ms != OPTION_UNSET || cli->options.is_even_failed;
}

static bool
goes_to_file(const struct cli *cli)
{
	return cli->options.output != NULL && strcmp(cli->options.output, "-") != 0;
}

/* Content or JSON, to a file or to standard output. */
static enum exit_status
bring(struct cli *cli, const char *id)
{
	enum exit_status exit_status;
	char size[HUMAN_SIZE];
	struct error error;
	struct sink sink;

	if (goes_to_file(cli)) {
		enum status status =
		    sink_open_file(&sink, cli->options.output, id, cli->screen.is_utf8, &error);

		if (status != STATUS_OK)
			return explain_local(cli, status, &error);
	} else {
		sink_open_output(&sink, &cli->screen);
	}
	exit_status = cli->options.is_json ? download_answer(cli, id, &sink)
					   : download_content(cli, id, &sink);
	if (exit_status == EXIT_STATUS_OK && goes_to_file(cli) && cli->screen.err.is_terminal)
		screen_hint(
		    &cli->screen, "%s in %s", human_bytes(sink.bytes, size), cli->options.output);
	sink_close(&sink);
	return exit_status;
}

/* Why a task that has ended has no result. */
static enum exit_status
tell_failure(struct cli *cli, const struct task_view *view)
{
	bool is_rejected = strcmp(view->status, "REJECTED") == 0;
	char path[ASK_PATH_SIZE];
	const char *message, *code;
	const json_t *result;
	json_t *answer;
	enum exit_status exit_status =
	    ask_get(cli, ask_path(path, "/tasks/", view->id, ""), view->id, &answer, NULL);

	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	result = json_object_get(answer, "result");
	message = json_string_value(json_object_get(result, "message"));
	code = json_string_value(json_object_get(result, "code"));
	screen_error(&cli->screen, "task %s %s: %s (%s)", view->id,
	    is_rejected ? "was rejected" : "failed", message != NULL ? message : "no reason given",
	    code != NULL ? code : "unknown");
	if (code != NULL && strcmp(code, "http_status") == 0 && !cli->options.is_even_failed)
		screen_hint(
		    &cli->screen, "What came with it: taskq result --even-failed %s", view->id);
	screen_hint(&cli->screen, "All about it: taskq show %s", view->id);
	screen_hint(&cli->screen, "Once more: taskq retry %s", view->id);
	json_decref(answer);
	return task_view_exit_status(view);
}

enum exit_status
deliver_ended(struct cli *cli, const struct task_view *view)
{
	enum exit_status ended_as = task_view_exit_status(view);
	enum exit_status told, brought;

	if (ended_as == EXIT_STATUS_OK)
		return bring(cli, view->id);
	told = tell_failure(cli, view);
	if (told == ended_as && (cli->options.is_json || (cli->options.is_even_failed &&
							     ended_as == EXIT_STATUS_FAILED))) {
		brought = bring(cli, view->id);
		if (brought != EXIT_STATUS_OK && brought != EXIT_STATUS_NOT_FOUND)
			return brought;
	}
	return told;
}

enum exit_status
deliver_time_is_up(struct cli *cli, const struct task_view *view)
{
	char text[HUMAN_SIZE];

	screen_error(&cli->screen, "task %s is %s after %s", view->id, view->status,
	    human_duration(cli->options.for_ms, text));
	follow_interrupted(cli, view->id);
	return EXIT_STATUS_NOT_ENDED;
}

enum exit_status
deliver_when_ended(struct cli *cli, const char *id)
{
	struct task_view view;
	json_t *task = NULL;
	enum exit_status exit_status = follow_task(cli, id, follow_deadline(cli), "", &task);

	if (exit_status == EXIT_STATUS_OK || exit_status == EXIT_STATUS_NOT_ENDED) {
		(void)task_view_read(task, &view);
		exit_status = exit_status == EXIT_STATUS_OK ? deliver_ended(cli, &view)
							    : deliver_time_is_up(cli, &view);
	} else if (stop_is_wanted()) {
		follow_interrupted(cli, id);
	}
	json_decref(task);
	return exit_status;
}
