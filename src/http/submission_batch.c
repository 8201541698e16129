/* SPDX-License-Identifier: MIT */
/* Checks several submissions, each as if it were alone. Pure, any thread. */
#include "http/submission_batch.h"

#include <stdlib.h>

#include "base/compiler.h"

static const char *const members[] = { "tasks" };

void
submission_batch_init(struct submission_batch *batch)
{
	batch->tasks = NULL;
	batch->terms = NULL;
	batch->count = 0;
	buf_init(&batch->args, SUBMISSION_ARGS_MAX_BYTES);
}

void
submission_batch_done(struct submission_batch *batch)
{
	free(batch->tasks);
	free(batch->terms);
	batch->tasks = NULL;
	batch->terms = NULL;
	buf_done(&batch->args);
}

/* Whether the array can be looked into; if not, a fault was noted. */
static bool
check_tasks(const json_t *tasks, struct faults *faults)
{
	size_t count = json_array_size(tasks);

	if (tasks == NULL)
		faults_add(faults, "", "tasks", "is missing; expected an array of submissions");
	else if (!json_is_array(tasks))
		faults_add(faults, "", "tasks", "is %s; expected an array of submissions",
		    kinds_json_type_name(tasks));
	else if (count < 1 || count > SUBMISSION_BATCH_MAX)
		faults_add(faults, "", "tasks", "has %zu submissions; expected 1 to %d", count,
		    SUBMISSION_BATCH_MAX);
	else
		return true;
	return false;
}

/* Where the arguments lie is only known when all of them are there: the buffer moves. */
static void
set_args(struct submission_batch *batch)
{
	const char *args = batch->args.data;

	for (size_t i = 0; i < batch->count; i++) {
		batch->tasks[i].args = args;
		args += batch->tasks[i].args_size;
	}
}

static enum status
check_each(const struct submission_rules *rules, const json_t *tasks,
    struct submission_batch *batch, struct faults *faults, struct error *error)
{
	struct submission submission;
	enum status status = STATUS_OK;

	batch->count = json_array_size(tasks);
	batch->tasks = calloc(batch->count, sizeof(*batch->tasks));
	batch->terms = calloc(batch->count, sizeof(*batch->terms));
	if (batch->tasks == NULL || batch->terms == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a batch");
	submission_init(&submission);
	for (size_t i = 0; i < batch->count && status != STATUS_NOMEM; i++) {
		size_t size_before = submission.args.size;

		faults_set_prefix(faults, "/%s/%zu", members[0], i);
		status =
		    submission_check(rules, json_array_get(tasks, i), &submission, faults, error);
		batch->tasks[i].kind = submission.kind;
		batch->tasks[i].args_size = submission.args.size - size_before;
		batch->terms[i] = submission.terms;
		batch->tasks[i].terms = &batch->terms[i];
		batch->tasks[i].created_at_ms = rules->now_ms;
	}
	faults_set_prefix(faults, "%s", "");
	/* The buffer changes hands. */
	batch->args = submission.args;
	return status == STATUS_NOMEM ? STATUS_NOMEM : STATUS_OK;
}

enum status
submission_batch_check(const struct submission_rules *rules, const json_t *body,
    struct submission_batch *ret_batch, struct faults *faults, struct error *error)
{
	const json_t *tasks;
	enum status status = STATUS_OK;

	if (!json_is_object(body)) {
		faults_add(faults, "", NULL, "is not an object; expected {\"tasks\": [...]}");
		return error_set(error, STATUS_INVALID, "The body is not an object.");
	}
	kinds_check_member_names(body, "", members, ARRAY_SIZE(members), faults);
	tasks = json_object_get(body, members[0]);
	if (check_tasks(tasks, faults))
		status = check_each(rules, tasks, ret_batch, faults, error);
	if (status != STATUS_OK)
		return status;
	if (faults->count > 0)
		return error_set(error, STATUS_INVALID, "The batch has %zu fault%s.", faults->count,
		    faults->count == 1 ? "" : "s");
	set_args(ret_batch);
	return STATUS_OK;
}
