/* SPDX-License-Identifier: MIT */
/*
 * The tests' VFS. Everything goes to the VFS that was the default before, after the shim had its
 * say. One lock guards the one state; flushes wait without it.
 */
#include "shim_vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR    512
#define FILES_MAX 8

/* A write or truncation that no flush has confirmed. */
struct pending {
	struct pending *next;
	sqlite3_int64 offset; /* of the write; the size of a truncation */
	size_t size;
	bool is_truncation;
	unsigned char data[];
};

/* What a power cut would leave of a file. */
struct recorded {
	char path[512];
	unsigned char *flushed;
	size_t flushed_size;
	struct pending *first;
	struct pending **end;
};

struct shim_file {
	sqlite3_file base;
	struct recorded *recorded; /* NULL unless it is a recorded file */
				   /* The file of the VFS below follows. */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	sqlite3_vfs vfs;
	sqlite3_vfs *below;
	sqlite3_io_methods methods;

	unsigned fail_ops;
	int fail_skip;
	int fail_times;
	int fail_code;
	int fired;

	bool is_sync_held;
	int syncs_waiting;

	bool is_recording;
	int cut_after;
	bool is_cut;
	bool is_lying;
	struct recorded files[FILES_MAX];
	size_t file_count;
} shim = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void *
must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static sqlite3_file *
below(sqlite3_file *file)
{
	return (sqlite3_file *)((char *)file + sizeof(struct shim_file));
}

/* Whether an operation is to fail, and how; counts it. Called with the lock held. */
static int
judge(enum shim_op op)
{
	if (shim.is_cut)
		return SQLITE_IOERR;
	if (shim.is_recording && op != SHIM_READ && shim.cut_after >= 0 && shim.cut_after-- == 0) {
		shim.is_cut = true;
		return SQLITE_IOERR;
	}
	if ((shim.fail_ops & op) == 0 || shim.fail_skip < 0 || shim.fail_times == 0)
		return SQLITE_OK;
	if (shim.fail_skip > 0) {
		shim.fail_skip--;
		return SQLITE_OK;
	}
	shim.fail_times--;
	shim.fired++;
	return shim.fail_code;
}

static void
flushed_resize(struct recorded *recorded, size_t size)
{
	if (size > recorded->flushed_size) {
		recorded->flushed = must(realloc(recorded->flushed, size));
		memset(
		    recorded->flushed + recorded->flushed_size, 0, size - recorded->flushed_size);
	}
	recorded->flushed_size = size;
}

static void
flushed_write(struct recorded *recorded, size_t offset, const unsigned char *data, size_t size)
{
	if (offset + size > recorded->flushed_size)
		flushed_resize(recorded, offset + size);
	memcpy(recorded->flushed + offset, data, size);
}

static void
pending_add(struct recorded *recorded, bool is_truncation, const void *data, size_t size,
    sqlite3_int64 offset)
{
	struct pending *pending = must(malloc(sizeof(*pending) + size));

	*pending =
	    (struct pending){ .offset = offset, .size = size, .is_truncation = is_truncation };
	if (size > 0)
		memcpy(pending->data, data, size);
	*recorded->end = pending;
	recorded->end = &pending->next;
}

static unsigned
next_random(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static void
pending_apply(struct recorded *recorded, const struct pending *pending,
    enum shim_unflushed unflushed, unsigned *seed)
{
	size_t offset = (size_t)pending->offset;

	if (pending->is_truncation) {
		if (unflushed == SHIM_KEEP_ALL || next_random(seed) % 2 == 0)
			flushed_resize(recorded, offset);
		return;
	}
	for (size_t at = 0; at < pending->size;) {
		size_t part = SECTOR - (offset + at) % SECTOR;

		if (part > pending->size - at)
			part = pending->size - at;
		if (unflushed == SHIM_KEEP_ALL || next_random(seed) % 2 == 0)
			flushed_write(recorded, offset + at, pending->data + at, part);
		at += part;
	}
}

/* Takes the unflushed writes off the list, applying what is kept of them. */
static void
pending_settle(struct recorded *recorded, enum shim_unflushed unflushed, unsigned seed)
{
	struct pending *pending = recorded->first;

	while (pending != NULL) {
		struct pending *next = pending->next;

		if (unflushed != SHIM_LOSE_ALL)
			pending_apply(recorded, pending, unflushed, &seed);
		free(pending);
		pending = next;
	}
	recorded->first = NULL;
	recorded->end = &recorded->first;
}

static int
shim_close(sqlite3_file *file)
{
	return below(file)->pMethods->xClose(below(file));
}

static int
shim_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
	int rc;

	pthread_mutex_lock(&shim.lock);
	rc = judge(SHIM_READ);
	pthread_mutex_unlock(&shim.lock);
	return rc != SQLITE_OK ? rc : below(file)->pMethods->xRead(below(file), data, size, offset);
}

