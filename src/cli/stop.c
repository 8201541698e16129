/* SPDX-License-Identifier: MIT */
/* The stop flag; see stop.h. The handler runs in the only thread there is. */
#include "cli/stop.h"

#include <signal.h>
#include <stddef.h>

#include "base/compiler.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static volatile sig_atomic_t stop_signal;

static void
note(int number)
{
	stop_signal = number;
}

void
stop_watch(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		/* A second one ends the process, should the first not be heeded. */
		struct sigaction old,
		    action = { .sa_handler = note, .sa_flags = (int)SA_RESETHAND };

		/* nohup and shells that start background jobs ignore some on purpose. */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &action, NULL);
	}
}

bool
stop_is_wanted(void)
{
	return stop_signal != 0;
}

void
stop_by_signal(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	int number = stop_signal;

	if (number == 0)
		return;
	(void)sigaction(number, &action, NULL);
	(void)raise(number);
}
