/* SPDX-License-Identifier: MIT */
/*
 * The table of hosts, and attempts that come and go; see hosts.h. Hosts are found in a balanced
 * tree, because names come from strangers, who could make a hash table collide. A host lives while
 * an attempt refers to it or tasks are deferred for it; beyond that it is kept, in the order in
 * which they were let go, and the first one makes room for the next.
 */
#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "queue/hosts_parts.h"

static int
compare(const void *left, const void *right)
{
	const struct host *a = left;
	const struct host *b = right;
	return strcmp(a->name, b->name);
}

enum status
hosts_new(const struct hosts_conf *conf, struct hosts **ret_hosts, struct error *error)
{
	struct hosts *hosts = calloc(1, sizeof(*hosts));
	if (hosts == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for hosts");
	hosts->conf = *conf;
	hosts->is_unsure = true;
	TAILQ_INIT(&hosts->kept);
	lock_init(&hosts->lock, LOCK_RANK_LEAF);
	atomic_init(&hosts->shown.known, 0);
	atomic_init(&hosts->shown.paused, 0);
	atomic_init(&hosts->shown.deferring, 0);
	atomic_init(&hosts->shown.pauses, 0);
	atomic_init(&hosts->shown.deferrals, 0);
	*ret_hosts = hosts;
	return STATUS_OK;
}

static void
show(atomic_int_fast64_t *figure, int64_t value)
{
	atomic_store_explicit(figure, value, memory_order_relaxed);
}

void
hosts_unlock(struct hosts *hosts)
{
	struct hosts_shown *shown = &hosts->shown;

	show(&shown->known, (int64_t)hosts->count);
	show(&shown->paused, (int64_t)hosts->paused.count);
	show(&shown->deferring, (int64_t)hosts->deferring.count);
	show(&shown->pauses, hosts->pauses);
	show(&shown->deferrals, hosts->deferrals);
	lock_release(&hosts->lock);
}

static void
forget_locked(struct hosts *hosts, struct host *host) REQUIRES(hosts->lock)
{
	if (host->is_kept) {
		TAILQ_REMOVE(&hosts->kept, host, kept);
		hosts->kept_count--;
	}
	due_heap_take(&hosts->deferring, &host->recall);
	due_heap_take(&hosts->paused, &host->pause);
	(void)tdelete(host, &hosts->tree, compare);
	hosts->count--;
	free(host);
}

NO_ANALYSIS void
hosts_free(struct hosts *hosts)
{
	if (hosts == NULL)
		return;
	while (hosts->tree != NULL) {
		struct host *host = *(struct host **)hosts->tree;
		assert(host->refs == 0);
		forget_locked(hosts, host);
	}
	due_heap_done(&hosts->deferring);
	due_heap_done(&hosts->paused);
	lock_done(&hosts->lock);
	free(hosts);
}

struct host *
hosts_find_locked(struct hosts *hosts, const char *name)
{
	const struct host key = { .name = name };
	struct host *const *found = tfind(&key, &hosts->tree, compare);
	return found != NULL ? *found : NULL;
}

struct host *
hosts_have_locked(struct hosts *hosts, const char *name)
{
	struct host *host = hosts_find_locked(hosts, name);
	if (host != NULL)
		return host;
	size_t size = strlen(name) + 1;
	host = calloc(1, sizeof(*host) + size);
	if (host == NULL)
		return NULL;
	host->name = memcpy(host + 1, name, size);
	atomic_init(&host->run.paused_until_mono_us, 0);
	atomic_init(&host->run.taken, 0);
	atomic_init(&host->run.pace, 0);
	atomic_init(&host->run.ended_mono_us, INT64_MIN / 2);
	host->run.places = hosts->conf.places;
	if (tsearch(host, &hosts->tree, compare) == NULL) {
		free(host);
		return NULL;
	}
	hosts->count++;
	return host;
}

void
hosts_keep_locked(struct hosts *hosts, struct host *host)
{
	bool is_free = host->refs == 0 && !host_is_deferring(host);
	if (is_free == host->is_kept)
		return;
	host->is_kept = is_free;
	if (!is_free) {
		TAILQ_REMOVE(&hosts->kept, host, kept);
		hosts->kept_count--;
		return;
	}
	host->is_slow = false; /* nobody waits for it */
	TAILQ_INSERT_TAIL(&hosts->kept, host, kept);
	if (++hosts->kept_count > HOSTS_KEPT_MAX)
		forget_locked(hosts, TAILQ_FIRST(&hosts->kept));
}

static void
add_taken(struct host *host, int more)
{
	atomic_store_explicit(
	    &host->run.taken, host_taken(host) + (unsigned)more, memory_order_relaxed);
}

/*
 * A slow host has half of what it will end soon beside what may ask it at once: that hides the
 * commits between two attempts, and is less than what would be put aside.
 */
unsigned
host_limit(const struct hosts *hosts, const struct host *host, int64_t now_ms)
{
	if (host->growing > 0)
		return host->growing;
	if (!host->is_slow)
		return hosts->conf.slots;
	return hosts->conf.places + run_host_pace(&host->run, now_ms * 1000) / 2;
}

unsigned
host_room(const struct hosts *hosts, const struct host *host, int64_t now_ms)
{
	unsigned limit = host_limit(hosts, host, now_ms);
	unsigned used = host_taken(host) + host_recalled(hosts, host);
	return !host_is_paused(host, now_ms) && limit > used ? limit - used : 0;
}

const char *
hosts_name(const struct run_host *host)
{
	return ((const struct host *)host)->name;
}

struct run_host *
hosts_enter_locked(struct hosts *hosts, struct host *host, int64_t now_ms)
{
	host->refs++;
	add_taken(host, 1);
	hosts_keep_locked(hosts, host);
	hosts_update_locked(hosts, host, now_ms);
	return &host->run;
}

struct run_host *
hosts_enter(struct hosts *hosts, const char *name, int64_t now_mono_ms)
{
	struct run_host *entered = NULL;
	lock_acquire(&hosts->lock);
	struct host *host = hosts_have_locked(hosts, name);
	if (host != NULL && !host_is_deferring(host) && host_room(hosts, host, now_mono_ms) > 0)
		entered = hosts_enter_locked(hosts, host, now_mono_ms);
	else if (host != NULL)
		hosts_keep_locked(hosts, host);
	hosts_unlock(hosts);
	return entered;
}

/* An attempt at a host has ended. It is fast where all that the lane holds would soon have its
 * turn.
 */
static void
note_end(const struct hosts *hosts, struct host *host, int64_t now_ms)
{
	int64_t since_ms = now_ms - host->pace_ms;
	if (since_ms >= RUN_PATIENCE_MS) {
		host->ended_before = since_ms < 2 * RUN_PATIENCE_MS ? host->ended : 0;
		host->ended = 0;
		host->pace_ms = now_ms;
	}
	host->ended++;
	unsigned pace = host->ended > host->ended_before ? host->ended : host->ended_before;
	atomic_store_explicit(&host->run.pace, pace, memory_order_relaxed);
	atomic_store_explicit(&host->run.ended_mono_us, now_ms * 1000, memory_order_relaxed);
	if (pace >= hosts->conf.slots)
		host->is_slow = false;
}

void
hosts_leave(
    struct hosts *hosts, struct run_host *run_host, enum host_leave why, int64_t now_mono_ms)
{
	struct host *host = (struct host *)run_host;
	lock_acquire(&hosts->lock);
	assert(host_taken(host) > 0);
	add_taken(host, -1);
	switch (why) {
	case HOST_LEAVE_UNASKED:
		break;
	case HOST_LEAVE_UNJUDGED:
		/* It may have been recalled, and be judged again. */
		if (host_is_deferring(host)) {
			host_set_recalled(hosts, host, host_recalled(hosts, host) + 1);
			host->recalled_ms = now_mono_ms;
		}
		break;
	case HOST_LEAVE_ASIDE:
		if (!host_is_paused(host, now_mono_ms))
			host->is_slow = true;
		break;
	case HOST_LEAVE_ANSWERED:
		note_end(hosts, host, now_mono_ms);
		if (host->growing > 0 && !host_is_paused(host, now_mono_ms) &&
		    ++host->growing >= hosts->conf.places)
			host->growing = 0;
		break;
	}
	hosts_update_locked(hosts, host, now_mono_ms);
	hosts_unlock(hosts);
}

void
hosts_let_go(struct hosts *hosts, struct run_host *run_host)
{
	struct host *host = (struct host *)run_host;
	lock_acquire(&hosts->lock);
	assert(host->refs > 0);
	host->refs--;
	hosts_keep_locked(hosts, host);
	hosts_unlock(hosts);
}

static void
pause_locked(struct hosts *hosts, struct host *host, int64_t pause_ms, int64_t now_ms)
    REQUIRES(hosts->lock)
{
	int64_t until_ms =
	    now_ms + (pause_ms < hosts->conf.pause_max_ms ? pause_ms : hosts->conf.pause_max_ms);
	bool was_paused = host_is_paused(host, now_ms);
	if (until_ms <= now_ms || (was_paused && until_ms <= host->pause.at) ||
	    !due_heap_put(&hosts->paused, &host->pause, until_ms))
		return;
	atomic_store_explicit(
	    &host->run.paused_until_mono_us, until_ms * 1000, memory_order_relaxed);
	host->growing = 1;
	if (!was_paused)
		hosts->pauses++;
	hosts_update_locked(hosts, host, now_ms);
}

void
hosts_pause(struct hosts *hosts, struct run_host *host, int64_t pause_ms, int64_t now_mono_ms)
{
	lock_acquire(&hosts->lock);
	pause_locked(hosts, (struct host *)host, pause_ms, now_mono_ms);
	hosts_unlock(hosts);
}

void
hosts_pause_named(struct hosts *hosts, const char *name, int64_t pause_ms, int64_t now_mono_ms)
{
	lock_acquire(&hosts->lock);
	struct host *host = hosts_have_locked(hosts, name);
	if (host != NULL) {
		pause_locked(hosts, host, pause_ms, now_mono_ms);
		hosts_keep_locked(hosts, host);
	}
	hosts_unlock(hosts);
}

void
hosts_tick(struct hosts *hosts, int64_t now_mono_ms)
{
	lock_acquire(&hosts->lock);
	for (struct due *due; (due = due_heap_first(&hosts->paused)) != NULL;) {
		if (due->at > now_mono_ms)
			break;
		due_heap_take(&hosts->paused, due);
	}
	hosts_unlock(hosts);
}

static int64_t
figure(const atomic_int_fast64_t *figure)
{
	return atomic_load_explicit(figure, memory_order_relaxed);
}

void
hosts_stats(const struct hosts *hosts, struct hosts_stats *ret_stats)
{
	const struct hosts_shown *shown = &hosts->shown;

	ret_stats->known = figure(&shown->known);
	ret_stats->paused = figure(&shown->paused);
	ret_stats->deferring = figure(&shown->deferring);
	ret_stats->pauses = figure(&shown->pauses);
	ret_stats->deferrals = figure(&shown->deferrals);
}
