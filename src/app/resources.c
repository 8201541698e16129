/* SPDX-License-Identifier: MIT */
/*
 * Cores, memory and descriptors; see resources.h. What cannot be found out does not limit.
 */
#include "app/resources.h"

#include <inttypes.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "app/cgroup.h"

enum {
	CONNECTIONS_DEFAULT = 4096,
	CONNECTIONS_LEAST = 16,
	FETCHES_LEAST = 4,
	/* Database, log, listening socket, timers, the libraries' own; and 64 spill files of
	   factorials that wait to be written. */
	DESCRIPTORS_FIXED = 128,
	/* A socket, a resolver's pair, a spill file, its share of the connection cache. */
	DESCRIPTORS_PER_FETCH = 6,
	DESCRIPTORS_PER_READER = 3,
	/* Stack in use, libmicrohttpd's pool, a response; measured at 54 KB with a pool of
	   32 KiB, at 17 less with the present one of 16. */
	MEMORY_PER_CONNECTION = 64 * 1024,
	/* A sixteenth of the memory for request bodies, which parsing doubles; within these. */
	BODIES_SHARE = 16,
	/* A quarter for what factorials are computed in. */
	CPU_MEMORY_SHARE = 4,
	BODIES_LEAST_BYTES = 4 * 1024 * 1024,
	BODIES_MOST_BYTES = 256 * 1024 * 1024,
};

static unsigned
usable_cores(const struct cgroup_limits *limits)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
	if (count <= 0)
		count = (int)sysconf(_SC_NPROCESSORS_ONLN);
	unsigned cores = count > 0 ? (unsigned)count : 1;
	return limits->cores > 0 && limits->cores < cores ? limits->cores : cores;
}

static uint64_t
usable_memory(const struct cgroup_limits *limits)
{
	struct sysinfo info;
	uint64_t bytes = sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : UINT64_MAX;
	return limits->memory_bytes < bytes ? limits->memory_bytes : bytes;
}

static uint64_t
raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1024;
	rlim_t soft = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	/* Where the hard limit cannot be had, the soft one stays in force. */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		soft = limit.rlim_cur;
	return soft == RLIM_INFINITY ? 1U << 20 : (uint64_t)soft;
}

void
resources_measure(struct resources *ret_resources)
{
	struct cgroup_limits limits;
	cgroup_read("/proc/self/cgroup", "/sys/fs/cgroup", &limits);
	ret_resources->cores = usable_cores(&limits);
	ret_resources->memory_bytes = usable_memory(&limits);
	ret_resources->descriptors = raise_descriptors();
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

enum status
resources_share(const struct resources *resources, unsigned connections, unsigned fetches,
    unsigned executors, struct budget *ret_budget, struct error *error)
{
	struct budget budget = {
		.cpu_executors = executors > 0 ? executors : resources->cores,
		.store_readers = resources->cores < 8 ? 4 : 8,
		.cpu_memory_bytes = resources->memory_bytes / CPU_MEMORY_SHARE,
	};
	uint64_t bodies = least(resources->memory_bytes / BODIES_SHARE, BODIES_MOST_BYTES);
	budget.bodies_bytes = bodies < BODIES_LEAST_BYTES ? BODIES_LEAST_BYTES : (size_t)bodies;
	uint64_t fixed =
	    DESCRIPTORS_FIXED + (uint64_t)DESCRIPTORS_PER_READER * budget.store_readers;
	uint64_t left = resources->descriptors > fixed ? resources->descriptors - fixed : 0;

	/* Fetches get at most a third of what there is. */
	uint64_t fetch_max = left / 3 / DESCRIPTORS_PER_FETCH;
	budget.fetch_in_flight = (unsigned)least(fetches, fetch_max);
	left -= (uint64_t)budget.fetch_in_flight * DESCRIPTORS_PER_FETCH;

	/*
	 * A connection takes a socket and, while a large result is sent, a file. Above the maximum
	 * there is room for those that are told to come back later: at least half as many again.
	 */
	uint64_t wanted = connections > 0 ? connections : CONNECTIONS_DEFAULT;
	wanted = least(wanted, left * 2 / 5);
	if (connections == 0)
		wanted = least(wanted, resources->memory_bytes / 4 / MEMORY_PER_CONNECTION);
	budget.connections_max = (unsigned)wanted;
	budget.connections_fuse = (unsigned)least(wanted * 2 + 64, left - wanted);

	if (budget.connections_max < CONNECTIONS_LEAST ||
	    budget.fetch_in_flight < least(fetches, FETCHES_LEAST))
		return error_set(error, STATUS_FULL,
		    "%" PRIu64 " descriptors (RLIMIT_NOFILE) leave %u connections and %u fetches; "
		    "at least %d and %d are needed",
		    resources->descriptors, budget.connections_max, budget.fetch_in_flight,
		    CONNECTIONS_LEAST, FETCHES_LEAST);
	*ret_budget = budget;
	return STATUS_OK;
}
