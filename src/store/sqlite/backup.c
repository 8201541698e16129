/* SPDX-License-Identifier: MIT */
/*
 * Backup and restore: the directories around data_copy.c, their locks and names. Run by the thread
 * of an operator's command. Nothing that was there before is ever written over or removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/data_copy.h"

static enum status
io_error(struct error *error, const char *what, const char *path)
{
	bool is_full = errno == ENOSPC || errno == EDQUOT;

	return error_set(error, is_full ? STATUS_FULL : STATUS_IO, "cannot %s %s: %s", what, path,
	    strerror(errno));
}

/* A path without the slashes at its end; NULL for want of memory. */
static char *
trimmed(const char *path)
{
	char *copy = strdup(path);

	for (size_t size = copy == NULL ? 0 : strlen(copy); size > 1 && copy[size - 1] == '/';)
		copy[--size] = '\0';
	return copy;
}

/* The directory that has a name; NULL for want of memory. */
static char *
parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Makes a name in a directory as durable as what it names. */
static enum status
flush_parent(const char *path, struct error *error)
{
	enum status status = STATUS_OK;
	char *parent = parent_of(path);
	int fd;

	if (parent == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a path");
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fsync(fd) != 0)
		status = io_error(error, "flush", parent);
	if (fd != -1)
		(void)close(fd);
	free(parent);
	return status;
}

/* Goes from an open directory to the one above; false at the top, or where it may not go. */
static bool
go_up(int *fd)
{
	struct stat here, above;
	int above_fd = openat(*fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool is_higher;

	if (above_fd == -1)
		return false;
	is_higher = fstat(*fd, &here) == 0 && fstat(above_fd, &above) == 0 &&
		    (here.st_dev != above.st_dev || here.st_ino != above.st_ino);
	(void)close(*fd);
	*fd = above_fd;
	return is_higher;
}

/*
 * Whether a name would be one in a data directory, or below it. By the directories themselves, from
 * the one that has the name upwards: no link hides it. What cannot be looked at is no data
 * directory, since that one is open.
 */
static bool
is_inside(const struct data_dir *dir, const char *parent)
{
	struct stat data, info;
	bool is = false;
	int fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || fstat(dir->fd, &data) != 0)
		goto out;
	do
		is = fstat(fd, &info) == 0 && info.st_dev == data.st_dev &&
		     info.st_ino == data.st_ino;
	while (!is && go_up(&fd));
out:
	if (fd != -1)
		(void)close(fd);
	return is;
}

/* A backup among the data goes with them, and may have a name that means something there. */
static enum status
check_outside(const struct data_dir *from, const struct store_copy_conf *conf, const char *path,
    struct error *error)
{
	char *parent = parent_of(path);
	enum status status = STATUS_OK;

