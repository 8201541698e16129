/* SPDX-License-Identifier: MIT */
/*
 * The verbs of taskq: each is a file of its own, verb_NAME.c, and a row of the table.
 */
#ifndef TASKQ_CLI_VERBS_H
#define TASKQ_CLI_VERBS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

struct verb {
	const char *name;
	const char *arguments; /* as the usage shows them */
	const char *summary;   /* a line of the overview, no full stop */
	const char *text;      /* what help tells: paragraphs, a newline between them */
	const char *examples;  /* lines */
	unsigned groups;       /* of options, beside the common ones; see options.h */
	size_t arguments_min, arguments_max;
	bool needs_no_service;
	enum exit_status (*run)(struct cli *cli);
};

#define VERB_ARGUMENTS_ANY ((size_t)-1)

extern const struct verb verb_batch, verb_cancel, verb_help, verb_list, verb_result, verb_retry,
    verb_show, verb_stats, verb_status, verb_submit, verb_wait, verb_watch;

/* In the order of the overview; ends with NULL. */
extern const struct verb *const verb_table[];

/**
 * verb_find - NULL where there is none of this name
 */
const struct verb *verb_find(const char *name);

/**
 * verb_suggest - the one whose name is nearest to a misspelt one; NULL where none is near
 */
const char *verb_suggest(const char *name);

#endif
