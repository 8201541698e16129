/* SPDX-License-Identifier: MIT */
/*
 * How large to make a block that lives for a moment in one of a thousand threads.
 *
 * glibc's malloc keeps what a thread has freed for that thread, apart for every 16 bytes of size up
 * to 1,032. Blocks whose sizes follow the data, each as long as the digits of some number, thus
 * leave one of every size in every thread that has ever met it, until each thread holds tens of
 * KiB. In these few sizes they share what is kept.
 */
#ifndef TASKQ_BASE_BLOCK_SIZE_H
#define TASKQ_BASE_BLOCK_SIZE_H

#include <stddef.h>

#define BLOCK_MIN_BYTES ((size_t)64)
#define BLOCK_MAX_BYTES ((size_t)1024)

/**
 * block_size - the next power of two from BLOCK_MIN_BYTES to BLOCK_MAX_BYTES; beyond, size itself
 */
static inline size_t
block_size(size_t size)
{
	size_t block = BLOCK_MIN_BYTES;

	if (size > BLOCK_MAX_BYTES)
		return size;
	while (block < size)
		block *= 2;
	return block;
}

#endif
