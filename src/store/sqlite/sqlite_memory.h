/* SPDX-License-Identifier: MIT */
/*
 * SQLite's memory. A statement keeps the room for its values and cursors from one use to the next,
 * and with a pool of readers the next use is another thread's: what one allocates another frees.
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_MEMORY_H
#define TASKQ_STORE_SQLITE_SQLITE_MEMORY_H

/**
 * sqlite_memory_setup - let SQLite allocate in the sizes of base/block_size.h and keep no figures
 * of its memory, which would cost it a lock for every block
 *
 * Once, before any other use of the library; later it does nothing.
 */
void sqlite_memory_setup(void);

#endif
