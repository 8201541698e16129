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
		status = error_set(error, STATUS_IO, "cannot flush the directory of %s: %s", path,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	free(copy);
	return status;
}

enum status
data_place_prepare(const char *path, struct error *error)
{
	if (mkdir(path, 0700) == 0)
		return flush_parent(path, error);
	if (errno != EEXIST)
		return error_set(error, STATUS_IO, "data directory %s: %s", path, strerror(errno));
	struct stat st;
	if (stat(path, &st) != 0)
		return error_set(error, STATUS_IO, "data directory %s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(error, STATUS_IO, "data directory %s is not a directory", path);
	return STATUS_OK;
}

uint64_t
data_place_disk_bytes(const char *path)
{
	struct statvfs fs;
	return statvfs(path, &fs) == 0 ? (uint64_t)fs.f_blocks * fs.f_frsize : 0;
}
