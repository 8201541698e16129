/* SPDX-License-Identifier: MIT */
/*
 * The data directory. Run by the thread that opens the store, before SQLite has any file open and
 * after it has closed them all. Must never open the database files.
 */
#include "store/sqlite/data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status
io_error(struct error *error, const char *what, const char *name)
{
	int number = errno;
	bool is_full = number == ENOSPC || number == EDQUOT;

	return error_set(error, is_full ? STATUS_FULL : STATUS_IO, "cannot %s %.160s: %s", what,
	    name, strerror(number));
}

/* Who holds the lock, as it wrote itself; only for the message. */
static enum status
lock_is_held(int fd, struct error *error)
{
	char pid[24];
	ssize_t size = pread(fd, pid, sizeof(pid) - 1, 0);

	if (size <= 0)
		return error_set(
		    error, STATUS_BUSY, "another process holds the lock file taskq.lock");
	pid[size] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	return error_set(
	    error, STATUS_BUSY, "another process holds the lock file taskq.lock: process %s", pid);
}

enum status
data_dir_adopt(int dir_fd, int fd, const char *name, struct error *error)
{
	struct stat owner, info;

	if (geteuid() != 0)
		return STATUS_OK;
	if (fstat(dir_fd, &owner) != 0 || fstat(fd, &info) != 0)
		return io_error(error, "look at", name);
	if (owner.st_uid == info.st_uid && owner.st_gid == info.st_gid)
		return STATUS_OK;
	if (fchown(fd, owner.st_uid, owner.st_gid) != 0)
		return io_error(error, "set the owner of", name);
	return STATUS_OK;
}

static enum status
lock_take(struct data_dir *dir, struct error *error)
{
	char pid[24];
	int size;

	dir->lock_fd =
	    openat(dir->fd, "taskq.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (dir->lock_fd == -1)
		return io_error(error, "open", "taskq.lock");
	if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return lock_is_held(dir->lock_fd, error);
		return io_error(error, "lock", "taskq.lock");
	}
	if (fchmod(dir->lock_fd, 0600) != 0) /* whatever the umask took */
		return io_error(error, "set the mode of", "taskq.lock");
	/* The pid helps people alone: on a full disk it is missing, and the lock holds. */
	size = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(dir->lock_fd, 0) == 0 && size > 0) {
		ssize_t written = pwrite(dir->lock_fd, pid, (size_t)size, 0);

		(void)written;
	}
	return data_dir_adopt(dir->fd, dir->lock_fd, "taskq.lock", error);
}

/* Opens results/ where it is there. */
static enum status
results_find(struct data_dir *dir, struct error *error)
{
	dir->results_fd =
	    openat(dir->fd, "results", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir->results_fd == -1 && errno != ENOENT)
		return io_error(error, "open", "results");
	return STATUS_OK;
}

static enum status
results_open(struct data_dir *dir, struct error *error)
{
	bool is_new = mkdirat(dir->fd, "results", 0700) == 0;
	enum status status;

	if (!is_new && errno != EEXIST)
		return io_error(error, "create", "results");
	status = results_find(dir, error);
	if (status == STATUS_OK && dir->results_fd == -1)
		return io_error(error, "open", "results");
	if (status != STATUS_OK || !is_new)
		return status;
	if (fchmod(dir->results_fd, 0700) != 0)
		return io_error(error, "set the mode of", "results");
	status = data_dir_adopt(dir->fd, dir->results_fd, "results", error);
	if (status == STATUS_OK && fsync(dir->fd) != 0)
		return io_error(error, "flush", "the data directory");
	return status;
}

/* The directory and the paths below it. */
static enum status
dir_find(const char *path, struct data_dir *dir, struct error *error)
{
	if (asprintf(&dir->db_path, "%s/taskq.db", path) < 0)
		dir->db_path = NULL;
	if (asprintf(&dir->new_db_path, "%s/taskq.db.new", path) < 0)
		dir->new_db_path = NULL;
	if (asprintf(&dir->results_path, "%s/results", path) < 0)
		dir->results_path = NULL;
	if (dir->db_path == NULL || dir->new_db_path == NULL || dir->results_path == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a path");
	dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd == -1) {
		bool is_missing = errno == ENOENT;
		enum status status = io_error(error, "open the data directory", path);

		return is_missing ? STATUS_NOT_FOUND : status;
	}
	return STATUS_OK;
}

enum status
data_dir_open(const char *path, struct data_dir *ret_dir, struct error *error)
{
	struct data_dir dir = { .fd = -1, .lock_fd = -1, .results_fd = -1 };
	enum status status = dir_find(path, &dir, error);

	if (status == STATUS_NOT_FOUND) /* whoever opens it has seen to it that it is there */
		status = STATUS_IO;
	if (status != STATUS_OK)
		goto out;
	status = lock_take(&dir, error);
	if (status == STATUS_OK)
		status = results_open(&dir, error);
	if (status != STATUS_OK)
		error_prefix(error, "%.160s", path);
out:
	if (status != STATUS_OK)
		data_dir_close(&dir);
	else
		*ret_dir = dir;
	return status;
}

