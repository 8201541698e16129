/* SPDX-License-Identifier: MIT */
/* taskq cancel: end tasks. Main thread. To cancel again changes nothing, so it may be repeated. */
#include <string.h>

#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/ids.h"
#include "cli/task_view.h"
#include "cli/verbs.h"

static void
print(struct cli *cli, const struct task_view *view)
{
	struct ink *out = &cli->screen.out;

	screen_line_clear(&cli->screen);
	ink_put(out, PAINT_PLAIN, "%s", view->id);
	fputs(out->is_terminal ? "  " : "\t", out->stream);
	ink_put(out, ink_paint_of_status(view->status), "%s", view->status);
	if (out->is_terminal && !task_view_is_final(view))
		ink_put(out, PAINT_DIM, "  is being ended");
	ink_line(out);
}

static enum exit_status
cancel(struct cli *cli, const char *id, const char *order)
{
	char path[ASK_PATH_SIZE];
	const struct call call = {
		.method = "DELETE",
		.path = ask_path(path, "/tasks/", id, ""),
	};
	struct task_view view;
	struct answer answer;
	struct error error;
	json_t *task = NULL;
	enum exit_status exit_status;
	enum status status = client_call(cli->client, &call, &answer, &error);

	(void)order;
	if (status != STATUS_OK)
		exit_status = explain_failure(cli, status, &error);
	else if (answer.status != 200 && answer.status != 202)
		exit_status = explain_answer(cli, &answer, id, NULL);
	else
		exit_status = ask_load(cli, &answer, &task);
	if (exit_status == EXIT_STATUS_OK) {
		if (cli->options.is_json)
			ask_print(cli, &answer.body);
		else if (task_view_read(task, &view))
			print(cli, &view);
	}
	json_decref(task);
	answer_done(&answer);
	return exit_status;
}

static enum exit_status
run(struct cli *cli)
{
	return ids_each(cli, cancel);
}

const struct verb verb_cancel = {
	.name = "cancel",
	.arguments = "ID ... | -",
	.summary = "end tasks that have not ended",
	.text =
	    "What waits is REJECTED at once. What runs is told to end, and will be FAILED with the "
	    "code cancelled. With - the ids are read from standard input.",
	.examples = "taskq cancel 018f3c4e-8a5b-7c1d-9e2f-0123456789ab\n"
		    "taskq list --status QUEUED --all | taskq cancel -",
	.arguments_min = 1,
	.arguments_max = VERB_ARGUMENTS_ANY,
	.run = run,
};
