/* SPDX-License-Identifier: MIT */
/*
 * How large to make a block that lives for a moment in one of a thousand threads.
 *
 * glibc's malloc keeps what a thread has freed for that thread, apart for every 16 bytes of size up
 * to 1,032. Blocks whose sizes follow the data, each as long as the digits of some number, thus
 * leave one of every size in every thread that has ever met it, until each thread holds tens of
 * KiB. In these sizes the frequent ones share what is kept, and the rare ones are not kept at all.
 */
#ifndef TASKQ_BASE_BLOCK_SIZE_H
#define TASKQ_BASE_BLOCK_SIZE_H

#include <stddef.h>

/**
 * block_size - 64, 128, 256, 512 or 2,048 bytes, whichever is enough first; beyond, size itself
 */
static inline size_t
block_size(size_t size)
{
	size_t block = 64;

	if (size > 512)
		return size > 2048 ? size : 2048;
	while (block < size)
		block *= 2;
	return block;
}

#endif
