/* SPDX-License-Identifier: MIT */
/*
 * Several submissions in one: the JSON body of POST /tasks/submissions/batch, checked whole, so
 * that one answer names every fault of every submission at once. Pure, any thread.
 */
#ifndef TASKQ_HTTP_SUBMISSION_BATCH_H
#define TASKQ_HTTP_SUBMISSION_BATCH_H

#include <jansson.h>

#include "base/buf.h"
#include "base/status.h"
#include "http/submission.h"
#include "queue/queue.h"
#include "task/faults.h"

#define SUBMISSION_BATCH_MAX 1000

/* For json_body_load: 16 values in each submission, of which 12 are used where one has every member
   and is of a kind there is, and 4 where it has none of its terms. The parsed body of a batch
   takes 4.8 MB at the very most, an honest one of 1,000 factorials 0.9. */
#define SUBMISSION_BATCH_VALUES_MAX (16 * (size_t)SUBMISSION_BATCH_MAX)

struct submission_batch {
	struct queue_task *tasks; /* their arguments lie in `args`, their terms in `terms` */
	struct task_terms *terms;
	size_t count;
	struct buf args;
};

void submission_batch_init(struct submission_batch *batch);
void submission_batch_done(struct submission_batch *batch);

/**
 * submission_batch_check - judge a body
 * The one member: `tasks`, an array of 1 to SUBMISSION_BATCH_MAX submissions. Where there are too
 * many or none, they are not looked at.
 * @body:   any JSON value
 * @faults: gathers every fault; initialised by the caller
 * Returns OK with the batch filled, which needs @body no more; INVALID when there are faults;
 * NOMEM.
 */
enum status submission_batch_check(const struct submission_rules *rules, const json_t *body,
    struct submission_batch *ret_batch, struct faults *faults, struct error *error) NODISCARD;

#endif
