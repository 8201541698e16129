/* SPDX-License-Identifier: MIT */
/*
 * The maintenance thread: once a second it measures the drain rates, looks at the free disk space
 * and gives the store a slice of time for its housekeeping.
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
};

/**
 * maintenance_open - look at the disk once, then start the thread
 */
enum status maintenance_open(const struct maintenance_conf *conf,
    struct maintenance **ret_maintenance, struct error *error) NODISCARD;

/**
 * maintenance_stats - fill in what has been deleted, and since when the store has not answered; any
 * thread
 */
void maintenance_stats(const struct maintenance *maintenance, struct queue_stats *stats);

/**
 * maintenance_close - stop and join the thread, free; NULL is fine
 */
void maintenance_close(struct maintenance *maintenance);

#endif
