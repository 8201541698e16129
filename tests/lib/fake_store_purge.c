/* SPDX-License-Identifier: MIT */
/* Retention in the in-memory back end: what is purged stays in the array and is known no more. */
#include <string.h>

#include "fake_store_parts.h"

static int64_t
count_left(const struct fake_store *fake)
{
	int64_t count = 0;

	for (size_t i = 0; i < fake->count; i++)
		count += !fake->tasks[i].is_purged;
	return count;
}

static bool
is_due(const struct fake_task *task, const struct store_retention *retention, int64_t now_ms)
{
	int64_t kept_ms =
	    task->status.state == TASK_SUCCEEDED ? retention->succeeded_ms : retention->failed_ms;

	return kept_ms > 0 && task->status.finished_at_ms < now_ms - kept_ms;
}

enum status
fake_purge(void *db, const struct store_retention *retention, int64_t now_ms,
    struct store_purged *ret_purged, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_PURGE, error);

	if (status != STATUS_OK)
		return status;
	ret_purged->count = 0;
	ret_purged->has_more = false;
	for (size_t i = 0; i < fake->count; i++) {
		struct fake_task *task = &fake->tasks[i];
		bool is_excess =
		    retention->tasks_max > 0 && count_left(fake) > retention->tasks_max;

		if (task->is_purged || !task_state_is_final(task->status.state) ||
		    (!is_excess && !is_due(task, retention, now_ms)))
			continue;
		if (ret_purged->count == STORE_PURGE_MAX) {
			ret_purged->has_more = true;
			break;
		}
		memcpy(ret_purged->ids[ret_purged->count++], task->status.id, UUID_TEXT_SIZE);
		task->is_purged = true;
	}
	if (ret_purged->count > 0)
		histogram_add(&fake->commit_us, 1);
	return fake_op_end(fake, FAKE_PURGE, STATUS_OK);
}
