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

#include "soak_book.h"
#include "soak_link.h"

enum {
	LINKS_MAX = 4000,
	TASKS_MAX = 1 << 16,
	READ_AGAIN_MAX = 4096, /* finished tasks that are kept for it */
	READ_AGAIN_ONE_IN = 16,
	REQUEST_MAX = 4096,
	EVENTS = 256,
	POLL_FIRST_US = 2000,
	POLL_MAX_US = 1000 * 1000,
	CONNECT_PAUSE_US = 50 * 1000,
	ANSWER_TIMEOUT_US = 120 * 1000 * 1000,
	BURST_US = 250 * 1000, /* no more than this is made up for after a pause */
	LATENCIES = 1 << 14,
};

enum phase {
	PHASE_FREE,
	PHASE_SUBMIT,
	PHASE_STATUS,
	PHASE_RESULT,
	PHASE_AGAIN_STATUS, /* a finished task is read again */
	PHASE_AGAIN_RESULT,
};

struct task {
	enum phase phase;
	enum word word; /* final, or none */
	uint16_t item;
	char id[BOOK_ID_SIZE];
	int64_t due_us;
	int64_t pause_us;
	size_t next; /* of a list; TASKS_MAX: the end */
};

struct counts {
	uint64_t submitted, acknowledged, refused, unknown, unreached;
	uint64_t succeeded, failed, rejected, results, again;
	uint64_t wrong, lost, changed, unexpected;
	uint64_t broken, held_back, polls;
};

struct list {
	size_t first, last;
};

struct soak {
	struct catalogue catalogue;
	struct ledger ledger;
	struct counts counts;
	uint64_t dice;
	uint16_t port;
	int epoll_fd;
	double rate;
	double tokens;
	unsigned fetch_percent;
	bool stopping;
	bool ended;
	struct link links[LINKS_MAX];
	size_t link_count;
	struct task tasks[TASKS_MAX];
	size_t in_flight;
	struct list free_tasks;
	struct list ready; /* to be sent when a connection is idle */
	size_t heap[TASKS_MAX];
	size_t heap_count;
	struct task again[READ_AGAIN_MAX];
	size_t again_count;
	uint64_t again_seen;
	uint32_t latencies[LATENCIES]; /* of this second's acknowledgements, us */
	size_t latency_count;
	char command[128];
	size_t command_size;
};

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* xorshift64: repeatable, which is what it is here for. */
static uint64_t
throw_dice(struct soak *soak)
{
	soak->dice ^= soak->dice << 13;
	soak->dice ^= soak->dice >> 7;
	soak->dice ^= soak->dice << 17;
	return soak->dice;
}

/* Lists and the heap of tasks that wait for their next poll ---------------------------------- */

static void
list_append(struct soak *soak, struct list *list, size_t index)
{
	soak->tasks[index].next = TASKS_MAX;
	if (list->first == TASKS_MAX)
		list->first = index;
	else
		soak->tasks[list->last].next = index;
	list->last = index;
}

static size_t
list_take(struct soak *soak, struct list *list)
{
	size_t index = list->first;

	if (index != TASKS_MAX)
		list->first = soak->tasks[index].next;
	return index;
}

static void
heap_push(struct soak *soak, size_t index)
{
	size_t at = soak->heap_count++;

	while (at > 0 && soak->tasks[soak->heap[(at - 1) / 2]].due_us > soak->tasks[index].due_us) {
		soak->heap[at] = soak->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	soak->heap[at] = index;
}

static size_t
heap_pop(struct soak *soak)
{
	size_t top = soak->heap[0], moved = soak->heap[--soak->heap_count], at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= soak->heap_count)
			break;
		if (child + 1 < soak->heap_count && soak->tasks[soak->heap[child + 1]].due_us <
							soak->tasks[soak->heap[child]].due_us)
			child++;
		if (soak->tasks[soak->heap[child]].due_us >= soak->tasks[moved].due_us)
			break;
		soak->heap[at] = soak->heap[child];
		at = child;
	}
	soak->heap[at] = moved;
	return top;
}

