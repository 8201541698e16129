/* SPDX-License-Identifier: MIT */
/*
 * Locks, conditions, one-shot events and threads: thin wrappers that carry clang's annotations, use
 * the monotonic clock, and assert the lock order in debug builds (-DTASKQ_DEBUG).
 *
 * Lock order: a thread may take a lock only if its rank is greater than the rank of every lock that
 * it holds. The ranks below are the whole list.
 */
#ifndef TASKQ_BASE_SYNC_H
#define TASKQ_BASE_SYNC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum lock_rank {
	LOCK_RANK_HTTP_CONNECTIONS = 20,
	LOCK_RANK_LANE = 40,
	LOCK_RANK_ENGINE = 50,
	LOCK_RANK_STORE_READERS = 60,
	LOCK_RANK_STORE_COMMITTER = 70,
	LOCK_RANK_LEAF = 90,
};

struct CAPABILITY("mutex") lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
};

struct cond {
	pthread_cond_t cond;
};

void lock_init(struct lock *lock, enum lock_rank rank);
void lock_done(struct lock *lock);
void lock_acquire(struct lock *lock) ACQUIRES(*lock);
void lock_release(struct lock *lock) RELEASES(*lock);

void cond_init(struct cond *cond);
void cond_done(struct cond *cond);
void cond_wait(struct cond *cond, struct lock *lock) REQUIRES(*lock);

/**
 * cond_wait_until - wait until signalled or until a monotonic time; the caller re-checks its
 * predicate Returns false when the time had come.
 */
bool cond_wait_until(struct cond *cond, struct lock *lock, int64_t mono_ms) REQUIRES(*lock);

void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);

/*
 * A one-shot event: one thread waits for it at a bell, another sets it once and then rings. One
 * ring is for all events that were set before it, and one call of the kernel: the committer sets
 * tens of thousands of them a second, and if each had its own call, it would lose its processor to
 * every third of those whom it wakes. Who waits at a bell for an event that is not set is woken in
 * vain. The setter does not touch the event once it is set, so it may live on the waiter's stack;
 * the bell has to outlive the ring. Bare futexes: mutexes and conditions cost three times as much.
 */
struct event {
	atomic_bool is_set;
};

struct bell {
	atomic_uint rings;
};

void event_init(struct event *event);
void event_set(struct event *event);
void event_wait(struct event *event, struct bell *bell);

void bell_init(struct bell *bell);
void bell_ring(struct bell *bell);

/*
 * Bits that any thread sets and one thread waits for. A bare futex as well: who waits needs no lock
 * to go on, so that thousands can be let go together. Setting and waking are apart, for who sets
 * with a lock held and wakes without it: waking uses the address alone, since the one who waits may
 * have seen the bits, and be gone with the notice, by then.
 */
struct notice {
	atomic_uint bits;
};

#define NOTICE_BITS 0x7fffffffU /* those that there are */

void notice_init(struct notice *notice);

/**
 * notice_set - set bits; returns whether notice_wake has to follow
 */
bool notice_set(struct notice *notice, unsigned bits) NODISCARD;
void notice_wake(struct notice *notice);

/**
 * notice_wait  - wait until one of some bits is set, until a monotonic time at most; by one thread
 * Returns those of them that are set; 0 when the time had come. What came before the setting is
 * seen.
 * notice_clear - take bits away, by the same thread
 */
unsigned notice_wait(struct notice *notice, unsigned bits, int64_t until_mono_ms);
void notice_clear(struct notice *notice, unsigned bits);

/**
 * thread_start - start a thread with every signal blocked
 * @name:        at most 15 bytes, shown by ps and gdb
 * @stack_bytes: 0 for the system's default
 * Returns OK, or NOMEM when the system refuses.
 */
enum status thread_start(pthread_t *ret_thread, const char *name, size_t stack_bytes,
    void *(*run)(void *), void *arg, struct error *error) NODISCARD;

void thread_join(pthread_t thread);

#endif
