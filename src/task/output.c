/* SPDX-License-Identifier: MIT */
/*
 * An attempt's bytes, in memory and then in a spill file. One thread at a time per output. A write
 * either adds all its bytes or leaves the content as it was, whatever the disk did in between.
 * Must not log, and must not know where the store puts things beyond the directory it is given.
 */
#include "task/output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Files of a killed run may be in the way when its pid comes again; the store sweeps them. */
#define NAME_TRIES 1000

void
output_init(struct output *output, const struct output_conf *conf)
{
	*output = (struct output){ .conf = conf, .fd = -1 };
	buf_init(&output->memory, conf->memory_max_bytes);
	utf8_init(&output->utf8);
}

static enum status
io_error(struct error *error, int number, const char *what)
{
	bool is_full = number == ENOSPC || number == EDQUOT;

	return error_set(
	    error, is_full ? STATUS_FULL : STATUS_IO, "%s: %s", what, strerror(number));
}

static enum status
write_at(int fd, const char *data, size_t size, uint64_t offset, struct error *error)
{
	while (size > 0) {
		ssize_t written = pwrite(fd, data, size, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return io_error(
			    error, written < 0 ? errno : EIO, "cannot write the spill file");
		data += written;
		size -= (size_t)written;
		offset += (uint64_t)written;
	}
	return STATUS_OK;
}

static void
spill_drop(struct output *output)
{
	if (output->fd != -1)
		(void)close(output->fd);
	output->fd = -1;
	if (output->spill_path != NULL)
		(void)unlink(output->spill_path);
	free(output->spill_path);
	output->spill_path = NULL;
}

static enum status
spill_create(struct output *output, struct error *error)
{
	/* Names must differ across all outputs of the process, which share nothing else. */
	static atomic_ullong next_serial;

	for (int i = 0; i < NAME_TRIES; i++) {
		char *path;
		int fd;

		if (asprintf(&path, "%s/tmp-%s-%llu", output->conf->spill_dir,
			output->conf->run_name,
			atomic_fetch_add_explicit(&next_serial, 1, memory_order_relaxed)) < 0)
			return error_set(error, STATUS_NOMEM, "no memory for a path");
		fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
		if (fd != -1) {
			output->fd = fd;
			output->spill_path = path;
			return STATUS_OK;
		}
		free(path);
		if (errno != EEXIST && errno != EINTR)
			return io_error(error, errno, "cannot create a spill file");
	}
	return error_set(
	    error, STATUS_IO, "cannot create a spill file: %d names are taken", NAME_TRIES);
}

/* Moves what is in memory into a new spill file; on failure it is still in memory. */
static enum status
spill_begin(struct output *output, struct error *error)
{
	enum status status = spill_create(output, error);

	if (status == STATUS_OK)
		status = write_at(output->fd, output->memory.data, output->memory.size, 0, error);
	if (status != STATUS_OK) {
		spill_drop(output);
		return status;
	}
	buf_done(&output->memory);
	return STATUS_OK;
}

enum status
output_write(struct output *output, const void *data, size_t size, struct error *error)
{
	enum status status;

	if (size == 0)
		return STATUS_OK;
	if (output->fd == -1 && size > output->conf->memory_max_bytes - output->memory.size) {
		status = spill_begin(output, error);
		if (status != STATUS_OK)
			return status;
	}
	if (output->fd == -1) {
		buf_append(&output->memory, data, size);
		status = buf_status(&output->memory);
		if (status != STATUS_OK)
			return error_set(error, status, "no memory for the output");
	} else {
		status = write_at(output->fd, data, size, output->bytes, error);
		if (status != STATUS_OK) {
			/* A part may stand there; the next write, if any, covers it. */
			int rc = ftruncate(output->fd, (off_t)output->bytes);

			(void)rc;
			return status;
		}
	}
	output->bytes += size;
	(void)utf8_feed(&output->utf8, data, size);
	return STATUS_OK;
}

/* Has the kernel write a part of the file; waits for it where the flags say so. */
static enum status
write_back(
    struct output *output, uint64_t offset, uint64_t size, unsigned flags, struct error *error)
{
	int rc;

	do
		rc = sync_file_range(output->fd, (off_t)offset, (off_t)size, flags);
	while (rc != 0 && errno == EINTR);
	/* Where a file system cannot do it, the flush in the end does it all. */
	if (rc != 0 && errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP)
		return io_error(error, errno, "cannot write the spill file back");
	return STATUS_OK;
}

enum status
output_settle(struct output *output, struct error *error)
{
	const unsigned and_wait =
	    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	const uint64_t step = OUTPUT_UNSETTLED_MAX_BYTES / 2;
	enum status status = STATUS_OK;

	while (
	    output->fd != -1 && status == STATUS_OK && output->bytes - output->settling >= step) {
		status = write_back(output, output->settling, step, SYNC_FILE_RANGE_WRITE, error);
		if (status == STATUS_OK && output->settling >= step)
			status = write_back(output, output->settling - step, step, and_wait, error);
		output->settling += step;
	}
	return status;
}

void
output_clear(struct output *output)
{
	spill_drop(output);
	buf_done(&output->memory);
	buf_init(&output->memory, output->conf->memory_max_bytes);
	output->bytes = 0;
	output->settling = 0;
	utf8_init(&output->utf8);
}

bool
output_is_spilled(const struct output *output)
{
	return output->fd != -1;
}

bool
output_is_utf8(const struct output *output)
{
	return utf8_is_complete(&output->utf8);
}

enum status
output_persist(struct output *output, const char *name, struct error *error)
{
	enum status status = STATUS_OK;
	char *path = NULL;
	int rc;

	assert(output->fd != -1 && output->spill_path != NULL);
	assert(name[0] != '\0' && strchr(name, '/') == NULL);
	if (asprintf(&path, "%s/%s", output->conf->spill_dir, name) < 0) {
		path = NULL;
		status = error_set(error, STATUS_IO, "no memory for a path");
		goto out;
	}
	do
		rc = fdatasync(output->fd);
	while (rc != 0 && errno == EINTR);
	if (rc != 0) {
		status = io_error(error, errno, "cannot flush the spill file");
		goto out;
	}
	if (rename(output->spill_path, path) != 0) {
		status = io_error(error, errno, "cannot rename the spill file");
		goto out;
	}
	free(output->spill_path);
	output->spill_path = NULL;
out:
	free(path);
	return status;
}

void
output_done(struct output *output)
{
	if (output == NULL)
		return;
	spill_drop(output);
	buf_done(&output->memory);
}
