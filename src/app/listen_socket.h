/* SPDX-License-Identifier: MIT */
/* The socket to serve on: made by us, or passed to us by a supervisor. Main thread. */
#ifndef TASKQ_APP_LISTEN_SOCKET_H
#define TASKQ_APP_LISTEN_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct listen_socket {
	struct sockaddr_storage address; /* as the setting `listen` has it */
	socklen_t address_size;
	int fd; /* -1: none yet, or given away */
	uint16_t port;
	bool is_passed;
};

/**
 * listen_socket_take - take a passed socket over
 * @socket: with its address, which must be that of the passed one; port 0 stands for any
 * Returns OK; INVALID, with both addresses, where it is another.
 */
enum status listen_socket_take(
    struct listen_socket *socket, int passed_fd, struct error *error) NODISCARD;

/**
 * listen_socket_bind - make one, where none was passed
 * Returns as http_bind.
 */
enum status listen_socket_bind(struct listen_socket *socket, struct error *error) NODISCARD;

#endif
