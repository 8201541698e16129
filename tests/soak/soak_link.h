/* SPDX-License-Identifier: MIT */
/* A keep-alive connection of the soak's load generator, with at most one request in flight. */
#ifndef TASKQ_SOAK_LINK_H
#define TASKQ_SOAK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum link_state {
	LINK_DOWN,
	LINK_CONNECTING,
	LINK_IDLE,
	LINK_BUSY,
};

enum link_answer {
	LINK_NOT_YET,
	LINK_COMPLETE,
	LINK_BROKEN,
};

struct link {
	int fd;
	enum link_state state;
	int64_t since_us; /* when this state began */
	size_t task;      /* the owner's, while busy */
	char *answer;     /* NUL-terminated, grows to what arrives */
	size_t got;
	size_t room;
};

struct answer {
	int status;
	const char *body; /* NUL-terminated */
	size_t body_size;
	bool closes; /* the server ends the connection */
};

/* Begin to connect to the loopback port; false: not now. */
bool link_connect(struct link *link, int epoll_fd, uint16_t port, int64_t now_us);

/* After writability was reported: whether the connection stands. */
bool link_connected(struct link *link, int epoll_fd, int64_t now_us);

/* Send a whole request; false: nothing of it may be taken as received, nor as not received. */
bool link_send(struct link *link, const char *request, size_t size, int64_t now_us);

/* Read what is there. */
enum link_answer link_read(struct link *link, struct answer *ret_answer);

void link_close(struct link *link, int64_t now_us);

#endif
