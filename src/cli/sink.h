/* SPDX-License-Identifier: MIT */
/*
 * Where a result goes: a terminal, a pipe, a file. Main thread.
 *
 * A file is written beside itself, as FILE.ID.part, and gets its name when it is complete: who sees
 * FILE sees all of it. What was written stays when the transfer breaks off, so that it can go on
 * there; since the id of the task is in the name and results never change, it is always the
 * beginning of the right thing. What is no regular file, such as a device, is written to directly.
 */
#ifndef TASKQ_CLI_SINK_H
#define TASKQ_CLI_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cli/safe_text.h"
#include "cli/screen.h"

enum sink_kind {
	SINK_TERMINAL, /* text alone, made safe */
	SINK_STREAM,   /* what was written cannot be taken back */
	SINK_FILE,
};

struct sink {
	enum sink_kind kind;
	int fd;
	bool is_ours;      /* to be closed */
	const char *path;  /* borrowed; NULL for standard output */
	char *file_path;   /* SINK_FILE; what the path leads to; owned */
	char *part_path;   /* SINK_FILE; owned */
	bool has_part;     /* we hold the lock of the part; else it is somebody else's */
	uint64_t bytes;    /* of the content that are there */
	bool has_begun;    /* SINK_TERMINAL: it was looked at whether it is text */
	bool ends_in_line; /* SINK_TERMINAL: a line end was the latest */
	struct safe_text safe;
};

/**
 * sink_open_output - standard output; a terminal gets text alone
 */
void sink_open_output(struct sink *sink, struct screen *screen);

/**
 * sink_open_file
 * @id:      of the task whose result it is
 * @is_utf8: whether terminals take UTF-8
 * Links are followed, and a file that is replaced leaves its mode to the new one. What the path
 * leads to may be a terminal, which gets text alone, or standard output. sink->bytes tells how much
 * of it is there from an earlier time.
 * Returns OK; BUSY where another process writes the same file; IO; NOMEM.
 */
enum status sink_open_file(struct sink *sink, const char *path, const char *id, bool is_utf8,
    struct error *error) NODISCARD;

/**
 * sink_write - the next bytes
 * Returns OK; INVALID for a terminal and what is no text; IO; CANCELLED where the user wants to
 * stop; NOMEM.
 */
enum status sink_write(
    struct sink *sink, const void *data, size_t size, struct error *error) NODISCARD;

/**
 * sink_restart - forget what is there; CONFLICT where that cannot be
 */
enum status sink_restart(struct sink *sink, struct error *error) NODISCARD;

/**
 * sink_finish - it is complete: the file is flushed to disk and gets its name
 */
enum status sink_finish(struct sink *sink, struct error *error) NODISCARD;

/**
 * sink_close - whether it was finished or not; a part of ours without content is removed
 */
void sink_close(struct sink *sink);

#endif
