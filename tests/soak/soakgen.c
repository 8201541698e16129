/* SPDX-License-Identifier: MIT */
/*
 * The load of the soak: submits at a rate, polls each task until it is final, reads its result once
 * and compares it, and reads a sample of finished tasks again and again. One epoll thread; tasks in
 * flight and connections are apart, so that a slow task holds no connection. Loopback only.
 *
 *	soakgen PORT CONNECTIONS CATALOGUE LEDGER [SEED]
 *
 * Commands on standard input, one a line: "rate N" (submissions a second; 0: as many as there are
 * connections, closed loop), "fetches PERCENT", "stop" (no more submissions). It ends with the end
 * of standard input. Once a second it prints a line of JSON with its counts.
 *
 * An acknowledged id is in the ledger file before anything else is done with it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "soak_state.h"

enum {
	EVENTS = 256,
	CONNECT_PAUSE_US = 50 * 1000,
	ANSWER_TIMEOUT_US = 120 * 1000 * 1000,
	BURST_US = 250 * 1000, /* no more than this is made up for after a pause */
};

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
drop_link(struct soak *soak, struct link *link, int64_t now)
{
	bool busy = link->state == LINK_BUSY;
	struct task *task = &soak->tasks[link->task];

	link_close(link, now);
	if (busy)
		on_broken(soak, task, now);
}

static void
on_link_event(struct soak *soak, struct link *link, int64_t now)
{
	struct answer answer = { .status = 0 };
	int64_t began = link->since_us;

	switch (link->state) {
	case LINK_DOWN:
		return;
	case LINK_CONNECTING:
		link_connected(link, soak->epoll_fd, now);
		return;
	case LINK_IDLE: /* nothing was asked for: the end, or nonsense */
		link_close(link, now);
		return;
	case LINK_BUSY:
		break;
	}
	switch (link_read(link, &answer)) {
	case LINK_NOT_YET:
		return;
	case LINK_BROKEN:
		drop_link(soak, link, now);
		return;
	case LINK_COMPLETE:
		break;
	}
	on_answer(soak, &soak->tasks[link->task], &answer, now, now - began);
	link->state = LINK_IDLE;
	link->since_us = now;
	if (answer.closes)
		link_close(link, now);
}

/* Opens what is down, ends what has waited too long; returns how many stand. */
static size_t
tend_links(struct soak *soak, int64_t now)
{
	size_t standing = 0;

	for (size_t i = 0; i < soak->link_count; i++) {
		struct link *link = &soak->links[i];

		if (link->state == LINK_DOWN && now - link->since_us >= CONNECT_PAUSE_US)
			link_connect(link, soak->epoll_fd, soak->port, now);
		else if ((link->state == LINK_BUSY || link->state == LINK_CONNECTING) &&
			 now - link->since_us > ANSWER_TIMEOUT_US)
			drop_link(soak, link, now);
		standing += link->state == LINK_IDLE || link->state == LINK_BUSY;
	}
	return standing;
}

/* Sends what is ready over what is idle, beginning where the last round ended. */
static void
dispatch(struct soak *soak, int64_t now)
{
	static size_t turn;
	char request[REQUEST_MAX];

	for (size_t i = 0; i < soak->link_count && soak->ready.first != TASKS_MAX; i++) {
		struct link *link = &soak->links[turn];
		size_t size;

		turn = (turn + 1) % soak->link_count;
		if (link->state != LINK_IDLE)
			continue;
		link->task = task_take_ready(soak);
		size = request_write(soak, &soak->tasks[link->task], request);
		if (soak->tasks[link->task].phase == PHASE_SUBMIT)
			soak->counts.submitted++;
		if (size == 0 || !link_send(link, request, size, now)) {
			link->state = LINK_BUSY;
			drop_link(soak, link, now);
		}
	}
}

/* Pace --------------------------------------------------------------------------------------- */

static void
submit_more(struct soak *soak, size_t standing, int64_t passed_us)
{
	double most = soak->rate * BURST_US / 1e6;

	if (soak->stopping)
		return;
	if (soak->rate > 0)
		soak->tokens += soak->rate * (double)passed_us / 1e6;
	else
		soak->tokens = soak->in_flight < soak->link_count
				   ? (double)(soak->link_count - soak->in_flight)
				   : 0;
	if (soak->rate > 0 && soak->tokens > most + 1) {
		soak->counts.held_back += (uint64_t)(soak->tokens - most);
		soak->tokens = most;
	}
	while (soak->tokens >= 1 && soak->in_flight < TASKS_MAX / 2) {
		enum group group = throw_dice(soak) / 7 % 100 < soak->fetch_percent
				       ? GROUP_FETCH
				       : GROUP_FACTORIAL;
		struct task *task;

		if (standing == 0) {
			soak->counts.unreached += (uint64_t)soak->tokens;
			soak->tokens = 0;
			return;
		}
		if (soak->ready.first != TASKS_MAX && soak->rate > 0 &&
		    soak->tasks[soak->ready.first].phase == PHASE_SUBMIT)
			return; /* connections are behind: what waits goes first */
		task = task_new(soak, PHASE_SUBMIT);
		if (task == NULL)
			return;
		task->item =
		    (uint16_t)catalogue_choose(&soak->catalogue, group, throw_dice(soak) >> 8);
		soak->tokens -= 1;
	}
}

