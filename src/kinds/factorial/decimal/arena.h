/* SPDX-License-Identifier: MIT */
/*
 * The memory of one computation: a region whose size is known before it begins, from which pieces
 * are taken and given back in reverse order. What is not touched costs no memory, and what it was
 * goes back to the system when it is closed, whatever the heap does.
 */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_ARENA_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_ARENA_H

#include <stddef.h>

#include "base/status.h"

#define ARENA_ALIGNMENT ((size_t)64)

struct arena {
	char *base;
	size_t bytes;
	size_t used;
};

/**
 * arena_open - a region of so many bytes; OK or NOMEM
 */
enum status arena_open(size_t bytes, struct arena *ret_arena, struct error *error) NODISCARD;

/**
 * arena_size_of - what a piece of so many bytes takes of the region
 */
size_t arena_size_of(size_t bytes);

/**
 * arena_take - a piece, at a multiple of ARENA_ALIGNMENT; its content is anything
 * Returns NULL where the region is used up: whoever planned it has erred.
 */
void *arena_take(struct arena *arena, size_t bytes) NODISCARD;

/**
 * arena_mark    - where the region is used up to
 * arena_release - give back everything that was taken since the mark
 */
size_t arena_mark(const struct arena *arena);
void arena_release(struct arena *arena, size_t mark);

/**
 * arena_close - give the region back; one that was never opened, all zeros, is fine
 */
void arena_close(struct arena *arena);

#endif
