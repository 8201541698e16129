/* SPDX-License-Identifier: MIT */
/*
 * A listener that never answers and counts who came: on one port of every IPv4 and IPv6 address of
 * this machine. The kernel completes the handshakes by itself, so nothing that arrives is missed.
 */
#ifndef TASKQ_TESTS_SILENT_LISTENER_H
#define TASKQ_TESTS_SILENT_LISTENER_H

#include <stdint.h>

struct silent_listener {
	int v4_fd;
	int v6_fd; /* -1 without IPv6 */
	uint16_t port;
};

void silent_listener_open(struct silent_listener *listener);

/**
 * silent_listener_count - connections since the latest call; they are closed
 */
unsigned silent_listener_count(struct silent_listener *listener);

void silent_listener_close(struct silent_listener *listener);

#endif