static void
obey(struct soak *soak, const char *command)
{
	if (strncmp(command, "rate ", 5) == 0) {
		soak->rate = strtod(command + 5, NULL);
		soak->tokens = 0;
	} else if (strncmp(command, "fetches ", 8) == 0) {
		soak->fetch_percent = (unsigned)strtoul(command + 8, NULL, 10);
	} else if (strcmp(command, "stop") == 0) {
		soak->stopping = true;
	}
}

static void
read_commands(struct soak *soak)
{
	char piece[64];
	ssize_t got = read(STDIN_FILENO, piece, sizeof(piece));

	if (got == 0)
		soak->ended = true;
	for (ssize_t i = 0; i < got; i++) {
		if (piece[i] != '\n' && soak->command_size + 1 < sizeof(soak->command)) {
			soak->command[soak->command_size++] = piece[i];
			continue;
		}
		soak->command[soak->command_size] = '\0';
		obey(soak, soak->command);
		soak->command_size = 0;
	}
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
print_counts(struct soak *soak, size_t standing)
{
	const struct counts *c = &soak->counts;
	struct timespec wall;
	double p50 = 0, p99 = 0;

	clock_gettime(CLOCK_REALTIME, &wall);
	if (soak->latency_count > 0) {
		qsort(soak->latencies, soak->latency_count, sizeof(soak->latencies[0]), compare);
		p50 = soak->latencies[soak->latency_count / 2] / 1000.0;
		p99 = soak->latencies[soak->latency_count * 99 / 100] / 1000.0;
	}
	soak->latency_count = 0;
	printf("{\"t\":%.3f,\"in_flight\":%zu,\"connections\":%zu,\"submit_p50_ms\":%.3f,"
	       "\"submit_p99_ms\":%.3f,\"submitted\":%" PRIu64 ",\"acknowledged\":%" PRIu64
	       ",\"refused\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"unreached\":%" PRIu64
	       ",\"succeeded\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"rejected\":%" PRIu64
	       ",\"results\":%" PRIu64 ",\"again\":%" PRIu64 ",\"wrong\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"changed\":%" PRIu64 ",\"unexpected\":%" PRIu64
	       ",\"broken\":%" PRIu64 ",\"held_back\":%" PRIu64 ",\"polls\":%" PRIu64 "}\n",
	    (double)wall.tv_sec + (double)wall.tv_nsec / 1e9, soak->in_flight, standing, p50, p99,
	    c->submitted, c->acknowledged, c->refused, c->unknown, c->unreached, c->succeeded,
	    c->failed, c->rejected, c->results, c->again, c->wrong, c->lost, c->changed,
	    c->unexpected, c->broken, c->held_back, c->polls);
	fflush(stdout);
}

static void
serve_events(struct soak *soak, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(soak->epoll_fd, events, EVENTS, timeout_ms);
	int64_t now = now_us();

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == NULL)
			read_commands(soak);
		else
			on_link_event(soak, events[i].data.ptr, now);
	}
	if (!ledger_flush(&soak->ledger))
		soak->ended = true;
}

static void
run(struct soak *soak)
{
	int64_t last = now_us(), tended = 0, printed = last;
	size_t standing = 0;

	while (!soak->ended) {
		int64_t now = now_us();

		if (now - tended >= CONNECT_PAUSE_US / 5) {
			standing = tend_links(soak, now);
			tended = now;
		}
		if (now - printed >= 1000000) {
			print_counts(soak, standing);
			printed = now;
		}
		submit_more(soak, standing, now - last);
		last = now;
		tasks_wake(soak, now);
		dispatch(soak, now);
		serve_events(soak, 1);
	}
	/* What is under way now has no fate that will ever be seen. */
	for (size_t i = 0; i < soak->link_count; i++)
		drop_link(soak, &soak->links[i], now_us());
	ledger_flush(&soak->ledger);
	print_counts(soak, standing);
}

int
main(int argc, char *argv[])
{
	struct epoll_event stdin_event = { .events = EPOLLIN, .data.ptr = NULL };
	struct soak *soak = calloc(1, sizeof(*soak));

	if (argc < 5 || soak == NULL) {
		fprintf(stderr, "usage: soakgen PORT CONNECTIONS CATALOGUE LEDGER [SEED]\n");
		return 2;
	}
	soak->port = (uint16_t)strtoul(argv[1], NULL, 10);
	soak->link_count = strtoul(argv[2], NULL, 10);
	soak->dice =
	    (argc > 5 ? strtoull(argv[5], NULL, 10) : 1) * 2654435761u + 88172645463325252u;
	if (soak->link_count < 1 || soak->link_count > LINKS_MAX) {
		fprintf(stderr, "soakgen: 1 to %d connections\n", LINKS_MAX);
		return 2;
	}
	if (!catalogue_read(&soak->catalogue, argv[3]) || !ledger_open(&soak->ledger, argv[4]))
		return 1;
	tasks_init(soak);
	for (size_t i = 0; i < soak->link_count; i++)
		soak->links[i].fd = -1;
	soak->rate = 1;
	soak->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (soak->epoll_fd < 0 ||
	    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK) != 0 ||
	    epoll_ctl(soak->epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &stdin_event) != 0) {
		perror("soakgen");
		return 1;
	}
	run(soak);
	return 0;
}
