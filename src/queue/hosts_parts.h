/* SPDX-License-Identifier: MIT */
/*
 * The inside of hosts.h, shared by hosts.c (the table; attempts that come and go) and
 * hosts_recall.c (tasks that are deferred). For those two alone.
 */
#ifndef TASKQ_QUEUE_HOSTS_PARTS_H
#define TASKQ_QUEUE_HOSTS_PARTS_H

#include <sys/queue.h>

#include "base/sync.h"
#include "queue/due_heap.h"
#include "queue/hosts.h"

struct host {
	struct run_host run; /* what attempts see of it; first */
	struct due recall;   /* in hosts->deferring while tasks are deferred for it */
	struct due pause;    /* in hosts->paused while it pauses */
	uint64_t deferrals;  /* of its tasks so far */
	unsigned recalled; /* tasks that are ready again and were not judged since; host_recalled */
	uint64_t recalled_look;
	int64_t recalled_ms;   /* ...as of then */
	unsigned refs;         /* attempts that refer to it */
	unsigned growing;      /* its places since the latest pause; 0: all it can have */
	bool is_slow;          /* it has few more places than may ask it at once */
	int64_t pace_ms;       /* since then... */
	unsigned ended;        /* ...it ended so many attempts */
	unsigned ended_before; /* and so many in the same time before */
	bool is_kept;
	TAILQ_ENTRY(host) kept;
	const char *name; /* behind it */
};

TAILQ_HEAD(host_list, host);

/* What struct hosts_stats has, for whoever reads it without the lock. */
struct hosts_shown {
	atomic_int_fast64_t known;
	atomic_int_fast64_t paused;
	atomic_int_fast64_t deferring;
	atomic_int_fast64_t pauses;
	atomic_int_fast64_t deferrals;
};

struct hosts {
	struct hosts_conf conf;
	struct hosts_shown shown;
	struct lock lock; /* a leaf; guards everything below */
	void *tree;       /* by name, tsearch(3) */
	size_t count;
	struct host_list kept; /* those that nobody refers to, the first to go first */
	size_t kept_count;
	struct due_heap deferring;
	struct due_heap paused;
	uint64_t looks;    /* claims that have judged all that was ready */
	bool is_unsure;    /* tasks may be deferred for hosts that are not here */
	int64_t pauses;    /* so far */
	int64_t deferrals; /* of tasks */
};

static inline bool
host_is_deferring(const struct host *host)
{
	return host->recall.place != 0;
}

static inline bool
host_is_paused(const struct host *host, int64_t now_ms)
{
	return host->pause.place != 0 && now_ms < host->pause.at;
}

static inline unsigned
host_taken(const struct host *host)
{
	return atomic_load_explicit(&host->run.taken, memory_order_relaxed);
}

/* How many tasks of a host are ready again after a recall, and not judged yet. Where a claim has
   judged all that was ready none is: they have expired, were cancelled, or run alone. */
static inline unsigned
host_recalled(const struct hosts *hosts, const struct host *host)
{
	return host->recalled_look == hosts->looks ? host->recalled : 0;
}

static inline void
host_set_recalled(const struct hosts *hosts, struct host *host, unsigned count)
{
	host->recalled = count;
	host->recalled_look = hosts->looks;
}

/**
 * hosts_unlock - release the lock after a change, and show what it has come to
 */
void hosts_unlock(struct hosts *hosts) RELEASES(hosts->lock);

/**
 * hosts_find_locked - a host by its name, or NULL
 * hosts_have_locked - the same, and made where it is not there; NULL where memory is gone. It is
 * for hosts_keep_locked, unless it is entered or tasks are deferred for it
 * hosts_keep_locked - see to a host that nobody may refer to any more, or somebody again
 */
struct host *hosts_find_locked(struct hosts *hosts, const char *name) REQUIRES(hosts->lock);
struct host *hosts_have_locked(struct hosts *hosts, const char *name) REQUIRES(hosts->lock);
void hosts_keep_locked(struct hosts *hosts, struct host *host) REQUIRES(hosts->lock);

/**
 * hosts_enter_locked - an attempt is with a host and refers to it
 */
struct run_host *hosts_enter_locked(struct hosts *hosts, struct host *host, int64_t now_ms)
    REQUIRES(hosts->lock);

/**
 * host_limit - how many attempts may be with a host that does not pause
 * host_room  - how many more there may be now, those counted that are to come of a recall
 */
unsigned host_limit(const struct hosts *hosts, const struct host *host, int64_t now_ms);
unsigned host_room(const struct hosts *hosts, const struct host *host, int64_t now_ms);

/**
 * hosts_update_locked - something has changed of a host that may have deferred tasks
 */
void hosts_update_locked(struct hosts *hosts, struct host *host, int64_t now_ms)
    REQUIRES(hosts->lock);

#endif
