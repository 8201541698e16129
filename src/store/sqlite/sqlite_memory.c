/* SPDX-License-Identifier: MIT */
/*
 * The library has xRoundup for this, but asks it before an allocation only while it keeps figures
 * of its memory.
 */
#include "store/sqlite/sqlite_memory.h"

#include <sqlite3.h>

#include "base/block_size.h"

static sqlite3_mem_methods library;

/* SQLite asks for 1 to 2^31 - 1 bytes. */
static void *
allocate(int size)
{
	return library.xMalloc((int)block_size((size_t)size));
}

static void *
reallocate(void *block, int size)
{
	return library.xRealloc(block, (int)block_size((size_t)size));
}

void
sqlite_memory_setup(void)
{
	sqlite3_mem_methods ours;

	/* MISUSE, when the library is in use already, only costs speed and some memory. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &library) != SQLITE_OK)
		return;
	ours = library;
	ours.xMalloc = allocate;
	ours.xRealloc = reallocate;
	(void)sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
}
