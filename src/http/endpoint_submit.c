/* SPDX-License-Identifier: MIT */
/*
 * POST /tasks/submissions: validate, admit, store, and only then say 202. Runs in the connection's
 * thread and blocks for one commit.
 */
#include <stddef.h>

#include "base/scratch.h"
#include "http/http_endpoints.h"
#include "http/json_body.h"
#include "http/json_text.h"
#include "http/submission.h"
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
		    "As many tasks wait as may wait. Nothing was stored.");
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
		    "The store could not take the task in time. Nothing was stored.");
		break;
	}
	reply_field(reply, "Retry-After", "%u", retry_after_s > 0 ? retry_after_s : 1);
}

static void
accepted(struct reply *reply, const char *id)
{
	struct buf *buf = reply_json(reply, 202, 64);

	JSON_LITERAL(buf, "{\"id\":\"");
	buf_text(buf, id);
	JSON_LITERAL(buf, "\"}\n");
	reply_field(reply, "Location", "/tasks/submissions/%s", id);
}

static void
submit(struct request *request, const struct submission *submission)
{
	char id[UUID_TEXT_SIZE];
	enum refusal refusal = REFUSAL_NONE;
	unsigned retry_after_s = 1;
	struct error error;

	switch (queue_submit(request->queue, submission->kind, submission->args.data,
	    submission->args.size, id, &refusal, &retry_after_s, &error)) {
	case STATUS_OK:
		accepted(&request->reply, id);
		break;
	case STATUS_BUSY:
		refuse(request, refusal, retry_after_s);
		break;
	case STATUS_UNKNOWN:
		/* Nobody knows whether it is stored, so neither 202 nor 500 would be true. */
		request->reply.drop = true;
		break;
	case STATUS_INVALID:
	case STATUS_NOT_FOUND:
	case STATUS_CONFLICT:
	case STATUS_FULL:
	case STATUS_TIMEOUT:
	case STATUS_CANCELLED:
	case STATUS_NOMEM:
	case STATUS_IO:
	case STATUS_CORRUPT:
	case STATUS_INTERNAL:
		reply_internal(&request->reply, "submit", &error);
		break;
	}
}

void
endpoint_submit(struct request *request)
{
	_Alignas(max_align_t) char scratch[SCRATCH_BYTES];
	struct submission submission;
	struct faults faults;
	struct error error;
	json_t *body = NULL;
	enum status status;

	scratch_begin(scratch, sizeof(scratch));
	faults_init(&faults);
	submission_init(&submission);
	status = json_body_load(
	    request->body.data, request->body.size, JSON_BODY_VALUES_MAX, &body, &faults, &error);
	if (status == STATUS_INVALID) {
		reply_problem(&request->reply, PROBLEM_INVALID_JSON, &faults, "%s", error.text);
		goto out;
	}
	if (status == STATUS_OK)
		status = submission_check(
		    queue_kind_settings(request->queue), body, &submission, &faults, &error);
	if (status == STATUS_INVALID)
		reply_problem(
		    &request->reply, PROBLEM_INVALID_SUBMISSION, &faults, "%s", error.text);
	else if (status != STATUS_OK)
		reply_internal(&request->reply, "validate", &error);
	else
		submit(request, &submission);
out:
	submission_done(&submission);
	json_decref(body);
	scratch_end();
}
