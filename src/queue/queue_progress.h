/* SPDX-License-Identifier: MIT */
/*
 * Following a task while it is under way: how far its attempt is, and when there is more to see.
 * From memory alone; safe from any thread.
 */
#ifndef TASKQ_QUEUE_QUEUE_PROGRESS_H
#define TASKQ_QUEUE_QUEUE_PROGRESS_H

#include "task/task.h"

struct queue;
struct waiters;

#define QUEUE_PROGRESS_UNKNOWN (-1)
#define QUEUE_PROGRESS_WHOLE   1000

/**
 * queue_waiters - where to wait for what becomes of a task; see queue/waiters.h. Nobody waits any
 * more once queue_refuse has been called
 */
struct waiters *queue_waiters(struct queue *queue);

/**
 * queue_progress - how much of the work of a task is done, in thousandths; UNKNOWN where nobody
 * tells. Takes no lock where the task is not RUNNING
 * @status: as it was read of late. Progress is that of the attempt it names: it rises and never
 * falls
 */
int queue_progress(struct queue *queue, const struct task_status *status);

/**
 * queue_await_progress - as queue_progress; and where that is no more than `seen`, whoever waits
 * for the task will be told of more, once (WAITER_PROGRESSED)
 */
int queue_await_progress(struct queue *queue, const struct task_status *status, int seen);

#endif
