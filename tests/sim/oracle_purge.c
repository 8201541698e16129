/* SPDX-License-Identifier: MIT */
/* What a store may forget, and has to; see oracle.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

/* When a task must have ended for its age to let it go; INT64_MIN: never. */
static int64_t
due_before_ms(const struct store_retention *retention, enum task_state state, int64_t now_ms)
{
	int64_t kept_ms = state == TASK_SUCCEEDED ? retention->succeeded_ms : retention->failed_ms;

	return kept_ms == 0 ? INT64_MIN : now_ms - kept_ms;
}

static bool
is_due(const struct oracle_task *task, const struct store_retention *retention, int64_t now_ms)
{
	return task_state_is_final(task->state) &&
	       task->finished_at_ms < due_before_ms(retention, task->state, now_ms);
}

static bool
is_too_much(const struct oracle *oracle, const struct store_retention *retention)
{
	return (retention->tasks_max > 0 && (int64_t)oracle->count > retention->tasks_max) ||
	       (retention->bytes_max > 0 && oracle->counts.kept_bytes > retention->bytes_max);
}

static void
forget(struct oracle *oracle, struct oracle_task *task)
{
	size_t at = 0;

	while (oracle->tasks[at] != task)
		at++;
	memmove(&oracle->tasks[at], &oracle->tasks[at + 1],
	    (oracle->count - at - 1) * sizeof(oracle->tasks[0]));
	oracle->count--;
	oracle->counts.by_state[task->state]--;
	oracle->counts.kept_bytes -= oracle_kept_bytes(task);
	memcpy(oracle->gone[oracle->gone_count++ % ORACLE_GONE], task->id, UUID_TEXT_SIZE);
	oracle_unlink(oracle, task);
	oracle->purged++;
}

/* The completed task that ended first; or NULL. */
static const struct oracle_task *
ended_first(const struct oracle *oracle)
{
	const struct oracle_task *first = NULL;

	for (size_t i = 0; i < oracle->count; i++) {
		const struct oracle_task *task = oracle->tasks[i];

		if (task_state_is_final(task->state) &&
		    (first == NULL || task->finished_at_ms < first->finished_at_ms))
			first = task;
	}
	return first;
}

/* It goes before its time. */
static void
check_early(const struct oracle *oracle, const struct oracle_task *task,
    const struct store_retention *retention, int64_t now_ms)
{
	const struct oracle_task *first = ended_first(oracle);

	if (!is_too_much(oracle, retention))
		oracle_fail(oracle, task,
		    "it was purged at %" PRId64 " before its time: ended at %" PRId64
		    ", %zu tasks, may be %" PRId64 ", %" PRId64 " bytes, may be %" PRId64,
		    now_ms, task->finished_at_ms, oracle->count, retention->tasks_max,
		    oracle->counts.kept_bytes, retention->bytes_max);
	if (task->finished_at_ms != first->finished_at_ms)
		oracle_fail(oracle, first, "it ended before %s, which was purged before its time",
		    task->id);
}

void
oracle_purged(struct oracle *oracle, const struct store_retention *retention, int64_t now_ms,
    const struct store_purged *purged)
{
	int64_t succeeded_ms = due_before_ms(retention, TASK_SUCCEEDED, now_ms);
	int64_t failed_ms = due_before_ms(retention, TASK_FAILED, now_ms);
	int64_t looked_ms = succeeded_ms > failed_ms ? succeeded_ms : failed_ms;
	int64_t before_ms = INT64_MIN;

	if (purged->count > STORE_PURGE_MAX || purged->early_count > purged->count)
		oracle_fail(oracle, NULL, "a slice has purged %zu tasks, %zu before their time",
		    purged->count, purged->early_count);
	for (size_t i = 0; i < purged->count; i++) {
		struct oracle_task *task = oracle_find(oracle, purged->ids[i]);
		bool is_early = i >= purged->count - purged->early_count;

		if (task == NULL || !task_state_is_final(task->state))
			oracle_fail(oracle, task,
			    "task %s was purged, which is not there, or not completed",
			    purged->ids[i]);
		if (is_early)
			check_early(oracle, task, retention, now_ms);
		else if (!is_due(task, retention, now_ms))
			oracle_fail(oracle, task,
			    "it was purged at %" PRId64 " as due: ended at %" PRId64, now_ms,
			    task->finished_at_ms);
		if (!is_early && task->finished_at_ms < before_ms)
			oracle_fail(oracle, task, "it was purged after one that ended later");
		before_ms = task->finished_at_ms;
		forget(oracle, task);
	}
	if (looked_ms > oracle->looked_ms)
		oracle->looked_ms = looked_ms;
}

void
oracle_purge_settled(
    const struct oracle *oracle, const struct store_retention *retention, int64_t now_ms)
{
	int64_t succeeded_ms = due_before_ms(retention, TASK_SUCCEEDED, now_ms);
	int64_t failed_ms = due_before_ms(retention, TASK_FAILED, now_ms);
	int64_t first_ms = succeeded_ms < failed_ms ? succeeded_ms : failed_ms;

	for (size_t i = 0; i < oracle->count; i++) {
		const struct oracle_task *task = oracle->tasks[i];

		/* One that ended behind what had been looked at, because the clock went back
		   by more than a state is kept, is met when it is due whatever its state. */
		if (is_due(task, retention, now_ms) &&
		    (!task->is_hidden || task->finished_at_ms < first_ms))
			oracle_fail(oracle, task,
			    "it was due to be purged at %" PRId64 ", ended at %" PRId64, now_ms,
			    task->finished_at_ms);
	}
	if (is_too_much(oracle, retention) && ended_first(oracle) != NULL)
		oracle_fail(oracle, ended_first(oracle),
		    "there are %zu tasks of %" PRId64 " bytes, and it has not been purged",
		    oracle->count, oracle->counts.kept_bytes);
}
