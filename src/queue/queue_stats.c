/* SPDX-License-Identifier: MIT */
/*
 * The queue's figures, put together from those who keep them; see queue.h. Any thread; atomic words
 * alone are read, so nothing waits, whatever state the service is in.
 */
#include "queue/queue_parts.h"

void
queue_stats(struct queue *queue, struct queue_stats *ret_stats)
{
	const struct store_counts *counts = &ret_stats->store.counts;

	store_stats(queue->store, &ret_stats->store);
	admission_stats(&queue->admission, ret_stats);
	kind_figures_read(&queue->figures, ret_stats);
	maintenance_stats(queue->maintenance, ret_stats);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		struct lane_stats *stats = &ret_stats->lanes[lane];

		stats->queued = counts->queued_by_lane[lane];
		stats->scheduled = counts->held_by_lane[lane];
		stats->deferred = counts->deferred_by_lane[lane];
		stats->running = counts->running_by_lane[lane];
		/* Who was the oldest a moment ago may have been taken up. */
		if (stats->queued == 0)
			stats->oldest_wait_ms = 0;
	}
	hosts_stats(queue->hosts, &ret_stats->hosts);
	ret_stats->lanes[LANE_CPU].slots = queue->conf.cpu_executors;
	ret_stats->lanes[LANE_IO].slots = queue->conf.io_slots;
}
