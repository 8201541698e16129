/* SPDX-License-Identifier: MIT */
/*
 * The nearest of some names to a misspelt one, for "did you mean ...?". The user offers the
 * candidates one by one, from wherever they stand. Pure, any thread.
 */
#ifndef TASKQ_BASE_NEAREST_H
#define TASKQ_BASE_NEAREST_H

#include <stddef.h>

#define NEAREST_NAME_MAX 47 /* bytes; longer names are never near to anything */

struct nearest {
	const char *name; /* borrowed; the misspelt one */
	size_t size;
	size_t edits;     /* of the best one so far */
	const char *best; /* borrowed; NULL as long as none is at most two edits away */
};

void nearest_begin(struct nearest *nearest, const char *name, size_t size);

/**
 * nearest_offer - a candidate; of several that are equally near the first is kept
 * An edit is a character more, less or changed; capitals are not told apart. Candidates of two
 * characters and fewer are not considered: anything short would be near to them.
 */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
