/* SPDX-License-Identifier: MIT */
/* The ill-behaved origin (tests/origin/origin.py) as a child of a unit test. Any thread, one at a
 * time. */
#ifndef TASKQ_TESTS_ORIGIN_PROCESS_H
#define TASKQ_TESTS_ORIGIN_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct origin_process {
	pid_t pid;
	int stdin_fd; /* closing it ends the origin, as does the end of the test */
	uint16_t port;
};

/**
 * origin_start - run the origin and wait until it accepts; fails the test when it does not
 * @host:                 "0.0.0.0" to answer at every 127.x.y.z
 * @certificate, @key:    files for https, or NULL
 * The test runs in the root of the source tree; PYTHON names the interpreter if set.
 */
void origin_start(
    struct origin_process *origin, const char *host, const char *certificate, const char *key);

void origin_stop(struct origin_process *origin);

#endif
