/* SPDX-License-Identifier: MIT */
/*
 * A load generator for the benchmarks: keep-alive connections in one epoll thread, each with one
 * request in flight. Loopback only, bounded in time.
 *
 *	loadgen MODE PORT CONNECTIONS SECONDS [PATH]
 *
 * get:   GET PATH over and over
 * post:  POST /tasks/submissions of a small factorial over and over
 * cycle: submit, poll the status every 2 ms until it is final, read the result; one cycle counts
 *once
 *
 * Prints one line of JSON: count, rate, errors and latency percentiles in microseconds. An answer
 *that is not the expected status, or a closed connection, is an error and is counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 10000,
	ANSWER_MAX = 16 * 1024,
	REQUEST_MAX = 512,
	EVENTS = 256,
	POLL_US = 2000,
	SAMPLES_MAX = 1 << 22,
};

enum mode {
	MODE_GET,
	MODE_POST,
	MODE_CYCLE,
};

enum phase {
	PHASE_SUBMIT,
	PHASE_STATUS,
	PHASE_RESULT,
};

struct client {
	int fd;
	enum phase phase;
	int64_t began_us;
	int64_t due_us; /* when to poll again; 0 while a request is in flight */
	struct client *next_due;
	char id[64];
	size_t got;
	char answer[ANSWER_MAX];
};

struct load {
	enum mode mode;
	const char *path;
	uint16_t port;
	int epoll_fd;
	unsigned serial;
	uint64_t done;
	uint64_t errors;
	uint64_t polls;
	uint32_t *samples;
	size_t sample_count;
	struct client *due; /* waiting to poll, soonest first: the delay is the same for all */
	struct client **due_tail;
};

static int64_t
now_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static bool
send_request(struct load *load, struct client *client)
{
	char request[REQUEST_MAX];
	char body[64];
	int size = 0;
	client->got = 0;
	if (load->mode == MODE_GET) {
		size = snprintf(request, sizeof(request),
		    "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", load->path);
	} else if (client->phase == PHASE_SUBMIT) {
		int body_size = snprintf(body, sizeof(body),
		    "{\"type\":\"factorial\",\"args\":{\"n\":\"%u\"}}", load->serial++ % 101);
		size = snprintf(request, sizeof(request),
		    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		    body_size, body);
	} else {
		size = snprintf(request, sizeof(request),
		    "GET /tasks/%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
		    client->phase == PHASE_STATUS ? "submissions/" : "", client->id);
	}
	return send(client->fd, request, (size_t)size, MSG_NOSIGNAL) == size;
}

static bool
connect_client(struct load *load, struct client *client)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(load->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 ||
	    connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror("loadgen: connect");
		return false;
	}
	int one = 1;
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	return epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == 0;
}

static void
finish(struct load *load, struct client *client, int64_t now)
{
	load->done++;
	if (load->sample_count < SAMPLES_MAX)
		load->samples[load->sample_count++] = (uint32_t)(now - client->began_us);
	client->phase = PHASE_SUBMIT;
	client->began_us = now;
}

/* Decides what follows an answer; false when it was not the expected one. */
static bool
take_answer(struct load *load, struct client *client, int status, const char *body, int64_t now)
{
	if (load->mode == MODE_GET) {
		finish(load, client, now);
		return status == 200;
	}
	switch (client->phase) {
	case PHASE_SUBMIT: {
		const char *id = strstr(body, "\"id\":");
		id = id != NULL ? strchr(id + 5, '"') : NULL;
		if (status != 202 || id == NULL)
			return false;
		snprintf(client->id, sizeof(client->id), "%.36s", id + 1);
		if (load->mode == MODE_POST)
			finish(load, client, now);
		else
			client->phase = PHASE_STATUS;
		return true;
	}
	case PHASE_STATUS:
		if (status != 200 || strstr(body, "FAILED") != NULL)
			return false;
		if (strstr(body, "SUCCEEDED") != NULL) {
			client->phase = PHASE_RESULT;
			return true;
		}
		load->polls++;
		client->due_us = now + POLL_US;
		client->next_due = NULL;
		*load->due_tail = client;
		load->due_tail = &client->next_due;
		return true;
	case PHASE_RESULT:
		finish(load, client, now);
		return status == 200;
	}
	return false;
}

