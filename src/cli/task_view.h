/* SPDX-License-Identifier: MIT */
/*
 * A task as the answers of the service describe it, and how it is shown. Main thread.
 */
#ifndef TASKQ_CLI_TASK_VIEW_H
#define TASKQ_CLI_TASK_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/exit_status.h"
#include "cli/ink.h"

/* Texts are borrowed from the JSON that it was read from. */
struct task_view {
	const char *id;
	const char *status;
	const char *type; /* "" where it is not told, as every text but the first two */
	const char *code;
	int64_t created_ms; /* wall clock; 0: none, as for the next two */
	int64_t started_ms;
	int64_t finished_ms;
	int64_t attempts;
	double progress;    /* 0 to 1; negative: not known */
	const json_t *args; /* NULL: not told */
};

/**
 * task_view_read - from an object of a status answer or of a list; false where it is none
 * More members than it knows, and fewer of those that are not of the contract, are fine.
 */
bool task_view_read(const json_t *json, struct task_view *ret_view);

bool task_view_is_final(const struct task_view *view);

/**
 * task_view_exit_status - what a task that has ended means for the exit status
 */
enum exit_status task_view_exit_status(const struct task_view *view);

/**
 * task_view_took_ms - how long it took or takes: from its submission to its end or now
 */
int64_t task_view_took_ms(const struct task_view *view, int64_t now_wall_ms);

/**
 * task_view_subject - what it is about, in a few words: "1000!" or a URL. To be freed; may be NULL
 */
char *task_view_subject(const struct task_view *view);

/**
 * task_view_row / task_view_head - a line of a table, for a terminal of so many columns
 */
void task_view_row(
    const struct ink *ink, const struct task_view *view, int64_t now_wall_ms, size_t columns);
void task_view_head(const struct ink *ink, size_t columns);

/**
 * task_view_record - the same for programs: fields with tabs between them, as taskq(1) lists them
 */
void task_view_record(const struct ink *ink, const struct task_view *view);

/**
 * task_view_time - a time of the service (RFC 3339) in milliseconds; 0 for null and anything else
 */
int64_t task_view_time(const json_t *value);

#endif
