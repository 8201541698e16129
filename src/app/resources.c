/* SPDX-License-Identifier: MIT */
/*
 * Cores, memory and descriptors; see resources.h. cgroup v2 and v1 are asked where they are mounted
 * in the usual place; what cannot be read does not limit.
 */
#include "app/resources.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/num.h"

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

/* Reads a small file of the kernel's into text; false when it is not there. */
static bool
read_small(const char *path, char *ret_text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t got = read(fd, ret_text, size - 1);
	close(fd);
	if (got <= 0)
		return false;
	ret_text[got] = '\0';
	ret_text[strcspn(ret_text, "\n")] = '\0';
	return true;
}

static bool
read_number(const char *path, uint64_t *ret_value)
{
	char text[64];
	return read_small(path, text, sizeof(text)) &&
	       num_parse_u64(text, strlen(text), ret_value) == STATUS_OK;
}

/* The cgroup's CPU quota in whole cores, rounded up; 0 for none. */
static unsigned
cgroup_cores(void)
{
	uint64_t quota = 0;
	uint64_t period = 0;
	char text[64];
	if (read_small("/sys/fs/cgroup/cpu.max", text, sizeof(text))) {
		char *space = strchr(text, ' ');
		if (space == NULL)
			return 0;
		size_t quota_size = (size_t)(space - text);
		if (num_parse_u64(text, quota_size, &quota) != STATUS_OK ||
		    num_parse_u64(space + 1, strlen(space + 1), &period) != STATUS_OK)
			return 0; /* "max": no quota */
	} else if (!read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota) ||
		   !read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period)) {
		return 0; /* a quota of -1 is not a number: no quota */
	}
	if (period == 0 || quota == 0)
		return 0;
	uint64_t cores = (quota + period - 1) / period;
	return cores < 4096 ? (unsigned)cores : 4096;
}

static unsigned
usable_cores(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
	if (count <= 0)
		count = (int)sysconf(_SC_NPROCESSORS_ONLN);
	unsigned cores = count > 0 ? (unsigned)count : 1;
	unsigned quota = cgroup_cores();
	return quota > 0 && quota < cores ? quota : cores;
}

static uint64_t
usable_memory(void)
{
	struct sysinfo info;
	uint64_t bytes = sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : UINT64_MAX;
	uint64_t limit;
	if ((read_number("/sys/fs/cgroup/memory.max", &limit) ||
		read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", &limit)) &&
	    limit < bytes)
		bytes = limit;
	return bytes;
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
	ret_resources->cores = usable_cores();
	ret_resources->memory_bytes = usable_memory();
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
