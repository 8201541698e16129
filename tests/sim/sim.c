/* SPDX-License-Identifier: MIT */
/* See sim.h. */
#include "sim.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* splitmix64 (Steele, Lea, Flood 2014): any state will do. */
uint64_t
sim_random(struct sim *sim)
{
	uint64_t z = sim->state += 0x9E3779B97F4A7C15U;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
	z = (z ^ z >> 27) * 0x94D049BB133111EBU;
	return z ^ z >> 31;
}

uint64_t
sim_below(struct sim *sim, uint64_t n)
{
	return sim_random(sim) % n;
}

int64_t
sim_between(struct sim *sim, int64_t least, int64_t most)
{
	return least + (int64_t)sim_below(sim, (uint64_t)(most - least) + 1);
}

bool
sim_chance(struct sim *sim, unsigned per_mille)
{
	return sim_below(sim, 1000) < per_mille;
}

void
sim_fail(const struct sim *sim, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "step %llu, seed %llu: ", (unsigned long long)sim->step,
	    (unsigned long long)sim->seed);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\nagain: %s --steps %llu --seed %llu\n", sim->program,
	    (unsigned long long)sim->steps, (unsigned long long)sim->seed);
	va_end(ap);
	fflush(NULL);
	_exit(1);
}

void
sim_begin(struct sim *sim, const char *program, uint64_t seed, uint64_t steps)
{
	uint32_t chosen = 0;

	if (seed == 0 && getrandom(&chosen, sizeof(chosen), 0) == sizeof(chosen))
		seed = (uint64_t)chosen + 1;
	*sim = (struct sim){ .seed = seed, .state = seed, .steps = steps, .program = program };
}

static double
seconds(void)
{
	struct timespec now;

	/* Not by clock_gettime, which a simulation may have wrapped. */
	(void)timespec_get(&now, TIME_UTC);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
run_one(const char *program, const char *name, size_t which, uint64_t seed, uint64_t steps,
    void (*run)(struct sim *sim, size_t which))
{
	char command[512];
	double began_s = seconds();
	struct sim sim;

	(void)snprintf(command, sizeof(command), "%s %s", program, name);
	sim_begin(&sim, command, seed, steps);
	/* First of all, for whoever has to end it. */
	printf("# %s --steps %llu --seed %llu\n", command, (unsigned long long)steps,
	    (unsigned long long)sim.seed);
	fflush(stdout);
	run(&sim, which);
	printf("ok %zu - %s: %llu steps in %.1f s\n", which + 1, name, (unsigned long long)steps,
	    seconds() - began_s);
	fflush(stdout);
}

/* Each step takes several times as long where a sanitizer watches it. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#	define SANITIZED_SHARE 5
#else
#	define SANITIZED_SHARE 1
#endif

int
sim_main(int argc, char *argv[], const char *const *names, const uint64_t *short_steps,
    void (*run)(struct sim *sim, size_t which))
{
	static const struct option options[] = {
		{ "steps", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t steps = 0, seed = 0;
	size_t count = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			steps = strtoull(optarg, NULL, 10);
		else if (option == 'r')
			seed = strtoull(optarg, NULL, 10);
		else
			optind = argc + 1;
	}
	for (; names[count] != NULL; count++) {
		if (optind == argc ||
		    (optind == argc - 1 && strcmp(argv[optind], names[count]) == 0))
			run_one(argv[0], names[count], count, seed,
			    steps > 0 ? steps : short_steps[count] / SANITIZED_SHARE, run);
	}
	if (optind == argc || optind == argc - 1)
		return 0;
	fprintf(stderr, "usage: %s [--steps N] [--seed S] [NAME]\n", argv[0]);
	return 2;
}
