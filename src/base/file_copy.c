/* SPDX-License-Identifier: MIT */
/* Copying files; see file_copy.h. The kernel copies where it can, a buffer elsewhere. */
#include "base/file_copy.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES  ((size_t)8 << 20) /* that the kernel copies in one call */
#define BUFFER_BYTES ((size_t)64 << 10)

static enum status
io_error(struct error *error, const char *what)
{
	bool is_full = errno == ENOSPC || errno == EDQUOT;

	return error_set(
	    error, is_full ? STATUS_FULL : STATUS_IO, "cannot %s: %s", what, strerror(errno));
}

static enum status
write_all(int fd, const char *data, size_t size, struct error *error)
{
	while (size > 0) {
		ssize_t put = write(fd, data, size);

		if (put < 0 && errno != EINTR)
			return io_error(error, "write");
		if (put > 0) {
			data += put;
			size -= (size_t)put;
		}
	}
	return STATUS_OK;
}

/* By hand: file systems that have nothing in common, or a kernel that does not copy for them.
   Returns OK with 0 bytes at the end of the file. */
static enum status
copy_buffer(int from_fd, int to_fd, size_t *ret_bytes, struct error *error)
{
	char buffer[BUFFER_BYTES];
	ssize_t got;

	do
		got = read(from_fd, buffer, sizeof(buffer));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return io_error(error, "read");
	*ret_bytes = (size_t)got;
	return write_all(to_fd, buffer, (size_t)got, error);
}

/* Whether the kernel says that it does not copy between these two. */
static bool
is_unsupported(int number)
{
	return number == EXDEV || number == EINVAL || number == ENOSYS || number == EOPNOTSUPP ||
	       number == EPERM;
}

enum status
file_copy(int from_fd, int to_fd, bool (*is_cancelled)(void *context), void *context,
    uint64_t *ret_bytes, struct error *error)
{
	bool by_kernel = true;
	uint64_t bytes = 0;

	for (;;) {
		size_t copied = 0;

		if (is_cancelled != NULL && is_cancelled(context))
			return error_set(error, STATUS_CANCELLED, "cancelled");
		if (by_kernel) {
			ssize_t got = copy_file_range(from_fd, NULL, to_fd, NULL, PIECE_BYTES, 0);

			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0 && !is_unsupported(errno))
				return io_error(error, "copy");
			if (got < 0) {
				by_kernel = false;
				continue;
			}
			copied = (size_t)got;
		} else {
			enum status status = copy_buffer(from_fd, to_fd, &copied, error);

			if (status != STATUS_OK)
				return status;
		}
		if (copied == 0)
			break;
		bytes += copied;
	}
	*ret_bytes = bytes;
	return STATUS_OK;
}
