/* SPDX-License-Identifier: MIT */
/*
 * A record that one thread writes again and again, and that any thread copies as a whole: all of
 * what it reads was written at once. The writer never waits, whoever reads; a reader that meets a
 * write tries again, so it waits for no longer than a write takes.
 *
 * The record is plain data, a struct without pointers to what may go away. It lies in words that
 * the caller provides, and may be written in part: the first bytes of it.
 */
#ifndef TASKQ_BASE_SEQLOCK_H
#define TASKQ_BASE_SEQLOCK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* How many words a record takes. Its size must be a multiple of a word's. */
#define SEQLOCK_WORDS(type) (sizeof(type) / sizeof(uint64_t))

struct seqlock {
	atomic_uint_least64_t turn;   /* odd while the record is being written */
	atomic_uint_least64_t *words; /* borrowed */
	size_t count;
};

/**
 * seqlock_init - a record of zeros
 * @words: array of `count`, borrowed
 */
void seqlock_init(struct seqlock *seqlock, atomic_uint_least64_t *words, size_t count);

/**
 * seqlock_write - write the record, or its beginning; one thread at a time
 * @size: bytes, a multiple of 8
 */
void seqlock_write(struct seqlock *seqlock, const void *record, size_t size);

/**
 * seqlock_read - copy the record, or its beginning; any thread, at any time
 */
void seqlock_read(const struct seqlock *seqlock, void *ret_record, size_t size);

#endif