/* Reads what is there; 1: an answer is complete, 0: not yet, -1: the connection is of no use. */
static int
read_answer(struct client *client, int *ret_status, const char **ret_body)
{
	ssize_t got = recv(
	    client->fd, client->answer + client->got, ANSWER_MAX - 1 - client->got, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	if (got == 0)
		return -1;
	client->got += (size_t)got;
	client->answer[client->got] = '\0';
	char *end = strstr(client->answer, "\r\n\r\n");
	if (end == NULL)
		return client->got < ANSWER_MAX - 1 ? 0 : -1;
	const char *length = strcasestr(client->answer, "\r\nContent-Length:");
	if (length == NULL || length > end)
		return -1;
	size_t body_size = strtoul(length + 17, NULL, 10);
	size_t head_size = (size_t)(end + 4 - client->answer);
	if (head_size + body_size > ANSWER_MAX - 1)
		return -1;
	if (client->got < head_size + body_size)
		return 0;
	*ret_status = (int)strtol(client->answer + 9, NULL, 10);
	*ret_body = end + 4;
	return 1;
}

static void
on_readable(struct load *load, struct client *client)
{
	int status = 0;
	const char *body = "";
	int complete = read_answer(client, &status, &body);
	if (complete == 0)
		return;
	int64_t now = now_us();
	bool good = complete > 0 && take_answer(load, client, status, body, now);
	if (!good) {
		load->errors++;
		client->phase = PHASE_SUBMIT;
		client->began_us = now;
		if (complete < 0) {
			close(client->fd);
			if (!connect_client(load, client))
				return;
		}
	}
	if (client->due_us == 0 && !send_request(load, client))
		load->errors++;
}

static void
run(struct load *load, int64_t until_us)
{
	struct epoll_event events[EVENTS];
	for (;;) {
		int64_t now = now_us();
		if (now >= until_us)
			return;
		while (load->due != NULL && load->due->due_us <= now) {
			struct client *client = load->due;
			load->due = client->next_due;
			if (load->due == NULL)
				load->due_tail = &load->due;
			client->due_us = 0;
			if (!send_request(load, client))
				load->errors++;
		}
		int timeout_ms = load->due != NULL ? 1 : 100;
		int count = epoll_wait(load->epoll_fd, events, EVENTS, timeout_ms);
		for (int i = 0; i < count; i++)
			on_readable(load, events[i].data.ptr);
	}
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static unsigned
percentile(const struct load *load, double share)
{
	if (load->sample_count == 0)
		return 0;
	return load->samples[(size_t)(share * (double)(load->sample_count - 1))];
}

int
main(int argc, char *argv[])
{
	if (argc < 5) {
		fprintf(stderr, "usage: loadgen get|post|cycle PORT CONNECTIONS SECONDS [PATH]\n");
		return 2;
	}
	struct load load = { .path = argc > 5 ? argv[5] : "/",
		.port = (uint16_t)strtoul(argv[2], NULL, 10) };
	load.mode = strcmp(argv[1], "get") == 0    ? MODE_GET
		    : strcmp(argv[1], "post") == 0 ? MODE_POST
						   : MODE_CYCLE;
	size_t count = strtoul(argv[3], NULL, 10);
	double seconds = strtod(argv[4], NULL);
	if (count < 1 || count > CONNECTIONS_MAX || seconds <= 0 || seconds > 3600)
		return 2;
	load.due_tail = &load.due;
	load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	load.samples = malloc(SAMPLES_MAX * sizeof(load.samples[0]));
	struct client *clients = calloc(count, sizeof(*clients));
	if (load.epoll_fd < 0 || load.samples == NULL || clients == NULL)
		return 1;
	for (size_t i = 0; i < count; i++) {
		if (!connect_client(&load, &clients[i]))
			return 1;
	}
	int64_t began = now_us();
	for (size_t i = 0; i < count; i++) {
		clients[i].began_us = now_us();
		if (!send_request(&load, &clients[i]))
			load.errors++;
	}
	run(&load, began + (int64_t)(seconds * 1e6));
	double took = (double)(now_us() - began) / 1e6;
	qsort(load.samples, load.sample_count, sizeof(load.samples[0]), compare);
	printf("{\"mode\":\"%s\",\"connections\":%zu,\"seconds\":%.3f,\"count\":%llu,"
	       "\"per_s\":%.0f,\"errors\":%llu,\"polls\":%llu,\"p50_us\":%u,\"p95_us\":%u,"
	       "\"p99_us\":%u,\"max_us\":%u}\n",
	    argv[1], count, took, (unsigned long long)load.done, (double)load.done / took,
	    (unsigned long long)load.errors, (unsigned long long)load.polls, percentile(&load, 0.5),
	    percentile(&load, 0.95), percentile(&load, 0.99), percentile(&load, 1.0));
	free(clients);
	free(load.samples);
	close(load.epoll_fd);
	return load.done > 0 ? 0 : 1;
}
