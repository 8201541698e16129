/* SPDX-License-Identifier: MIT */
/*
 * A hash table of those who wait, by the task's id. Its locks are leaves, each for one bucket: who
 * tells takes one of them per task that has ended, and finds an empty list most of the time. Of
 * what is not an end nobody is told, lock or not, unless somebody wants to hear of such things.
 *
 * News are noted under the lock and those who sleep are woken without it, a few at a time:
 * thousands may wait for one task, and would stand in line for the lock. Who has been woken needs
 * it no more but to leave.
 */
#include "queue/waiters.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS = 1024, /* a power of two */
	WAKE_MAX = 64,  /* that are woken before the lock is taken again */
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

	*waiter = (struct waiter){ .owner = waiters, .wanted = wanted };
	memcpy(waiter->id, id, UUID_TEXT_SIZE);
	notice_init(&waiter->news);
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
	/* Or whoever closes them finds it in the list. */
	if (atomic_load(&waiters->is_closed))
		waiter->has_to_wake = notice_set(&waiter->news, WAITER_DISMISSED);
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
}

unsigned
waiters_wait(struct waiter *waiter, unsigned which, int64_t until_mono_ms)
{
	unsigned news = notice_wait(&waiter->news, which | WAITER_DISMISSED, until_mono_ms);

	/* What comes again before this is one with what is heard now. */
	notice_clear(&waiter->news, news & ~(unsigned)WAITER_DISMISSED);
	return news;
}

static bool
is_of(const struct waiter *waiter, const char *id)
{
	return id == NULL || memcmp(waiter->id, id, UUID_TEXT_LENGTH) == 0;
}

/* Takes some of those who have to be woken, of a task or of all. */
static size_t
take_sleepers_locked(struct bucket *bucket, const char *id, struct notice *ret_asleep[WAKE_MAX])
    REQUIRES(bucket->lock)
{
	size_t count = 0;

	for (struct waiter *waiter = bucket->first; waiter != NULL && count < WAKE_MAX;
	     waiter = waiter->next) {
		if (!waiter->has_to_wake || !is_of(waiter, id))
			continue;
		waiter->has_to_wake = false;
		ret_asleep[count++] = &waiter->news;
	}
	return count;
}

/* Tells those who wait for a task, or all. */
static void
tell(struct bucket *bucket, const char *id, enum waiter_news news)
{
	struct notice *asleep[WAKE_MAX];
	size_t count;

	lock_acquire(&bucket->lock);
	for (struct waiter *waiter = bucket->first; waiter != NULL; waiter = waiter->next) {
		if (((waiter->wanted | WAITER_DISMISSED) & (unsigned)news) != 0 &&
		    is_of(waiter, id) && notice_set(&waiter->news, news))
			waiter->has_to_wake = true;
	}
	count = take_sleepers_locked(bucket, id, asleep);
	lock_release(&bucket->lock);
	while (count > 0) {
		/* They may be gone by now: only where they slept counts. */
		for (size_t i = 0; i < count; i++)
			notice_wake(asleep[i]);
		if (count < WAKE_MAX)
			break;
		lock_acquire(&bucket->lock);
		count = take_sleepers_locked(bucket, id, asleep);
		lock_release(&bucket->lock);
	}
}

void
waiters_give_up(struct waiter *waiter)
{
	if (notice_set(&waiter->news, WAITER_DISMISSED))
		notice_wake(&waiter->news);
}

void
waiters_tell(struct waiters *waiters, const char *id, enum waiter_news news)
{
	if (news == WAITER_ENDED || atomic_load(&waiters->listeners) > 0)
		tell(bucket_of(waiters, id), id, news);
}

void
waiters_close(struct waiters *waiters)
{
	atomic_store(&waiters->is_closed, true);
	for (size_t i = 0; i < BUCKETS; i++)
		tell(&waiters->buckets[i], NULL, WAITER_DISMISSED);
}
