/* SPDX-License-Identifier: MIT */
/* The in-memory back end: what reads tasks and changes none of them; see fake_store_ops.c. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_store_parts.h"

enum status
fake_read_status(void *db, const char *id, struct task_status *ret_status, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_READ_STATUS, error);
	const struct fake_task *task;

	if (status != STATUS_OK)
		return status;
	task = fake_find(fake, id);
	if (task == NULL)
		return fake_op_end(fake, FAKE_READ_STATUS,
		    error_set(error, STATUS_NOT_FOUND, "there is no task %s", id));
	*ret_status = task->status;
	return fake_op_end(fake, FAKE_READ_STATUS, STATUS_OK);
}

static enum status
copy_result(struct fake_store *fake, const struct fake_task *task, struct task_result *ret_result)
{
	struct task_result result;

	task_result_init(&result);
	result.status = task->status;
	if (task_state_is_final(task->status.state)) {
		result.failure = task->outcome.failure;
		memcpy(result.message, task->outcome.message, sizeof(result.message));
		if (task->outcome.response != NULL)
			result.response = fake_must(strdup(task->outcome.response));
	}
	if (task->has_content) {
		memcpy(result.media_type, task->outcome.media_type, sizeof(result.media_type));
		result.has_content = true;
		result.is_utf8 = task->is_utf8;
		result.bytes = task->bytes;
	}
	if (task->has_content && task->is_file) {
		char name[64], path[4096];

		fake_file_name(&task->status, task->lease, name, sizeof(name));
		(void)snprintf(path, sizeof(path), "%s/%s", fake->spill_dir, name);
		result.fd = open(path, O_RDONLY | O_CLOEXEC);
		if (result.fd == -1) {
			result.has_content = false;
			task_result_done(&result);
			return STATUS_IO;
		}
	} else if (task->has_content) {
		result.data = fake_must(malloc(task->bytes + 1));
		memcpy(result.data, task->data, task->bytes + 1);
	}
	*ret_result = result;
	return STATUS_OK;
}

enum status
fake_read_result(void *db, const char *id, struct task_result *ret_result, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_READ_RESULT, error);
	const struct fake_task *task;

	if (status != STATUS_OK)
		return status;
	task = fake_find(fake, id);
	if (task == NULL)
		status = error_set(error, STATUS_NOT_FOUND, "there is no task %s", id);
	else
		status = copy_result(fake, task, ret_result);
	return fake_op_end(fake, FAKE_READ_RESULT, status);
}

/* The task with the highest id below one, but not below another; NULL: none. */
static const struct fake_task *
next_older(const struct fake_store *fake, const char *from_id, const char *before_id)
{
	const struct fake_task *next = NULL;

	for (size_t i = 0; i < fake->count; i++) {
		const char *id = fake->tasks[i].status.id;

		if (strcmp(id, before_id) < 0 && strcmp(id, from_id) >= 0 &&
		    (next == NULL || strcmp(id, next->status.id) > 0))
			next = &fake->tasks[i];
	}
	return next;
}

static void
fill_page(const struct fake_store *fake, struct store_list_page *page)
{
	char from_id[UUID_TEXT_SIZE], before_id[UUID_TEXT_SIZE];
	const struct fake_task *task;
	enum list_offer offer = LIST_OFFER_NEXT;

	store_list_range(page->query, from_id, before_id);
	while (offer == LIST_OFFER_NEXT && (task = next_older(fake, from_id, before_id)) != NULL) {
		const struct store_list_task row = {
			.status = task->status,
			.priority = task->terms.priority,
			.failure = task->outcome.failure,
			.run_at_ms = task->terms.run_at_ms,
			.expires_at_ms = task->terms.expires_at_ms,
			.args = task->args,
			.args_size = task->args_size,
		};

		offer = store_list_offer(page, &row);
		memcpy(before_id, task->status.id, UUID_TEXT_SIZE);
	}
	if (offer == LIST_OFFER_NOMEM)
		abort();
}

enum status
fake_list(void *db, const struct store_list_query *query, struct store_list *ret_list,
    struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_LIST, error);
	struct store_list_page page;

	if (status != STATUS_OK)
		return status;
	status = store_list_begin(query, &page, error);
	if (status == STATUS_OK) {
		fill_page(fake, &page);
		*ret_list = page.list;
	}
	return fake_op_end(fake, FAKE_LIST, status);
}

enum status
fake_read_submission(
    void *db, const char *id, struct store_submission *ret_submission, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_READ_SUBMISSION, error);
	const struct fake_task *task;

	if (status != STATUS_OK)
		return status;
	task = fake_find(fake, id);
	if (task == NULL)
		return fake_op_end(fake, FAKE_READ_SUBMISSION,
		    error_set(error, STATUS_NOT_FOUND, "there is no task %s", id));
	*ret_submission = (struct store_submission){
		.state = task->status.state,
		.terms = task->terms,
		.args = fake_must(malloc(task->args_size + 1)),
		.args_size = task->args_size,
	};
	memcpy(ret_submission->type, task->status.type, sizeof(ret_submission->type));
	memcpy(ret_submission->args, task->args, task->args_size + 1);
	return fake_op_end(fake, FAKE_READ_SUBMISSION, STATUS_OK);
}

static struct store_attempt
copy_attempt(const struct store_attempt *attempt)
{
	struct store_attempt copy = *attempt;

	if (copy.response != NULL)
		copy.response = fake_must(strdup(copy.response));
	return copy;
}

/* The one that has not been followed by another, where there is one. */
static struct store_attempt
latest_attempt(const struct fake_task *task)
{
	struct store_attempt attempt = {
		.attempt = task->status.attempt,
		.started_at_ms = task->status.started_at_ms,
		.ended_at_ms = task->status.finished_at_ms,
		.outcome = attempt_outcome_of_task(task->status.state, task->outcome.failure),
		.failure = task->outcome.failure,
		.response = task->outcome.response,
	};

	memcpy(attempt.message, task->outcome.message, sizeof(attempt.message));
	return attempt;
}

enum status
fake_read_attempts(
    void *db, const char *id, struct store_attempts *ret_attempts, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_READ_ATTEMPTS, error);
	const struct fake_task *task;
	struct store_attempt latest;
	struct store_attempts found;

	if (status != STATUS_OK)
		return status;
	task = fake_find(fake, id);
	if (task == NULL)
		return fake_op_end(fake, FAKE_READ_ATTEMPTS,
		    error_set(error, STATUS_NOT_FOUND, "there is no task %s", id));
	found.count = 0;
	found.list = fake_must(calloc(task->past.count + 1, sizeof(*found.list)));
	while (found.count < task->past.count) {
		found.list[found.count] = copy_attempt(&task->past.list[found.count]);
		found.count++;
	}
	if (task->status.started_at_ms != 0) {
		latest = latest_attempt(task);
		found.list[found.count++] = copy_attempt(&latest);
	}
	*ret_attempts = found;
	return fake_op_end(fake, FAKE_READ_ATTEMPTS, STATUS_OK);
}
