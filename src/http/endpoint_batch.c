/* SPDX-License-Identifier: MIT */
/*
 * POST /tasks/submissions/batch: as a single submission, for many in one commit, all or none. Runs
 * in the connection's thread and blocks for that commit. Lends jansson no scratch memory: what it
 * makes of a batch would not fit on the stack.
 */
#include <stdlib.h>

#include "http/http_endpoints.h"
#include "http/http_idempotency.h"
#include "http/json_gate.h"
#include "http/json_text.h"
#include "http/submission_batch.h"

/* An id in its quotes, with its comma. */
#define ID_BYTES (UUID_TEXT_LENGTH + 3)

static void
accepted(struct reply *reply, char (*ids)[UUID_TEXT_SIZE], size_t count)
{
	struct buf *buf = reply_json(reply, 202, 16 + count * ID_BYTES);

	JSON_LITERAL(buf, "{\"ids\":[");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			JSON_LITERAL(buf, ",");
		json_text_string(buf, ids[i], UUID_TEXT_LENGTH);
	}
	JSON_LITERAL(buf, "]}\n");
}

static void
submit(struct request *request, const struct submission_batch *batch, struct idempotency *key)
{
	char(*ids)[UUID_TEXT_SIZE] = calloc(batch->count, sizeof(*ids));
	enum refusal refusal = REFUSAL_NONE;
	unsigned retry_after_s = 1;
	struct error error;
	enum status status;

	if (ids == NULL)
		status = error_set(&error, STATUS_NOMEM, "no memory for the ids of a batch");
	else
		status = queue_submit_batch(request->queue, batch->tasks, batch->count, key, ids,
		    &refusal, &retry_after_s, &error);
	if (status != STATUS_OK)
		endpoint_submit_failed(request, "/tasks", status, refusal, retry_after_s, &error);
	else if (!idempotency_answer(request, accepted, key))
		accepted(&request->reply, ids, batch->count);
	free(ids);
}

/* Makes a batch of the body, or the reply say why not. The parsed body is by far the largest of all
   this, so it is gone when the commit is waited for. */
static bool
load(struct request *request, struct submission_batch *batch)
{
	json_t *body = endpoint_load_body(request, SUBMISSION_BATCH_VALUES_MAX);
	struct submission_rules rules;
	struct faults faults;
	struct error error;
	enum status status;

	if (body == NULL)
		return false;
	faults_init(&faults);
	rules = endpoint_submission_rules(request);
	status = submission_batch_check(&rules, body, batch, &faults, &error);
	json_decref(body);
	return endpoint_is_valid(request, status, &faults, &error);
}

void
endpoint_batch(struct request *request)
{
	struct submission_batch batch;
	struct idempotency room, *key;
	bool is_loaded;

	submission_batch_init(&batch);
	if (!idempotency_begin(request, accepted, &room, &key))
		goto out;
	json_gate_enter(request->json_gate);
	is_loaded = load(request, &batch);
	json_gate_leave(request->json_gate);
	if (is_loaded)
		submit(request, &batch, key);
out:
	idempotency_reset(key);
	submission_batch_done(&batch);
}
