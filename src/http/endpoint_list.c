/* SPDX-License-Identifier: MIT */
/*
 * GET /tasks: tasks, newest first, page by page. The store bounds what a page costs and how large
 * it is; it is written at once, and its tasks are freed before it is sent. How far a task is comes
 * from memory, as in the answer about it alone.
 */
#include <string.h>

#include "http/http_endpoints.h"
#include "http/json_text.h"
#include "http/list_cursor.h"
#include "http/list_query.h"
#include "queue/queue.h"

/* Around the tasks, and of a task without its arguments. */
#define AROUND_EXPECTED_BYTES 100
#define TASK_EXPECTED_BYTES   400

void
endpoint_append_failure(struct buf *buf, enum failure failure)
{
	const char *word = failure_word(failure);

	if (failure == FAILURE_NONE)
		JSON_LITERAL(buf, "null");
	else
		json_text_string(buf, word, strlen(word));
}

/* A member that is only there where it was asked for. */
static void
append_time(struct buf *buf, const char *before, int64_t at_ms)
{
	if (at_ms == 0)
		return;
	buf_text(buf, before);
	json_text_time(buf, at_ms);
}

static void
append_task(struct buf *buf, const struct store_list_task *task, struct queue *queue)
{
	JSON_LITERAL(buf, "{");
	endpoint_append_status(buf, &task->status);
	endpoint_append_progress(buf, queue_progress(queue, &task->status));
	JSON_LITERAL(buf, ",\"code\":");
	endpoint_append_failure(buf, task->failure);
	JSON_LITERAL(buf, ",\"priority\":");
	json_text_int(buf, task->priority);
	append_time(buf, ",\"run_at\":", task->run_at_ms);
	append_time(buf, ",\"expires_at\":", task->expires_at_ms);
	JSON_LITERAL(buf, ",\"args\":");
	buf_append(buf, task->args, task->args_size);
	JSON_LITERAL(buf, "}");
}

static void
reply_list(struct reply *reply, const struct store_list *list, struct queue *queue)
{
	size_t expected = AROUND_EXPECTED_BYTES + list->count * TASK_EXPECTED_BYTES;
	char cursor[LIST_CURSOR_SIZE];
	struct buf *buf;

	for (size_t i = 0; i < list->count; i++)
		expected += list->tasks[i].args_size;
	buf = reply_json(reply, 200, expected);
	JSON_LITERAL(buf, "{\"tasks\":[");
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			JSON_LITERAL(buf, ",");
		append_task(buf, &list->tasks[i], queue);
	}
	JSON_LITERAL(buf, "],\"next_cursor\":");
	if (list->has_more) {
		list_cursor_write(list->next_id, cursor);
		json_text_string(buf, cursor, LIST_CURSOR_LENGTH);
	} else {
		JSON_LITERAL(buf, "null");
	}
	JSON_LITERAL(buf, "}\n");
}

void
endpoint_list(struct request *request)
{
	enum problem problem = PROBLEM_INVALID_PARAMETER;
	struct list_query query;
	struct store_list list;
	struct error error;
	enum status status = list_query_read(request->target.query, &query, &problem, &error);

	if (status == STATUS_INVALID) {
		reply_problem(&request->reply, problem, NULL, "%s", error.text);
		goto out;
	}
	if (status == STATUS_OK)
		status = queue_list(request->queue, &query.store, &list, &error);
	if (status != STATUS_OK) {
		endpoint_read_failed(request, status, &error);
		goto out;
	}
	reply_list(&request->reply, &list, request->queue);
	store_list_done(&list);
out:
	list_query_done(&query);
}
