/* SPDX-License-Identifier: MIT */
/*
 * Wrappers over pthreads and the futex call. Any thread. A failing pthread call here is a
 * programmer's error (a lock that was never made, or destroyed while held) and is asserted.
 * Nothing here calls back while it holds anything.
 */
#include "base/sync.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MUST(call)                    \
	do {                          \
		int must_rc = (call); \
		assert(must_rc == 0); \
		(void)must_rc;        \
	} while (0)

#ifdef TASKQ_DEBUG

/* The locks that this thread holds, in the order in which it took them. */
#	define HELD_MAX 16
static _Thread_local const struct lock *held[HELD_MAX];
static _Thread_local size_t held_count;

static void
held_check_order(const struct lock *lock)
{
	for (size_t i = 0; i < held_count; i++)
		assert(held[i]->rank < lock->rank && "lock order");
}

static void
held_push(const struct lock *lock)
{
	assert(held_count < HELD_MAX);
	held[held_count++] = lock;
}

static void
held_remove(const struct lock *lock)
{
	size_t at = held_count;

	while (at > 0 && held[at - 1] != lock)
		at--;
	assert(at > 0 && "released by its holder");
	for (; at < held_count; at++)
		held[at - 1] = held[at];
	held_count--;
}

/* A thread that waits keeps other locks away from everybody for as long as it sleeps. */
static void
held_check_alone(const struct lock *lock)
{
	assert(held_count == 1 && held[0] == lock && "waits with this lock alone");
}

#else

static void
held_check_order(const struct lock *lock)
{
	(void)lock;
}

static void
held_push(const struct lock *lock)
{
	(void)lock;
}

static void
held_remove(const struct lock *lock)
{
	(void)lock;
}

static void
held_check_alone(const struct lock *lock)
{
	(void)lock;
}

#endif

void
lock_init(struct lock *lock, enum lock_rank rank)
{
	MUST(pthread_mutex_init(&lock->mutex, NULL));
	lock->rank = rank;
}

void
lock_done(struct lock *lock)
{
	MUST(pthread_mutex_destroy(&lock->mutex));
}

NO_ANALYSIS void
lock_acquire(struct lock *lock)
{
	held_check_order(lock);
	MUST(pthread_mutex_lock(&lock->mutex));
	held_push(lock);
}

NO_ANALYSIS void
lock_release(struct lock *lock)
{
	held_remove(lock);
	MUST(pthread_mutex_unlock(&lock->mutex));
}

