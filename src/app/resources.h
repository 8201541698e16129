/* SPDX-License-Identifier: MIT */
/*
 * What the machine gives us (cores, memory, descriptors; affinity, cgroup and rlimits included) and
 * how it is shared out. Called by the main thread before any other thread exists.
 */
#ifndef TASKQ_APP_RESOURCES_H
#define TASKQ_APP_RESOURCES_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct resources {
	unsigned cores;        /* usable at once: affinity and cgroup quota, at least 1 */
	uint64_t memory_bytes; /* physical or the cgroup's limit, whichever is less */
	uint64_t descriptors;  /* soft RLIMIT_NOFILE after it was raised to the hard one */
};

/* How many of each thing the service will use. */
struct budget {
	unsigned cpu_executors;
	unsigned fetch_in_flight;
	unsigned connections_max;
	unsigned connections_fuse;
	unsigned store_readers;
	size_t bodies_bytes;       /* request bodies in memory at once */
	uint64_t cpu_memory_bytes; /* what CPU tasks may compute in at once */
};

/**
 * resources_measure - look at the machine; raises the soft descriptor limit to the hard one
 */
void resources_measure(struct resources *ret_resources);

/**
 * resources_share - share them out
 * @connections: wanted, 0 for as many as fit up to the default
 * @fetches:     wanted at most
 * @executors:   wanted, 0 for one per core
 * Shrinks what does not fit. Returns OK, or FULL when not even the least that makes sense fits.
 */
enum status resources_share(const struct resources *resources, unsigned connections,
    unsigned fetches, unsigned executors, struct budget *ret_budget, struct error *error) NODISCARD;

#endif
