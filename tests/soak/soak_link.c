/* SPDX-License-Identifier: MIT */
/* See soak_link.h. Answers with a length only: what the service sends chunked is asked for raw. */
#include "soak_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ROOM_SMALL = 16 * 1024,
	ANSWER_MAX = 64 << 20,
};

static bool
watch(struct link *link, int epoll_fd, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = link };

	return epoll_ctl(epoll_fd, operation, link->fd, &event) == 0;
}

bool
link_connect(struct link *link, int epoll_fd, uint16_t port, int64_t now_us)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	link->since_us = now_us;
	link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (link->fd < 0)
		return false;
	setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if ((connect(link->fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
		errno != EINPROGRESS) ||
	    !watch(link, epoll_fd, EPOLL_CTL_ADD, EPOLLOUT)) {
		link_close(link, now_us);
		return false;
	}
	link->state = LINK_CONNECTING;
	return true;
}

bool
link_connected(struct link *link, int epoll_fd, int64_t now_us)
{
	int fault = 0;
	socklen_t size = sizeof(fault);

	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &fault, &size) != 0 || fault != 0 ||
	    !watch(link, epoll_fd, EPOLL_CTL_MOD, EPOLLIN)) {
		link_close(link, now_us);
		return false;
	}
	link->state = LINK_IDLE;
	link->since_us = now_us;
	link->got = 0;
	return true;
}

bool
link_send(struct link *link, const char *request, size_t size, int64_t now_us)
{
	link->got = 0;
	link->state = LINK_BUSY;
	link->since_us = now_us;
	return send(link->fd, request, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Room for at least `size` bytes and a NUL; gives a large buffer back when it is not needed. */
static bool
make_room(struct link *link, size_t size)
{
	size_t room = size < ROOM_SMALL ? ROOM_SMALL : size + 1;
	char *answer;

	if (link->room >= room && (link->room == ROOM_SMALL || link->got > 0))
		return true;
	if (size > ANSWER_MAX)
		return false;
	answer = realloc(link->answer, room);
	if (answer == NULL)
		return false;
	link->answer = answer;
	link->room = room;
	return true;
}

/* The header of a whole answer; false: there is none yet that can be used. */
static bool
parse_head(const struct link *link, struct answer *answer, size_t *ret_size)
{
	char *end = strstr(link->answer, "\r\n\r\n");
	const char *length;

	if (end == NULL)
		return false;
	*end = '\0'; /* a body of MiB is not searched for fields */
	length = strcasestr(link->answer, "\r\nContent-Length:");
	answer->closes = strcasestr(link->answer, "\r\nConnection: close") != NULL;
	*end = '\r';
	if (length == NULL)
		return false;
	answer->status = (int)strtol(link->answer + strlen("HTTP/1.1 "), NULL, 10);
	answer->body = end + 4;
	answer->body_size = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	*ret_size = (size_t)(end + 4 - link->answer) + answer->body_size;
	return true;
}

enum link_answer
link_read(struct link *link, struct answer *ret_answer)
{
	size_t size;

	for (;;) {
		ssize_t got;

		if (!make_room(link, link->got + 1))
			return LINK_BROKEN;
		if (link->room - 1 == link->got)
			return LINK_BROKEN; /* a header that long, or more than was announced */
		got = recv(
		    link->fd, link->answer + link->got, link->room - 1 - link->got, MSG_DONTWAIT);
		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? LINK_NOT_YET : LINK_BROKEN;
		if (got == 0)
			return LINK_BROKEN;
		link->got += (size_t)got;
		link->answer[link->got] = '\0';
		if (!parse_head(link, ret_answer, &size)) {
			if (strstr(link->answer, "\r\n\r\n") != NULL)
				return LINK_BROKEN;
			continue;
		}
		if (link->got >= size)
			break;
		if (!make_room(link, size))
			return LINK_BROKEN;
	}
	return link->got == size ? LINK_COMPLETE : LINK_BROKEN;
}

void
link_close(struct link *link, int64_t now_us)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->state = LINK_DOWN;
	link->since_us = now_us;
	link->got = 0;
}
