/* SPDX-License-Identifier: MIT */
/* Where a result goes; see sink.h. Main thread. */
#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/stop.h"

#define OPEN_TRIES 10

static enum status
failed(const struct sink *sink, const char *doing, struct error *error)
{
	int code = errno;
	const char *name = sink->part_path != NULL ? sink->part_path : sink->path;

	if (stop_is_wanted() && code == EINTR)
		return STATUS_CANCELLED;
	return error_set(error, STATUS_IO, "cannot %s %s: %s", doing,
	    name != NULL ? name : "standard output", strerror(code));
}

void
sink_open_output(struct sink *sink, struct screen *screen)
{
	*sink = (struct sink){
		.kind = screen->out.is_terminal ? SINK_TERMINAL : SINK_STREAM,
		.fd = STDOUT_FILENO,
		.ends_in_line = true,
	};
	safe_text_init(&sink->safe, screen->out.is_utf8, true);
	screen_line_clear(screen);
	fflush(stdout);
}

/* Opens and locks the part, and makes sure that it still has its name: who was there before may
   have finished it in the meantime. */
static enum status
open_part(struct sink *sink, struct error *error)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		struct stat ours, there;

		sink->fd = open(
		    sink->part_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
		if (sink->fd < 0)
			return failed(sink, "open", error);
		sink->is_ours = true;
		if (flock(sink->fd, LOCK_EX | LOCK_NB) != 0)
			return error_set(
			    error, STATUS_BUSY, "another taskq is writing %s", sink->part_path);
		if (fstat(sink->fd, &ours) != 0)
			return failed(sink, "look at", error);
		if (!S_ISREG(ours.st_mode))
			return error_set(
			    error, STATUS_IO, "%s is no regular file", sink->part_path);
		if (stat(sink->part_path, &there) == 0 && ours.st_ino == there.st_ino &&
		    ours.st_dev == there.st_dev) {
			sink->has_part = true;
			sink->bytes = (uint64_t)ours.st_size;
			if (lseek(sink->fd, 0, SEEK_END) < 0)
				return failed(sink, "find the end of", error);
			return STATUS_OK;
		}
		close(sink->fd);
		sink->is_ours = false;
	}
	return error_set(error, STATUS_BUSY, "others keep writing %s", sink->part_path);
}

