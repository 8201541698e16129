/* SPDX-License-Identifier: MIT */
/* taskq result: the result of a task. Main thread. */
#include "cli/ask.h"
#include "cli/deliver.h"
#include "cli/ids.h"
#include "cli/verbs.h"

static enum exit_status
bring_now(struct cli *cli, const char *id)
{
	char path[ASK_PATH_SIZE];
	struct task_view view;
	json_t *task;
	enum exit_status exit_status =
	    ask_get(cli, ask_path(path, "/tasks/submissions/", id, ""), id, &task, NULL);

	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	if (task_view_read(task, &view) && task_view_is_final(&view)) {
		exit_status = deliver_ended(cli, &view);
	} else {
		screen_error(&cli->screen, "task %s is %s and has no result yet", id, view.status);
		screen_hint(&cli->screen, "Wait for it: taskq result --wait %s", id);
		exit_status = EXIT_STATUS_NOT_ENDED;
	}
	json_decref(task);
	return exit_status;
}

static enum exit_status
run(struct cli *cli)
{
	char id[UUID_TEXT_SIZE];
	enum exit_status exit_status = ids_one(cli, id);

	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	if (cli->options.is_waiting || cli->options.for_ms != OPTION_UNSET)
		return deliver_when_ended(cli, id);
	return bring_now(cli, id);
}

const struct verb verb_result = {
	.name = "result",
	.arguments = "ID",
	.summary = "print the result of a task, or write it to a file",
	.text =
	    "The digits of a factorial or the bytes of a fetch, exactly as they are; a terminal "
	    "gets text alone, in which control characters are shown and not done. With --json "
	    "it is the answer of GET /tasks/ID.\n"
	    "A file appears when it is complete. Until then it is called FILE.ID.part, and the "
	    "same command goes on where another one was interrupted.",
	.examples = "taskq result 018f3c4e-8a5b-7c1d-9e2f-0123456789ab\n"
		    "taskq result --wait 018f3c4e-8a5b-7c1d-9e2f-0123456789ab -o digits.txt",
	.groups = OPTION_WAIT | OPTION_CONTENT,
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run,
};
