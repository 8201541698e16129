/* SPDX-License-Identifier: MIT */
/*
 * The library's pread(2), watched; see sqlite_reads.h. Where a version of the library has no such
 * call to set, a failed read is damage to it, as ever. Any thread; nothing but the read blocks.
 */
#include "store/sqlite/sqlite_reads.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

typedef ssize_t (*read_call)(int fd, void *data, size_t size, off_t offset);

static read_call below; /* written before anything is opened */
static atomic_uint_fast64_t failed;

static ssize_t
watched_read(int fd, void *data, size_t size, off_t offset)
{
	ssize_t got = below(fd, data, size, offset);

	if (got < 0 && errno != EINTR) {
		atomic_fetch_add_explicit(&failed, 1, memory_order_relaxed);
		/* Not one of those that the library makes SQLITE_IOERR_CORRUPTFS of. */
		errno = EREMOTEIO;
	}
	return got;
}

void
sqlite_reads_setup(void)
{
	/* Which of the two there is was decided when the library was built. */
	static const char *const names[] = { "pread64", "pread" };
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	if (vfs == NULL || vfs->iVersion < 3 || vfs->xGetSystemCall == NULL ||
	    vfs->xSetSystemCall == NULL)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && below == NULL; i++) {
		below = (read_call)vfs->xGetSystemCall(vfs, names[i]);
		if (below != NULL && vfs->xSetSystemCall(vfs, names[i],
					 (sqlite3_syscall_ptr)watched_read) != SQLITE_OK)
			below = NULL;
	}
}

uint64_t
sqlite_reads_failed(void)
{
	return atomic_load_explicit(&failed, memory_order_relaxed);
}
