/* SPDX-License-Identifier: MIT */
/*
 * The record under a counter that is odd while it is written; see seqlock.h. The words are atomic,
 * so no access is a race; their order does the rest, without fences, which ThreadSanitizer does not
 * know (H.-J. Boehm, "Can seqlocks get along with programming language memory models?", 2012): a
 * reader that sees a word of a write also sees the counter as that write made it odd.
 */
#include "base/seqlock.h"

#include <assert.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

/* Tries before the thread that writes is given the processor: it may have been taken from it. */
#define TRIES_AT_ONCE 64

void
seqlock_init(struct seqlock *seqlock, atomic_uint_least64_t *words, size_t count)
{
	atomic_init(&seqlock->turn, 0);
	for (size_t i = 0; i < count; i++)
		atomic_init(&words[i], 0);
	seqlock->words = words;
	seqlock->count = count;
}

void
seqlock_write(struct seqlock *seqlock, const void *record, size_t size)
{
	uint64_t turn = atomic_load_explicit(&seqlock->turn, memory_order_relaxed);
	const char *at = record;

	assert(size % sizeof(uint64_t) == 0 && size / sizeof(uint64_t) <= seqlock->count);
	atomic_store_explicit(&seqlock->turn, turn + 1, memory_order_relaxed);
	for (size_t i = 0; i < size / sizeof(uint64_t); i++) {
		uint64_t word;

		memcpy(&word, at + i * sizeof(word), sizeof(word));
		atomic_store_explicit(&seqlock->words[i], word, memory_order_release);
	}
	atomic_store_explicit(&seqlock->turn, turn + 2, memory_order_release);
}

static bool
try_read(const struct seqlock *seqlock, char *out, size_t size)
{
	uint64_t turn = atomic_load_explicit(&seqlock->turn, memory_order_acquire);

	if (turn % 2 != 0)
		return false;
	for (size_t i = 0; i < size / sizeof(uint64_t); i++) {
		uint64_t word = atomic_load_explicit(&seqlock->words[i], memory_order_acquire);

		memcpy(out + i * sizeof(word), &word, sizeof(word));
	}
	return atomic_load_explicit(&seqlock->turn, memory_order_relaxed) == turn;
}

void
seqlock_read(const struct seqlock *seqlock, void *ret_record, size_t size)
{
	assert(size % sizeof(uint64_t) == 0 && size / sizeof(uint64_t) <= seqlock->count);
	for (unsigned tries = 1; !try_read(seqlock, ret_record, size); tries++) {
		if (tries % TRIES_AT_ONCE == 0)
			(void)sched_yield();
	}
}
