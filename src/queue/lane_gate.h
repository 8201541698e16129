/* SPDX-License-Identifier: MIT */
/*
 * The gate of a lane's claims: which task may go to its host, and what is recalled. For
 * lane_claimer.c alone, whose thread it runs in, but for what the store asks during a claim.
 */
#ifndef TASKQ_QUEUE_LANE_GATE_H
#define TASKQ_QUEUE_LANE_GATE_H

#include "queue/hosts.h"
#include "queue/lane_pool.h"

struct lane_gate {
	struct lane_pool *lane;
	struct store_gate store;
	struct hosts_recalls recalls;
	int64_t now_mono_ms;
	bool is_isolated; /* the claim is for those that run alone */
	size_t judged;    /* tasks */
	struct run_host
	    *admitted[LANE_BATCH_MAX]; /* of each task, in order; NULL: it asks nobody */
	size_t count;
};

/**
 * lane_gate_find - have hosts know for which of them the store has deferred tasks; at the start of
 * the lane, and where the store has some that nobody knows of
 */
enum status lane_gate_find(struct lane_pool *lane, struct error *error) NODISCARD;

/**
 * lane_gate_claim - claim tasks that may be executed, after recalling what may be recalled
 * @gate: its recalls are set by hosts_begin_recalls, or are none
 * On OK each task has its host in gate->admitted. Admission knows of everything but the tasks.
 */
enum status lane_gate_claim(struct lane_gate *gate, bool isolated, size_t max,
    struct task *ret_tasks, size_t *ret_count, struct error *error) NODISCARD;

#endif
