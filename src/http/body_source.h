/* SPDX-License-Identifier: MIT */
/*
 * A body that is produced piece by piece while it is sent. Whoever produces it embeds this. The
 * connection's own thread, which it may block.
 */
#ifndef TASKQ_HTTP_BODY_SOURCE_H
#define TASKQ_HTTP_BODY_SOURCE_H

#include <stddef.h>
#include <sys/types.h>

struct body_source {
	/* Writes up to `room` bytes, which is 1 or more. Returns how many, 0 at the end, -1 where
	   the body cannot go on: then the connection is cut, so that nobody takes it for whole. */
	ssize_t (*read)(struct body_source *source, char *out, size_t room);
	/* Frees it, at the end or earlier. */
	void (*free)(struct body_source *source);
	size_t block_bytes; /* how much is worth asking for at once: a buffer of it is kept */
};

#endif
