/* SPDX-License-Identifier: MIT */
/* taskq retry: tasks that failed, once more as new ones. Main thread. */
#include <string.h>

#include "cli/ask.h"
#include "cli/deliver.h"
#include "cli/explain.h"
#include "cli/ids.h"
#include "cli/submit.h"
#include "cli/verbs.h"

static enum exit_status
retry(struct cli *cli, const char *id, const char *order)
{
	char path[ASK_PATH_SIZE];

	(void)order;
	return submit_send(cli, ask_path(path, "/tasks/", id, "/retry"), "{}", id);
}

static enum exit_status
run(struct cli *cli)
{
	bool is_one =
	    cli->options.argument_count == 1 && strcmp(cli->options.arguments[0], "-") != 0;

	if (!is_one && deliver_is_wanted(cli))
		return explain_usage(
		    cli, "found several tasks, expected one where its result is waited for");
	if (!is_one && cli->options.key != NULL)
		return explain_usage(cli, "found several tasks, expected one for a key");
	return ids_each(cli, retry);
}

const struct verb verb_retry = {
	.name = "retry",
	.arguments = "ID ... | -",
	.summary = "run failed or rejected tasks again; prints the new ids",
	.text =
	    "The new task has the type, the arguments and the terms of the old one, which stays as "
	    "it is, and names it. With - the ids are read from standard input.",
	.examples = "taskq retry 018f3c4e-8a5b-7c1d-9e2f-0123456789ab --wait\n"
		    "taskq list --status FAILED --since 1h --all | taskq retry -",
	.groups = OPTION_WAIT | OPTION_CONTENT | OPTION_KEY,
	.arguments_min = 1,
	.arguments_max = VERB_ARGUMENTS_ANY,
	.run = run,
};
