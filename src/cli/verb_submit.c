/* SPDX-License-Identifier: MIT */
/* taskq submit: one task. Main thread. */
#include <stdlib.h>

#include "cli/explain.h"
#include "cli/submission_body.h"
#include "cli/submit.h"
#include "cli/verbs.h"

static enum exit_status
run(struct cli *cli)
{
	const char *const *arguments = cli->options.arguments;
	struct error error;
	char *body = NULL;
	enum exit_status exit_status;
	enum status status =
	    submission_body(&cli->options, arguments[0], arguments[1], &body, &error);

	if (status == STATUS_OK)
		exit_status = submit_send(cli, "/tasks/submissions", body, NULL);
	else if (status == STATUS_INVALID)
		exit_status = explain_usage(cli, "%s", error.text);
	else
		exit_status = explain_local(cli, status, &error);
	free(body);
	return exit_status;
}

const struct verb verb_submit = {
	.name = "submit",
	.arguments = "factorial NUMBER | fetch URL",
	.summary = "submit a task; prints its id, or with --wait its result",
	.text =
	    "The task is on disk before its id is printed. With --wait, or where the result is to go "
	    "to a file, the result is waited for and printed.\n"
	    "A submission whose answer is lost is sent again, and never makes a second task.",
	.examples = "taskq submit factorial 1000 --wait\n"
		    "taskq submit fetch https://example.com/ -o example.html\n"
		    "taskq submit fetch https://example.com/ --delay 1h --attempts 5\n"
		    "id=$(taskq submit factorial 50)",
	.groups = OPTION_WAIT | OPTION_CONTENT | OPTION_TERMS | OPTION_KEY,
	.arguments_min = 2,
	.arguments_max = 2,
	.run = run,
};
