/* SPDX-License-Identifier: MIT */
/*
 * GET /tasks, page by page, as one run of tasks. Main thread.
 */
#ifndef TASKQ_CLI_PAGES_H
#define TASKQ_CLI_PAGES_H

#include <jansson.h>

#include "cli/cli.h"

struct pages {
	struct cli *cli;
	struct buf query; /* what stays the same, with the leading "?" */
	json_t *page;     /* the answer that is being given out; NULL: ask for the next */
	size_t at;
	char *cursor;   /* of the page that follows; NULL: the first one is asked for */
	bool is_at_end; /* no page follows */
};

/**
 * pages_init - of tasks that are as the options of list say
 * @page_size: how many are asked for at once, 1 to 500
 * Returns OK, or what is wrong with the options, explained.
 */
enum exit_status pages_init(struct pages *pages, struct cli *cli, int64_t page_size) NODISCARD;
void pages_done(struct pages *pages);

/**
 * pages_next - the next task
 * @ret_task: borrowed until the next call; NULL behind the last one
 * Returns OK, or what went wrong, explained.
 */
enum exit_status pages_next(struct pages *pages, const json_t **ret_task) NODISCARD;

#endif
