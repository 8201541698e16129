/* SPDX-License-Identifier: MIT */
/* The maintenance thread; see maintenance.h. It holds its lock only while it waits. */
#include "queue/maintenance.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service_clock.h"
#include "base/sync.h"
#include "queue/hosts.h"
#include "store/store_oldest.h"

enum {
	TICK_MS = 1000,
	MAINTENANCE_STACK_BYTES = 256 * 1024,
	/* Of the purge, in a tick: 16,384 tasks a second at most. */
	SLICES_MAX = 64,
	/* Between two warnings that history is cut. */
	CUT_PAUSE_MS = 3600 * 1000,
};

struct maintenance {
	struct maintenance_conf conf;
	struct lock lock;
	struct cond changed;
	bool closing; /* guarded by lock */
	bool started;
	pthread_t thread;
	atomic_int_fast64_t answered_mono_ms; /* when the store last answered */
	enum status last; /* how the store's housekeeping went; the thread's alone */
	enum status last_purge;
	int64_t cut_told_mono_ms; /* when it was told last that history is cut; 0: never */

	/* Tasks that were deleted. Written by the thread, read by any. */
	atomic_int_fast64_t purged;
	atomic_int_fast64_t purged_early;
	atomic_int_fast64_t disk_free_bytes;             /* -1: not known */
	atomic_int_fast64_t oldest_since_ms[LANE_COUNT]; /* 0: nobody waits */
	atomic_int_fast64_t looked_at_ms;
};

/* Sets admission's flag; logs when it changes. A disk that cannot be asked counts as it did before.
 */
static void
check_disk(struct maintenance *maintenance)
{
	struct statvfs fs;
	if (statvfs(maintenance->conf.data_dir, &fs) != 0) {
		log_warn(LOG_EVENT("disk_check_failed"), LOG_STR("error", strerror(errno)));
		return;
	}
	uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	atomic_store_explicit(
	    &maintenance->disk_free_bytes, (int64_t)free_bytes, memory_order_relaxed);
	bool low = free_bytes < maintenance->conf.disk_free_min_bytes;
	bool was_low = atomic_exchange_explicit(
	    &maintenance->conf.admission->disk_low, low, memory_order_relaxed);
	if (low != was_low)
		log_warn(LOG_EVENT(low ? "disk_low" : "disk_ok"), LOG_INT("free_bytes", free_bytes),
		    LOG_INT("free_min_bytes", maintenance->conf.disk_free_min_bytes));
}

static void
note_purged(struct maintenance *maintenance, const struct store_purged *purged)
{
	int64_t now_mono_ms = clock_mono_ms();
	atomic_fetch_add_explicit(
	    &maintenance->purged, (int64_t)purged->count, memory_order_relaxed);
	atomic_fetch_add_explicit(
	    &maintenance->purged_early, (int64_t)purged->early_count, memory_order_relaxed);
	/* Whoever is promised a week has to know. At the cap it goes on and on, so not each time.
	 */
	if (purged->early_count == 0 ||
	    (maintenance->cut_told_mono_ms > 0 &&
		now_mono_ms - maintenance->cut_told_mono_ms < CUT_PAUSE_MS))
		return;
	maintenance->cut_told_mono_ms = now_mono_ms;
	log_warn(LOG_EVENT("history_cut"),
	    LOG_INT("kept_tasks_max", maintenance->conf.retention.tasks_max),
	    LOG_INT("kept_bytes_max", maintenance->conf.retention.bytes_max));
}

/* Looks for who has waited longest. When that fails, what was found before goes on waiting. */
static void
look_for_oldest(struct maintenance *maintenance)
{
	int64_t since_ms[LANE_COUNT];
	int64_t now_ms = service_clock_ms();
	if (store_oldest_waiting(maintenance->conf.store, since_ms, NULL) != STATUS_OK)
		return;
	for (int lane = 0; lane < LANE_COUNT; lane++)
		atomic_store_explicit(
		    &maintenance->oldest_since_ms[lane], since_ms[lane], memory_order_relaxed);
	atomic_store_explicit(&maintenance->looked_at_ms, now_ms, memory_order_relaxed);
}

int64_t
maintenance_oldest_ms(int64_t since_ms, int64_t looked_at_ms, int64_t now_ms)
{
	int64_t overdue_ms = now_ms - looked_at_ms - MAINTENANCE_OVERDUE_MS;
	int64_t waited_ms = looked_at_ms - since_ms;
	if (since_ms == 0)
		return 0;
	if (overdue_ms > 0)
		waited_ms += overdue_ms;
	return waited_ms > 0 ? waited_ms : 0;
}

