/* SPDX-License-Identifier: MIT */
/*
 * Counting lookups; see fetch_lookups.h. libcurl does not tell when an abandoned lookup ends, but
 * its thread carries the name of the thread that started it (a new thread inherits it), and
 * /proc/self/task shows the names. The engine's thread alone.
 */
#include "kinds/fetch/fetch_lookups.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	COUNT_EVERY_MS = 100
};

static const char thread_name[] = "tq-fetch";

void
fetch_lookups_name_thread(void)
{
	(void)pthread_setname_np(pthread_self(), thread_name);
}

static bool
is_named_like_us(int tasks_fd, const char *task)
{
	char path[64], name[32];
	int length = snprintf(path, sizeof(path), "%s/comm", task);

	if (length < 0 || (size_t)length >= sizeof(path))
		return false;
	int fd = openat(tasks_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false; /* it has just ended */
	ssize_t size = read(fd, name, sizeof(name));
	(void)close(fd);
	return size == (ssize_t)sizeof(thread_name) && name[size - 1] == '\n' &&
	       memcmp(name, thread_name, sizeof(thread_name) - 1) == 0;
}

/* All lookup threads of the process, or false when nobody can say. */
static bool
count_threads(unsigned *ret_count)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned count = 0;

	if (tasks == NULL)
		return false;
	while ((entry = readdir(tasks)) != NULL)
		if (entry->d_name[0] != '.' && is_named_like_us(dirfd(tasks), entry->d_name))
			count++;
	(void)closedir(tasks);
	*ret_count = count > 0 ? count - 1 : 0; /* not us ourselves */
	return true;
}

bool
fetch_lookups_can_begin(struct fetch_lookups *lookups, unsigned max, int64_t now_mono_ms)
{
	unsigned alive;

	if (lookups->running + lookups->left_behind < max)
		return true;
	if (lookups->left_behind == 0 || lookups->running >= max ||
	    now_mono_ms - lookups->counted_mono_ms < COUNT_EVERY_MS)
		return false;
	lookups->counted_mono_ms = now_mono_ms;
	if (count_threads(&alive) && alive < lookups->left_behind)
		lookups->left_behind = alive;
	return lookups->running + lookups->left_behind < max;
}