static struct task *
task_new(struct soak *soak, enum phase phase)
{
	size_t index = list_take(soak, &soak->free_tasks);
	struct task *task;

	if (index == TASKS_MAX)
		return NULL;
	task = &soak->tasks[index];
	memset(task, 0, sizeof(*task));
	task->phase = phase;
	task->pause_us = POLL_FIRST_US;
	soak->in_flight++;
	list_append(soak, &soak->ready, index);
	return task;
}

static void
task_free(struct soak *soak, struct task *task)
{
	task->phase = PHASE_FREE;
	soak->in_flight--;
	list_append(soak, &soak->free_tasks, (size_t)(task - soak->tasks));
}

static void
record(struct soak *soak, enum event event, const struct task *task, enum word word, int status)
{
	if (!ledger_write(&soak->ledger, event, word, task->item, status, task->id))
		soak->ended = true;
}

/* What an answer means ----------------------------------------------------------------------- */

static void
next_request(struct soak *soak, struct task *task, enum phase phase)
{
	task->phase = phase;
	task->pause_us = POLL_FIRST_US;
	list_append(soak, &soak->ready, (size_t)(task - soak->tasks));
}

static void
later(struct soak *soak, struct task *task, int64_t now)
{
	task->due_us = now + task->pause_us;
	task->pause_us = task->pause_us * 2 < POLL_MAX_US ? task->pause_us * 2 : POLL_MAX_US;
	heap_push(soak, (size_t)(task - soak->tasks));
}

static bool
is_final(enum word word)
{
	return word == WORD_SUCCEEDED || word == WORD_FAILED || word == WORD_REJECTED;
}

static void
on_submitted(struct soak *soak, struct task *task, const struct answer *answer, int64_t took_us)
{
	if (answer->status == 202 && id_of_answer(answer->body, task->id)) {
		soak->counts.acknowledged++;
		if (soak->latency_count < LATENCIES)
			soak->latencies[soak->latency_count++] = (uint32_t)took_us;
		record(soak, EVENT_ACKNOWLEDGED, task, WORD_NONE, 202);
		next_request(soak, task, PHASE_STATUS);
		return;
	}
	if (answer->status == 503) {
		soak->counts.refused++;
		record(soak, EVENT_REFUSED, task, WORD_NONE, 503);
	} else {
		soak->counts.unexpected++;
		record(soak, EVENT_UNEXPECTED, task, WORD_NONE, answer->status);
	}
	task_free(soak, task);
}

static void
on_final(struct soak *soak, struct task *task, enum word word)
{
	task->word = word;
	if (word == WORD_SUCCEEDED)
		soak->counts.succeeded++;
	else if (word == WORD_FAILED)
		soak->counts.failed++;
	else
		soak->counts.rejected++;
	record(soak, EVENT_FINAL, task, word, 200);
	next_request(soak, task, PHASE_RESULT);
}

static void
on_status(struct soak *soak, struct task *task, const struct answer *answer, int64_t now)
{
	enum word word = answer->status == 200 ? word_of_answer(answer->body) : WORD_NONE;

	if (answer->status == 503) { /* the store was busy: nothing is said about the task */
		later(soak, task, now);
		return;
	}
	if (answer->status == 404) {
		soak->counts.lost++;
		record(soak, EVENT_LOST, task, WORD_NONE, 404);
	} else if (word == WORD_NONE) {
		soak->counts.unexpected++;
		record(soak, EVENT_UNEXPECTED, task, WORD_NONE, answer->status);
	} else if (task->phase == PHASE_AGAIN_STATUS) {
		if (word == task->word) {
			next_request(soak, task, PHASE_AGAIN_RESULT);
			return;
		}
		soak->counts.changed++;
		record(soak, EVENT_CHANGED, task, word, 200);
	} else if (is_final(word)) {
		on_final(soak, task, word);
		return;
	} else {
		soak->counts.polls++;
		later(soak, task, now);
		return;
	}
	task_free(soak, task);
}

/* Keeps an even sample of all that have finished, by Vitter's algorithm R. */
static void
keep_for_later(struct soak *soak, const struct task *task)
{
	size_t place = soak->again_count;

	soak->again_seen++;
	if (soak->again_count < READ_AGAIN_MAX)
		soak->again_count++;
	else
		place = (size_t)(throw_dice(soak) % soak->again_seen);
	if (place < READ_AGAIN_MAX)
		soak->again[place] = *task;
}

