/* SPDX-License-Identifier: MIT */
/* Making the socket, or taking one over; see listen_socket.h. Main thread. */
#include "app/listen_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "app/listen_address.h"
#include "http/http_listen.h"

enum status
listen_socket_take(struct listen_socket *socket, int passed_fd, struct error *error)
{
	struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(bound);
	char wanted_text[LISTEN_ADDRESS_TEXT_SIZE], bound_text[LISTEN_ADDRESS_TEXT_SIZE];
	uint16_t port;

	if (getsockname(passed_fd, (struct sockaddr *)&bound, &size) != 0)
		return error_set(error, STATUS_IO,
		    "cannot read the address of the passed socket: %s", strerror(errno));
	port = listen_address_port(&bound);
	/* Who may reach the service is decided by the setting, and commands ask there. */
	if (!listen_address_covers(&socket->address, &bound)) {
		listen_address_print(
		    &socket->address, listen_address_port(&socket->address), wanted_text);
		listen_address_print(&bound, port, bound_text);
		return error_set(error, STATUS_INVALID,
		    "listen is '%s', but the socket that was passed is bound to %s: set both to the "
		    "same address",
		    wanted_text, bound_text);
	}
	socket->fd = passed_fd;
	socket->port = port;
	socket->is_passed = true;
	return STATUS_OK;
}

enum status
listen_socket_bind(struct listen_socket *socket, struct error *error)
{
	if (socket->fd >= 0)
		return STATUS_OK;
	return http_bind(&socket->address, socket->address_size, &socket->fd, &socket->port, error);
}
