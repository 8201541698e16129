/* SPDX-License-Identifier: MIT */
/* Counting connections; see silent_listener.h. */
#include "silent_listener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int
listen_v6(uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), 0);
	if (bind(fd, (struct sockaddr *)&in6, sizeof(in6)) != 0 || listen(fd, 4096) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void
silent_listener_open(struct silent_listener *listener)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 4096), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
	listener->v4_fd = fd;
	listener->port = ntohs(in.sin_port);
	listener->v6_fd = listen_v6(listener->port);
}

static unsigned
drain(int fd)
{
	unsigned count = 0;
	int peer;

	if (fd == -1)
		return 0;
	while ((peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) != -1) {
		close(peer);
		count++;
	}
	return count;
}

unsigned
silent_listener_count(struct silent_listener *listener)
{
	return drain(listener->v4_fd) + drain(listener->v6_fd);
}

void
silent_listener_close(struct silent_listener *listener)
{
	close(listener->v4_fd);
	if (listener->v6_fd != -1)
		close(listener->v6_fd);
}
