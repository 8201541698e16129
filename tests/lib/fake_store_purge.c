/* SPDX-License-Identifier: MIT */
/* Retention in the in-memory back end: what is purged leaves the array. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake_store_parts.h"

int64_t
fake_kept_bytes(const struct fake_task *task)
{
	const struct outcome *outcome = &task->outcome;
	const struct store_kept kept = {
		.args = task->args_size,
		.message = strlen(outcome->message),
		.response = outcome->response != NULL ? strlen(outcome->response) : 0,
		.content = task->has_content ? task->bytes : 0,
		.attempts = task->status.attempt,
	};

	return task_state_is_final(task->status.state) ? store_kept_bytes(&kept) : 0;
}

static bool
is_too_much(const struct fake_store *fake, const struct store_retention *retention)
{
	int64_t bytes = 0;

	if (retention->tasks_max > 0 && (int64_t)fake->count > retention->tasks_max)
		return true;
	for (size_t i = 0; i < fake->count; i++)
		bytes += fake_kept_bytes(&fake->tasks[i]);
	return retention->bytes_max > 0 && bytes > retention->bytes_max;
}

static bool
is_due(const struct fake_task *task, const struct store_retention *retention, int64_t now_ms)
{
	int64_t kept_ms =
	    task->status.state == TASK_SUCCEEDED ? retention->succeeded_ms : retention->failed_ms;

	return kept_ms > 0 && task->status.finished_at_ms < now_ms - kept_ms;
}

/* The task that ended first, of all or of those that are due; NULL: none. */
static struct fake_task *
find_oldest(struct fake_store *fake, const struct store_retention *retention, int64_t now_ms,
    bool must_be_due)
{
	struct fake_task *oldest = NULL;

	for (size_t i = 0; i < fake->count; i++) {
		struct fake_task *task = &fake->tasks[i];

		if (!task_state_is_final(task->status.state) ||
		    (must_be_due && !is_due(task, retention, now_ms)))
			continue;
		if (oldest == NULL || task->status.finished_at_ms < oldest->status.finished_at_ms)
			oldest = task;
	}
	return oldest;
}

static void
forget(struct fake_store *fake, struct fake_task *task)
{
	size_t at = (size_t)(task - fake->tasks);
	char name[64], path[4096];

	if (task->is_file) {
		fake_file_name(&task->status, task->lease, name, sizeof(name));
		(void)snprintf(path, sizeof(path), "%s/%s", fake->spill_dir, name);
		(void)unlink(path);
	}
	fake_task_done(task);
	fake->count--;
	memmove(task, task + 1, (fake->count - at) * sizeof(*task));
}

enum status
fake_purge(void *db, const struct store_retention *retention, int64_t now_ms,
    struct store_purged *ret_purged, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_PURGE, error);
	int64_t in_memory = 0;

	if (status != STATUS_OK)
		return status;
	*ret_purged = (struct store_purged){ .count = 0 };
	for (;;) {
		bool is_early = false;
		struct fake_task *task = find_oldest(fake, retention, now_ms, true);

		if (task == NULL && is_too_much(fake, retention)) {
			is_early = true;
			task = find_oldest(fake, retention, now_ms, false);
		}
		if (task == NULL)
			break;
		if (ret_purged->count == STORE_PURGE_MAX || in_memory >= STORE_PURGE_BYTES_MAX) {
			ret_purged->has_more = true;
			break;
		}
		in_memory += fake_kept_bytes(task) - (task->is_file ? (int64_t)task->bytes : 0);
		memcpy(ret_purged->ids[ret_purged->count++], task->status.id, UUID_TEXT_SIZE);
		ret_purged->early_count += is_early;
		fake_events(fake, task)->purged++;
		forget(fake, task);
	}
	fake_note_commit(fake, ret_purged->count > 0);
	return fake_op_end(fake, FAKE_PURGE, STATUS_OK);
}
