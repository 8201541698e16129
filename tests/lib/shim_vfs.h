/* SPDX-License-Identifier: MIT */
/*
 * A VFS in front of SQLite's own that lets a test decide what the disk does: fail the k-th write,
 * flush or truncation, hold flushes back, or lose power. It is SQLite's default VFS between
 * shim_vfs_install and shim_vfs_remove; one per process. Any thread.
 *
 * Power: while recording, the shim keeps what each database file would hold after a power cut, that
 * is, what was flushed, and lists what was written since. At the cut everything stops working, and
 * shim_vfs_write_image writes what the disk is found with.
 */
#ifndef TASKQ_TESTS_SHIM_VFS_H
#define TASKQ_TESTS_SHIM_VFS_H

#include <stdbool.h>

enum shim_op {
	SHIM_WRITE = 1,
	SHIM_SYNC = 2,
	SHIM_TRUNCATE = 4,
	SHIM_READ = 8,
	SHIM_ANY_CHANGE = SHIM_WRITE | SHIM_SYNC | SHIM_TRUNCATE,
};

/* What becomes of the writes that no flush had confirmed. */
enum shim_unflushed {
	SHIM_LOSE_ALL,
	SHIM_KEEP_ALL,
	SHIM_KEEP_SOME, /* a subset that follows from the seed, sectors of 512 bytes at a time */
};

void shim_vfs_install(void);
void shim_vfs_remove(void);

/**
 * shim_vfs_fail - let the `skip` + 1-th operation of a kind in `ops` from now on fail, and the
 * `times`
 * - 1 after it; the shared-memory file is left alone
 * @code: an SQLite result code, SQLITE_FULL for example
 * skip < 0: none.
 */
void shim_vfs_fail(unsigned ops, int skip, int times, int code);

/**
 * shim_vfs_fired - how many operations have failed since shim_vfs_fail
 */
int shim_vfs_fired(void);

/**
 * shim_vfs_hold_sync / shim_vfs_await_sync / shim_vfs_release_sync - let flushes wait, wait until
 * one does, let them go on
 */
void shim_vfs_hold_sync(void);
void shim_vfs_await_sync(void);
void shim_vfs_release_sync(void);

/**
 * shim_vfs_record - begin to record; every file opened from now on counts as flushed as it is then
 * @cut_after: operations (write, sync, truncate) until the power goes; < 0: never
 */
void shim_vfs_record(int cut_after);

/* shim_vfs_lie - flushes say that they are done, and flush nothing, until the recording ends */
void shim_vfs_lie(void);

/* shim_vfs_is_cut - whether the power has gone */
bool shim_vfs_is_cut(void);

/**
 * shim_vfs_write_image - write the files as they are found after the cut into a directory, under
 * their base names, and stop recording
 */
void shim_vfs_write_image(const char *dir, enum shim_unflushed unflushed, unsigned seed);

#endif
