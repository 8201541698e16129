/* SPDX-License-Identifier: MIT */
/* Limits of control groups, see cgroup.h and the kernel's admin-guide/cgroup-v2. Main thread. */
#include "app/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"

#define CORES_MOST 4096

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
	return true;
}

/* The first line of DIRECTORY/NAME; false where it does not fit or is not there. */
static bool
read_line(const char *directory, const char *name, char *ret_text, size_t size)
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (length < 0 || (size_t)length >= sizeof(path) || !read_small(path, ret_text, size))
		return false;
	ret_text[strcspn(ret_text, "\n")] = '\0';
	return true;
}

static bool
read_number(const char *directory, const char *name, uint64_t *ret_value)
{
	char text[64];
	return read_line(directory, name, text, sizeof(text)) &&
	       num_parse_u64(text, strlen(text), ret_value) == STATUS_OK;
}

static void
limit_cores(struct cgroup_limits *limits, uint64_t quota, uint64_t period)
{
	if (period == 0 || quota == 0)
		return;
	uint64_t cores = quota / period + (quota % period != 0 ? 1 : 0);
	if (cores > CORES_MOST)
		cores = CORES_MOST;
	if (limits->cores == 0 || cores < limits->cores)
		limits->cores = (unsigned)cores;
}

static void
limit_memory(struct cgroup_limits *limits, uint64_t bytes)
{
	if (bytes < limits->memory_bytes)
		limits->memory_bytes = bytes;
}

/* cpu.max is QUOTA PERIOD, of which the first may be the word max, as may memory.max. */
static void
limit_by_group(struct cgroup_limits *limits, const char *directory)
{
	uint64_t quota = 0;
	uint64_t period = 0;
	uint64_t bytes = 0;
	char text[64];
	if (read_line(directory, "cpu.max", text, sizeof(text))) {
		size_t size = strcspn(text, " ");
		if (text[size] == ' ' && num_parse_u64(text, size, &quota) == STATUS_OK &&
		    num_parse_u64(text + size + 1, strlen(text + size + 1), &period) == STATUS_OK)
			limit_cores(limits, quota, period);
	}
	if (read_number(directory, "memory.max", &bytes))
		limit_memory(limits, bytes);
}

/* The path of the process's group, "0::/PATH" of version 2; "" where there is none. */
static void
group_path(const char *membership, char *ret_path, size_t size)
{
	char text[PATH_MAX + 512];
	const char *line = read_small(membership, text, sizeof(text)) ? text : NULL;
	ret_path[0] = '\0';
	while (line != NULL) {
		size_t length = strcspn(line, "\n");
		if (strncmp(line, "0::/", 4) == 0 && length - 3 < size) {
			memcpy(ret_path, line + 3, length - 3);
			ret_path[length - 3] = '\0';
			return;
		}
		line = line[length] == '\n' ? line + length + 1 : NULL;
	}
}

void
cgroup_read(const char *membership, const char *mount, struct cgroup_limits *ret_limits)
{
	struct cgroup_limits limits = { .memory_bytes = UINT64_MAX };
	char path[PATH_MAX];
	char directory[PATH_MAX];
	uint64_t quota = 0;
	uint64_t period = 0;
	uint64_t bytes = 0;
	group_path(membership, path, sizeof(path));
	/* From its own group upwards, and the root of what is seen in the end. */
	for (char *slash = path; slash != NULL;) {
		int length = snprintf(directory, sizeof(directory), "%s%s", mount, path);
		if (length > 0 && (size_t)length < sizeof(directory))
			limit_by_group(&limits, directory);
		slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = '\0';
	}
	/* Version 1; a quota of -1 is not a number: no quota. */
	if (read_number(mount, "cpu/cpu.cfs_quota_us", &quota) &&
	    read_number(mount, "cpu/cpu.cfs_period_us", &period))
		limit_cores(&limits, quota, period);
	if (read_number(mount, "memory/memory.limit_in_bytes", &bytes))
		limit_memory(&limits, bytes);
	*ret_limits = limits;
}
