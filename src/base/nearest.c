/* SPDX-License-Identifier: MIT */
/* Names that are nearly right; see nearest.h. Pure, any thread; nothing allocates. */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define EDITS_MAX 2

void
nearest_begin(struct nearest *nearest, const char *name, size_t size)
{
	*nearest = (struct nearest){ .name = name, .size = size, .edits = EDITS_MAX + 1 };
}

/* Levenshtein's distance, without regard to case. Both sizes are at most NEAREST_NAME_MAX. */
static size_t
edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t row[NEAREST_NAME_MAX + 1];

	for (size_t j = 0; j <= b_size; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			bool same =
			    tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
			size_t best = diagonal + (same ? 0 : 1);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b_size];
}

void
nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t size = strlen(candidate);
	size_t edits;

	if (nearest->size > NEAREST_NAME_MAX || size > NEAREST_NAME_MAX || size <= EDITS_MAX)
		return;
	edits = edit_distance(nearest->name, nearest->size, candidate, size);
	if (edits < nearest->edits) {
		nearest->edits = edits;
		nearest->best = candidate;
	}
}
