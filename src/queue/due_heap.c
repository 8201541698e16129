/* SPDX-License-Identifier: MIT */
/* A binary heap; see due_heap.h. The list counts from 0, places from 1: the parent of place p is
 * p / 2. */
#include "queue/due_heap.h"

#include <stdlib.h>

#define FIRST_CAPACITY 64

void
due_heap_done(struct due_heap *heap)
{
	free(heap->list);
	*heap = (struct due_heap){ .count = 0 };
}

static struct due *
at_place(const struct due_heap *heap, size_t place)
{
	return heap->list[place - 1];
}

static void
set(struct due_heap *heap, size_t place, struct due *due)
{
	heap->list[place - 1] = due;
	due->place = place;
}

/* Moves a thing from a place towards the root as far as it is due earlier. */
static size_t
rise(struct due_heap *heap, size_t place, int64_t at)
{
	while (place > 1 && at_place(heap, place / 2)->at > at) {
		set(heap, place, at_place(heap, place / 2));
		place /= 2;
	}
	return place;
}

static size_t
sink(struct due_heap *heap, size_t place, int64_t at)
{
	for (;;) {
		size_t child = 2 * place;

		if (child < heap->count &&
		    at_place(heap, child + 1)->at < at_place(heap, child)->at)
			child++;
		if (child > heap->count || at_place(heap, child)->at >= at)
			return place;
		set(heap, place, at_place(heap, child));
		place = child;
	}
}

static bool
grow(struct due_heap *heap)
{
	size_t capacity = heap->capacity == 0 ? FIRST_CAPACITY : 2 * heap->capacity;
	struct due **list = reallocarray(heap->list, capacity, sizeof(struct due *));

	if (list == NULL)
		return false;
	heap->list = list;
	heap->capacity = capacity;
	return true;
}

bool
due_heap_put(struct due_heap *heap, struct due *due, int64_t at)
{
	size_t place = due->place;

	if (place == 0) {
		if (heap->count == heap->capacity && !grow(heap))
			return false;
		place = ++heap->count;
	}
	/* One of the two moves it, or none. */
	place = rise(heap, place, at);
	place = sink(heap, place, at);
	due->at = at;
	set(heap, place, due);
	return true;
}

void
due_heap_take(struct due_heap *heap, struct due *due)
{
	size_t place = due->place;
	struct due *last;

	if (place == 0)
		return;
	due->place = 0;
	last = at_place(heap, heap->count--);
	if (last == due)
		return;
	/* The last one fills the gap. */
	last->place = place;
	heap->list[place - 1] = last;
	(void)due_heap_put(heap, last, last->at);
}

struct due *
due_heap_first(const struct due_heap *heap)
{
	return heap->count > 0 ? heap->list[0] : NULL;
}
