/* SPDX-License-Identifier: MIT */
/*
 * Reads that fail. The library takes a read that the disk refuses (EIO, ENXIO, ERANGE) for damage
 * of the file, and says SQLITE_CORRUPT; what cannot be read now tells nothing of what is there, so
 * here it is an I/O error. That is decided in the library's own call of pread(2).
 */
#ifndef TASKQ_STORE_SQLITE_SQLITE_READS_H
#define TASKQ_STORE_SQLITE_SQLITE_READS_H

#include <stdint.h>

/**
 * sqlite_reads_setup - watch the reads of the library's default VFS; once in a process, after the
 * library's configuration and before anything is opened
 */
void sqlite_reads_setup(void);

/**
 * sqlite_reads_failed - how many reads have failed so far, of all connections; any thread
 * A check of a whole database puts such failures into words, among those for damage.
 */
uint64_t sqlite_reads_failed(void);

#endif
