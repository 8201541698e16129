/* SPDX-License-Identifier: MIT */
/*
 * The state of the soak's load generator: tasks in flight, what is due when, counts. One thread,
 * one struct soak; a task is in exactly one of these: the list of free ones, the list of those that
 * are ready to be sent, the heap of those that wait for their next poll, a busy connection.
 */
#ifndef TASKQ_SOAK_STATE_H
#define TASKQ_SOAK_STATE_H

#include "soak_book.h"
#include "soak_link.h"

enum {
	LINKS_MAX = 4000,
	TASKS_MAX = 1 << 16,
	READ_AGAIN_MAX = 4096, /* finished tasks that are kept for it */
	REQUEST_MAX = 4096,
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

/* soak_tasks.c ------------------------------------------------------------------------------- */

void tasks_init(struct soak *soak);

/* Any number; repeatable from the seed, which is what it is here for. */
uint64_t throw_dice(struct soak *soak);

/* A task in this phase, ready to be sent; NULL when as many are in flight as there may be. */
struct task *task_new(struct soak *soak, enum phase phase);

void task_free(struct soak *soak, struct task *task);

/* Let the task's next request be of this phase, as soon as a connection is idle. */
void task_goes_on(struct soak *soak, struct task *task, enum phase phase);

/* Let it ask again after a pause that grows. */
void task_waits(struct soak *soak, struct task *task, int64_t now_us);

/* Make ready whose pause is over. */
void tasks_wake(struct soak *soak, int64_t now_us);

/* The next that is to be sent, which leaves the list; TASKS_MAX: none. */
size_t task_take_ready(struct soak *soak);

/* soak_answers.c ----------------------------------------------------------------------------- */

/* Write the task's next request; returns its size, 0 when it has no room. */
size_t request_write(const struct soak *soak, const struct task *task, char request[REQUEST_MAX]);

void on_answer(struct soak *soak, struct task *task, const struct answer *answer, int64_t now_us,
    int64_t took_us);

/* The connection of a request broke: a submission's fate is unknown, a read is repeated. */
void on_broken(struct soak *soak, struct task *task, int64_t now_us);

#endif
