/* SPDX-License-Identifier: MIT */
/*
 * Clients of the load generator. Everything goes to the loopback.
 */
#include "load_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SOURCE_ADDRESSES = 16,
};

bool
load_client_connect(
    struct load_client *client, const struct load_conf *conf, int epoll_fd, unsigned serial)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(conf->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in source = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + serial % SOURCE_ADDRESSES) };
	int one = 1;
	int flags = SOCK_CLOEXEC | (conf->new_connections ? SOCK_NONBLOCK : 0);
	client->fd = socket(AF_INET, SOCK_STREAM | flags, 0);
	if (client->fd < 0)
		return false;
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (conf->new_connections) {
		setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (bind(client->fd, (struct sockaddr *)&source, sizeof(source)) != 0)
			return false;
	}
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
	    errno != EINPROGRESS)
		return false;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == 0;
}

void
load_client_disconnect(struct load_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

static size_t
write_submission(unsigned n, char request[LOAD_REQUEST_MAX])
{
	char body[64];
	int bytes =
	    snprintf(body, sizeof(body), "{\"type\":\"factorial\",\"args\":{\"n\":\"%u\"}}", n);
	return (size_t)snprintf(request, LOAD_REQUEST_MAX,
	    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
	    bytes, body);
}

size_t
load_client_write_request(const struct load_client *client, const struct load_conf *conf,
    unsigned n, char request[LOAD_REQUEST_MAX])
{
	enum load_mode mode = conf->mode;
	const char *before = "/tasks/", *id = client->id, *after = "";
	if (mode == LOAD_POST || mode == LOAD_CYCLE) {
		if (client->phase == LOAD_PHASE_SUBMIT)
			return write_submission(n, request);
		mode = client->phase == LOAD_PHASE_STATUS ? LOAD_STATUS : LOAD_RESULT;
	}
	if (mode == LOAD_GET) {
		before = conf->path;
		id = "";
	} else if (mode == LOAD_STATUS || mode == LOAD_WAIT) {
		before = "/tasks/submissions/";
		after = mode == LOAD_WAIT ? "?wait=30" : "";
	} else if (mode == LOAD_CONTENT) {
		after = "/result";
	}
	int size = snprintf(request, LOAD_REQUEST_MAX,
	    "GET %s%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n", before, id, after);
	return size < LOAD_REQUEST_MAX ? (size_t)size : LOAD_REQUEST_MAX - 1;
}

bool
load_client_take_id(struct load_client *client)
{
	const char *id = strstr(load_answer_body(&client->answer), "\"id\":");
	id = id != NULL ? strchr(id + 5, '"') : NULL;
	if (id == NULL || strlen(id) < LOAD_ID_LENGTH + 2 || id[LOAD_ID_LENGTH + 1] != '"')
		return false;
	memcpy(client->id, id + 1, LOAD_ID_LENGTH);
	for (size_t i = 0; i < LOAD_ID_LENGTH; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash != (client->id[i] == '-') ||
		    strchr("0123456789abcdef-", client->id[i]) == NULL)
			return false;
	}
	return client->id[14] == '7';
}

bool
load_client_answer_is_right(const struct load_client *client, const struct load_conf *conf)
{
	const char *body = load_answer_body(&client->answer);
	size_t bytes = client->answer.body_bytes;
	if (client->answer.status != 200)
		return false;
	switch (conf->mode) {
	case LOAD_GET:
		return conf->content_bytes == 0 || bytes == conf->content_bytes;
	case LOAD_CONTENT:
		return client->target->content_bytes == 0 || bytes == client->target->content_bytes;
	case LOAD_STATUS:
	case LOAD_WAIT:
		return strstr(body, client->id) != NULL && strstr(body, "\"SUCCEEDED\"") != NULL;
	case LOAD_RESULT:
	case LOAD_POST:
	case LOAD_CYCLE:
		return strstr(body, client->id) != NULL;
	}
	return false;
}
