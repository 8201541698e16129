/* SPDX-License-Identifier: MIT */
/*
 * How the in-memory back end lets tasks go and takes them back: the claim with its gate, the
 * release, and hosts that tasks are deferred for.
 */
#include <stdlib.h>
#include <string.h>

#include "fake_store_parts.h"

static void
claim_one(struct fake_task *task, int64_t now_ms, struct task *ret_task)
{
	task->status.state = TASK_RUNNING;
	task->status.attempt++;
	task->status.started_at_ms = now_ms;
	task->lease++;
	*ret_task = (struct task){
		.seq = task->seq,
		.lane = task->lane,
		.args = fake_must(malloc(task->args_size + 1)),
		.args_size = task->args_size,
		.lease = task->lease,
		.attempt = task->status.attempt,
		.terms = {
			.max_attempts = task->terms.max_attempts,
			.timeout_ms = task->terms.timeout_ms,
			.backoff_ms = task->terms.backoff_ms,
			.max_backoff_ms = task->terms.max_backoff_ms,
		},
		.is_isolated = task->isolated,
		.created_at_ms = task->status.created_at_ms,
		.waits_since_ms = task->waits_since_ms,
		.started_at_ms = now_ms,
	};
	memcpy(ret_task->args, task->args, task->args_size + 1);
	memcpy(ret_task->id, task->status.id, sizeof(ret_task->id));
	memcpy(ret_task->type, task->status.type, sizeof(ret_task->type));
	memcpy(ret_task->retry_of, task->status.retry_of, sizeof(ret_task->retry_of));
}

static bool
has_expired(const struct fake_task *task, int64_t now_ms)
{
	return task->status.state == TASK_QUEUED && task->status.attempt == 0 &&
	       task->terms.expires_at_ms != 0 && task->terms.expires_at_ms <= now_ms;
}

/* The task that is next and was not looked at in this claim: by priority, and oldest first; NULL:
   none. */
static struct fake_task *
next_task(struct fake_store *fake, enum lane lane, bool isolated, int64_t now_ms)
{
	struct fake_task *next = NULL;

	for (size_t i = 0; i < fake->count; i++) {
		struct fake_task *task = &fake->tasks[i];

		if (fake_task_wait(task) == WAIT_FOR_LANE && task->lane == lane &&
		    task->isolated == isolated && task->looked_at != fake->looks &&
		    !has_expired(task, now_ms) &&
		    (next == NULL || task->terms.priority < next->terms.priority))
			next = task;
	}
	return next;
}

/* The first of the tasks that are deferred for a host; NULL: none. */
static struct fake_task *
next_deferred(struct fake_store *fake, const char *host)
{
	struct fake_task *next = NULL;

	for (size_t i = 0; i < fake->count; i++) {
		struct fake_task *task = &fake->tasks[i];

		if (fake_task_wait(task) == WAIT_FOR_HOST &&
		    strcmp(task->deferred_for, host) == 0 &&
		    (next == NULL || task->terms.priority < next->terms.priority))
			next = task;
	}
	return next;
}

static void
defer(struct fake_task *task, const char *host)
{
	task->deferred_for = fake_must(strdup(host));
}

static void
recall(struct fake_store *fake, struct store_recall *recall, int64_t now_ms)
{
	struct fake_task *task;

	for (recall->ret_count = 0; recall->ret_count < recall->max; recall->ret_count++) {
		task = next_deferred(fake, recall->host);
		if (task == NULL)
			return;
		fake_task_undefer(task);
		task->waits_since_ms = now_ms;
	}
}

static enum store_gate_word
judge(const struct store_gate *gate, const struct fake_task *task, const char **ret_host)
{
	if (gate == NULL)
		return STORE_GATE_ADMIT;
	return gate->judge(gate->context, task->status.type, task->args, task->args_size, ret_host);
}

