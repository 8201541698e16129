/* SPDX-License-Identifier: MIT */
/*
 * POST /tasks/{id}/retry: run a task again that failed or was rejected, as a new task that names
 * it. The new one is judged as if its submission came today; the old one stays as it is. Runs in
 * the connection's thread and blocks for one commit.
 *
 * The request must be declared as JSON although there is nothing to say: a web page can send other
 * requests to a service on its reader's machine without asking, and may not make it work.
 */
#include "base/service_clock.h"
#include "http/http_endpoints.h"
#include "http/http_idempotency.h"
#include "http/json_body.h"
#include "queue/queue.h"

/* Whether the body is as it has to be: nothing, or an object without members. */
static bool
body_is_empty(struct request *request)
{
	struct faults faults;
	struct error error;
	json_t *body;

	if (request->body.size == 0)
		return true;
	body = endpoint_load_body(request, JSON_BODY_VALUES_MAX);
	if (body == NULL)
		return false;
	faults_init(&faults);
	if (json_is_object(body))
		kinds_check_member_names(body, "", NULL, 0, &faults);
	else
		faults_add(&faults, "", NULL, "is not an object; expected {} or nothing");
	json_decref(body);
	if (faults.count == 0)
		return true;
	(void)error_set(&error, STATUS_INVALID, "A task is run again as it was submitted.");
	return endpoint_is_valid(request, STATUS_INVALID, &faults, &error);
}

/* Reads the task, which must be one that may be run again. */
static bool
read_old(struct request *request, struct store_submission *ret_old)
{
	struct error error;
	enum status status = queue_read_submission(request->queue, request->id, ret_old, &error);

	if (status != STATUS_OK) {
		endpoint_read_failed(request, status, &error);
		return false;
	}
	if (ret_old->state == TASK_FAILED || ret_old->state == TASK_REJECTED)
		return true;
	reply_problem(&request->reply, PROBLEM_NOT_RETRIABLE, NULL,
	    "The task is %s. Only one that is FAILED or REJECTED can be run again.",
	    task_state_name(ret_old->state));
	return false;
}

/* The body of the submission: as the kind has written the arguments, it takes them. */
static json_t *
body_of(const struct store_submission *old, struct error *error)
{
	json_t *args = json_loadb(old->args, old->args_size, JSON_REJECT_DUPLICATES, NULL);
	json_t *body =
	    args == NULL ? NULL : json_pack("{s:s, s:o}", "type", old->type, "args", args);

	if (body == NULL)
		(void)error_set(error, STATUS_INTERNAL, "the stored arguments cannot be read");
	return body;
}

/* Times that have passed are not asked for again; those that lie ahead still hold. */
static struct task_terms
terms_of(const struct store_submission *old, int64_t now_ms)
{
	struct task_terms terms = old->terms;

	if (terms.run_at_ms <= now_ms)
		terms.run_at_ms = 0;
	if (terms.expires_at_ms <= now_ms)
		terms.expires_at_ms = 0;
	return terms;
}

/* Judges the old task as a submission of today. */
static bool
judge(struct request *request, const struct store_submission *old, struct submission *submission)
{
	int64_t now_ms = service_clock_ms();
	struct task_terms terms = terms_of(old, now_ms);
	const struct submission_rules rules = {
		.kinds = queue_kind_settings(request->queue),
		.default_terms = &terms,
		.now_ms = now_ms,
	};
	struct faults faults;
	struct error error;
	json_t *body = body_of(old, &error);
	enum status status = STATUS_INTERNAL;

	faults_init(&faults);
	if (body != NULL)
		status = submission_check(&rules, body, submission, &faults, &error);
	json_decref(body);
	if (status == STATUS_INVALID)
		reply_problem(&request->reply, PROBLEM_LIMITS_CHANGED, &faults,
		    "The task was accepted once and would not be any more.");
	else if (status != STATUS_OK)
		reply_internal(&request->reply, "retry", &error);
	return status == STATUS_OK;
}

void
endpoint_retry(struct request *request)
{
	struct store_submission old = { .args = NULL };
	struct submission submission;
	struct idempotency room, *key;

	submission_init(&submission);
	/* What was accepted once is accepted again, also where the old task is deleted by now. */
	if (idempotency_begin(request, endpoint_accepted, &room, &key) && body_is_empty(request) &&
	    read_old(request, &old) && judge(request, &old, &submission))
		endpoint_submit_one(request, &submission, request->id, key);
	idempotency_reset(key);
	submission_done(&submission);
	store_submission_done(&old);
}
