/* SPDX-License-Identifier: MIT */
/* taskq wait: until tasks have ended. Main thread. */
#include "base/clock.h"
#include "cli/deliver.h"
#include "cli/explain.h"
#include "cli/follow.h"
#include "cli/human.h"
#include "cli/ids.h"
#include "cli/status_line.h"
#include "cli/stop.h"
#include "cli/verbs.h"

static enum exit_status
wait_for(struct cli *cli, const char *id, int64_t deadline_mono_ms, const char *order)
{
	struct task_view view;
	json_t *task = NULL;
	enum exit_status printed;
	enum exit_status exit_status = follow_task(cli, id, deadline_mono_ms, order, &task);

	if (exit_status == EXIT_STATUS_OK && task_view_read(task, &view)) {
		printed = status_line_print(cli, task, NULL);
		exit_status = printed == EXIT_STATUS_OK ? task_view_exit_status(&view) : printed;
	} else if (exit_status == EXIT_STATUS_NOT_ENDED && task_view_read(task, &view)) {
		exit_status = deliver_time_is_up(cli, &view);
	} else if (stop_is_wanted()) {
		follow_interrupted(cli, id);
	}
	json_decref(task);
	return exit_status;
}

/* All of them share the time of --for: it is measured from the beginning of the first. */
static enum exit_status
wait_within_deadline(struct cli *cli, const char *id, const char *order)
{
	if (cli->deadline_mono_ms == 0)
		cli->deadline_mono_ms = follow_deadline(cli);
	return wait_for(cli, id, cli->deadline_mono_ms, order);
}

static enum exit_status
run(struct cli *cli)
{
	return ids_each(cli, wait_within_deadline);
}

const struct verb verb_wait = {
	.name = "wait",
	.arguments = "ID ... | -",
	.summary = "wait until tasks have ended; the exit status tells how",
	.text =
	    "A line for each task as it has ended: its id and its status. The exit status is 0 "
	    "where all have succeeded, else that of the first that has not: 1 for FAILED, 3 for "
	    "REJECTED. With - the ids are read from standard input.",
	.examples = "taskq wait 018f3c4e-8a5b-7c1d-9e2f-0123456789ab && echo done\n"
		    "taskq batch tasks.ndjson | taskq wait -\n"
		    "taskq wait --for 30s 018f3c4e-8a5b-7c1d-9e2f-0123456789ab",
	.groups = OPTION_WAITING,
	.arguments_min = 1,
	.arguments_max = VERB_ARGUMENTS_ANY,
	.run = run,
};
