/* SPDX-License-Identifier: MIT */
/*
 * The endpoints, one per file. Each takes a request whose header has passed every check and whose
 * body is complete, and fills request->reply. They run in the connection's own thread and may
 * block on the queue.
 */
#ifndef TASKQ_HTTP_HTTP_ENDPOINTS_H
#define TASKQ_HTTP_HTTP_ENDPOINTS_H

#include <jansson.h>

#include "http/http_request.h"
#include "http/submission.h"
#include "queue/queue.h"
#include "task/faults.h"
#include "task/task.h"

/* POST /tasks/submissions */
void endpoint_submit(struct request *request);

/* POST /tasks/submissions/batch */
void endpoint_batch(struct request *request);

/* GET /tasks/submissions/{id} */
void endpoint_status(struct request *request);

/* GET /tasks/{id} */
void endpoint_result(struct request *request);

/* DELETE /tasks/{id} */
void endpoint_cancel(struct request *request);

/* POST /tasks/{id}/retry */
void endpoint_retry(struct request *request);

/* GET /tasks/{id}/result */
void endpoint_content(struct request *request);

/* GET /tasks/{id}/submission */
void endpoint_submission(struct request *request);

/* GET /tasks/{id}/attempts */
void endpoint_attempts(struct request *request);

/* GET /tasks/{id}/events */
void endpoint_events(struct request *request);

/* GET / for browsers, GET /dashboard/{file} */
void endpoint_dashboard(struct request *request);
void endpoint_asset(struct request *request);

/* GET /tasks */
void endpoint_list(struct request *request);

/* GET /livez, GET /healthz, and GET /readyz */
void endpoint_livez(struct request *request);
void endpoint_readyz(struct request *request);

/* GET /stats/history */
void endpoint_history(struct request *request);

/* GET /stats */
void endpoint_stats(struct request *request);

/* GET /metrics */
void endpoint_metrics(struct request *request);

/* GET /openapi.json */
void endpoint_openapi(struct request *request);

/**
 * endpoint_load_body - the start of the endpoints that take a body: parse it, or make the reply say
 * why not
 * @values_max: see json_body_load
 * Returns the value, for json_decref, or NULL.
 */
json_t *endpoint_load_body(struct request *request, size_t values_max);

/**
 * endpoint_submission_rules - what the submissions of a request are judged by
 */
struct submission_rules endpoint_submission_rules(const struct request *request);

/**
 * endpoint_is_valid - whether a check of submissions came to OK; otherwise make the reply of it
 */
bool endpoint_is_valid(struct request *request, enum status status, const struct faults *faults,
    const struct error *error);

/**
 * endpoint_submit_failed - make the reply of submissions that the queue has not stored
 * @pointer: to what was submitted, for where the status is INVALID
 * @refusal, @retry_after_s: where it is BUSY
 */
void endpoint_submit_failed(struct request *request, const char *pointer, enum status status,
    enum refusal refusal, unsigned retry_after_s, const struct error *error);

/**
 * endpoint_submit_one - submit a task that has been judged, and make the reply of what comes of it
 * @retry_of: id of the task that it runs again, or NULL
 * @key:      as idempotency_begin gives it
 * endpoint_accepted - make the reply of one that was accepted: for idempotency_begin
 */
void endpoint_submit_one(struct request *request, const struct submission *submission,
    const char *retry_of, struct idempotency *key);
void endpoint_accepted(struct reply *reply, char (*ids)[UUID_TEXT_SIZE], size_t count);

/**
 * endpoint_read_final - the start of both endpoints that need a completed task: read it, or make
 * the reply say why not (404, 400 while it is queued or running, 503, 500)
 * Returns whether ret_result is set; then it is for task_result_done.
 */
bool endpoint_read_final(struct request *request, struct task_result *ret_result);

/**
 * endpoint_append_status - the members that every answer about a task's state begins with, without
 * the braces
 * endpoint_append_retry_of - the member that names the task which this one runs again, and the
 * comma before it; nothing for others
 */
void endpoint_append_status(struct buf *buf, const struct task_status *task);
void endpoint_append_retry_of(struct buf *buf, const struct task_status *task);

/**
 * endpoint_append_progress - a member that tells how far a task is, after others; nothing where
 * that is not known
 * @progress: as queue_progress has it
 */
void endpoint_append_progress(struct buf *buf, int progress);

/**
 * endpoint_append_failure - a failure's word as a JSON string, null for none
 */
void endpoint_append_failure(struct buf *buf, enum failure failure);

/**
 * endpoint_read_failed - make the reply of a read that failed
 */
void endpoint_read_failed(struct request *request, enum status status, const struct error *error);

#endif
