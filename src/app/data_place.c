/* SPDX-License-Identifier: MIT */
/* The data directory before anything is in it; see data_place.h. Main thread. */
#include "app/data_place.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* SQLite takes names of 512 bytes, made absolute and without links; the longest is that of the
   journal of taskq.db.new. */
#define PATH_BYTES_MAX ((size_t)480)

/* Of a path in a message, so that the reason behind it is not cut off. */
#define SHOWN "%.160s"

/* Makes the name of a new directory as durable as what will be in it. */
static enum status
flush_parent(const char *path, struct error *error)
{
	char *copy = strdup(path);
	if (copy == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a path");
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status status = STATUS_OK;
	if (fd < 0 || fsync(fd) != 0)
		status = error_set(error, STATUS_IO, "cannot flush the directory of " SHOWN ": %s",
		    path, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(copy);
	return status;
}

static enum status
check_length(const char *path, struct error *error)
{
	char *absolute = realpath(path, NULL);
	size_t size = absolute == NULL ? 0 : strlen(absolute);

	free(absolute);
	if (size > PATH_BYTES_MAX)
		return error_set(error, STATUS_INVALID,
		    "found a data directory whose absolute path has %zu bytes, expected at most "
		    "%zu",
		    size, PATH_BYTES_MAX);
	return STATUS_OK;
}

enum status
data_place_prepare(const char *path, struct error *error)
{
	if (mkdir(path, 0700) == 0) {
		enum status status = check_length(path, error);

		if (status != STATUS_OK) {
			(void)rmdir(path);
			return status;
		}
		return flush_parent(path, error);
	}
	if (errno != EEXIST)
		return error_set(
		    error, STATUS_IO, "data directory " SHOWN ": %s", path, strerror(errno));
	struct stat st;
	if (stat(path, &st) != 0)
		return error_set(
		    error, STATUS_IO, "data directory " SHOWN ": %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(
		    error, STATUS_IO, "data directory " SHOWN " is not a directory", path);
	return check_length(path, error);
}

uint64_t
data_place_disk_bytes(const char *path)
{
	struct statvfs fs;
	return statvfs(path, &fs) == 0 ? (uint64_t)fs.f_blocks * fs.f_frsize : 0;
}
