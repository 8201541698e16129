/* SPDX-License-Identifier: MIT */
/*
 * What the kinds' attempts come to in numbers, and the pulses of the IO kinds' engines: a place for
 * each kind of the table. It outlives the lanes, so that it can be read while they end. Any thread.
 */
#ifndef TASKQ_QUEUE_KIND_FIGURES_H
#define TASKQ_QUEUE_KIND_FIGURES_H

#include "base/pulse.h"
#include "kinds/kind.h"
#include "queue/queue_figures.h"

struct kind_figures {
	struct run_figures runs[QUEUE_KINDS_MAX];
	struct pulse pulses[QUEUE_KINDS_MAX]; /* of those with an engine; else asleep */
};

void kind_figures_init(struct kind_figures *figures);

/**
 * kind_figures_runs / kind_figures_pulse - of a kind of the table
 */
struct run_figures *kind_figures_runs(struct kind_figures *figures, const struct kind *kind);
struct pulse *kind_figures_pulse(struct kind_figures *figures, const struct kind *kind);

/**
 * kind_figures_read - its part of queue_stats: what is executed, and the types with what was
 * @stats: the store's part is there
 */
void kind_figures_read(const struct kind_figures *figures, struct queue_stats *stats);

#endif
