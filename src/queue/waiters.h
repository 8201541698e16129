/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for a task to end. Whoever writes the end of a task wakes those who wait for
 *it; nobody asks the store meanwhile.
 *
 *	waiters_add(waiters, &waiter, id);
 *	if (the task has not ended)
 *		waiters_wait(&waiter, until);
 *	waiters_remove(&waiter);
 *
 * An end that is committed after waiters_add is not missed, so the look at the task has to come
 * between adding and waiting.
 */
#ifndef TASKQ_QUEUE_WAITERS_H
#define TASKQ_QUEUE_WAITERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/sync.h"
#include "base/uuid.h"

struct waiters;

/* In the memory of the thread that waits, from waiters_add to waiters_remove. */
struct waiter {
	struct waiters *owner;
	char id[UUID_TEXT_SIZE];
	struct cond changed;
	bool
	    is_over; /* woken, or given up; guarded by the lock of its bucket, as are those below */
	struct waiter *next;
	struct waiter **link; /* what points to this one */
};

enum status waiters_new(struct waiters **ret_waiters, struct error *error) NODISCARD;

/**
 * waiters_free - nobody may wait any more; NULL is fine
 */
void waiters_free(struct waiters *waiters);

/**
 * waiters_add / waiters_remove - begin and end to listen for the end of a task
 * Any thread; they never block for long.
 */
void waiters_add(struct waiters *waiters, struct waiter *waiter, const char *id);
void waiters_remove(struct waiter *waiter);

/**
 * waiters_wait - block until the task has ended, waiters_give_up, waiters_close, or the time has
 * come
 */
void waiters_wait(struct waiter *waiter, int64_t until_mono_ms);

/**
 * waiters_give_up - let one waiter go on before its time; by another thread, which must see to it
 * that waiters_remove does not come in between
 */
void waiters_give_up(struct waiter *waiter);

/**
 * waiters_wake - the task has ended, and that is committed: let everybody go on who waits for it
 */
void waiters_wake(struct waiters *waiters, const char *id);

/**
 * waiters_close - let everybody go on; from now on nobody waits. Idempotent
 */
void waiters_close(struct waiters *waiters);

#endif
