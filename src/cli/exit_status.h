/* SPDX-License-Identifier: MIT */
/*
 * The exit statuses of taskq. They are documented in taskq(1) and never change their meaning.
 */
#ifndef TASKQ_CLI_EXIT_STATUS_H
#define TASKQ_CLI_EXIT_STATUS_H

enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_FAILED = 1,      /* a task is FAILED */
	EXIT_STATUS_USAGE = 2,       /* the command line is wrong; nothing was sent */
	EXIT_STATUS_REJECTED = 3,    /* a task is REJECTED */
	EXIT_STATUS_NOT_FOUND = 4,   /* no such task, or it left no content */
	EXIT_STATUS_BUSY = 5,        /* the service takes nothing now, because of load */
	EXIT_STATUS_UNREACHABLE = 6, /* the service cannot be reached, or does not answer */
	EXIT_STATUS_REFUSED = 7,     /* the service refuses what was asked for */
	EXIT_STATUS_NOT_ENDED = 8,   /* a task has not ended, or not in the time given */
	EXIT_STATUS_SERVICE = 9,     /* a fault of the service, or an answer that makes no sense */
	EXIT_STATUS_LOCAL = 10,      /* a fault on this side: a file, memory, standard output */
};

#endif
