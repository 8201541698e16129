/* SPDX-License-Identifier: MIT */
/*
 * One thread of the generator: its connections in one epoll, each with at most one request in
 * flight. Closed loop: an answer is followed by the next request at once. Open loop: operations
 * begin by a timetable whatever the answers do, and their latency counts from the time in the
 * table, so that a stall is seen by everything that it delays.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load_client.h"
#include "load_run.h"

#define NS_PER_S INT64_C(1000000000)

enum {
	EVENTS = 256,
	FACTORIALS = 101,          /* n is 0 to 100 */
	POLL_NS = 2000000,         /* between two looks at a task that is not final */
	LEAVE_S = 20,              /* for the last answers */
	CHECK_NS = 100 * 1000000L, /* longest sleep */
};

struct load {
	const struct load_conf *conf;
	struct load_counts *counts;
	int epoll_fd;
	unsigned serial;      /* of connections */
	unsigned submissions; /* chooses the next n */
	uint64_t random;
	size_t in_flight;
	int64_t counted_from_ns, until_ns;
	int64_t next_ns, interval_ns; /* the timetable; interval 0: closed loop */
	struct load_client *due;      /* soonest first, because the delay is the same for all */
	struct load_client **due_tail;
	struct load_client *idle;
};

int64_t
load_now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

void
load_counts_tell(struct load_counts *counts, const char *what, const struct load_client *client)
{
	char *text = counts->first_error;
	snprintf(text, sizeof(counts->first_error), "%s; status %d: %.120s", what,
	    client->answer.status,
	    client->answer.head_bytes > 0 ? load_answer_body(&client->answer)
					  : client->answer.buffer);
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~' || *text == '\\')
			*text = ' ';
		else if (*text == '"')
			*text = '\'';
	}
}

/* An error is counted; the first one is kept to be told. */
static void
count_error(struct load *load, const struct load_client *client, const char *what)
{
	if (load->counts->errors++ == 0)
		load_counts_tell(load->counts, what, client);
}

/* An operation is over, well or not: what the client does next. */
static void
rest_client(struct load *load, struct load_client *client)
{
	client->phase = LOAD_PHASE_SUBMIT;
	if (load->conf->new_connections)
		load_client_disconnect(client);
	client->next = load->idle;
	load->idle = client;
}

/* The connection is of no use. */
static void
give_up(struct load *load, struct load_client *client)
{
	load_client_disconnect(client);
	client->unsent = false;
	if (client->in_flight)
		load->in_flight--;
	client->in_flight = false;
	rest_client(load, client);
}

