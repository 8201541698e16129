/* SPDX-License-Identifier: MIT */
/*
 * Things that are due at times, the first one at hand: a binary heap over members of the things
 * themselves. One thread at a time.
 */
#ifndef TASKQ_QUEUE_DUE_HEAP_H
#define TASKQ_QUEUE_DUE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of a thing; zeroed: it is in no heap. */
struct due {
	int64_t at;
	size_t place; /* in its heap, from 1 on; 0: it is in none */
};

/* Zeroed: empty. */
struct due_heap {
	struct due **list;
	size_t count;
	size_t capacity;
};

void due_heap_done(struct due_heap *heap);

/**
 * due_heap_put - have a thing in the heap with this time, whether it was there or not
 * Returns false, and nothing is changed, where memory is gone; not for one that was there.
 */
bool due_heap_put(struct due_heap *heap, struct due *due, int64_t at);

/**
 * due_heap_take - take a thing out; one that is not in it is fine
 */
void due_heap_take(struct due_heap *heap, struct due *due);

/**
 * due_heap_first - what is due first; NULL: the heap is empty
 */
struct due *due_heap_first(const struct due_heap *heap);

#endif