/* Deletes what is not to be kept any longer, in slices between which others are served. */
static void
purge(struct maintenance *maintenance)
{
	const struct maintenance_conf *conf = &maintenance->conf;
	struct store_purged purged = { .has_more = true };
	int64_t count = 0;
	for (int slice = 0; slice < SLICES_MAX && purged.has_more; slice++) {
		struct error error = { "" };
		enum status status =
		    store_purge(conf->store, &conf->retention, service_clock_ms(), &purged, &error);
		if (status != STATUS_OK && status != maintenance->last_purge)
			log_warn(LOG_EVENT("purge_failed"), LOG_STR("status", status_name(status)),
			    LOG_ERROR(&error));
		maintenance->last_purge = status;
		if (status != STATUS_OK)
			break;
		for (size_t i = 0; i < purged.count; i++)
			final_cache_forget(conf->recent, purged.ids[i]);
		note_purged(maintenance, &purged);
		count += (int64_t)purged.count;
	}
	if (count > 0)
		log_debug(LOG_EVENT("purged"), LOG_INT("tasks", count));
}

static void
tick(struct maintenance *maintenance, int64_t elapsed_ms)
{
	int64_t refused = admission_tick(maintenance->conf.admission, elapsed_ms);
	if (refused > 0)
		log_warn(LOG_EVENT("refused"), LOG_INT("submissions", refused),
		    LOG_STR("now", refusal_word(admission_check(maintenance->conf.admission))));
	check_disk(maintenance);
	hosts_tick(maintenance->conf.hosts, clock_mono_ms());
	struct error error = { "" };
	enum status status = store_maintain(maintenance->conf.store, &error);
	atomic_store_explicit(
	    &maintenance->answered_mono_ms, clock_mono_ms(), memory_order_relaxed);
	/* Told when it changes: what lasts would fill the log. */
	if (status != maintenance->last && status == STATUS_OK)
		log_info(LOG_EVENT("maintenance_ok"));
	else if (status != maintenance->last)
		log_warn(LOG_EVENT("maintenance_hindered"), LOG_STR("status", status_name(status)),
		    LOG_ERROR(&error));
	maintenance->last = status;
	look_for_oldest(maintenance);
	purge(maintenance);
}

static void *
maintenance_main(void *arg)
{
	struct maintenance *maintenance = arg;
	int64_t last_ms = clock_mono_ms();
	for (;;) {
		int64_t next_ms = last_ms + TICK_MS;
		lock_acquire(&maintenance->lock);
		while (!maintenance->closing &&
		       cond_wait_until(&maintenance->changed, &maintenance->lock, next_ms))
			;
		bool closing = maintenance->closing;
		lock_release(&maintenance->lock);
		if (closing)
			return NULL;
		int64_t now_ms = clock_mono_ms();
		tick(maintenance, now_ms - last_ms);
		last_ms = now_ms;
	}
}

enum status
maintenance_open(
    const struct maintenance_conf *conf, struct maintenance **ret_maintenance, struct error *error)
{
	struct maintenance *maintenance = calloc(1, sizeof(*maintenance));
	if (maintenance == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for maintenance");
	maintenance->conf = *conf;
	atomic_init(&maintenance->answered_mono_ms, clock_mono_ms());
	atomic_init(&maintenance->disk_free_bytes, -1);
	for (int lane = 0; lane < LANE_COUNT; lane++)
		atomic_init(&maintenance->oldest_since_ms[lane], 0);
	atomic_init(&maintenance->looked_at_ms, 0);
	lock_init(&maintenance->lock, LOCK_RANK_LEAF);
	cond_init(&maintenance->changed);
	check_disk(maintenance);
	enum status status = thread_start(&maintenance->thread, "tq-maintain",
	    MAINTENANCE_STACK_BYTES, maintenance_main, maintenance, error);
	if (status != STATUS_OK) {
		maintenance_close(maintenance);
		return status;
	}
	maintenance->started = true;
	*ret_maintenance = maintenance;
	return STATUS_OK;
}

void
maintenance_stats(const struct maintenance *maintenance, struct queue_stats *stats)
{
	int64_t now_ms = service_clock_ms();
	int64_t looked_at_ms =
	    atomic_load_explicit(&maintenance->looked_at_ms, memory_order_relaxed);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		int64_t since_ms =
		    atomic_load_explicit(&maintenance->oldest_since_ms[lane], memory_order_relaxed);
		stats->lanes[lane].oldest_wait_ms =
		    maintenance_oldest_ms(since_ms, looked_at_ms, now_ms);
	}
	stats->disk_free_bytes =
	    atomic_load_explicit(&maintenance->disk_free_bytes, memory_order_relaxed);
	stats->disk_free_min_bytes = (int64_t)maintenance->conf.disk_free_min_bytes;
	stats->kept_bytes_max = maintenance->conf.retention.bytes_max;
	stats->purged = atomic_load_explicit(&maintenance->purged, memory_order_relaxed);
	stats->purged_early =
	    atomic_load_explicit(&maintenance->purged_early, memory_order_relaxed);
	stats->silent_ms = clock_mono_ms() - atomic_load_explicit(&maintenance->answered_mono_ms,
						 memory_order_relaxed);
}

void
maintenance_close(struct maintenance *maintenance)
{
	if (maintenance == NULL)
		return;
	lock_acquire(&maintenance->lock);
	maintenance->closing = true;
	cond_signal(&maintenance->changed);
	lock_release(&maintenance->lock);
	if (maintenance->started)
		thread_join(maintenance->thread);
	cond_done(&maintenance->changed);
	lock_done(&maintenance->lock);
	free(maintenance);
}
