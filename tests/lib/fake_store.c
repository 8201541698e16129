/* SPDX-License-Identifier: MIT */
/*
 * What tests do with the in-memory back end: its tasks come and go, calls fail on demand and wait
 * at gates, before the operation. The operations are in fake_store_ops.c.
 */
#include <assert.h>
#include <stdlib.h>

#include "fake_store_parts.h"

void *
fake_must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

struct fake_store *
fake_store_new(void)
{
	struct fake_store *fake = fake_must(calloc(1, sizeof(*fake)));

	/* Callers may hold no lock over a store call, so any rank does; a leaf proves it. */
	lock_init(&fake->lock, LOCK_RANK_STORE_COMMITTER);
	cond_init(&fake->changed);
	return fake;
}

void
fake_task_done(struct fake_task *task)
{
	outcome_done(&task->outcome);
	store_attempts_done(&task->past);
	free(task->deferred_for);
	free(task->data);
	free(task->args);
}

void
fake_store_free(struct fake_store *fake)
{
	if (fake == NULL)
		return;
	assert(!fake->is_open);
	for (size_t i = 0; i < fake->count; i++)
		fake_task_done(&fake->tasks[i]);
	free(fake->tasks);
	fake_keys_free(fake);
	free(fake->spill_dir);
	cond_done(&fake->changed);
	lock_done(&fake->lock);
	free(fake);
}

/* Counts the call, waits at the gate, and says how the call is to fail. Takes the lock if OK. */
NO_ANALYSIS enum status
fake_op_begin(struct fake_store *fake, enum fake_op op, struct error *error)
{
	struct fake_gate *gate = &fake->gates[op];
	struct fake_fault *fault = &fake->faults[op];
	enum status status = STATUS_OK;
	bool has_died = false;

	lock_acquire(&fake->lock);
	fake->begun[op]++;
	gate->waiting++;
	cond_broadcast(&fake->changed);
	while (gate->is_closed && gate->passes == 0)
		cond_wait(&fake->changed, &fake->lock);
	gate->waiting--;
	if (gate->is_closed)
		gate->passes--;
	if (fake->is_dead) {
		status = STATUS_UNKNOWN;
	} else if (fault->times > 0) {
		fault->times--;
		status = fault->status;
		has_died = fake->is_dead = status == STATUS_UNKNOWN;
	}
	if (status == STATUS_OK)
		return STATUS_OK;
	fake->ended[op]++;
	cond_broadcast(&fake->changed);
	lock_release(&fake->lock);
	if (has_died)
		fake->fatal(fake->context, "the fake store was told to die");
	return error_set(error, status, "the fake store was told to fail: %s", status_name(status));
}

NO_ANALYSIS enum status
fake_op_end(struct fake_store *fake, enum fake_op op, enum status status)
{
	struct fake_gate *exit = &fake->exits[op];

	exit->waiting++;
	if (exit->is_closed)
		cond_broadcast(&fake->changed);
	while (exit->is_closed)
		cond_wait(&fake->changed, &fake->lock);
	exit->waiting--;
	fake->ended[op]++;
	cond_broadcast(&fake->changed);
	lock_release(&fake->lock);
	return status;
}

enum task_wait
fake_task_wait(const struct fake_task *task)
{
	if (task->status.state != TASK_QUEUED)
		return FAKE_WAIT_FOR_NOTHING;
	if (task->deferred_for != NULL)
		return WAIT_FOR_HOST;
	return task->held_until_ms != 0 ? WAIT_FOR_TIME : WAIT_FOR_LANE;
}

void
fake_task_undefer(struct fake_task *task)
{
	free(task->deferred_for);
	task->deferred_for = NULL;
}

void
fake_store_claim_twice(struct fake_store *fake)
{
	lock_acquire(&fake->lock);
	fake->claims_twice = true;
	lock_release(&fake->lock);
}

void
fake_store_fail(struct fake_store *fake, enum fake_op op, enum status status, unsigned times)
{
	lock_acquire(&fake->lock);
	fake->faults[op] = (struct fake_fault){ .status = status, .times = times };
	lock_release(&fake->lock);
}

void
fake_store_close_gate(struct fake_store *fake, enum fake_op op)
{
	lock_acquire(&fake->lock);
	fake->gates[op].is_closed = true;
	fake->gates[op].passes = 0;
	lock_release(&fake->lock);
}

void
fake_store_await_gate(struct fake_store *fake, enum fake_op op, unsigned count)
{
	lock_acquire(&fake->lock);
	while (fake->gates[op].waiting < count)
		cond_wait(&fake->changed, &fake->lock);
	lock_release(&fake->lock);
}

void
fake_store_pass_gate(struct fake_store *fake, enum fake_op op, unsigned count)
{
	lock_acquire(&fake->lock);
	fake->gates[op].passes += count;
	cond_broadcast(&fake->changed);
	lock_release(&fake->lock);
}

void
fake_store_open_gate(struct fake_store *fake, enum fake_op op)
{
	lock_acquire(&fake->lock);
	fake->gates[op].is_closed = false;
	cond_broadcast(&fake->changed);
	lock_release(&fake->lock);
}

static void
set_exit(struct fake_store *fake, enum fake_op op, bool is_closed)
{
	lock_acquire(&fake->lock);
	fake->exits[op].is_closed = is_closed;
	cond_broadcast(&fake->changed);
	lock_release(&fake->lock);
}

void
fake_store_close_exit(struct fake_store *fake, enum fake_op op)
{
	set_exit(fake, op, true);
}

void
fake_store_await_exit(struct fake_store *fake, enum fake_op op, unsigned count)
{
	lock_acquire(&fake->lock);
	while (fake->exits[op].waiting < count)
		cond_wait(&fake->changed, &fake->lock);
	lock_release(&fake->lock);
}

void
fake_store_open_exit(struct fake_store *fake, enum fake_op op)
{
	set_exit(fake, op, false);
}

unsigned
fake_store_calls(struct fake_store *fake, enum fake_op op)
{
	unsigned calls;

	lock_acquire(&fake->lock);
	calls = fake->begun[op];
	lock_release(&fake->lock);
	return calls;
}

void
fake_store_await_calls(struct fake_store *fake, enum fake_op op, unsigned count)
{
	lock_acquire(&fake->lock);
	while (fake->ended[op] < count)
		cond_wait(&fake->changed, &fake->lock);
	lock_release(&fake->lock);
}
