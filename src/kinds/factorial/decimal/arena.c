/* SPDX-License-Identifier: MIT */
/*
 * One region, used as a stack; see arena.h. Large regions are mapped by themselves: the heap would
 * keep up to 64 MiB of them. AddressSanitizer is told what is taken, and sees a gap behind it.
 */
#include "kinds/factorial/decimal/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#	define KNOWS_POISON
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define KNOWS_POISON
#	endif
#endif
#ifdef KNOWS_POISON
#	include <sanitizer/asan_interface.h>
#	define GAP             ARENA_ALIGNMENT
#	define POISON(at, n)   ASAN_POISON_MEMORY_REGION(at, n)
#	define UNPOISON(at, n) ASAN_UNPOISON_MEMORY_REGION(at, n)
#else
#	define GAP             ((size_t)0)
#	define POISON(at, n)   ((void)(at), (void)(n))
#	define UNPOISON(at, n) ((void)(at), (void)(n))
#endif

#define MAPPED_BYTES ((size_t)256 * 1024)

enum status
arena_open(size_t bytes, struct arena *ret_arena, struct error *error)
{
	char *base;

	/* Room for the gaps of a hundred pieces, more than are ever taken at once. */
	bytes = arena_size_of(bytes) + 100 * GAP;
	if (bytes < MAPPED_BYTES) {
		base = aligned_alloc(ARENA_ALIGNMENT, bytes);
	} else {
		base =
		    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (base == MAP_FAILED)
			base = NULL;
		else
			/* Fewer faults and misses where the system has large pages to give. */
			(void)madvise(base, bytes, MADV_HUGEPAGE);
	}
	if (base == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for %zu bytes of numbers", bytes);
	POISON(base, bytes);
	*ret_arena = (struct arena){ .base = base, .bytes = bytes };
	return STATUS_OK;
}

size_t
arena_size_of(size_t bytes)
{
	return (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
}

void *
arena_take(struct arena *arena, size_t bytes)
{
	char *piece = arena->base + arena->used;
	size_t left = arena->bytes - arena->used;

	if (bytes > left || arena_size_of(bytes) + GAP > left)
		return NULL;
	arena->used += arena_size_of(bytes) + GAP;
	UNPOISON(piece, bytes);
	return piece;
}

size_t
arena_mark(const struct arena *arena)
{
	return arena->used;
}

void
arena_release(struct arena *arena, size_t mark)
{
	assert(mark <= arena->used);
	POISON(arena->base + mark, arena->used - mark);
	arena->used = mark;
}

void
arena_close(struct arena *arena)
{
	if (arena->base == NULL)
		return;
	UNPOISON(arena->base, arena->bytes);
	if (arena->bytes < MAPPED_BYTES)
		free(arena->base);
	else
		(void)munmap(arena->base, arena->bytes);
	arena->base = NULL;
}
