/* SPDX-License-Identifier: MIT */
/*
 * A submission: the JSON body of POST /tasks/submissions, checked whole, so that one answer names
 * every fault at once. Pure, any thread.
 */
#ifndef TASKQ_HTTP_SUBMISSION_H
#define TASKQ_HTTP_SUBMISSION_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "kinds/kind.h"
#include "task/faults.h"
#include "task/task.h"

#define SUBMISSION_ARGS_MAX_BYTES ((size_t)64 << 20)

struct submission {
	const struct kind *kind;
	struct buf args; /* normalised by the kind; behind those of earlier checks, if any */
	struct task_terms terms;
	int64_t created_at_ms; /* when it was judged: its times are counted from here */
};

/* What submissions are judged by. */
struct submission_rules {
	const struct kind_settings *kinds;
	const struct task_terms *default_terms;
	int64_t now_ms; /* by service_clock_ms */
};

void submission_init(struct submission *submission);
void submission_done(struct submission *submission);

/**
 * submission_check - judge a body, or a part of one
 * Members: `type`, a known kind's word, `args`, which the kind judges, and any of those that
 * submission_terms_check knows; no other.
 * @body:   any JSON value
 * @faults: gathers every fault; initialised by the caller, with a prefix for a part
 * Returns OK with the submission filled; INVALID when this check has found faults; NOMEM.
 */
enum status submission_check(const struct submission_rules *rules, const json_t *body,
    struct submission *ret_submission, struct faults *faults, struct error *error) NODISCARD;

#endif
