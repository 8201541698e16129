/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for what becomes of a task. Whoever writes it tells those who wait; nobody asks
 * the store meanwhile.
 *
 *	waiters_add(waiters, &waiter, id, WAITER_ENDED);
 *	if (the task has not ended)
 *		(void)waiters_wait(&waiter, WAITER_ENDED, until);
 *	waiters_remove(&waiter);
 *
 * What is committed after waiters_add is not missed, so the look at the task has to come between
 * adding and waiting. News say that there is something to look at, not what: several may have
 * become one.
 */
#ifndef TASKQ_QUEUE_WAITERS_H
#define TASKQ_QUEUE_WAITERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/sync.h"
#include "base/uuid.h"

struct waiters;

/* What those who wait are told of; one bit each. */
enum waiter_news {
	WAITER_ENDED = 1,      /* the task has ended, or one of several has, of which it is one */
	WAITER_CHANGED = 2,    /* its status has changed otherwise */
	WAITER_PROGRESSED = 4, /* its attempt has come further, and somebody awaited that */
	WAITER_DISMISSED = 8,  /* nothing more: waiters_give_up or waiters_close */
};

/* In the memory of the thread that waits, from waiters_add to waiters_remove. */
struct waiter {
	struct waiters *owner;
	char id[UUID_TEXT_SIZE];
	unsigned wanted;    /* news that it wants to be told of */
	struct notice news; /* not heard yet */
	bool has_to_wake;   /* it sleeps over its news; guarded by the lock of its bucket, as are
			       those below */
	struct waiter *next;
	struct waiter **link; /* what points to this one */
};

enum status waiters_new(struct waiters **ret_waiters, struct error *error) NODISCARD;

/**
 * waiters_free - nobody may wait any more; NULL is fine
 */
void waiters_free(struct waiters *waiters);

/**
 * waiters_add / waiters_remove - begin and end to listen for news of a task
 * @wanted: a set of waiter_news; WAITER_DISMISSED need not be named
 * Any thread; they never block for long.
 */
void waiters_add(struct waiters *waiters, struct waiter *waiter, const char *id, unsigned wanted);
void waiters_remove(struct waiter *waiter);

/**
 * waiters_wait - block until there are news, or the time has come
 * @which: the wanted ones of which it is to return; others are kept
 * Returns the news that there are, each of them once; WAITER_DISMISSED again and again, whatever
 * was asked for; 0 when the time has come.
 */
unsigned waiters_wait(struct waiter *waiter, unsigned which, int64_t until_mono_ms);

/**
 * waiters_give_up - let one waiter go on before its time, and for good; by another thread, which
 * must see to it that waiters_remove does not come in between
 */
void waiters_give_up(struct waiter *waiter);

/**
 * waiters_tell - there are news of a task, and they are committed where they concern its status
 * Where nobody in the process wants to hear of anything but ends, telling of anything else costs
 * one load. Any thread that holds no leaf's lock.
 */
void waiters_tell(struct waiters *waiters, const char *id, enum waiter_news news);

/**
 * waiters_close - let everybody go on; from now on nobody waits. Idempotent
 */
void waiters_close(struct waiters *waiters);

#endif