void
cond_init(struct cond *cond)
{
	pthread_condattr_t attr;

	MUST(pthread_condattr_init(&attr));
	MUST(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	MUST(pthread_cond_init(&cond->cond, &attr));
	MUST(pthread_condattr_destroy(&attr));
}

void
cond_done(struct cond *cond)
{
	MUST(pthread_cond_destroy(&cond->cond));
}

void
cond_wait(struct cond *cond, struct lock *lock)
{
	held_check_alone(lock);
	MUST(pthread_cond_wait(&cond->cond, &lock->mutex));
}

static struct timespec
time_of(int64_t mono_ms)
{
	if (mono_ms < 0)
		mono_ms = 0;
	return (struct timespec){
		.tv_sec = (time_t)(mono_ms / 1000),
		.tv_nsec = (long)(mono_ms % 1000) * 1000000,
	};
}

bool
cond_wait_until(struct cond *cond, struct lock *lock, int64_t mono_ms)
{
	const struct timespec until = time_of(mono_ms);
	int rc;

	held_check_alone(lock);
	rc = pthread_cond_timedwait(&cond->cond, &lock->mutex, &until);
	assert(rc == 0 || rc == ETIMEDOUT);
	return rc == 0;
}

void
cond_signal(struct cond *cond)
{
	MUST(pthread_cond_signal(&cond->cond));
}

void
cond_broadcast(struct cond *cond)
{
	MUST(pthread_cond_broadcast(&cond->cond));
}

void
event_init(struct event *event)
{
	atomic_init(&event->is_set, false);
}

void
event_set(struct event *event)
{
	atomic_store_explicit(&event->is_set, true, memory_order_release);
}

void
event_wait(struct event *event, struct bell *bell)
{
	for (;;) {
		/* Before the event, so that a ring which comes after its setting is not missed. */
		unsigned rings = atomic_load_explicit(&bell->rings, memory_order_acquire);

		if (atomic_load_explicit(&event->is_set, memory_order_acquire))
			return;
		/* Returns at once when it has rung meanwhile (EAGAIN), or on EINTR. */
		(void)syscall(
		    SYS_futex, &bell->rings, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, rings, NULL, NULL, 0);
	}
}

void
bell_init(struct bell *bell)
{
	atomic_init(&bell->rings, 0);
}

void
bell_ring(struct bell *bell)
{
	atomic_fetch_add_explicit(&bell->rings, 1, memory_order_release);
	(void)syscall(
	    SYS_futex, &bell->rings, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
}

/* Beside the bits: their thread sleeps in the kernel. */
#define NOTICE_ASLEEP (~NOTICE_BITS)

void
notice_init(struct notice *notice)
{
	atomic_init(&notice->bits, 0);
}

bool
notice_set(struct notice *notice, unsigned bits)
{
	unsigned before = atomic_load_explicit(&notice->bits, memory_order_relaxed);

	assert((bits & NOTICE_ASLEEP) == 0);
	/* Whoever takes the sleep away has to wake. */
	while (!atomic_compare_exchange_weak_explicit(&notice->bits, &before,
	    (before | bits) & NOTICE_BITS, memory_order_acq_rel, memory_order_relaxed))
		;
	return (before & NOTICE_ASLEEP) != 0;
}

void
notice_wake(struct notice *notice)
{
	/*
	 * The waiter may be gone and its stack used for something else, so only the address is
	 * used. The kernel does not read what is there; should another futex live there by then,
	 * its waiter sees one spurious wake, which every user of a futex has to bear anyway.
	 */
	(void)syscall(SYS_futex, &notice->bits, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

unsigned
notice_wait(struct notice *notice, unsigned bits, int64_t until_mono_ms)
{
	const struct timespec until = time_of(until_mono_ms);
	unsigned now = atomic_load_explicit(&notice->bits, memory_order_acquire);
	bool is_late = false;

	while ((now & bits) == 0 && !is_late) {
		/* Not where a bit has come meanwhile; and then the kernel looks once more. */
		if (!atomic_compare_exchange_weak_explicit(&notice->bits, &now, now | NOTICE_ASLEEP,
			memory_order_acquire, memory_order_acquire))
			continue;
		is_late = syscall(SYS_futex, &notice->bits, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
			      now | NOTICE_ASLEEP, &until, NULL, FUTEX_BITSET_MATCH_ANY) != 0 &&
			  errno == ETIMEDOUT;
		now = atomic_load_explicit(&notice->bits, memory_order_acquire);
	}
	/* Nobody need wake who has gone on by itself. */
	if ((now & NOTICE_ASLEEP) != 0)
		now = atomic_fetch_and_explicit(&notice->bits, NOTICE_BITS, memory_order_acquire);
	return now & bits;
}

void
notice_clear(struct notice *notice, unsigned bits)
{
	atomic_fetch_and_explicit(&notice->bits, ~bits, memory_order_relaxed);
}

static size_t
stack_round(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);

	if (bytes < least)
		bytes = least;
	return (bytes + page - 1) / page * page;
}

enum status
thread_start(pthread_t *ret_thread, const char *name, size_t stack_bytes, void *(*run)(void *),
    void *arg, struct error *error)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int rc;

	assert(strlen(name) <= 15);
	rc = pthread_attr_init(&attr);
	if (rc != 0)
		return error_set(
		    error, STATUS_NOMEM, "cannot start thread %s: %s", name, strerror(rc));
	if (stack_bytes != 0)
		MUST(pthread_attr_setstacksize(&attr, stack_round(stack_bytes)));

	/* The new thread inherits the mask: it never runs with a signal open. */
	sigfillset(&all);
	MUST(pthread_sigmask(SIG_SETMASK, &all, &before));
	rc = pthread_create(&thread, &attr, run, arg);
	MUST(pthread_sigmask(SIG_SETMASK, &before, NULL));
	(void)pthread_attr_destroy(&attr);
	if (rc != 0)
		return error_set(
		    error, STATUS_NOMEM, "cannot start thread %s: %s", name, strerror(rc));
	/* Only for people; a thread that has ended already has no name to set. */
	(void)pthread_setname_np(thread, name);
	*ret_thread = thread;
	return STATUS_OK;
}

void
thread_join(pthread_t thread)
{
	MUST(pthread_join(thread, NULL));
}
