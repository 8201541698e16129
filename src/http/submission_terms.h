/* SPDX-License-Identifier: MIT */
/*
 * The terms of a submission: its optional members beside `type` and `args`, which say when and how
 * often the task is to run. Pure, any thread.
 */
#ifndef TASKQ_HTTP_SUBMISSION_TERMS_H
#define TASKQ_HTTP_SUBMISSION_TERMS_H

#include <jansson.h>
#include <stdint.h>

#include "task/faults.h"
#include "task/task.h"

#define SUBMISSION_DAY_MS INT64_C(86400000)

#define SUBMISSION_AHEAD_MAX_DAYS     365 /* of `run_at`; a year and a day is the most of a ttl */
#define SUBMISSION_DELAY_MAX_MS       (365 * SUBMISSION_DAY_MS)
#define SUBMISSION_TTL_MAX_MS         (366 * SUBMISSION_DAY_MS)
#define SUBMISSION_TIMEOUT_MAX_MS     SUBMISSION_DAY_MS
#define SUBMISSION_ATTEMPTS_MAX       100
#define SUBMISSION_BACKOFF_MAX_MS     INT64_C(3600000)
#define SUBMISSION_MAX_BACKOFF_MAX_MS SUBMISSION_DAY_MS

/**
 * submission_terms_check - judge the members `priority`, `run_at` or `delay_ms`, `expires_at` or
 * `ttl_ms`, `timeout_ms` and `retry` of a submission; docs/api.md has their meaning and limits
 * @body:      an object; other members are not looked at
 * @defaults:  what holds where a member is missing. A `backoff_ms` above the default of
 *             `max_backoff_ms` raises that to itself.
 * @now_ms:    the wall clock; what is relative counts from it. A start that has passed is 0: at
 *             once.
 * @faults:    gathers every fault, also that of a task that would expire before it may start
 * @ret_terms: set when this check has found no fault
 */
void submission_terms_check(const json_t *body, const struct task_terms *defaults, int64_t now_ms,
    struct faults *faults, struct task_terms *ret_terms);

#endif
