/* SPDX-License-Identifier: MIT */
/* A bump allocator per thread, over memory that is lent to it. Any thread; never blocks. */
#include "base/scratch.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define ALIGNMENT _Alignof(max_align_t)

static _Thread_local struct {
	char *begin, *at, *end;
} lent;

void
scratch_begin(void *memory, size_t size)
{
	assert(lent.begin == NULL && "scratch memory does not nest");
	assert((uintptr_t)memory % ALIGNMENT == 0);
	lent.begin = memory;
	lent.at = memory;
	lent.end = lent.begin + size;
}

void
scratch_end(void)
{
	lent.begin = lent.at = lent.end = NULL;
}

void *
scratch_malloc(size_t size)
{
	size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	char *found = lent.at;

	/* Also where rounding has overflowed, and where nothing is lent. */
	if (rounded < size || rounded == 0 || rounded > (size_t)(lent.end - lent.at))
		return malloc(size > 0 ? size : 1);
	lent.at += rounded;
	return found;
}

void
scratch_free(void *memory)
{
	uintptr_t address = (uintptr_t)memory;

	if (address < (uintptr_t)lent.begin || address >= (uintptr_t)lent.end)
		free(memory);
}