static int
shim_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
	struct recorded *recorded = ((struct shim_file *)file)->recorded;
	int rc;

	pthread_mutex_lock(&shim.lock);
	rc = judge(SHIM_WRITE);
	if (rc == SQLITE_OK && recorded != NULL && shim.is_recording)
		pending_add(recorded, false, data, (size_t)size, offset);
	pthread_mutex_unlock(&shim.lock);
	return rc != SQLITE_OK ? rc
			       : below(file)->pMethods->xWrite(below(file), data, size, offset);
}

static int
shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct recorded *recorded = ((struct shim_file *)file)->recorded;
	int rc;

	pthread_mutex_lock(&shim.lock);
	rc = judge(SHIM_TRUNCATE);
	if (rc == SQLITE_OK && recorded != NULL && shim.is_recording)
		pending_add(recorded, true, NULL, 0, size);
	pthread_mutex_unlock(&shim.lock);
	return rc != SQLITE_OK ? rc : below(file)->pMethods->xTruncate(below(file), size);
}

static int
shim_sync(sqlite3_file *file, int flags)
{
	struct recorded *recorded = ((struct shim_file *)file)->recorded;
	int rc;

	(void)flags; /* the file system of the tests is not what is tested: no real flush */
	pthread_mutex_lock(&shim.lock);
	shim.syncs_waiting++;
	pthread_cond_broadcast(&shim.changed);
	while (shim.is_sync_held)
		pthread_cond_wait(&shim.changed, &shim.lock);
	shim.syncs_waiting--;
	rc = judge(SHIM_SYNC);
	if (rc == SQLITE_OK && recorded != NULL && shim.is_recording && !shim.is_lying)
		pending_settle(recorded, SHIM_KEEP_ALL, 0);
	pthread_mutex_unlock(&shim.lock);
	return rc;
}

static int
shim_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return below(file)->pMethods->xFileSize(below(file), size);
}

static int
shim_lock(sqlite3_file *file, int level)
{
	return below(file)->pMethods->xLock(below(file), level);
}

static int
shim_unlock(sqlite3_file *file, int level)
{
	return below(file)->pMethods->xUnlock(below(file), level);
}

static int
shim_check_reserved(sqlite3_file *file, int *result)
{
	return below(file)->pMethods->xCheckReservedLock(below(file), result);
}

static int
shim_control(sqlite3_file *file, int op, void *arg)
{
	return below(file)->pMethods->xFileControl(below(file), op, arg);
}

static int
shim_sector_size(sqlite3_file *file)
{
	return below(file)->pMethods->xSectorSize(below(file));
}

static int
shim_characteristics(sqlite3_file *file)
{
	return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

static int
shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
	return below(file)->pMethods->xShmMap(below(file), page, size, extend, memory);
}

static int
shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return below(file)->pMethods->xShmLock(below(file), offset, n, flags);
}

static void
shim_shm_barrier(sqlite3_file *file)
{
	below(file)->pMethods->xShmBarrier(below(file));
}

static int
shim_shm_unmap(sqlite3_file *file, int delete)
{
	return below(file)->pMethods->xShmUnmap(below(file), delete);
}

static const sqlite3_io_methods shim_methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_file_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_check_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector_size,
	.xDeviceCharacteristics = shim_characteristics,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

/* The record of a path, made from the file as it is when it is seen first. Lock held. */
static struct recorded *
record_of(const char *path, sqlite3_file *file)
{
	struct recorded *recorded;
	sqlite3_int64 size = 0;

	for (size_t i = 0; i < shim.file_count; i++) {
		if (strcmp(shim.files[i].path, path) == 0)
			return &shim.files[i];
	}
	assert(shim.file_count < FILES_MAX);
	recorded = &shim.files[shim.file_count++];
	*recorded = (struct recorded){ .end = &recorded->first };
	(void)snprintf(recorded->path, sizeof(recorded->path), "%s", path);
	if (file->pMethods->xFileSize(file, &size) != SQLITE_OK)
		abort();
	flushed_resize(recorded, (size_t)size);
	if (size > 0 && file->pMethods->xRead(file, recorded->flushed, (int)size, 0) != SQLITE_OK)
		abort();
	return recorded;
}

