/* SPDX-License-Identifier: MIT */
/* See soak_state.h: lists of tasks, and the heap of those that wait for their next poll. */
#include "soak_state.h"

#include <string.h>

enum {
	POLL_FIRST_US = 2000,
	POLL_MAX_US = 1000 * 1000,
};

/* xorshift64 */
uint64_t
throw_dice(struct soak *soak)
{
	soak->dice ^= soak->dice << 13;
	soak->dice ^= soak->dice >> 7;
	soak->dice ^= soak->dice << 17;
	return soak->dice;
}

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

struct task *
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

void
task_free(struct soak *soak, struct task *task)
{
	task->phase = PHASE_FREE;
	soak->in_flight--;
	list_append(soak, &soak->free_tasks, (size_t)(task - soak->tasks));
}

void
task_goes_on(struct soak *soak, struct task *task, enum phase phase)
{
	task->phase = phase;
	task->pause_us = POLL_FIRST_US;
	list_append(soak, &soak->ready, (size_t)(task - soak->tasks));
}

void
task_waits(struct soak *soak, struct task *task, int64_t now)
{
	task->due_us = now + task->pause_us;
	task->pause_us = task->pause_us * 2 < POLL_MAX_US ? task->pause_us * 2 : POLL_MAX_US;
	heap_push(soak, (size_t)(task - soak->tasks));
}

void
tasks_wake(struct soak *soak, int64_t now)
{
	while (soak->heap_count > 0 && soak->tasks[soak->heap[0]].due_us <= now)
		list_append(soak, &soak->ready, heap_pop(soak));
}

size_t
task_take_ready(struct soak *soak)
{
	return list_take(soak, &soak->ready);
}

void
tasks_init(struct soak *soak)
{
	soak->free_tasks.first = soak->ready.first = TASKS_MAX;
	for (size_t i = 0; i < TASKS_MAX; i++)
		list_append(soak, &soak->free_tasks, i);
}
