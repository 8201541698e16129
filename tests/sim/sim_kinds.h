/* SPDX-License-Identifier: MIT */
/*
 * The kinds of task of the simulated queue, in the place of the service's: "work" for the CPU lane,
 * which takes some time, and memory if its arguments say so, and ends in any way; "carry", the same
 * for the IO lane, many at a time, and some ask hosts; "prompt", whose result is at hand. How long
 * and how they end is drawn.
 */
#ifndef TASKQ_TESTS_SIM_KINDS_H
#define TASKQ_TESTS_SIM_KINDS_H

#include "kinds/kind.h"
#include "kinds/kind_settings.h"
#include "oracle.h"

extern const struct kind sim_work;
extern const struct kind sim_carry;
extern const struct kind sim_prompt;
extern const struct kind_settings sim_kind_settings;

/**
 * sim_kinds_begin - for one simulation
 * @executors: of the CPU lane, which runs no more at a time
 * @slots:     of the IO lane
 */
void sim_kinds_begin(struct sim *sim, struct oracle *oracle, size_t executors, size_t slots);

/* sim_kinds_set_rough - from now on: attempts that last, and outputs without space */
void sim_kinds_set_rough(bool is_rough);

/* What the attempts of the CPU lane take that are under way, in all services. */
struct sim_use {
	size_t executing;
	uint64_t bytes;
	int64_t changed_us; /* since when */
};

/**
 * sim_kinds_use      - what is in use now
 * sim_kinds_memory   - what an attempt of a task would take, as far as it is counted
 * sim_kinds_progress - how far the attempt of a claim is, in thousandths; -1: it has not told, or
 * is not under way
 */
struct sim_use sim_kinds_use(void);
uint64_t sim_kinds_memory(const char *type, const char *args);
int sim_kinds_progress(const char *id, int64_t lease);

/*
 * The hosts that are asked: one that is quick, one that is slow, and one that wants to be left
 * alone now and then.
 */
enum {
	SIM_HOSTS = 3,
	SIM_HOST_PLACES = 2,
	SIM_PAUSE_MAX_MS = 2500,
};

extern const char *const sim_hosts[SIM_HOSTS];

/**
 * sim_carry_is_paused - whether some service has been told to leave a host alone for now
 * sim_carry_watch     - in calm: nobody sits in the lane who waits for a slow host
 */
bool sim_carry_is_paused(size_t host);
void sim_carry_watch(void);

#endif
