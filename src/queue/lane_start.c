/* SPDX-License-Identifier: MIT */
/*
 * From a task to its execution. The claimer dispatches what it has claimed. Where the lane has room
 * and nobody waits, a task starts with its own submission: the connection thread reserves a place
 * and prepares the run, and the store's committing thread hands over all that a commit has started.
 * That saves a task half of its writes and the wait for a second commit. No lock is held across a
 * call of the store, an engine or a kind.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/block_size.h"
#include "base/clock.h"
#include "queue/lane_pool.h"

/* The task as a claim would have given it, but for seq; false when there is no memory. */
static bool
fill_task(const struct task_new *new, struct task *ret_task)
{
	char *args = malloc(block_size(new->args_size + 1));
	if (args == NULL)
		return false;
	memcpy(args, new->args, new->args_size);
	args[new->args_size] = '\0';
	*ret_task = (struct task){
		.lane = new->lane,
		.args = args,
		.args_size = new->args_size,
		.lease = 1,
		.attempt = 1,
		.terms = new->terms,
		.created_at_ms = new->created_at_ms,
		.waits_since_ms = new->created_at_ms,
		.started_at_ms = new->created_at_ms,
	};
	memcpy(ret_task->id, new->id, sizeof(ret_task->id));
	memcpy(ret_task->type, new->type, strlen(new->type) + 1);
	if (new->retry_of != NULL)
		memcpy(ret_task->retry_of, new->retry_of, sizeof(ret_task->retry_of));
	return true;
}

/* Takes a place at the host that the task would ask; false where it has to wait for one. */
static bool
enter_host(const struct lane_pool *lane, const struct task_new *new, struct run_host **ret_host)
{
	const struct kind *kind = kinds_find(new->type);
	char name[TASK_HOST_SIZE];
	*ret_host = NULL;
	if (lane->conf.hosts == NULL || kind == NULL || kind->host_of == NULL ||
	    !kind->host_of(new->args, new->args_size, name))
		return true;
	*ret_host = hosts_enter(lane->conf.hosts, name, clock_mono_ms());
	return *ret_host != NULL;
}

static void
leave_host(const struct lane_pool *lane, struct run_host *host)
{
	if (host == NULL)
		return;
	hosts_leave(lane->conf.hosts, host, HOST_LEAVE_UNASKED, clock_mono_ms());
	hosts_let_go(lane->conf.hosts, host);
}

struct task_start *
lane_reserve(struct lane_pool *lane, const struct task_new *new)
{
	struct task task = { 0 };
	struct run_host *host = NULL;
	struct run *spare = NULL;
	struct run *run = NULL;
	/* Whoever waits was first. */
	if (atomic_load_explicit(
		&lane->conf.admission->waiting[lane->conf.lane], memory_order_acquire) > 0)
		return NULL;
	lock_acquire(&lane->lock);
	bool has_room = lane_room_locked(lane) > 0;
	if (has_room) {
		lane->executing++;
		lane->starting++;
		spare = lane_spare_take_locked(lane);
	}
	lock_release(&lane->lock);
	if (!has_room)
		return NULL;
	if (enter_host(lane, new, &host) && fill_task(new, &task))
		run = lane_run_new(lane, spare, &task);
	if (run != NULL) {
		run->host = host;
		return &run->start;
	}
	leave_host(lane, host);
	task_done(&task);
	free(spare);
	lane_unreserve(lane, NULL);
	return NULL;
}

static struct run *
run_of(struct task_start *start)
{
	return (struct run *)(void *)((char *)start - offsetof(struct run, start));
}

/* What lane_stop and lane_wait_empty wait for. */
static void
note_started_locked(struct lane_pool *lane, size_t count) REQUIRES(lane->lock)
{
	assert(lane->starting >= count);
	lane->starting -= count;
	lane_forget_cancels_locked(lane);
	if (lane_is_empty_locked(lane) || (lane->closing && lane->starting == 0))
		cond_broadcast(&lane->became_empty);
}

void
lane_unreserve(struct lane_pool *lane, struct task_start *start)
{
	struct run *run = start != NULL ? run_of(start) : NULL;
	bool left_host = run != NULL && run->host != NULL;
	if (run != NULL) {
		leave_host(lane, run->host);
		lane_run_done(run);
	}
	lock_acquire(&lane->lock);
	if (run != NULL)
		lane_spare_give_locked(lane, run);
	lane->executing--;
	note_started_locked(lane, 1);
	/* Somebody may have come to wait because this place was taken. */
	if (left_host || lane_has_reason(lane))
		cond_signal(&lane->claim_changed);
	lock_release(&lane->lock);
}

/* Adds a run to the IO lane's engine of its kind. */
static void
add_to_engine(struct lane_pool *lane, const struct kind *kind, struct run *run)
{
	for (size_t i = 0; i < lane->engine_count; i++) {
		if (lane->engines[i].kind == kind)
			kind->engine->add(lane->engines[i].engine, run);
	}
}

void
lane_dispatch(struct lane_pool *lane, struct run *runs)
{
	struct run *for_cpu = NULL;
	struct run **end = &for_cpu;
	int64_t now_mono_us = clock_mono_us();
	while (runs != NULL) {
		struct run *run = runs;
		const struct kind *kind = kinds_find(run->task.type);
		runs = run->next;
		run->next = NULL;
		run->taken_mono_us = now_mono_us;
		if (kind != NULL)
			run->figures = kind_figures_runs(lane->conf.figures, kind);
		if (kind == NULL || kind->lane != lane->conf.lane) {
			outcome_fail(&run->outcome, FAILURE_INVALID_ARGUMENT,
			    "This service does not know tasks of type %s", run->task.type);
			lane_hand_over(lane, run);
		} else if (lane->conf.lane == LANE_CPU) {
			*end = run;
			end = &run->next;
		} else {
			add_to_engine(lane, kind, run);
		}
	}
	if (for_cpu != NULL)
		lane_end_cancelled(lane, cpu_pool_add(lane->cpu, for_cpu));
}

void
lane_started(struct lane_pool *lane, struct task_start *starts, size_t count)
{
	struct run *runs = NULL;
	struct run **end = &runs;
	lock_acquire(&lane->lock);
	for (struct task_start *start = starts; start != NULL; start = start->next) {
		struct run *run = run_of(start);
		run->task.seq = start->seq;
		lane_list_locked(lane, run);
		*end = run;
		end = &run->next;
	}
	lock_release(&lane->lock);
	*end = NULL;
	lane_dispatch(lane, runs);
	lock_acquire(&lane->lock);
	note_started_locked(lane, count);
	lock_release(&lane->lock);
}
