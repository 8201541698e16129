/* SPDX-License-Identifier: MIT */
/* taskq status: where tasks are. Main thread. */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/human.h"
#include "cli/ids.h"
#include "cli/status_line.h"
#include "cli/verbs.h"

static enum exit_status
tell(struct cli *cli, const char *id, const char *order)
{
	char path[ASK_PATH_SIZE];
	json_t *task;
	struct buf body;
	enum exit_status exit_status =
	    ask_get(cli, ask_path(path, "/tasks/submissions/", id, ""), id, &task, &body);

	(void)order;
	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	exit_status = status_line_print(cli, task, &body);
	json_decref(task);
	buf_done(&body);
	return exit_status;
}

static enum exit_status
run(struct cli *cli)
{
	return ids_each(cli, tell);
}

const struct verb verb_status = {
	.name = "status",
	.arguments = "ID ... | -",
	.summary = "tell where tasks are",
	.text =
	    "A line for each task: its id and its status, which is QUEUED, RUNNING, SUCCEEDED, "
	    "FAILED or REJECTED. The exit status is 0 whatever it is; taskq wait judges. With - "
	    "the ids are read from standard input.",
	.examples = "taskq status 018f3c4e-8a5b-7c1d-9e2f-0123456789ab\n"
		    "taskq status - < ids",
	.arguments_min = 1,
	.arguments_max = VERB_ARGUMENTS_ANY,
	.run = run,
};