/* Looks at tasks as a claim does. Without room for them nothing comes of it. */
static size_t
look(struct fake_store *fake, struct store_gate *gate, enum lane lane, bool isolated, size_t max,
    int64_t now_ms, struct task *ret_tasks)
{
	struct fake_task *task;
	size_t count = 0;
	size_t asides = 0;

	fake->looks++;
	if (gate != NULL)
		gate->begin(gate->context);
	while (count < max && asides < STORE_GATE_ASIDE_MAX) {
		const char *host = NULL;
		enum store_gate_word word;

		task = next_task(fake, lane, isolated, now_ms);
		if (task == NULL)
			break;
		task->looked_at = fake->looks;
		word = judge(gate, task, &host);
		if (word != STORE_GATE_ADMIT)
			asides++;
		else if (ret_tasks != NULL)
			claim_one(task, now_ms, &ret_tasks[count++]);
		else
			count++;
		if (word == STORE_GATE_DEFER && ret_tasks != NULL) {
			defer(task, host);
			gate->ret_deferred++;
		}
	}
	return count;
}

enum status
fake_claim(void *db, struct store_gate *gate, enum lane lane, bool isolated, size_t max,
    int64_t now_ms, struct task *ret_tasks, size_t *ret_count, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_CLAIM, error);
	bool wrote = false;

	if (status != STATUS_OK)
		return status;
	if (isolated)
		max = 1;
	for (size_t i = 0; gate != NULL && i < gate->recall_count; i++) {
		recall(fake, &gate->recalls[i], now_ms);
		wrote = wrote || gate->recalls[i].ret_count > 0;
	}
	if (gate != NULL)
		gate->ret_deferred = 0;
	if (fake->claims_twice)
		(void)look(fake, gate, lane, isolated, max, now_ms, NULL);
	*ret_count = look(fake, gate, lane, isolated, max, now_ms, ret_tasks);
	wrote = wrote || *ret_count > 0 || (gate != NULL && gate->ret_deferred > 0);
	fake_note_commit(fake, wrote);
	return fake_op_end(fake, FAKE_CLAIM, STATUS_OK);
}

enum status
fake_release(void *db, const struct task *tasks, const char *const *hosts, size_t count,
    int64_t now_ms, size_t *ret_queued, struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_RELEASE, error);
	bool wrote = false;

	if (status != STATUS_OK)
		return status;
	*ret_queued = 0;
	for (size_t i = 0; i < count; i++) {
		struct fake_task *task = fake_find_claimed(fake, &tasks[i]);

		if (task == NULL)
			continue;
		wrote = true;
		if (task->is_cancelled) {
			fake_end_cancelled(fake, task, now_ms);
			continue;
		}
		task->status.state = TASK_QUEUED;
		task->status.attempt--;
		task->status.started_at_ms = 0;
		if (hosts != NULL)
			defer(task, hosts[i]);
		(*ret_queued)++;
	}
	fake_note_commit(fake, wrote);
	return fake_op_end(fake, FAKE_RELEASE, STATUS_OK);
}

enum status
fake_next_host(void *db, const char *after, char ret_host[TASK_HOST_SIZE], struct error *error)
{
	struct fake_store *fake = db;
	enum status status = fake_op_begin(fake, FAKE_NEXT_HOST, error);
	const char *first = NULL;

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < fake->count; i++) {
		const struct fake_task *task = &fake->tasks[i];

		if (fake_task_wait(task) == WAIT_FOR_HOST &&
		    strcmp(task->deferred_for, after) > 0 &&
		    (first == NULL || strcmp(task->deferred_for, first) < 0))
			first = task->deferred_for;
	}
	if (first == NULL)
		return fake_op_end(fake, FAKE_NEXT_HOST,
		    error_set(error, STATUS_NOT_FOUND, "no task is deferred"));
	memcpy(ret_host, first, strlen(first) + 1);
	return fake_op_end(fake, FAKE_NEXT_HOST, STATUS_OK);
}
