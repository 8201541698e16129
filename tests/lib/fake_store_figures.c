/* SPDX-License-Identifier: MIT */
/*
 * The figures of the in-memory back end. What is there is counted anew each time; what has happened
 * is counted where it happens.
 */
#include <assert.h>
#include <string.h>

#include "fake_store_parts.h"

void
fake_note_commit(struct fake_store *fake, bool wrote)
{
	if (!wrote)
		return;
	histogram_add(&fake->histograms.commit_us, 1);
	histogram_add(&fake->histograms.commit_commands, 1);
}

struct store_type_stats *
fake_events(struct fake_store *fake, const struct fake_task *task)
{
	struct store_type_stats *type;

	for (size_t i = 0; i < fake->type_count; i++) {
		if (strcmp(fake->types[i].type, task->status.type) == 0)
			return &fake->types[i];
	}
	assert(fake->type_count < STORE_TYPES_MAX - 1 && "the tests have few types");
	type = &fake->types[fake->type_count++];
	strcpy(type->type, task->status.type);
	return type;
}

void
fake_note_end(struct fake_store *fake, const struct fake_task *task)
{
	struct store_type_stats *events = fake_events(fake, task);

	if (task->status.state == TASK_SUCCEEDED)
		events->succeeded++;
	else if (task->status.state == TASK_FAILED)
		events->failed[task->outcome.failure]++;
	else
		events->rejected[task->outcome.failure]++;
}

/* Whether it waits for its lane. */
static bool
is_ready(const struct fake_task *task)
{
	return fake_task_wait(task) == WAIT_FOR_LANE;
}

enum status
fake_oldest_waiting(void *db, int64_t ret_since_ms[LANE_COUNT], struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_OLDEST, error);

	if (status != STATUS_OK)
		return status;
	memset(ret_since_ms, 0, LANE_COUNT * sizeof(ret_since_ms[0]));
	for (size_t i = 0; i < fake->count; i++) {
		const struct fake_task *task = &fake->tasks[i];
		int64_t *since_ms = &ret_since_ms[task->lane];

		if (is_ready(task) && (*since_ms == 0 || task->waits_since_ms < *since_ms))
			*since_ms = task->waits_since_ms;
	}
	return fake_op_end(fake, FAKE_OLDEST, STATUS_OK);
}

static void
count_tasks(const struct fake_store *fake, struct store_counts *ret_counts)
{
	*ret_counts = (struct store_counts){ 0 };
	for (size_t i = 0; i < fake->count; i++) {
		const struct fake_task *task = &fake->tasks[i];

		ret_counts->by_state[task->status.state]++;
		ret_counts->kept_bytes += fake_kept_bytes(task);
		if (is_ready(task))
			ret_counts->queued_by_lane[task->lane]++;
		else if (fake_task_wait(task) == WAIT_FOR_TIME)
			ret_counts->held_by_lane[task->lane]++;
		else if (fake_task_wait(task) == WAIT_FOR_HOST)
			ret_counts->deferred_by_lane[task->lane]++;
		if (task->status.state == TASK_RUNNING)
			ret_counts->running_by_lane[task->lane]++;
	}
}

enum status
fake_counts(void *db, struct store_counts *ret_counts, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_COUNTS, error);

	if (status != STATUS_OK)
		return status;
	count_tasks(fake, ret_counts);
	return fake_op_end(fake, FAKE_COUNTS, STATUS_OK);
}

static void
count_by_type(struct fake_store *fake, struct store_stats *stats)
{
	for (size_t i = 0; i < fake->count; i++)
		(void)fake_events(fake, &fake->tasks[i]);
	memcpy(stats->types, fake->types, sizeof(stats->types));
	stats->type_count = fake->type_count;
	for (size_t i = 0; i < fake->count; i++) {
		const struct fake_task *task = &fake->tasks[i];
		struct store_type_stats *type =
		    &stats->types[fake_events(fake, task) - fake->types];

		type->by_state[task->status.state]++;
		type->held += fake_task_wait(task) == WAIT_FOR_TIME;
		type->deferred += fake_task_wait(task) == WAIT_FOR_HOST;
		if (!task->has_content || !task->is_file)
			continue;
		stats->result_files++;
		stats->result_file_bytes += (int64_t)task->bytes;
	}
}

void
fake_stats(void *db, struct store_stats *ret_stats)
{
	struct fake_store *fake = db;

	*ret_stats = (struct store_stats){ .schema_version = 1 };
	lock_acquire(&fake->lock);
	count_tasks(fake, &ret_stats->counts);
	count_by_type(fake, ret_stats);
	store_histograms_read(&fake->histograms, ret_stats);
	lock_release(&fake->lock);
}
