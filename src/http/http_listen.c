/* SPDX-License-Identifier: MIT */
/*
 * Makes the service's socket. The main thread. SO_REUSEADDR and never SO_REUSEPORT: a restart is
 * not kept out by connections of the last run, but a second service on the port is.
 */
#include "http/http_listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel lowers it to net.core.somaxconn */

static enum status
status_of_errno(int number)
{
	switch (number) {
	case EADDRINUSE:
		return STATUS_BUSY;
	case EADDRNOTAVAIL:
	case EACCES:
	case EPERM:
	case EAFNOSUPPORT:
	case EINVAL:
		return STATUS_INVALID;
	default:
		return STATUS_IO;
	}
}

static enum status
failed(struct error *error, const char *what, int number)
{
	return error_set(error, status_of_errno(number), "%s: %s (%s)", what, strerror(number),
	    strerrorname_np(number) != NULL ? strerrorname_np(number) : "?");
}

static enum status
bound_port(int fd, uint16_t *ret_port, struct error *error)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} bound;

	socklen_t size = sizeof(bound);

	memset(&bound, 0, sizeof(bound));
	if (getsockname(fd, &bound.any, &size) != 0)
		return failed(error, "cannot read the bound address", errno);
	*ret_port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
	return STATUS_OK;
}

enum status
http_bind(const struct sockaddr_storage *address, socklen_t size, int *ret_fd, uint16_t *ret_port,
    struct error *error)
{
	const int on = 1;
	enum status status = STATUS_OK;
	uint16_t port = 0;
	int fd;

	fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed(error, "cannot make a socket", errno);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (address->ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0))
		status = failed(error, "cannot set up the socket", errno);
	else if (bind(fd, (const struct sockaddr *)address, size) != 0)
		status = failed(error, "cannot bind", errno);
	else
		status = bound_port(fd, &port, error);
	if (status != STATUS_OK) {
		(void)close(fd);
		return status;
	}
	*ret_fd = fd;
	*ret_port = port;
	return STATUS_OK;
}

enum status
http_listen(int fd, struct error *error)
{
	if (listen(fd, BACKLOG) != 0)
		return failed(error, "cannot listen", errno);
	return STATUS_OK;
}
