/* SPDX-License-Identifier: MIT */
/*
 * Attempts of the simulated kinds, from their begin to their end, and what the kind that asks hosts
 * (sim_carry.c) has to do with them. For sim_kinds.c and sim_carry.c alone.
 */
#ifndef TASKQ_TESTS_SIM_ATTEMPTS_H
#define TASKQ_TESTS_SIM_ATTEMPTS_H

#include "sim_kinds.h"

#define SIM_LOOK_US 50000 /* between two looks at the word of those who may end an attempt */

/* An attempt under way. */
struct under_way {
	struct run *run; /* NULL: none */
	int64_t until_us;
};

/**
 * sim_attempt_begin   - hold it against what there is, and draw how long it takes
 * sim_attempt_is_over - and if it is, its outcome is there; who began it sets its run to NULL then
 */
struct under_way *sim_attempt_begin(struct run *run);
bool sim_attempt_is_over(const struct under_way *under_way);

/**
 * sim_carry_begin    - for one simulation
 * sim_carry_lasts_us - how long an attempt takes that asks a host; -1: it asks none
 * sim_carry_conclude - what its host says beside its outcome
 */
void sim_carry_begin(struct sim *sim, struct oracle *oracle, size_t slots);
int64_t sim_carry_lasts_us(const struct run *run);
void sim_carry_conclude(struct run *run);

#endif
