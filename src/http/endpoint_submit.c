/* SPDX-License-Identifier: MIT */
/*
 * POST /tasks/submissions: validate, admit, store, and only then say 202. Runs in the connection's
 * thread and blocks for one commit. What a batch of submissions, or a task that is run again, does
 * in the same way is here, too.
 */
#include <stddef.h>

#include "base/scratch.h"
#include "base/service_clock.h"
#include "http/http_endpoints.h"
#include "http/http_idempotency.h"
#include "http/json_body.h"
#include "http/json_text.h"
#include "queue/queue.h"

/* jansson's objects for a submission as clients send it; those of a larger one are malloc's. */
#define SCRATCH_BYTES 4096

static void
refuse(struct request *request, enum refusal refusal, unsigned retry_after_s)
{
	struct reply *reply = &request->reply;

	switch (refusal) {
	case REFUSAL_QUEUE_FULL:
		reply_problem(reply, PROBLEM_QUEUE_FULL, NULL,
		    "The queue has no room for what was submitted. Nothing was stored.");
		break;
	case REFUSAL_WAIT_TOO_LONG:
		reply_problem(reply, PROBLEM_WAIT_TOO_LONG, NULL,
		    "What was submitted would wait for longer than the service lets anything "
		    "wait. Nothing was stored.");
		break;
	case REFUSAL_HOST_FULL:
		reply_problem(reply, PROBLEM_HOST_FULL, NULL,
		    "Tasks wait for the host that this one would ask, and the queue is nearly "
		    "full. Nothing was stored.");
		break;
	case REFUSAL_SCHEDULE_FULL:
		reply_problem(reply, PROBLEM_SCHEDULE_FULL, NULL,
		    "Too many tasks wait for their time. Nothing was stored.");
		break;
	case REFUSAL_DISK_LOW:
		reply_problem(reply, PROBLEM_DISK_LOW, NULL,
		    "The disk has less free space than the service keeps. Nothing was stored.");
		break;
	case REFUSAL_DRAINING:
		reply_problem(reply, PROBLEM_DRAINING, NULL,
		    "The service is shutting down. Nothing was stored.");
		break;
	case REFUSAL_STORE_BUSY:
	case REFUSAL_NONE:
		reply_problem(reply, PROBLEM_STORE_BUSY, NULL,
		    "The store could not take what was submitted in time. Nothing was stored.");
		break;
	}
	reply_field(reply, "Retry-After", "%u", retry_after_s > 0 ? retry_after_s : 1);
}

json_t *
endpoint_load_body(struct request *request, size_t values_max)
{
	const struct buf *text = &request->body;
	struct faults faults;
	struct error error;
	json_t *body = NULL;
	enum status status;

	faults_init(&faults);
	status = json_body_load(text->data, text->size, values_max, &body, &faults, &error);
	if (status == STATUS_INVALID)
		reply_problem(&request->reply, PROBLEM_INVALID_JSON, &faults, "%s", error.text);
	else if (status != STATUS_OK)
		reply_internal(&request->reply, "parse", &error);
	return body;
}

struct submission_rules
endpoint_submission_rules(const struct request *request)
{
	return (struct submission_rules){
		.kinds = queue_kind_settings(request->queue),
		.default_terms = queue_default_terms(request->queue),
		.now_ms = service_clock_ms(),
	};
}

bool
endpoint_is_valid(struct request *request, enum status status, const struct faults *faults,
    const struct error *error)
{
	if (status == STATUS_INVALID)
		reply_problem(
		    &request->reply, PROBLEM_INVALID_SUBMISSION, faults, "%s", error->text);
	else if (status != STATUS_OK)
		reply_internal(&request->reply, "validate", error);
	return status == STATUS_OK;
}

/* Trying again would not help: it is too much for this service, however little else waits. */
static void
refuse_for_good(struct request *request, const char *pointer, const struct error *error)
{
	struct faults faults;

	faults_init(&faults);
	faults_add(&faults, pointer, NULL, "%s", error->text);
	reply_problem(&request->reply, PROBLEM_INVALID_SUBMISSION, &faults,
	    "This service can never accept so much at once. Nothing was stored.");
}

void
endpoint_submit_failed(struct request *request, const char *pointer, enum status status,
    enum refusal refusal, unsigned retry_after_s, const struct error *error)
{
	switch (status) {
	case STATUS_INVALID:
		refuse_for_good(request, pointer, error);
		break;
	case STATUS_BUSY:
		refuse(request, refusal, retry_after_s);
		break;
	case STATUS_UNKNOWN:
		/* Nobody knows whether it is stored, so neither 202 nor 500 would be true. */
		request->reply.drop = true;
		break;
	case STATUS_OK:
	case STATUS_NOT_FOUND:
	case STATUS_CONFLICT:
	case STATUS_FULL:
	case STATUS_TIMEOUT:
	case STATUS_CANCELLED:
	case STATUS_NOMEM:
	case STATUS_IO:
	case STATUS_CORRUPT:
	case STATUS_INTERNAL:
		reply_internal(&request->reply, "submit", error);
		break;
	}
}

void
endpoint_accepted(struct reply *reply, char (*ids)[UUID_TEXT_SIZE], size_t count)
{
	struct buf *buf = reply_json(reply, 202, 64);

	(void)count;
	JSON_LITERAL(buf, "{\"id\":\"");
	buf_text(buf, ids[0]);
	JSON_LITERAL(buf, "\"}\n");
	reply_field(reply, "Location", "/tasks/submissions/%s", ids[0]);
}

void
endpoint_submit_one(struct request *request, const struct submission *submission,
    const char *retry_of, struct idempotency *key)
{
	char ids[1][UUID_TEXT_SIZE];
	enum refusal refusal = REFUSAL_NONE;
	unsigned retry_after_s = 1;
	struct error error;
	const struct queue_task task = {
		.kind = submission->kind,
		.args = submission->args.data,
		.args_size = submission->args.size,
		.terms = &submission->terms,
		.created_at_ms = submission->created_at_ms,
		.retry_of = retry_of,
	};
	enum status status =
	    queue_submit(request->queue, &task, key, ids[0], &refusal, &retry_after_s, &error);

	if (status != STATUS_OK)
		endpoint_submit_failed(request, "", status, refusal, retry_after_s, &error);
	else if (!idempotency_answer(request, endpoint_accepted, key))
		endpoint_accepted(&request->reply, ids, 1);
}

void
endpoint_submit(struct request *request)
{
	_Alignas(max_align_t) char scratch[SCRATCH_BYTES];
	struct submission_rules rules;
	struct submission submission;
	struct idempotency room, *key;
	struct faults faults;
	struct error error;
	json_t *body = NULL;
	enum status status;

	scratch_begin(scratch, sizeof(scratch));
	faults_init(&faults);
	submission_init(&submission);
	if (!idempotency_begin(request, endpoint_accepted, &room, &key))
		goto out;
	body = endpoint_load_body(request, JSON_BODY_VALUES_MAX);
	if (body == NULL)
		goto out;
	rules = endpoint_submission_rules(request);
	status = submission_check(&rules, body, &submission, &faults, &error);
	if (endpoint_is_valid(request, status, &faults, &error))
		endpoint_submit_one(request, &submission, NULL, key);
out:
	idempotency_reset(key);
	submission_done(&submission);
	json_decref(body);
	scratch_end();
}
