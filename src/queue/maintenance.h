/* SPDX-License-Identifier: MIT */
/*
 * The maintenance thread: once a second it measures the drain rates, looks at the free disk space,
 * for hosts whose pause is over and for the oldest task that waits, and gives the store a slice of
 * time for its housekeeping.
 */
#ifndef TASKQ_QUEUE_MAINTENANCE_H
#define TASKQ_QUEUE_MAINTENANCE_H

#include <stdint.h>

#include "base/status.h"
#include "queue/admission.h"
#include "queue/final_cache.h"
#include "queue/queue_figures.h"
#include "store/store.h"

struct maintenance;

struct maintenance_conf {
	struct store *store;         /* borrowed */
	struct admission *admission; /* borrowed */
	const char *data_dir;        /* borrowed */
	uint64_t disk_free_min_bytes;
	struct store_retention retention;
	struct final_cache *recent; /* borrowed; forgets what is deleted */
	struct hosts *hosts;        /* borrowed; told the time */
};

/**
 * maintenance_open - look at the disk once, then start the thread
 */
enum status maintenance_open(const struct maintenance_conf *conf,
    struct maintenance **ret_maintenance, struct error *error) NODISCARD;

/**
 * maintenance_stats - what has been deleted, since when the store has not answered, and what was
 * found at the latest look: the disk, and who has waited longest in each lane; any thread, no lock
 */
void maintenance_stats(const struct maintenance *maintenance, struct queue_stats *stats);

/* A look that is later than this will not come soon. */
#define MAINTENANCE_OVERDUE_MS 3000

/**
 * maintenance_oldest_ms - for how long the oldest task has waited: the arithmetic of
 * maintenance_stats. As it was at the latest look, so that who was taken up since then does not
 * seem to wait on; but looks that do not come any more are a reason to worry and no relief.
 * @since_ms: 0: nobody waited
 */
int64_t maintenance_oldest_ms(int64_t since_ms, int64_t looked_at_ms, int64_t now_ms);

/**
 * maintenance_close - stop and join the thread, free; NULL is fine
 */
void maintenance_close(struct maintenance *maintenance);

#endif