static void
send_request(struct load *load, struct load_client *client)
{
	char request[LOAD_REQUEST_MAX];
	struct epoll_event event = { .data.ptr = client };
	if (client->fd < 0 &&
	    !load_client_connect(client, load->conf, load->epoll_fd, load->serial++)) {
		count_error(load, client, strerror(errno));
		give_up(load, client);
		return;
	}
	size_t size =
	    load_client_write_request(client, load->conf, load->submissions % FACTORIALS, request);
	load_answer_reset(&client->answer);
	ssize_t sent = send(client->fd, request, size, MSG_NOSIGNAL);
	if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN) && load->conf->new_connections) {
		client->unsent = true;
		event.events = EPOLLIN | EPOLLOUT;
		epoll_ctl(load->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
	} else if (sent != (ssize_t)size) {
		count_error(load, client, strerror(errno));
		give_up(load, client);
		return;
	} else if (client->unsent) {
		client->unsent = false;
		event.events = EPOLLIN;
		epoll_ctl(load->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
	}
	if (client->phase == LOAD_PHASE_SUBMIT && !client->unsent)
		load->submissions++;
	if (!client->in_flight)
		load->in_flight++;
	client->in_flight = true;
}

/* Begins an operation that was to begin at `began_ns`. */
static void
begin(struct load *load, struct load_client *client, int64_t began_ns)
{
	client->began_ns = began_ns;
	if (load->conf->target_count > 0) {
		load->random ^= load->random << 13;
		load->random ^= load->random >> 7;
		load->random ^= load->random << 17;
		client->target = &load->conf->targets[load->random % load->conf->target_count];
		memcpy(client->id, client->target->id, sizeof(client->id));
	}
	send_request(load, client);
}

static void
finish(struct load *load, struct load_client *client, int64_t now_ns)
{
	if (now_ns >= load->counted_from_ns && now_ns < load->until_ns) {
		load->counts->done++;
		load_histogram_record(&load->counts->latency, now_ns - client->began_ns);
	}
	client->phase = LOAD_PHASE_SUBMIT;
	if (load->conf->new_connections)
		load_client_disconnect(client);
	if (load->interval_ns == 0 && now_ns < load->until_ns)
		begin(load, client, now_ns);
	else
		rest_client(load, client);
}

/* Decides what follows an answer of a submission or of a cycle; false when it was a wrong one. */
static bool
step_cycle(struct load *load, struct load_client *client, int64_t now_ns)
{
	const char *body = load_answer_body(&client->answer);
	switch (client->phase) {
	case LOAD_PHASE_SUBMIT:
		if (client->answer.status != 202)
			return false;
		load->counts->submitted++;
		if (!load_client_take_id(client))
			return false;
		if (load->conf->mode == LOAD_POST) {
			finish(load, client, now_ns);
			return true;
		}
		client->phase = LOAD_PHASE_STATUS;
		break;
	case LOAD_PHASE_STATUS:
		if (!load_client_answer_is_right(client, load->conf))
			return false;
		if (strstr(body, "\"SUCCEEDED\"") != NULL) {
			client->phase = LOAD_PHASE_RESULT;
			break;
		}
		if (strstr(body, "\"QUEUED\"") == NULL && strstr(body, "\"RUNNING\"") == NULL)
			return false;
		load->counts->polls++;
		client->due_ns = now_ns + POLL_NS;
		client->next = NULL;
		*load->due_tail = client;
		load->due_tail = &client->next;
		return true;
	case LOAD_PHASE_RESULT:
		if (!load_client_answer_is_right(client, load->conf) ||
		    strstr(body, "\"SUCCEEDED\"") == NULL)
			return false;
		finish(load, client, now_ns);
		return true;
	}
	if (now_ns < load->until_ns)
		send_request(load, client);
	else
		rest_client(load, client);
	return true;
}

static void
on_readable(struct load *load, struct load_client *client)
{
	if (client->unsent) {
		send_request(load, client);
		return;
	}
	enum load_progress progress = load_answer_read(&client->answer, client->fd);
	if (progress == LOAD_PART)
		return;
	int64_t now_ns = load_now_ns();
	bool right = progress == LOAD_WHOLE;
	if (client->in_flight)
		load->in_flight--;
	client->in_flight = false;
	if (right && (load->conf->mode == LOAD_POST || load->conf->mode == LOAD_CYCLE)) {
		right = step_cycle(load, client, now_ns);
	} else if (right) {
		right = load_client_answer_is_right(client, load->conf);
		if (right)
			finish(load, client, now_ns);
	}
	if (!right) {
		count_error(
		    load, client, progress == LOAD_WHOLE ? "wrong answer" : "broken answer");
		if (progress != LOAD_WHOLE)
			load_client_disconnect(client);
		rest_client(load, client);
	}
}

/* Sends what is due: looks at unfinished tasks, and operations for idle clients. */
static void
send_due(struct load *load, int64_t now_ns)
{
	while (load->due != NULL && load->due->due_ns <= now_ns) {
		struct load_client *client = load->due;
		load->due = client->next;
		if (load->due == NULL)
			load->due_tail = &load->due;
		send_request(load, client);
	}
	/* A list of its own: a client that cannot send goes back to the idle ones. */
	struct load_client *client = load->interval_ns == 0 ? load->idle : NULL;
	if (client != NULL)
		load->idle = NULL;
	while (client != NULL) {
		struct load_client *next = client->next;
		begin(load, client, now_ns);
		client = next;
	}
	while (load->interval_ns > 0 && load->idle != NULL && load->next_ns <= now_ns) {
		client = load->idle;
		load->idle = client->next;
		begin(load, client, load->next_ns);
		load->next_ns += load->interval_ns;
	}
}

static void
wait_and_read(struct load *load, int64_t now_ns, int64_t until_ns)
{
	struct epoll_event events[EVENTS];
	int64_t wake_ns = now_ns + CHECK_NS;
	if (until_ns < wake_ns)
		wake_ns = until_ns;
	if (load->due != NULL && load->due->due_ns < wake_ns)
		wake_ns = load->due->due_ns;
	if (load->interval_ns > 0 && load->idle != NULL && load->next_ns < wake_ns)
		wake_ns = load->next_ns;
	int64_t sleep_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
	struct timespec timeout = { sleep_ns / NS_PER_S, sleep_ns % NS_PER_S };
	int count = epoll_pwait2(load->epoll_fd, events, EVENTS, &timeout, NULL);
	for (int i = 0; i < count; i++)
		on_readable(load, events[i].data.ptr);
}

static void
run(struct load *load)
{
	int64_t now_ns = load_now_ns();
	load->counted_from_ns = now_ns + (int64_t)(load->conf->warmup_s * 1e9);
	load->until_ns = load->counted_from_ns + (int64_t)(load->conf->seconds * 1e9);
	load->next_ns = now_ns;
	int64_t window_ns = load->until_ns - load->counted_from_ns;
	int64_t give_up_ns = load->until_ns + LEAVE_S * NS_PER_S;
	for (; now_ns < load->until_ns; now_ns = load_now_ns()) {
		send_due(load, now_ns);
		wait_and_read(load, now_ns, load->until_ns);
		/* Without an answer there is no figure: the counted time is doubled, tripled, ...
		 */
		while (load->counts->done == 0 && load->counts->errors == 0 &&
		       load_now_ns() >= load->until_ns && load->until_ns < give_up_ns)
			load->until_ns += window_ns;
	}
	load->counts->seconds = (double)(load->until_ns - load->counted_from_ns) / 1e9;
	load->counts->per_s = (double)load->counts->done / load->counts->seconds;
	if (load->interval_ns > 0 && load->next_ns < now_ns)
		load->counts->behind = (uint64_t)((now_ns - load->next_ns) / load->interval_ns);
	/* Looks that were to come are not taken; what is under way is waited for. */
	load->due = NULL;
	load->idle = NULL;
	int64_t leave_ns = now_ns + LEAVE_S * NS_PER_S;
	for (; load->in_flight > 0 && now_ns < leave_ns; now_ns = load_now_ns()) {
		load->idle = NULL;
		load->due = NULL;
		load->due_tail = &load->due;
		wait_and_read(load, now_ns, leave_ns);
	}
}

static double
thread_cpu_s(void)
{
	struct rusage usage;
	getrusage(RUSAGE_THREAD, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

bool
load_run(const struct load_conf *conf, unsigned index, struct load_counts *ret_counts)
{
	size_t count =
	    conf->connections / conf->threads + (index < conf->connections % conf->threads);
	struct load load = { .conf = conf,
		.counts = ret_counts,
		.submissions = index * 37,
		.random = 0x9E3779B97F4A7C15U + index };
	struct load_client *clients = calloc(count, sizeof(*clients));
	bool good = false;
	load.due_tail = &load.due;
	if (conf->rate > 0)
		load.interval_ns = (int64_t)(1e9 * conf->threads / conf->rate);
	load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (clients == NULL || load.epoll_fd < 0)
		goto out;
	for (size_t i = 0; i < count; i++) {
		clients[i].fd = -1;
		if (!conf->new_connections &&
		    !load_client_connect(&clients[i], conf, load.epoll_fd, load.serial)) {
			perror("loadgen: connect");
			goto out;
		}
		clients[i].next = load.idle;
		load.idle = &clients[i];
	}
	int64_t began_ns = load_now_ns();
	double cpu_s = thread_cpu_s();
	run(&load);
	ret_counts->wall_s = (double)(load_now_ns() - began_ns) / 1e9;
	ret_counts->cpu_s = thread_cpu_s() - cpu_s;
	if (load.in_flight > 0) {
		ret_counts->errors += load.in_flight;
		snprintf(ret_counts->first_error, sizeof(ret_counts->first_error),
		    "%zu requests were not answered", load.in_flight);
	}
	for (size_t i = 0; i < count; i++)
		load_client_disconnect(&clients[i]);
	good = true;
out:
	if (load.epoll_fd >= 0)
		close(load.epoll_fd);
	free(clients);
	return good;
}
