/* SPDX-License-Identifier: MIT */
/*
 * The inside of a queue, shared by queue.c, queue_submit.c and queue_stats.c. For those alone.
 */
#ifndef TASKQ_QUEUE_QUEUE_PARTS_H
#define TASKQ_QUEUE_QUEUE_PARTS_H

#include "queue/admission.h"
#include "queue/final_cache.h"
#include "queue/hosts.h"
#include "queue/kind_figures.h"
#include "queue/lane.h"
#include "queue/maintenance.h"
#include "queue/progress_board.h"
#include "queue/queue.h"
#include "queue/timekeeper.h"
#include "queue/waiters.h"

struct queue {
	struct queue_conf conf;
	struct store *store;
	struct admission admission;
	struct lane_pool *lanes[LANE_COUNT];
	struct maintenance *maintenance;
	struct timekeeper *timekeeper;
	struct final_cache *recent; /* final tasks, for readers */
	struct hosts *hosts;        /* whom the tasks of the IO lane ask */
	struct waiters *waiters;    /* readers that wait for what becomes of a task */
	struct progress_board *progress;
	struct kind_figures figures;
};

#endif
