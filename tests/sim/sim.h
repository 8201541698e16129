/* SPDX-License-Identifier: MIT */
/*
 * A simulation's randomness and its options. Everything that a simulation does follows from its
 * seed, so that a failure can be had again.
 */
#ifndef TASKQ_TESTS_SIM_H
#define TASKQ_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim {
	uint64_t seed;
	uint64_t state;
	uint64_t step;
	uint64_t steps;      /* that were asked for */
	const char *program; /* with its options but for seed and steps: how to run it again */
};

uint64_t sim_random(struct sim *sim);

/* sim_below - one of 0 to n - 1 */
uint64_t sim_below(struct sim *sim, uint64_t n);

/* sim_between - one of least to most */
int64_t sim_between(struct sim *sim, int64_t least, int64_t most);

/* sim_chance - true so many times in a thousand */
bool sim_chance(struct sim *sim, unsigned per_mille);

/* sim_fail - tell what is wrong and how to have it again; ends the process */
_Noreturn void sim_fail(const struct sim *sim, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * sim_begin - set the seed, or one of chance where it is 0
 */
void sim_begin(struct sim *sim, const char *program, uint64_t seed, uint64_t steps);

/**
 * sim_main - what the programs have in common: without arguments the short form of each
 * simulation, told as TAP; or `--steps N --seed S NAME` for one of them
 * @names: ends with NULL
 * @short_steps: of each
 * @run: runs a simulation to its end
 */
int sim_main(int argc, char *argv[], const char *const *names, const uint64_t *short_steps,
    void (*run)(struct sim *sim, size_t which));

#endif