static bool
is_read_raw(const struct soak *soak, const struct task *task)
{
	return task->word == WORD_SUCCEEDED && soak->catalogue.items[task->item].raw;
}

static void
on_result(struct soak *soak, struct task *task, const struct answer *answer, int64_t now)
{
	const struct item *item = &soak->catalogue.items[task->item];
	bool again = task->phase == PHASE_AGAIN_RESULT;
	bool good = answer->status == 200;

	if (answer->status == 503) {
		later(soak, task, now);
		return;
	}
	if (good && is_read_raw(soak, task))
		good = item_matches_raw(item, answer->body, answer->body_size);
	else if (good)
		good = word_of_answer(answer->body) == task->word &&
		       (task->word != WORD_SUCCEEDED || item_matches_json(item, answer->body));
	if (answer->status == 404) {
		soak->counts.lost++;
		record(soak, EVENT_LOST, task, task->word, 404);
	} else if (!good) {
		soak->counts.wrong++;
		record(soak, EVENT_WRONG, task, task->word, answer->status);
	} else if (again) {
		soak->counts.again++;
	} else {
		soak->counts.results++;
		keep_for_later(soak, task);
	}
	task_free(soak, task);
	if (!again && throw_dice(soak) % READ_AGAIN_ONE_IN == 0 && soak->again_count > 0) {
		size_t place = (size_t)(throw_dice(soak) % soak->again_count);
		struct task *more = task_new(soak, PHASE_AGAIN_STATUS);

		if (more != NULL) {
			more->word = soak->again[place].word;
			more->item = soak->again[place].item;
			memcpy(more->id, soak->again[place].id, sizeof(more->id));
		}
	}
}

static void
on_answer(
    struct soak *soak, struct task *task, const struct answer *answer, int64_t now, int64_t took_us)
{
	switch (task->phase) {
	case PHASE_SUBMIT:
		on_submitted(soak, task, answer, took_us);
		return;
	case PHASE_STATUS:
	case PHASE_AGAIN_STATUS:
		on_status(soak, task, answer, now);
		return;
	case PHASE_RESULT:
	case PHASE_AGAIN_RESULT:
		on_result(soak, task, answer, now);
		return;
	case PHASE_FREE:
		return;
	}
}

/* The connection of a request broke: a submission's fate is unknown, a read is repeated. */
static void
on_broken(struct soak *soak, struct task *task, int64_t now)
{
	soak->counts.broken++;
	if (task->phase != PHASE_SUBMIT) {
		later(soak, task, now);
		return;
	}
	soak->counts.unknown++;
	record(soak, EVENT_UNKNOWN, task, WORD_NONE, 0);
	task_free(soak, task);
}

/* Connections -------------------------------------------------------------------------------- */

static size_t
write_request(const struct soak *soak, const struct task *task, char request[REQUEST_MAX])
{
	const struct item *item = &soak->catalogue.items[task->item];
	const char *before = "", *after = "";
	int size;

	if (task->phase == PHASE_SUBMIT) {
		size = snprintf(request, REQUEST_MAX,
		    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    item->body_size, item->body);
		return size < REQUEST_MAX ? (size_t)size : 0;
	}
	if (task->phase == PHASE_STATUS || task->phase == PHASE_AGAIN_STATUS)
		before = "submissions/";
	else if (is_read_raw(soak, task))
		after = "/result";
	size = snprintf(request, REQUEST_MAX,
	    "GET /tasks/%s%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n", before, task->id, after);
	return (size_t)size;
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
		link->task = list_take(soak, &soak->ready);
		size = write_request(soak, &soak->tasks[link->task], request);
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
		while (soak->heap_count > 0 && soak->tasks[soak->heap[0]].due_us <= now)
			list_append(soak, &soak->ready, heap_pop(soak));
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
	soak->free_tasks.first = soak->ready.first = TASKS_MAX;
	for (size_t i = 0; i < TASKS_MAX; i++)
		list_append(soak, &soak->free_tasks, i);
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
