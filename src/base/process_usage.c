/* SPDX-License-Identifier: MIT */
/*
 * Figures from /proc/self; see process_usage.h. Any thread; keeps nothing. proc(5) has the formats.
 */
#include "base/process_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"

/* /proc/self/status has about 1,500 bytes. */
#define STATUS_MAX_BYTES 4096

/* The number of a line "\nName:\t  123 kB". */
static int64_t
status_number(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	uint64_t value;

	if (at == NULL)
		return PROCESS_USAGE_UNKNOWN;
	at += strlen(name);
	at += strspn(at, " \t");
	if (num_parse_u64(at, strspn(at, "0123456789"), &value) != STATUS_OK ||
	    value > INT64_MAX / 1024)
		return PROCESS_USAGE_UNKNOWN;
	return (int64_t)value;
}

static void
read_status(struct process_usage *usage)
{
	char text[STATUS_MAX_BYTES];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int64_t rss_kib, virtual_kib;

	if (fd >= 0)
		(void)close(fd);
	if (size <= 0)
		return;
	text[size] = '\0';
	rss_kib = status_number(text, "\nVmRSS:");
	virtual_kib = status_number(text, "\nVmSize:");
	if (rss_kib != PROCESS_USAGE_UNKNOWN)
		usage->rss_bytes = rss_kib * 1024;
	if (virtual_kib != PROCESS_USAGE_UNKNOWN)
		usage->virtual_bytes = virtual_kib * 1024;
	usage->threads = status_number(text, "\nThreads:");
}

/* Since Linux 6.2 the directory's size is the number; before it is 0. */
static int64_t
count_descriptors(void)
{
	struct stat info;
	DIR *dir;
	int64_t count = 0;

	if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0)
		return info.st_size;
	dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return PROCESS_USAGE_UNKNOWN;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.')
			count++;
	(void)closedir(dir);
	return count - 1; /* the directory itself */
}

void
process_usage_read(struct process_usage *ret_usage)
{
	struct process_usage usage = {
		.rss_bytes = PROCESS_USAGE_UNKNOWN,
		.virtual_bytes = PROCESS_USAGE_UNKNOWN,
		.descriptors_max = PROCESS_USAGE_UNKNOWN,
		.threads = PROCESS_USAGE_UNKNOWN,
		.cpu_us = PROCESS_USAGE_UNKNOWN,
	};
	struct rlimit limit;
	struct timespec cpu;

	read_status(&usage);
	usage.descriptors = count_descriptors();
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= INT64_MAX)
		usage.descriptors_max = (int64_t)limit.rlim_cur;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		usage.cpu_us = (int64_t)cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000;
	*ret_usage = usage;
}