	if (parent == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a path");
	if (is_inside(from, parent))
		status = error_set(error, STATUS_CONFLICT,
		    "%s is in the data directory %s; a backup is made outside of it: name another "
		    "directory, best on another disk",
		    path, conf->from_dir);
	free(parent);
	return status;
}

static enum status
refuse_existing(const char *path, struct error *error)
{
	return error_set(error, STATUS_CONFLICT,
	    "%s exists; a backup is never written over anything: name another directory", path);
}

/* Gives the whole copy its name, unless somebody was faster. */
static enum status
publish(const char *partial, const char *path, struct error *error)
{
	int rc = renameat2(AT_FDCWD, partial, AT_FDCWD, path, RENAME_NOREPLACE);

	/* A file system that cannot refuse: there an empty directory at most is replaced. */
	if (rc != 0 && errno == EINVAL)
		rc = rename(partial, path);
	if (rc == 0)
		return flush_parent(path, error);
	if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
		return refuse_existing(path, error);
	return io_error(error, "rename", partial);
}

static void
remove_directory(const struct data_dir *dir, const char *path)
{
	(void)unlinkat(dir->fd, "taskq.lock", 0);
	(void)unlinkat(dir->fd, "results", AT_REMOVEDIR);
	(void)rmdir(path);
}

/* Copies into a directory that is nobody else's yet, and gives it its name. */
static enum status
backup_into(const char *partial, const char *path, const struct data_dir *from,
    const struct store_copy_conf *conf, struct store_copied *ret_copied, struct error *error)
{
	struct data_dir to;
	enum status status = data_dir_open(partial, &to, error);

	if (status != STATUS_OK) {
		(void)rmdir(partial);
		return status;
	}
	status = data_copy(from, &to, conf, ret_copied, error);
	/* It is nobody's run that has made it. */
	if (status == STATUS_OK && (unlinkat(to.fd, "taskq.lock", 0) != 0 || fsync(to.fd) != 0))
		status = io_error(error, "flush", partial);
	if (status == STATUS_OK)
		status = publish(partial, path, error);
	if (status != STATUS_OK) {
		data_copy_discard(&to);
		remove_directory(&to, partial);
	}
	data_dir_close(&to);
	return status;
}

enum status
sqlite_backup(
    const struct store_copy_conf *conf, struct store_copied *ret_copied, struct error *error)
{
	struct data_dir from = { .fd = -1, .lock_fd = -1, .results_fd = -1 };
	char *path = trimmed(conf->to_dir);
	char *partial = NULL;
	enum status status = STATUS_OK;
	struct stat info;

	if (path == NULL || asprintf(&partial, "%s.partial-XXXXXX", path) < 0) {
		partial = NULL;
		status = error_set(error, STATUS_NOMEM, "no memory for a path");
	} else if (lstat(path, &info) == 0) {
		status = refuse_existing(path, error);
	} else {
		status = data_dir_look(conf->from_dir, &from, error);
	}
	if (status == STATUS_OK)
		status = check_outside(&from, conf, path, error);
	if (status == STATUS_OK && mkdtemp(partial) == NULL)
		status = io_error(error, "create", partial);
	if (status == STATUS_OK)
		status = backup_into(partial, path, &from, conf, ret_copied, error);
	data_dir_close(&from);
	free(partial);
	free(path);
	return status;
}

/* Whether nothing stands in the way of a database. */
static enum status
check_empty(const struct data_dir *to, struct error *error)
{
	struct error why = { "" };
	bool has_database = false;
	enum status status = data_dir_has_database(to, &has_database, &why);

	if (status == STATUS_OK && !has_database)
		return STATUS_OK;
	if (status != STATUS_OK && status != STATUS_CORRUPT && status != STATUS_INVALID) {
		(void)error_set(error, status, "%s", why.text);
		return status;
	}
	return error_set(error, STATUS_CONFLICT,
	    "%s or its results are there already; a restore never writes over anything: move the "
	    "data directory aside",
	    to->db_path);
}

static enum status
restore_into(const char *path, bool is_new, const struct data_dir *from,
    const struct store_copy_conf *conf, struct store_copied *ret_copied, struct error *error)
{
	struct data_dir to;
	enum status status = data_dir_open(path, &to, error);

	if (status != STATUS_OK)
		return status;
	status = check_empty(&to, error);
	if (status == STATUS_OK) {
		status = data_copy(from, &to, conf, ret_copied, error);
		if (status != STATUS_OK)
			data_copy_discard(&to);
	}
	if (status != STATUS_OK && is_new)
		remove_directory(&to, path);
	data_dir_close(&to);
	return status;
}

enum status
sqlite_restore(
    const struct store_copy_conf *conf, struct store_copied *ret_copied, struct error *error)
{
	struct data_dir from = { .fd = -1, .lock_fd = -1, .results_fd = -1 };
	char *path = trimmed(conf->to_dir);
	enum status status = STATUS_OK;
	bool is_new = false;

	if (path == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a path");
	status = data_dir_look(conf->from_dir, &from, error);
	if (status == STATUS_OK) {
		is_new = mkdir(path, 0700) == 0;
		if (!is_new && errno != EEXIST)
			status = io_error(error, "create", path);
	}
	if (status == STATUS_OK && is_new)
		status = flush_parent(path, error);
	if (status == STATUS_OK)
		status = restore_into(path, is_new, &from, conf, ret_copied, error);
	data_dir_close(&from);
	free(path);
	return status;
}
