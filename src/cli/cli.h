/* SPDX-License-Identifier: MIT */
/*
 * What every verb is given: the options, the service, the screen. One thread, from main to the end.
 */
#ifndef TASKQ_CLI_CLI_H
#define TASKQ_CLI_CLI_H

#include "cli/client.h"
#include "cli/exit_status.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/screen.h"

struct cli {
	struct options options;
	struct screen screen;
	struct progress progress;   /* of pauses in verbs that have no other */
	struct client_watcher idle; /* shows them there */
	struct client *client;      /* NULL for verbs that need no service */
	/* Of all that is waited for together; 0: none, or not known yet. */
	int64_t deadline_mono_ms;
};

#endif
