/* SPDX-License-Identifier: MIT */
/*
 * The bytes that an attempt produces. They gather in memory up to a threshold and go on in a
 * temporary file beyond it, so that hundreds of attempts at once stay within the memory budget.
 * Used by one thread at a time: first by the executor that writes, then by the store.
 */
#ifndef TASKQ_TASK_OUTPUT_H
#define TASKQ_TASK_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "base/utf8.h"

struct output_conf {
	const char
	    *spill_dir;       /* where spill files go; the results directory of the store, so that a
				 rename moves one into place. Borrowed for the life of the output. */
	const char *run_name; /* a word that no other run of the service has used, for the names of
				 spill files: a process id comes back, in a container always */
	size_t memory_max_bytes; /* up to this many bytes stay in memory (the store keeps them
				    inline) */
};

struct output {
	const struct output_conf *conf;
	struct buf memory; /* the content while it is small; empty once spilled */
	int fd;            /* -1, or the spill file, open for reading and writing */
	char *spill_path;  /* NULL, or the file's path "<spill_dir>/tmp-<run_name>-<serial>" */
	uint64_t bytes;
	uint64_t settling; /* so far the disk has begun to take the file */
	struct utf8 utf8;
};

/* What of a large output may not be on disk yet when it is settled, and half of it on its way. */
#define OUTPUT_UNSETTLED_MAX_BYTES ((uint64_t)8 * 1024 * 1024)

void output_init(struct output *output, const struct output_conf *conf);

/**
 * output_write - append bytes
 * Blocks on disk once spilled. Returns OK; NOMEM; FULL when the disk is full; IO.
 */
enum status output_write(
    struct output *output, const void *data, size_t size, struct error *error) NODISCARD;

/**
 * output_settle - wait until all but the last OUTPUT_UNSETTLED_MAX_BYTES of a spilled output are on
 * disk, so that whoever persists a large one in the end does not wait for all of it, nor anybody
 * whose own flush would come behind it
 * For threads that may block as long as the disk takes for half of that; often. Returns OK, FULL,
 * IO; the content must not be taken for whole after a failure.
 */
enum status output_settle(struct output *output, struct error *error) NODISCARD;

/**
 * output_clear - forget everything written so far (a redirect hop's body)
 */
void output_clear(struct output *output);

bool output_is_spilled(const struct output *output);

/**
 * output_is_utf8 - whether the whole content is valid UTF-8; the empty content is
 */
bool output_is_utf8(const struct output *output);

/**
 * output_persist - flush the spill file to disk and rename it to `name` within the spill directory;
 * the directory itself is not flushed (the store does it once for many).
 * Only for a spilled output. After it the file stays when the output is done.
 * Blocks. Returns OK, FULL, IO.
 */
enum status output_persist(struct output *output, const char *name, struct error *error) NODISCARD;

/**
 * output_done - free the memory, close the file, and remove it unless it was persisted
 */
void output_done(struct output *output);

#endif
