/* SPDX-License-Identifier: MIT */
/* taskq help: the overview, or everything about one verb. Main thread. */
#include "cli/explain.h"
#include "cli/help.h"
#include "cli/verbs.h"

static enum exit_status
run(struct cli *cli)
{
	const struct verb *verb;
	const char *name, *near;

	if (cli->options.argument_count == 0) {
		help_overview(stdout);
		return EXIT_STATUS_OK;
	}
	name = cli->options.arguments[0];
	verb = verb_find(name);
	if (verb == NULL) {
		near = verb_suggest(name);
		return explain_usage(cli, "there is no verb '%.60s'%s%s%s", name,
		    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
		    near != NULL ? "'?" : "");
	}
	help_verb(verb, stdout);
	return EXIT_STATUS_OK;
}

const struct verb verb_help = {
	.name = "help",
	.arguments = "[VERB]",
	.summary = "this overview, or everything about one verb",
	.text = "All of it, with the formats of times and durations, stands in taskq(1).",
	.examples = "taskq help submit",
	.arguments_max = 1,
	.needs_no_service = true,
	.run = run,
};
