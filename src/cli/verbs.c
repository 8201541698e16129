/* SPDX-License-Identifier: MIT */
/* The table of verbs; see verbs.h. */
#include "cli/verbs.h"

#include <string.h>

#include "base/nearest.h"

const struct verb *const verb_table[] = {
	&verb_submit,
	&verb_batch,
	&verb_status,
	&verb_wait,
	&verb_result,
	&verb_show,
	&verb_list,
	&verb_cancel,
	&verb_retry,
	&verb_watch,
	&verb_stats,
	&verb_help,
	NULL,
};

const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; verb_table[i] != NULL; i++)
		if (strcmp(verb_table[i]->name, name) == 0)
			return verb_table[i];
	return NULL;
}

const char *
verb_suggest(const char *name)
{
	struct nearest nearest;

	nearest_begin(&nearest, name, strlen(name));
	for (size_t i = 0; verb_table[i] != NULL; i++)
		nearest_offer(&nearest, verb_table[i]->name);
	return nearest.best;
}
