/* SPDX-License-Identifier: MIT */
/*
 * taskqd healthcheck: asks GET /readyz where `listen` says, for places without a client, such as a
 * container. One connection, one deadline for all of it. Main thread.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/listen_address.h"
#include "app/verb.h"
#include "base/clock.h"

/* Container engines kill a check after 30 s by default; a service that needs longer is not ready.
 */
#define DEADLINE_MS 3000

/* The answer is some 200 bytes. */
#define ANSWER_BYTES 4096

static enum status
failed(struct error *error, const char *what, int number)
{
	return error_set(error, STATUS_IO, "cannot %s: %s", what, strerror(number));
}

/* Waits until the socket is ready for something. */
static enum status
await(int fd, short events, int64_t deadline_mono_ms, struct error *error)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	for (;;) {
		int64_t left_ms = deadline_mono_ms - clock_mono_ms();
		int ready = left_ms <= 0 ? 0 : poll(&poll_fd, 1, (int)left_ms);

		if (ready > 0)
			return STATUS_OK;
		if (ready == 0)
			return error_set(
			    error, STATUS_TIMEOUT, "no answer within %d ms", DEADLINE_MS);
		if (errno != EINTR)
			return failed(error, "wait", errno);
	}
}

static enum status
connect_to(int fd, const struct sockaddr_storage *address, socklen_t size, int64_t deadline_mono_ms,
    struct error *error)
{
	int number = 0;
	socklen_t number_size = sizeof(number);
	enum status status;

	if (connect(fd, (const struct sockaddr *)address, size) == 0)
		return STATUS_OK;
	if (errno != EINPROGRESS)
		return failed(error, "connect", errno);
	status = await(fd, POLLOUT, deadline_mono_ms, error);
	if (status != STATUS_OK)
		return status;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &number_size) != 0)
		number = errno;
	return number == 0 ? STATUS_OK : failed(error, "connect", number);
}

/* Reads to the end of the answer, or as much of it as there is room for. */
static enum status
read_answer(int fd, char ret_answer[ANSWER_BYTES], int64_t deadline_mono_ms, struct error *error)
{
	size_t size = 0;

	while (size < ANSWER_BYTES - 1) {
		ssize_t got = recv(fd, ret_answer + size, ANSWER_BYTES - 1 - size, 0);

		if (got == 0)
			break;
		if (got > 0) {
			size += (size_t)got;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return failed(error, "read the answer", errno);
		enum status status = await(fd, POLLIN, deadline_mono_ms, error);

		if (status != STATUS_OK)
			return status;
	}
	ret_answer[size] = '\0';
	return STATUS_OK;
}

/* What the answer says, by its status and the body of one line. */
static enum status
judge(const char *answer, struct error *error)
{
	const char *body = strstr(answer, "\r\n\r\n");

	if (strncmp(answer, "HTTP/1.1 200 ", 13) == 0)
		return STATUS_OK;
	if (strncmp(answer, "HTTP/1.1 ", 9) != 0)
		return error_set(error, STATUS_INVALID, "the answer is not HTTP");
	return error_set(
	    error, STATUS_BUSY, "not ready: %.3s %s", answer + 9, body == NULL ? "" : body + 4);
}

static enum status
ask(const struct sockaddr_storage *address, socklen_t size, const char *host, struct error *error)
{
	int64_t deadline_mono_ms = clock_mono_ms() + DEADLINE_MS;
	char answer[ANSWER_BYTES];
	char request[160];
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int request_size = snprintf(request, sizeof(request),
	    "GET /readyz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
	enum status status;

	if (fd < 0)
		return failed(error, "make a socket", errno);
	status = connect_to(fd, address, size, deadline_mono_ms, error);
	/* A fresh connection takes so few bytes at once. */
	if (status == STATUS_OK &&
	    send(fd, request, (size_t)request_size, MSG_NOSIGNAL) != request_size)
		status = failed(error, "send", errno);
	if (status == STATUS_OK)
		status = read_answer(fd, answer, deadline_mono_ms, error);
	if (status == STATUS_OK)
		status = judge(answer, error);
	(void)close(fd);
	return status;
}

enum verb_end
verb_healthcheck(const struct conf *conf, const char *operand, struct error *error)
{
	struct sockaddr_storage address;
	socklen_t size;
	char host[LISTEN_ADDRESS_TEXT_SIZE];
	uint16_t port;

	(void)operand;
	if (listen_address_parse(conf->listen, &address, &size, error) != STATUS_OK)
		return VERB_REFUSED;
	port = listen_address_port(&address);
	if (port == 0) {
		(void)error_set(error, STATUS_INVALID,
		    "listen is '%s', which leaves the port to the system: nobody can ask there",
		    conf->listen);
		return VERB_REFUSED;
	}
	listen_address_make_reachable(&address);
	listen_address_print(&address, port, host);
	if (ask(&address, size, host, error) != STATUS_OK) {
		error_prefix(error, "http://%s/readyz", host);
		return VERB_FAILED;
	}
	puts("ready");
	return VERB_DONE;
}
