/* SPDX-License-Identifier: MIT */
/*
 * What this process uses of the machine, as the kernel says. Any thread.
 */
#ifndef TASKQ_BASE_PROCESS_USAGE_H
#define TASKQ_BASE_PROCESS_USAGE_H

#include <stdint.h>

#define PROCESS_USAGE_UNKNOWN (-1)

/* Each is PROCESS_USAGE_UNKNOWN where the kernel does not tell. */
struct process_usage {
	int64_t rss_bytes;     /* memory that is resident */
	int64_t virtual_bytes; /* addresses that are in use */
	int64_t descriptors;
	int64_t descriptors_max; /* that may be open */
	int64_t threads;
	int64_t cpu_us; /* of all threads since start, in user and kernel mode */
};

/**
 * process_usage_read - ask the kernel now
 * Some microseconds, and more with thousands of threads, whose times are added up; before Linux
 * 6.2 the descriptors are counted one by one as well. Whoever answers many callers keeps what was
 * read for a while.
 */
void process_usage_read(struct process_usage *ret_usage);

#endif
