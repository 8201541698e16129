/* SPDX-License-Identifier: MIT */
/*
 * Clients that wait: each asks once for the status of its task, to be answered when that has ended,
 * and what counts is how long after the task's end the answer is here. That is the time of the wall
 * clock less the `finished_at` of the answer, which has whole milliseconds, cut off.
 *
 * Answers are looked for once a millisecond: to be woken by each of thousands would take a good
 * part of the cores from the one that sends them. So a delay is told up to two milliseconds too
 * long.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load_client.h"
#include "load_run.h"

enum {
	EVENTS = 256,
	CHECK_MS = 100, /* longest sleep */
	PAUSE_MS = 1,   /* between two looks */
};

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static int64_t
wall_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* When the task of an answer has ended; false where it does not tell. */
static bool
read_finished(const struct load_client *client, int64_t *ret_ns)
{
	static const char name[] = "\"finished_at\":\"";
	const char *text = strstr(load_answer_body(&client->answer), name);
	struct tm time = { 0 };
	if (text == NULL)
		return false;
	text = strptime(text + strlen(name), "%Y-%m-%dT%H:%M:%S.", &time);
	if (text == NULL)
		return false;
	*ret_ns = (int64_t)timegm(&time) * NS_PER_S + strtol(text, NULL, 10) * NS_PER_MS;
	return true;
}

static void
count_error(struct load_counts *counts, const struct load_client *client, const char *what)
{
	if (counts->errors++ == 0)
		load_counts_tell(counts, what, client);
}

static void
on_readable(struct load_client *client, const struct load_conf *conf, struct load_counts *counts)
{
	enum load_progress progress = load_answer_read(&client->answer, client->fd);
	int64_t now_ns = wall_ns();
	int64_t finished_ns;
	if (progress == LOAD_PART)
		return;
	client->in_flight = false;
	if (progress != LOAD_WHOLE || !load_client_answer_is_right(client, conf) ||
	    !read_finished(client, &finished_ns)) {
		count_error(counts, client, "wrong answer");
		load_client_disconnect(client);
		return;
	}
	counts->done++;
	load_histogram_record(&counts->latency, now_ns > finished_ns ? now_ns - finished_ns : 0);
}

static bool
begin(struct load_client *client, const struct load_conf *conf, const struct load_target *target,
    int epoll_fd)
{
	char request[LOAD_REQUEST_MAX];
	client->target = target;
	memcpy(client->id, target->id, sizeof(client->id));
	client->fd = -1;
	if (!load_client_connect(client, conf, epoll_fd, 0))
		return false;
	size_t size = load_client_write_request(client, conf, 0, request);
	load_answer_reset(&client->answer);
	client->in_flight = send(client->fd, request, size, MSG_NOSIGNAL) == (ssize_t)size;
	return client->in_flight;
}

static size_t
count_waiting(const struct load_client *clients, size_t count)
{
	size_t waiting = 0;
	for (size_t i = 0; i < count; i++)
		waiting += clients[i].in_flight;
	return waiting;
}

bool
load_wait(const struct load_conf *conf, unsigned index, struct load_counts *ret_counts)
{
	size_t count =
	    conf->connections / conf->threads + (index < conf->connections % conf->threads);
	struct load_client *clients = calloc(count, sizeof(*clients));
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int64_t until_ns = load_now_ns() + (int64_t)(conf->seconds * 1e9);
	size_t begun = 0;
	bool good = clients != NULL && epoll_fd >= 0;
	for (; good && begun < count; begun++) {
		size_t place = index + begun * conf->threads;
		good = begin(
		    &clients[begun], conf, &conf->targets[place % conf->target_count], epoll_fd);
	}
	if (!good)
		perror("loadgen: connect");
	while (good && load_now_ns() < until_ns && count_waiting(clients, count) > 0) {
		struct epoll_event events[EVENTS];
		int ready = epoll_wait(epoll_fd, events, EVENTS, CHECK_MS);
		for (int i = 0; i < ready; i++)
			on_readable(events[i].data.ptr, conf, ret_counts);
		if (ready > 0 && ready < EVENTS)
			(void)poll(NULL, 0, PAUSE_MS);
	}
	for (size_t i = 0; i < begun; i++) {
		if (clients[i].in_flight)
			count_error(ret_counts, &clients[i], "not answered");
		load_client_disconnect(&clients[i]);
	}
	ret_counts->seconds = conf->seconds;
	if (epoll_fd >= 0)
		close(epoll_fd);
	free(clients);
	return good;
}