/* What is there already and is no file: a pipe, a device, a terminal. */
static enum status
open_special(struct sink *sink, bool is_utf8, struct error *error)
{
	sink->kind = SINK_STREAM;
	sink->fd = open(sink->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (sink->fd < 0)
		return failed(sink, "write to", error);
	sink->is_ours = true;
	if (isatty(sink->fd) == 1) {
		sink->kind = SINK_TERMINAL;
		sink->ends_in_line = true;
		safe_text_init(&sink->safe, is_utf8, true);
	}
	return STATUS_OK;
}

/* Whether it is the file that standard output goes to: /dev/stdout, where that was redirected. */
static bool
is_output(const struct stat *there)
{
	struct stat out;

	return fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == there->st_dev &&
	       out.st_ino == there->st_ino;
}

/* The file that a path leads to, be it over links: those stay what they are. */
static enum status
follow_links(struct sink *sink, struct error *error)
{
	struct stat link;

	if (lstat(sink->path, &link) == 0 && S_ISLNK(link.st_mode))
		sink->file_path = realpath(sink->path, NULL);
	else
		sink->file_path = strdup(sink->path);
	if (sink->file_path == NULL && errno != ENOMEM)
		return failed(sink, "follow the link", error);
	return sink->file_path != NULL
		   ? STATUS_OK
		   : error_set(error, STATUS_NOMEM, "no memory for a file name");
}

/* Whoever could not read the file before cannot read the one that takes its place either. */
static enum status
take_mode(const struct sink *sink, const struct stat *there, struct error *error)
{
	/* Only root may, and need not. */
	int rc = fchown(sink->fd, there->st_uid, there->st_gid);

	(void)rc;
	return fchmod(sink->fd, there->st_mode & 0777) == 0
		   ? STATUS_OK
		   : failed(sink, "set the mode of", error);
}

enum status
sink_open_file(
    struct sink *sink, const char *path, const char *id, bool is_utf8, struct error *error)
{
	struct stat there;
	bool is_there = stat(path, &there) == 0;
	enum status status;

	*sink = (struct sink){ .kind = SINK_FILE, .fd = -1, .path = path };
	if (is_there && !S_ISREG(there.st_mode))
		return open_special(sink, is_utf8, error);
	if (is_there && is_output(&there)) {
		*sink = (struct sink){ .kind = SINK_STREAM, .fd = STDOUT_FILENO, .path = path };
		fflush(stdout);
		return STATUS_OK;
	}
	status = follow_links(sink, error);
	if (status == STATUS_OK &&
	    asprintf(&sink->part_path, "%s.%s.part", sink->file_path, id) < 0) {
		sink->part_path = NULL;
		status = error_set(error, STATUS_NOMEM, "no memory for a file name");
	}
	if (status == STATUS_OK)
		status = open_part(sink, error);
	if (status == STATUS_OK && is_there)
		status = take_mode(sink, &there, error);
	if (status != STATUS_OK)
		sink_close(sink);
	return status;
}

static enum status
write_all(const struct sink *sink, const char *data, size_t size, struct error *error)
{
	while (size > 0) {
		ssize_t written = write(sink->fd, data, size);

		if (written >= 0) {
			data += written;
			size -= (size_t)written;
		} else if (errno == EAGAIN) {
			/* Somebody made the pipe non-blocking. */
			struct pollfd ready = { .fd = sink->fd, .events = POLLOUT };

			if (poll(&ready, 1, -1) < 0 && (errno != EINTR || stop_is_wanted()))
				return failed(sink, "write to", error);
		} else if (errno != EINTR || stop_is_wanted()) {
			return failed(sink, "write to", error);
		}
	}
	return STATUS_OK;
}

/* Whether the beginning of some content is text; a character may be cut at its end. */
static bool
is_text(const char *data, size_t size)
{
	struct utf8 utf8;

	utf8_init(&utf8);
	return memchr(data, '\0', size) == NULL && utf8_feed(&utf8, data, size);
}

static enum status
write_safe(struct sink *sink, const char *data, size_t size, struct error *error)
{
	struct buf safe;
	enum status status;

	if (!sink->has_begun && !is_text(data, size))
		return error_set(error, STATUS_INVALID, "the result is no text");
	sink->has_begun = true;
	buf_init(&safe, size * SAFE_TEXT_GROWTH + SAFE_TEXT_GROWTH);
	safe_text_feed(&sink->safe, data, size, &safe);
	status = buf_status(&safe) == STATUS_OK
		     ? write_all(sink, safe.data != NULL ? safe.data : "", safe.size, error)
		     : error_set(error, STATUS_NOMEM, "no memory to show the result");
	if (safe.data != NULL && safe.size > 0)
		sink->ends_in_line = safe.data[safe.size - 1] == '\n';
	buf_done(&safe);
	return status;
}

enum status
sink_write(struct sink *sink, const void *data, size_t size, struct error *error)
{
	enum status status = sink->kind == SINK_TERMINAL ? write_safe(sink, data, size, error)
							 : write_all(sink, data, size, error);

	if (status == STATUS_OK)
		sink->bytes += size;
	return status;
}

enum status
sink_restart(struct sink *sink, struct error *error)
{
	if (sink->bytes == 0)
		return STATUS_OK;
	if (sink->kind != SINK_FILE)
		return error_set(error, STATUS_CONFLICT,
		    "the result broke off, and what was written cannot be taken back");
	if (ftruncate(sink->fd, 0) != 0 || lseek(sink->fd, 0, SEEK_SET) < 0)
		return failed(sink, "empty", error);
	sink->bytes = 0;
	return STATUS_OK;
}

static enum status
finish_terminal(struct sink *sink, struct error *error)
{
	struct buf rest;
	enum status status;

	buf_init(&rest, 64);
	safe_text_end(&sink->safe, &rest);
	if (rest.size > 0 || !sink->ends_in_line)
		buf_text(&rest, "\n");
	status = buf_status(&rest) == STATUS_OK
		     ? write_all(sink, rest.data != NULL ? rest.data : "", rest.size, error)
		     : error_set(error, STATUS_NOMEM, "no memory to show the result");
	buf_done(&rest);
	return status;
}

enum status
sink_finish(struct sink *sink, struct error *error)
{
	switch (sink->kind) {
	case SINK_TERMINAL:
		return finish_terminal(sink, error);
	case SINK_STREAM:
		return STATUS_OK;
	case SINK_FILE:
		break;
	}
	if (fdatasync(sink->fd) != 0)
		return failed(sink, "flush", error);
	if (rename(sink->part_path, sink->file_path) != 0)
		return failed(sink, "rename", error);
	free(sink->part_path);
	sink->part_path = NULL;
	return STATUS_OK;
}

void
sink_close(struct sink *sink)
{
	if (sink->part_path != NULL && sink->has_part && sink->bytes == 0)
		(void)unlink(sink->part_path);
	if (sink->is_ours)
		close(sink->fd);
	free(sink->part_path);
	free(sink->file_path);
	*sink = (struct sink){ .fd = -1 };
}
