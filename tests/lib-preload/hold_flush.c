/* SPDX-License-Identifier: MIT */
/*
 * A disk that does not answer, for tests: preloaded into the daemon (build/tests/hold_flush.so).
 * While the file that TASKQ_HOLD_FLUSH names is there, fsync(2) and fdatasync(2) do not return. Any
 * thread.
 */
#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_MS 5

static int
flush(const char *name, int fd)
{
	const char *hold = getenv("TASKQ_HOLD_FLUSH");
	int (*next)(int fd) = NULL;

	*(void **)&next = dlsym(RTLD_NEXT, name);
	while (hold != NULL && access(hold, F_OK) == 0)
		(void)poll(NULL, 0, LOOK_MS);
	return next(fd);
}

int
fsync(int fd)
{
	return flush("fsync", fd);
}

int
fdatasync(int fd)
{
	return flush("fdatasync", fd);
}