static int
shim_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct shim_file *own = (struct shim_file *)file;
	int rc;

	(void)vfs;
	own->base.pMethods = NULL;
	own->recorded = NULL;
	rc = shim.below->xOpen(shim.below, path, below(file), flags, ret_flags);
	if (below(file)->pMethods == NULL)
		return rc;
	own->base.pMethods = &shim_methods;
	pthread_mutex_lock(&shim.lock);
	if (rc == SQLITE_OK && shim.is_recording &&
	    (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0)
		own->recorded = record_of(path, below(file));
	pthread_mutex_unlock(&shim.lock);
	return rc;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
	bool is_cut;

	(void)vfs;
	pthread_mutex_lock(&shim.lock);
	is_cut = shim.is_cut;
	for (size_t i = 0; !is_cut && i < shim.file_count; i++) {
		if (strcmp(shim.files[i].path, path) == 0) {
			pending_settle(&shim.files[i], SHIM_LOSE_ALL, 0);
			shim.files[i].flushed_size = 0;
		}
	}
	pthread_mutex_unlock(&shim.lock);
	return is_cut ? SQLITE_IOERR_DELETE : shim.below->xDelete(shim.below, path, sync_dir);
}

void
shim_vfs_install(void)
{
	shim.below = sqlite3_vfs_find(NULL);
	assert(shim.below != NULL && shim.below != &shim.vfs);
	shim.vfs = *shim.below;
	shim.vfs.zName = "shim";
	shim.vfs.szOsFile = (int)sizeof(struct shim_file) + shim.below->szOsFile;
	shim.vfs.xOpen = shim_open;
	shim.vfs.xDelete = shim_delete;
	shim_vfs_fail(0, -1, 0, SQLITE_OK);
	if (sqlite3_vfs_register(&shim.vfs, 1) != SQLITE_OK)
		abort();
}

static void
record_end(void)
{
	for (size_t i = 0; i < shim.file_count; i++) {
		pending_settle(&shim.files[i], SHIM_LOSE_ALL, 0);
		free(shim.files[i].flushed);
		shim.files[i].flushed = NULL;
	}
	shim.file_count = 0;
	shim.is_recording = false;
	shim.is_cut = false;
	shim.is_lying = false;
}

void
shim_vfs_remove(void)
{
	record_end();
	(void)sqlite3_vfs_unregister(&shim.vfs);
	(void)sqlite3_vfs_register(shim.below, 1);
}

void
shim_vfs_fail(unsigned ops, int skip, int times, int code)
{
	pthread_mutex_lock(&shim.lock);
	shim.fail_ops = ops;
	shim.fail_skip = skip;
	shim.fail_times = times;
	shim.fail_code = code;
	shim.fired = 0;
	pthread_mutex_unlock(&shim.lock);
}

int
shim_vfs_fired(void)
{
	int fired;

	pthread_mutex_lock(&shim.lock);
	fired = shim.fired;
	pthread_mutex_unlock(&shim.lock);
	return fired;
}

void
shim_vfs_hold_sync(void)
{
	pthread_mutex_lock(&shim.lock);
	shim.is_sync_held = true;
	pthread_mutex_unlock(&shim.lock);
}

void
shim_vfs_await_sync(void)
{
	pthread_mutex_lock(&shim.lock);
	while (shim.syncs_waiting == 0)
		pthread_cond_wait(&shim.changed, &shim.lock);
	pthread_mutex_unlock(&shim.lock);
}

void
shim_vfs_release_sync(void)
{
	pthread_mutex_lock(&shim.lock);
	shim.is_sync_held = false;
	pthread_cond_broadcast(&shim.changed);
	pthread_mutex_unlock(&shim.lock);
}

void
shim_vfs_record(int cut_after)
{
	pthread_mutex_lock(&shim.lock);
	shim.is_recording = true;
	shim.cut_after = cut_after;
	shim.is_cut = false;
	pthread_mutex_unlock(&shim.lock);
}

void
shim_vfs_lie(void)
{
	pthread_mutex_lock(&shim.lock);
	shim.is_lying = true;
	pthread_mutex_unlock(&shim.lock);
}

bool
shim_vfs_is_cut(void)
{
	bool is_cut;

	pthread_mutex_lock(&shim.lock);
	is_cut = shim.is_cut;
	pthread_mutex_unlock(&shim.lock);
	return is_cut;
}

void
shim_vfs_write_image(const char *dir, enum shim_unflushed unflushed, unsigned seed)
{
	pthread_mutex_lock(&shim.lock);
	for (size_t i = 0; i < shim.file_count; i++) {
		struct recorded *recorded = &shim.files[i];
		const char *name = strrchr(recorded->path, '/');
		char path[1024];
		int fd;

		pending_settle(recorded, unflushed, seed + (unsigned)i);
		(void)snprintf(path, sizeof(path), "%s%s", dir, name);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd == -1 || write(fd, recorded->flushed, recorded->flushed_size) !=
				    (ssize_t)recorded->flushed_size)
			abort();
		(void)close(fd);
	}
	record_end();
	pthread_mutex_unlock(&shim.lock);
}
