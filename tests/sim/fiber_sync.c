/* SPDX-License-Identifier: MIT */
/*
 * base/sync.h on fibers, linked in the place of base/sync.c. Every lock that is taken or given back
 * is a place where another may go on. The order of locks is checked as debug builds do it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/sync.h"
#include "fiber.h"

/* What stands in the place of a mutex. */
struct fiber_lock {
	struct fiber *owner;
	struct lock *under; /* what its owner holds beside it, taken before */
};

_Static_assert(sizeof(struct fiber_lock) <= sizeof(pthread_mutex_t), "it has room");

static struct fiber_lock *
inside(struct lock *lock)
{
	return (struct fiber_lock *)(void *)&lock->mutex;
}

void
lock_init(struct lock *lock, enum lock_rank rank)
{
	*inside(lock) = (struct fiber_lock){ .owner = NULL };
	lock->rank = rank;
}

void
lock_done(struct lock *lock)
{
	assert(inside(lock)->owner == NULL);
}

NO_ANALYSIS void
lock_acquire(struct lock *lock)
{
	struct fiber *self = fiber_self();
	struct lock **top = fiber_top_lock(self);

	assert((*top == NULL || (*top)->rank < lock->rank) && "lock order");
	fiber_pass();
	while (inside(lock)->owner != NULL)
		(void)fiber_wait(lock, FIBER_FOREVER);
	*inside(lock) = (struct fiber_lock){ .owner = self, .under = *top };
	*top = lock;
}

/* Locks are given back in any order. */
static void
unlink_lock(struct lock *lock)
{
	struct lock **at = fiber_top_lock(fiber_self());

	while (*at != lock)
		at = &inside(*at)->under;
	*at = inside(lock)->under;
}

NO_ANALYSIS void
lock_release(struct lock *lock)
{
	assert(inside(lock)->owner == fiber_self() && "released by its holder");
	unlink_lock(lock);
	inside(lock)->owner = NULL;
	fiber_wake(lock, false);
	fiber_pass();
}

void
cond_init(struct cond *cond)
{
	(void)cond;
}

void
cond_done(struct cond *cond)
{
	(void)cond;
}

static int64_t
time_of(int64_t mono_ms)
{
	return mono_ms > INT64_MAX / 1000 ? FIBER_FOREVER : mono_ms * 1000;
}

NO_ANALYSIS static bool
wait_until(struct cond *cond, struct lock *lock, int64_t until_us)
{
	struct fiber *self = fiber_self();
	bool in_time;

	assert(*fiber_top_lock(self) == lock && inside(lock)->under == NULL &&
	       "waits with this lock alone");
	*fiber_top_lock(self) = NULL;
	inside(lock)->owner = NULL;
	fiber_wake(lock, false);
	in_time = fiber_wait(cond, until_us);
	while (inside(lock)->owner != NULL)
		(void)fiber_wait(lock, FIBER_FOREVER);
	*inside(lock) = (struct fiber_lock){ .owner = self };
	*fiber_top_lock(self) = lock;
	return in_time;
}

void
cond_wait(struct cond *cond, struct lock *lock)
{
	(void)wait_until(cond, lock, FIBER_FOREVER);
}

bool
cond_wait_until(struct cond *cond, struct lock *lock, int64_t mono_ms)
{
	return wait_until(cond, lock, time_of(mono_ms));
}

void
cond_signal(struct cond *cond)
{
	fiber_wake(cond, false);
	fiber_pass();
}

void
cond_broadcast(struct cond *cond)
{
	fiber_wake(cond, true);
	fiber_pass();
}

void
event_init(struct event *event)
{
	atomic_init(&event->is_set, false);
}

void
event_set(struct event *event)
{
	atomic_store(&event->is_set, true);
	fiber_pass();
}

void
event_wait(struct event *event, struct bell *bell)
{
	while (!atomic_load(&event->is_set))
		(void)fiber_wait(bell, FIBER_FOREVER);
}

void
bell_init(struct bell *bell)
{
	atomic_init(&bell->rings, 0);
}

void
bell_ring(struct bell *bell)
{
	atomic_fetch_add(&bell->rings, 1);
	fiber_wake(bell, true);
	fiber_pass();
}

void
notice_init(struct notice *notice)
{
	atomic_init(&notice->bits, 0);
}

/* Beside the bits: somebody waits. */
#define NOTICE_ASLEEP (~NOTICE_BITS)

bool
notice_set(struct notice *notice, unsigned bits)
{
	unsigned before = atomic_load(&notice->bits);

	atomic_store(&notice->bits, (before | bits) & NOTICE_BITS);
	return (before & NOTICE_ASLEEP) != 0;
}

void
notice_wake(struct notice *notice)
{
	fiber_pass();
	fiber_wake(notice, true);
	fiber_pass();
}

unsigned
notice_wait(struct notice *notice, unsigned bits, int64_t until_mono_ms)
{
	unsigned now;

	fiber_pass();
	while (((now = atomic_load(&notice->bits)) & bits) == 0 &&
	       fiber_now_us() < time_of(until_mono_ms)) {
		atomic_store(&notice->bits, now | NOTICE_ASLEEP);
		(void)fiber_wait(notice, time_of(until_mono_ms));
	}
	atomic_fetch_and(&notice->bits, NOTICE_BITS);
	return now & bits;
}

void
notice_clear(struct notice *notice, unsigned bits)
{
	atomic_fetch_and(&notice->bits, ~bits);
}

/* A fiber stands in the place of a thread's number. */
enum status
thread_start(pthread_t *ret_thread, const char *name, size_t stack_bytes, void *(*run)(void *),
    void *arg, struct error *error)
{
	struct fiber *fiber = fiber_start(name, stack_bytes, run, arg);

	(void)error;
	memcpy(ret_thread, &fiber, sizeof(fiber));
	return STATUS_OK;
}

void
thread_join(pthread_t thread)
{
	struct fiber *fiber;

	memcpy(&fiber, &thread, sizeof(fiber));
	fiber_join(fiber);
}
