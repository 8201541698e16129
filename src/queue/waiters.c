/* SPDX-License-Identifier: MIT */
/*
 * A hash table of those who wait, by the task's id. Its locks are leaves, each for one bucket: who
 * wakes takes one of them per task that has ended, and finds an empty list most of the time.
 */
#include "queue/waiters.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS = 1024, /* a power of two */
};

struct bucket {
	struct lock lock;
	struct waiter *first;
};

struct waiters {
	atomic_bool is_closed;
	struct bucket buckets[BUCKETS];
};

/* The last twelve digits of an id are random: FNV-1a over them. */
static struct bucket *
bucket_of(struct waiters *waiters, const char *id)
{
	uint32_t hash = 0x811c9dc5;

	for (size_t i = UUID_TEXT_LENGTH - 12; i < UUID_TEXT_LENGTH; i++)
		hash = (hash ^ (unsigned char)id[i]) * 0x01000193;
	return &waiters->buckets[(hash ^ hash >> 16) & (BUCKETS - 1)];
}

enum status
waiters_new(struct waiters **ret_waiters, struct error *error)
{
	struct waiters *waiters = calloc(1, sizeof(*waiters));

	if (waiters == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the table of waiters");
	atomic_init(&waiters->is_closed, false);
	for (size_t i = 0; i < BUCKETS; i++)
		lock_init(&waiters->buckets[i].lock, LOCK_RANK_LEAF);
	*ret_waiters = waiters;
	return STATUS_OK;
}

void
waiters_free(struct waiters *waiters)
{
	if (waiters == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		assert(waiters->buckets[i].first == NULL);
		lock_done(&waiters->buckets[i].lock);
	}
	free(waiters);
}

void
waiters_add(struct waiters *waiters, struct waiter *waiter, const char *id)
{
	struct bucket *bucket = bucket_of(waiters, id);

	waiter->owner = waiters;
	memcpy(waiter->id, id, UUID_TEXT_SIZE);
	cond_init(&waiter->changed);
	waiter->is_over = false;
	lock_acquire(&bucket->lock);
	waiter->next = bucket->first;
	waiter->link = &bucket->first;
	if (waiter->next != NULL)
		waiter->next->link = &waiter->next;
	bucket->first = waiter;
	lock_release(&bucket->lock);
}

void
waiters_remove(struct waiter *waiter)
{
	struct bucket *bucket = bucket_of(waiter->owner, waiter->id);

	lock_acquire(&bucket->lock);
	*waiter->link = waiter->next;
	if (waiter->next != NULL)
		waiter->next->link = waiter->link;
	lock_release(&bucket->lock);
	cond_done(&waiter->changed);
}

void
waiters_wait(struct waiter *waiter, int64_t until_mono_ms)
{
	struct waiters *waiters = waiter->owner;
	struct bucket *bucket = bucket_of(waiters, waiter->id);
	bool is_late = false;

	lock_acquire(&bucket->lock);
	while (!waiter->is_over && !is_late && !atomic_load(&waiters->is_closed))
		is_late = !cond_wait_until(&waiter->changed, &bucket->lock, until_mono_ms);
	lock_release(&bucket->lock);
}

/* Signalled with the lock held: without it the waiter could be gone by then. */
static void
end_locked(struct waiter *waiter)
{
	waiter->is_over = true;
	cond_signal(&waiter->changed);
}

void
waiters_give_up(struct waiter *waiter)
{
	struct bucket *bucket = bucket_of(waiter->owner, waiter->id);

	lock_acquire(&bucket->lock);
	end_locked(waiter);
	lock_release(&bucket->lock);
}

void
waiters_wake(struct waiters *waiters, const char *id)
{
	struct bucket *bucket = bucket_of(waiters, id);

	lock_acquire(&bucket->lock);
	for (struct waiter *waiter = bucket->first; waiter != NULL; waiter = waiter->next) {
		if (memcmp(waiter->id, id, UUID_TEXT_LENGTH) == 0)
			end_locked(waiter);
	}
	lock_release(&bucket->lock);
}

void
waiters_close(struct waiters *waiters)
{
	atomic_store(&waiters->is_closed, true);
	for (size_t i = 0; i < BUCKETS; i++) {
		struct bucket *bucket = &waiters->buckets[i];

		lock_acquire(&bucket->lock);
		for (struct waiter *waiter = bucket->first; waiter != NULL; waiter = waiter->next)
			end_locked(waiter);
		lock_release(&bucket->lock);
	}
}
