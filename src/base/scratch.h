/* SPDX-License-Identifier: MIT */
/*
 * Scratch memory for a library that makes many small objects and frees them all soon: a thread
 * lends it a piece of memory for the time of some calls. Allocations are cut from the front of that
 * piece, and freeing them does nothing. What does not fit is malloc's, and so is everything in a
 * thread that has lent nothing. What is made between scratch_begin and scratch_end has to be freed
 * between them, too.
 */
#ifndef TASKQ_BASE_SCRATCH_H
#define TASKQ_BASE_SCRATCH_H

#include <stddef.h>

/**
 * scratch_begin / scratch_end - lend memory to the calling thread's allocations, take it back
 * @memory: borrowed until scratch_end; aligned as max_align_t
 * They do not nest, and do not fail.
 */
void scratch_begin(void *memory, size_t size);
void scratch_end(void);

/**
 * scratch_malloc / scratch_free - for the library, in the place of malloc and free
 * NULL only where there is no memory, for 0 bytes too. A free finds out by the address whose the
 * memory is.
 */
void *scratch_malloc(size_t size);
void scratch_free(void *memory);

#endif
