/* SPDX-License-Identifier: MIT */
/*
 * A hash table of those who wait, by the task's id. Its locks are leaves, each for one bucket: who
 * tells takes one of them per task that has ended, and finds an empty list most of the time. Of
 * what is not an end nobody is told, lock or not, unless somebody wants to hear of such things.
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
	atomic_uint listeners; /* who want to hear of more than the end */
	struct bucket buckets[BUCKETS];
};

static struct bucket *
bucket_of(struct waiters *waiters, const char *id)
{
	return &waiters->buckets[uuid_hash(id) & (BUCKETS - 1)];
}

static bool
is_listener(const struct waiter *waiter)
{
	return (waiter->wanted & (WAITER_CHANGED | WAITER_PROGRESSED)) != 0;
}

enum status
waiters_new(struct waiters **ret_waiters, struct error *error)
{
	struct waiters *waiters = calloc(1, sizeof(*waiters));

	if (waiters == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the table of waiters");
	atomic_init(&waiters->is_closed, false);
	atomic_init(&waiters->listeners, 0);
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
waiters_add(struct waiters *waiters, struct waiter *waiter, const char *id, unsigned wanted)
{
	struct bucket *bucket = bucket_of(waiters, id);

	waiter->owner = waiters;
	memcpy(waiter->id, id, UUID_TEXT_SIZE);
	cond_init(&waiter->changed);
	waiter->wanted = wanted;
	waiter->news = 0;
	/* Pairs with waiters_tell, which looks after the commit: either it sees the listener, or
	   the listener, who looks at the task next, sees the commit. */
	if (is_listener(waiter))
		atomic_fetch_add(&waiters->listeners, 1);
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
	if (is_listener(waiter))
		atomic_fetch_sub(&waiter->owner->listeners, 1);
	cond_done(&waiter->changed);
}

/* What has come of those that are asked for; each is heard once. */
static unsigned
hear_locked(struct waiter *waiter, unsigned which)
{
	unsigned news = waiter->news & (which | WAITER_DISMISSED);

	waiter->news &= ~which | WAITER_DISMISSED;
	if (atomic_load(&waiter->owner->is_closed))
		news |= WAITER_DISMISSED;
	return news;
}

unsigned
waiters_wait(struct waiter *waiter, unsigned which, int64_t until_mono_ms)
{
	struct bucket *bucket = bucket_of(waiter->owner, waiter->id);
	bool is_late = false;
	unsigned news;

	lock_acquire(&bucket->lock);
	while ((news = hear_locked(waiter, which)) == 0 && !is_late)
		is_late = !cond_wait_until(&waiter->changed, &bucket->lock, until_mono_ms);
	lock_release(&bucket->lock);
	return news;
}

/* Signalled with the lock held: without it the waiter could be gone by then. */
static void
tell_locked(struct waiter *waiter, enum waiter_news news)
{
	waiter->news |= (unsigned)news;
	cond_signal(&waiter->changed);
}

void
waiters_give_up(struct waiter *waiter)
{
	struct bucket *bucket = bucket_of(waiter->owner, waiter->id);

	lock_acquire(&bucket->lock);
	tell_locked(waiter, WAITER_DISMISSED);
	lock_release(&bucket->lock);
}

void
waiters_tell(struct waiters *waiters, const char *id, enum waiter_news news)
{
	struct bucket *bucket;

	if (news != WAITER_ENDED && atomic_load(&waiters->listeners) == 0)
		return;
	bucket = bucket_of(waiters, id);
	lock_acquire(&bucket->lock);
	for (struct waiter *waiter = bucket->first; waiter != NULL; waiter = waiter->next) {
		if ((waiter->wanted & (unsigned)news) != 0 &&
		    memcmp(waiter->id, id, UUID_TEXT_LENGTH) == 0)
			tell_locked(waiter, news);
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
			tell_locked(waiter, WAITER_DISMISSED);
		lock_release(&bucket->lock);
	}
}
