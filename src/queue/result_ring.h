/* SPDX-License-Identifier: MIT */
/*
 * Small results in a fixed number of bytes, one after another, the oldest overwritten by the next.
 * Who put one has its position and finds by it whether it is still whole. A ring has no lock: the
 * owner sees to it that one thread at a time is in it. Nothing here blocks.
 */
#ifndef TASKQ_QUEUE_RESULT_RING_H
#define TASKQ_QUEUE_RESULT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "task/task.h"

enum {
	/* Message, response and content of one result together. */
	RESULT_RING_RESULT_MAX_BYTES = 1024,
	/* What the largest takes: those, the media type, the NULs and a header of 16 bytes. */
	RESULT_RING_RECORD_MAX_BYTES = 1176,
	RESULT_RING_ALIGNMENT = 8,
};

/* Where no result is, ever. */
#define RESULT_RING_NONE UINT64_C(0)

/* The parts of a result, borrowed, from whichever record they come. */
struct result_parts {
	enum failure failure;
	bool has_content;
	bool is_utf8;
	const char *media_type; /* shorter than TASK_MEDIA_TYPE_SIZE */
	const char *message;    /* shorter than TASK_MESSAGE_SIZE */
	const char *response;   /* or NULL */
	const char *content;    /* may be NULL where it has 0 bytes */
	size_t content_size;
};

struct result_ring {
	char *bytes;   /* borrowed */
	size_t size;   /* of bytes */
	uint64_t head; /* position of the next record: grows for ever, modulo size an offset */
};

/**
 * result_ring_init - an empty ring in the caller's memory, which has to outlive it
 * @bytes: aligned to RESULT_RING_ALIGNMENT
 * @size:  a multiple of RESULT_RING_ALIGNMENT, RESULT_RING_RECORD_MAX_BYTES or more. A ring of n
 * times that always holds the latest n - 1 results, and more of smaller ones.
 */
void result_ring_init(struct result_ring *ring, void *bytes, size_t size);

/**
 * result_ring_put - copy a result into the ring
 * A result takes its bytes, its media type's, and 20 to 27 more.
 * Returns its position, or RESULT_RING_NONE where it is too large; the ring is as before then.
 */
uint64_t result_ring_put(struct result_ring *ring, const struct result_parts *parts);

/**
 * result_ring_get - copy a result out, as it was put
 * @position: what result_ring_put returned for this ring, or RESULT_RING_NONE
 * @result:   from task_result_init; all but its status is filled
 * Returns false when it has been overwritten, also in part, or there is no memory for the copy;
 * @result is for task_result_done in any case.
 */
bool result_ring_get(const struct result_ring *ring, uint64_t position, struct task_result *result);

#endif
