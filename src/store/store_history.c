/* SPDX-License-Identifier: MIT */
/*
 * What every back end needs for looking back: which tasks a page takes, when it ends, and how an
 * attempt ended. Pure but for memory; any thread, a page belongs to one.
 */
#include "store/store_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "store/store_backend.h"

static const char *const outcome_names[ATTEMPT_OUTCOME_COUNT] = {
	[ATTEMPT_RUNNING] = "running",
	[ATTEMPT_SUCCEEDED] = "succeeded",
	[ATTEMPT_FAILED] = "failed",
	[ATTEMPT_CANCELLED] = "cancelled",
	[ATTEMPT_CRASHED] = "crashed",
};

const char *
attempt_outcome_name(enum attempt_outcome outcome)
{
	return outcome_names[outcome];
}

bool
attempt_outcome_parse(const char *word, enum attempt_outcome *ret_outcome)
{
	for (int i = 0; i < ATTEMPT_OUTCOME_COUNT; i++) {
		if (strcmp(outcome_names[i], word) == 0) {
			*ret_outcome = (enum attempt_outcome)i;
			return true;
		}
	}
	return false;
}

enum attempt_outcome
attempt_outcome_of_task(enum task_state state, enum failure failure)
{
	if (state == TASK_RUNNING)
		return ATTEMPT_RUNNING;
	if (state == TASK_SUCCEEDED)
		return ATTEMPT_SUCCEEDED;
	if (failure == FAILURE_ATTEMPTS_EXHAUSTED)
		return ATTEMPT_CRASHED;
	return failure == FAILURE_CANCELLED ? ATTEMPT_CANCELLED : ATTEMPT_FAILED;
}

void
store_attempts_done(struct store_attempts *attempts)
{
	for (size_t i = 0; i < attempts->count; i++)
		free(attempts->list[i].response);
	free(attempts->list);
	*attempts = (struct store_attempts){ 0 };
}

void
store_submission_done(struct store_submission *submission)
{
	free(submission->args);
	*submission = (struct store_submission){ 0 };
}

void
store_list_done(struct store_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->tasks[i].args);
	free(list->tasks);
	*list = (struct store_list){ 0 };
}

void
store_list_range(const struct store_list_query *query, char ret_from_id[UUID_TEXT_SIZE],
    char ret_before_id[UUID_TEXT_SIZE])
{
	uuid_floor(query->created_from_ms, ret_from_id);
	/* Above every id there is. */
	memcpy(ret_before_id, "g", sizeof("g"));
	if (query->created_before_ms != INT64_MAX)
		uuid_floor(query->created_before_ms, ret_before_id);
	if (query->before_id != NULL && strcmp(query->before_id, ret_before_id) < 0)
		memcpy(ret_before_id, query->before_id, UUID_TEXT_SIZE);
}

enum status
store_list_begin(
    const struct store_list_query *query, struct store_list_page *ret_page, struct error *error)
{
	*ret_page = (struct store_list_page){ .query = query };
	ret_page->list.tasks = calloc(query->tasks_max, sizeof(*ret_page->list.tasks));
	if (ret_page->list.tasks == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a page of tasks");
	return STATUS_OK;
}

static bool
is_wanted(const struct store_list_query *query, const struct store_list_task *task)
{
	const struct task_status *status = &task->status;

	if (query->states != 0 && (query->states & 1u << status->state) == 0)
		return false;
	if (query->type != NULL && strcmp(query->type, status->type) != 0)
		return false;
	if (status->created_at_ms < query->created_from_ms ||
	    status->created_at_ms >= query->created_before_ms)
		return false;
	return query->args_prefix_size == 0 ||
	       (query->args_prefix_size <= task->args_size &&
		   memcmp(query->args_prefix, task->args, query->args_prefix_size) == 0);
}

/* Puts a task into the page, with a copy of its arguments. */
static bool
keep(struct store_list_page *page, const struct store_list_task *task)
{
	struct store_list_task *kept = &page->list.tasks[page->list.count];
	char *args = malloc(task->args_size + 1);

	if (args == NULL)
		return false;
	if (task->args_size > 0)
		memcpy(args, task->args, task->args_size);
	args[task->args_size] = '\0';
	*kept = *task;
	kept->args = args;
	page->list.count++;
	page->args_bytes += task->args_size;
	return true;
}

enum list_offer
store_list_offer(struct store_list_page *page, const struct store_list_task *task)
{
	const struct store_list_query *query = page->query;
	struct store_list *list = &page->list;
	bool is_taken = is_wanted(query, task);

	if (list->count == query->tasks_max || page->looks == query->looks_max ||
	    (is_taken && list->count > 0 &&
		page->args_bytes + task->args_size > STORE_LIST_ARGS_MAX)) {
		list->has_more = true;
		return LIST_OFFER_FULL;
	}
	if (is_taken && !keep(page, task))
		return LIST_OFFER_NOMEM;
	page->looks++;
	memcpy(list->next_id, task->status.id, UUID_TEXT_SIZE);
	return LIST_OFFER_NEXT;
}