enum status
data_dir_look(const char *path, struct data_dir *ret_dir, struct error *error)
{
	struct data_dir dir = { .fd = -1, .lock_fd = -1, .results_fd = -1 };
	enum status status = dir_find(path, &dir, error);

	if (status == STATUS_OK) {
		status = results_find(&dir, error);
		if (status != STATUS_OK)
			error_prefix(error, "%.160s", path);
	}
	if (status != STATUS_OK)
		data_dir_close(&dir);
	else
		*ret_dir = dir;
	return status;
}

void
data_dir_close(struct data_dir *dir)
{
	if (dir->results_fd != -1)
		(void)close(dir->results_fd);
	/* Closing gives the lock back. The file stays: removing it would race with a newcomer. */
	if (dir->lock_fd != -1)
		(void)close(dir->lock_fd);
	if (dir->fd != -1)
		(void)close(dir->fd);
	free(dir->db_path);
	free(dir->new_db_path);
	free(dir->results_path);
	*dir = (struct data_dir){ .fd = -1, .lock_fd = -1, .results_fd = -1 };
}

/* Whether results/ has a file that was once given to a task. */
static enum status
has_results(const struct data_dir *dir, bool *ret_has, struct error *error)
{
	struct dirent *entry;
	DIR *stream;
	bool has = false;
	int fd;

	if (dir->results_fd == -1) {
		*ret_has = false;
		return STATUS_OK;
	}
	/* A descriptor of its own: reading a directory moves its offset. */
	fd = openat(dir->results_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = fd == -1 ? NULL : fdopendir(fd);
	if (stream == NULL) {
		enum status status = io_error(error, "read", "results");

		if (fd != -1)
			(void)close(fd);
		return status;
	}
	while (!has && (entry = readdir(stream)) != NULL)
		has = entry->d_name[0] != '.' && strncmp(entry->d_name, "tmp-", 4) != 0;
	(void)closedir(stream);
	*ret_has = has;
	return STATUS_OK;
}

enum status
data_dir_has_database(const struct data_dir *dir, bool *ret_has, struct error *error)
{
	struct stat info;
	enum status status;
	bool has = false;

	if (fstatat(dir->fd, "taskq.db", &info, AT_SYMLINK_NOFOLLOW) == 0) {
		/* The lock is the directory's: by a link two services could have one database. */
		if (!S_ISREG(info.st_mode) || info.st_nlink != 1)
			return error_set(error, STATUS_INVALID,
			    "%s is a link or not a regular file, expected a file of its own",
			    dir->db_path);
		if (info.st_size == 0)
			return error_set(error, STATUS_CORRUPT,
			    "%s is empty: it was damaged, restore it from a backup", dir->db_path);
		*ret_has = true;
		return STATUS_OK;
	}
	if (errno != ENOENT)
		return io_error(error, "look at", dir->db_path);
	if (fstatat(dir->fd, "taskq.db-wal", &info, 0) == 0 && info.st_size > 0)
		return error_set(error, STATUS_CORRUPT,
		    "%s is missing although its log %s-wal is there: restore both from a backup",
		    dir->db_path, dir->db_path);
	status = has_results(dir, &has, error);
	if (status != STATUS_OK)
		return status;
	if (has)
		return error_set(error, STATUS_CORRUPT,
		    "%s is missing although %s holds results: restore it from a backup, or move the "
		    "results away",
		    dir->db_path, dir->results_path);
	*ret_has = false;
	return STATUS_OK;
}

static void
remove_leftovers(const struct data_dir *dir)
{
	(void)unlinkat(dir->fd, "taskq.db.new", 0);
	(void)unlinkat(dir->fd, "taskq.db.new-journal", 0);
	/* An empty log, or that of a database which is gone, must not meet the new one. */
	(void)unlinkat(dir->fd, "taskq.db-wal", 0);
	(void)unlinkat(dir->fd, "taskq.db-shm", 0);
}

enum status
data_dir_begin_database(const struct data_dir *dir, struct error *error)
{
	enum status status = STATUS_OK;
	int fd;

	remove_leftovers(dir);
	fd = openat(dir->fd, "taskq.db.new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return io_error(error, "create", dir->new_db_path);
	if (fchmod(fd, 0600) != 0)
		status = io_error(error, "set the mode of", dir->new_db_path);
	else
		status = data_dir_adopt(dir->fd, fd, dir->new_db_path, error);
	(void)close(fd);
	return status;
}

enum status
data_dir_end_database(const struct data_dir *dir, struct error *error)
{
	if (renameat(dir->fd, "taskq.db.new", dir->fd, "taskq.db") != 0)
		return io_error(error, "rename", dir->new_db_path);
	if (fsync(dir->fd) != 0)
		return io_error(error, "flush", "the data directory");
	return STATUS_OK;
}
