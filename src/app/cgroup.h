/* SPDX-License-Identifier: MIT */
/*
 * What the control groups let this process have. With version 2 its own group and each group above
 * it, as systemd nests them, may set a limit; in a container the group is the root of what is seen.
 * With version 1 only the latter is asked. Main thread.
 */
#ifndef TASKQ_APP_CGROUP_H
#define TASKQ_APP_CGROUP_H

#include <stdint.h>

struct cgroup_limits {
	unsigned cores;        /* the quota of processor time, rounded up; 0: none */
	uint64_t memory_bytes; /* UINT64_MAX: no limit */
};

/**
 * cgroup_read - the least of all limits; what cannot be read does not limit
 * @membership: a file as /proc/self/cgroup
 * @mount:      a directory as /sys/fs/cgroup
 */
void cgroup_read(const char *membership, const char *mount, struct cgroup_limits *ret_limits);

#endif
