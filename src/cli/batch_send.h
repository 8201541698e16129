/* SPDX-License-Identifier: MIT */
/*
 * Chunks of a batch on their way to the service, and their ids on their way out. Main thread.
 */
#ifndef TASKQ_CLI_BATCH_SEND_H
#define TASKQ_CLI_BATCH_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "cli/chunk.h"
#include "cli/cli.h"
#include "cli/patience.h"
#include "cli/progress.h"

struct batch {
	struct cli *cli;
	struct chunk chunk;
	struct buf body;
	char prefix[CHUNK_PREFIX_MAX + 1]; /* of the keys */
	size_t most;                       /* tasks that are sent at once, as of now */
	bool was_divided;                  /* chunks are not where they would be the next time */
	struct patience patience;
	uint64_t submitted, refused;
	uint64_t line_submitted;         /* all lines up to it have been dealt with */
	uint64_t line_unknown;           /* the last line of which nobody knows; 0: there is none */
	uint64_t bytes_read, file_bytes; /* for the progress; file_bytes 0: not known */
	struct progress progress;
};

/**
 * batch_open - returns OK, or what is wrong with the options, explained
 */
enum exit_status batch_open(struct batch *batch, struct cli *cli) NODISCARD;
void batch_close(struct batch *batch);

/**
 * batch_send - submit what is in the chunk, print the ids, and empty it
 * Where the service takes less at once it is divided; where lines are refused and the options say
 * so, they are left out. Returns OK where every line was dealt with, or what went wrong, explained.
 */
enum exit_status batch_send(struct batch *batch) NODISCARD;

#endif
