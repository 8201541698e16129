/* SPDX-License-Identifier: MIT */
/*
 * Lines of a batch that are to be submitted together, within what the service takes at once. Pure.
 */
#ifndef TASKQ_CLI_CHUNK_H
#define TASKQ_CLI_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

#define CHUNK_TASKS_MAX  1000
#define CHUNK_BYTES_MAX  ((size_t)1048576) /* of a body: the default of http-body-max-bytes */
#define CHUNK_VALUES_MAX 16000             /* see "Submit many tasks at once" in docs/api.md */
#define CHUNK_LINE_MAX   (CHUNK_BYTES_MAX - 32)

struct chunk_entry {
	uint64_t line;
	size_t offset, size; /* in the text */
	bool is_refused;     /* it is left out */
};

struct chunk {
	struct chunk_entry *entries; /* CHUNK_TASKS_MAX */
	size_t count;
	size_t most;   /* tasks in it */
	size_t values; /* of JSON in all */
	struct buf text;
};

/**
 * chunk_init
 * @most: tasks that are submitted together, 1 to CHUNK_TASKS_MAX
 */
enum status chunk_init(struct chunk *chunk, size_t most, struct error *error) NODISCARD;
void chunk_done(struct chunk *chunk);
void chunk_clear(struct chunk *chunk);

/**
 * chunk_add - one more line, if it has room
 * Returns OK; FULL: submit what is there first (one line alone always has room); NOMEM.
 */
enum status chunk_add(struct chunk *chunk, uint64_t line, const char *text, size_t size) NODISCARD;

/**
 * chunk_add_refused - a line that is not to be submitted, but has its place in the order
 */
enum status chunk_add_refused(struct chunk *chunk, uint64_t line) NODISCARD;

/**
 * chunk_body - the body of a request for the entries from `first` on, `count` of them, without the
 * refused ones
 * @body: was initialised
 * @ret_tasks: how many tasks are in it
 */
void chunk_body(
    const struct chunk *chunk, size_t first, size_t count, struct buf *body, size_t *ret_tasks);

/**
 * chunk_entry_of - the entry behind the index of a task in such a body; NULL beyond the last
 */
struct chunk_entry *chunk_entry_of(
    struct chunk *chunk, size_t first, size_t count, size_t task_index);

/**
 * chunk_pointer - takes a pointer such as "/tasks/3/args/n" apart
 * Returns the rest behind the index ("/args/n"), or NULL where it does not name a task.
 */
const char *chunk_pointer(const char *pointer, size_t *ret_task_index);

/**
 * chunk_key - the Idempotency-Key of a body: the same lines of the same batch have the same one
 * @prefix: at most CHUNK_PREFIX_MAX bytes of what submission_key takes
 */
#define CHUNK_PREFIX_MAX 80
#define CHUNK_KEY_SIZE   (CHUNK_PREFIX_MAX + 40)
void chunk_key(
    const char *prefix, uint64_t line, const struct buf *body, char ret_key[CHUNK_KEY_SIZE]);

#endif
