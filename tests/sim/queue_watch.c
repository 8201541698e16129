/* SPDX-License-Identifier: MIT */
/*
 * What a queue owes in calm, beside what the oracle asks of every call: it does what is due, and
 * loses no wake-up, within a time that is much shorter than that of its polls; and it counts right.
 */
#include <inttypes.h>
#include <string.h>

#include "base/service_clock.h"
#include "queue_world.h"

enum {
	SETTLE_S = 4000, /* for all that is under way to end */
	QUIET_US = 2000000,
	STORM_US = 3000000,
	STORM_PER_MILLE = 300,
};

/* Whether a task may be taken up by its lane, those apart that run alone. */
static bool
is_waiting(const struct oracle_task *task, enum lane lane)
{
	return task->state == TASK_QUEUED && oracle_wait(task) == WAIT_FOR_LANE &&
	       task->lane == lane && !task->is_isolated &&
	       !(oracle_is_new(task) && task->terms.expires_at_ms != 0 &&
		   task->terms.expires_at_ms <= service_clock_ms() + 1);
}

static const struct oracle_task *
find_waiting(const struct world *world, enum lane lane)
{
	for (size_t i = 0; i < world->oracle.count; i++) {
		if (is_waiting(world->oracle.tasks[i], lane))
			return world->oracle.tasks[i];
	}
	return NULL;
}

/* A lane with room and with tasks that wait for it takes them up. */
static void
watch_lane(struct world *world, enum lane lane)
{
	size_t places = lane == LANE_CPU ? EXECUTORS : SLOTS;
	const struct oracle_task *task = find_waiting(world, lane);
	bool has_room = (size_t)world->oracle.counts.running_by_lane[lane] < places;

	if (task == NULL || !has_room || !world_is_calm(world) ||
	    world->claimed_before != world->oracle.claimed) {
		world->idle_since_us[lane] = fiber_now_us();
		return;
	}
	if (fiber_now_us() - world->idle_since_us[lane] > world_patience_us(world))
		oracle_fail(&world->oracle, task,
		    "nobody takes it up, and lane %d runs %" PRId64 " of %zu", (int)lane,
		    world->oracle.counts.running_by_lane[lane], places);
}

/* What is due is not left lying, and what was cancelled ends. */
static void
watch_task(const struct world *world, const struct oracle_task *task)
{
	int64_t late_ms = service_clock_ms() - world_patience_us(world) / 1000;
	int64_t idle_us = fiber_now_us() - task->moved_us;

	if (idle_us <= world_patience_us(world))
		return;
	if (task->state == TASK_QUEUED && task->held_until_ms != 0 && task->held_until_ms < late_ms)
		oracle_fail(&world->oracle, task, "it is held although its time has come");
	if (oracle_is_new(task) && task->terms.expires_at_ms != 0 &&
	    task->terms.expires_at_ms < late_ms)
		oracle_fail(&world->oracle, task, "it has not expired although its time has come");
	if (task->state == TASK_RUNNING && task->is_cancelled && idle_us > 2 * PROMPT_US)
		oracle_fail(&world->oracle, task, "it runs although it was cancelled");
}

/* Whether a task was claimed and its attempt has not begun; which takes what memory, if so. */
static bool
is_claimed(const struct oracle_task *task, uint64_t *ret_bytes)
{
	if (task->state != TASK_RUNNING || task->lane != LANE_CPU || task->is_cancelled ||
	    task->lease >= 64 || (task->executed & UINT64_C(1) << task->lease) != 0)
		return false;
	*ret_bytes = sim_kinds_memory(task->type, task->args);
	return true;
}

/* An executor that is free begins what was claimed, unless there is no memory for it. */
static void
watch_executors(const struct world *world)
{
	const struct oracle *oracle = &world->oracle;
	struct sim_use use = sim_kinds_use();
	uint64_t left = sim_kind_settings.cpu_memory_max_bytes - use.bytes;
	bool one_waits = false; /* and others with it, to keep their order */
	uint64_t bytes;

	if (use.executing >= EXECUTORS || !world_is_calm(world))
		return;
	for (size_t i = 0; i < oracle->count; i++)
		one_waits |= is_claimed(oracle->tasks[i], &bytes) && bytes > left;
	for (size_t i = 0; i < oracle->count; i++) {
		const struct oracle_task *task = oracle->tasks[i];
		int64_t since_us =
		    task->moved_us > use.changed_us ? task->moved_us : use.changed_us;

		if (is_claimed(task, &bytes) && (bytes == 0 || !one_waits) &&
		    fiber_now_us() - since_us > world_patience_us(world))
			oracle_fail(oracle, task,
			    "it was claimed, and %zu others are executed, with %" PRIu64 " MiB",
			    use.executing, use.bytes >> 20);
	}
}

/* Whether a host keeps who waits for it waiting, or the lane does. */
static bool
is_kept_waiting(const struct world *world, size_t host)
{
	const struct oracle *oracle = &world->oracle;
	char name[TASK_HOST_SIZE];

	if (!world_is_calm(world) || sim_carry_is_paused(host) ||
	    oracle_lost_recall(oracle, sim_hosts[host]) ||
	    oracle->counts.running_by_lane[LANE_IO] >= SLOTS)
		return true;
	for (size_t i = 0; i < oracle->count; i++) {
		const struct oracle_task *task = oracle->tasks[i];

		if (task->state == TASK_RUNNING && task->lane == LANE_IO &&
		    sim_carry.host_of(task->args, strlen(task->args), name) &&
		    strcmp(name, sim_hosts[host]) == 0)
			return true;
	}
	return false;
}

/* What is deferred for a host that nobody asks, and that may be asked, is recalled. */
static void
watch_host(struct world *world, size_t host)
{
	int64_t now_us = fiber_now_us();

	if (is_kept_waiting(world, host)) {
		world->open_since_us[host] = now_us;
		return;
	}
	for (size_t i = 0; i < world->oracle.count; i++) {
		const struct oracle_task *task = world->oracle.tasks[i];

		if (strcmp(task->deferred_for, sim_hosts[host]) == 0 &&
		    now_us - task->moved_us > PROMPT_US &&
		    now_us - world->open_since_us[host] > PROMPT_US)
			oracle_fail(&world->oracle, task,
			    "nobody recalls it, and nobody asks its host since %" PRId64 " us",
			    now_us - world->open_since_us[host]);
	}
}

/* Whether there is more to see of a task than somebody has seen. */
static bool
is_behind(const struct follower *follower, const struct oracle_task *task)
{
	return task->state != follower->seen->state || task->attempt != follower->seen->attempt ||
	       sim_kinds_progress(task->id, task->lease) > follower->progress;
}

/* Who follows a task hears of every change, and of its progress. */
static void
watch_follower(const struct world *world, struct follower *follower)
{
	const struct oracle_task *task = oracle_find(&world->oracle, follower->seen->id);

	if (task == NULL || follower->node != world->node || !world_is_calm(world) ||
	    !is_behind(follower, task))
		follower->behind_us = 0;
	else if (follower->behind_us == 0)
		follower->behind_us = fiber_now_us();
	else if (fiber_now_us() - follower->behind_us > PROMPT_US)
		oracle_fail(&world->oracle, task,
		    "its progress is %d, and who follows it sleeps over %s, attempt %d, progress "
		    "%d",
		    sim_kinds_progress(task->id, task->lease),
		    task_state_name(follower->seen->state), follower->seen->attempt,
		    follower->progress);
}

void
world_watch(struct world *world)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		if (world->followers[i].seen != NULL)
			watch_follower(world, &world->followers[i]);
	}
	watch_executors(world);
	for (size_t host = 0; host < SIM_HOSTS; host++)
		watch_host(world, host);
	if (world_is_calm(world))
		sim_carry_watch();
	watch_lane(world, LANE_CPU);
	watch_lane(world, LANE_IO);
	world->claimed_before = world->oracle.claimed;
	for (size_t i = 0; i < world->oracle.count && world_is_calm(world); i++)
		watch_task(world, world->oracle.tasks[i]);
}

/* With nothing under way, what admission counts is what there is. */
static void
check_places(struct world *world)
{
	const struct admission *admission = &world->node->queue->admission;
	const struct store_counts *counts = &world->oracle.counts;
	int64_t held = counts->held_by_lane[LANE_CPU] + counts->held_by_lane[LANE_IO];

	for (int lane = 0; lane < LANE_COUNT; lane++) {
		if (atomic_load(&admission->waiting[lane]) != counts->queued_by_lane[lane])
			sim_fail(world->sim,
			    "lane %d: admission counts %" PRIdFAST64
			    " tasks that wait, there are %" PRId64,
			    lane, atomic_load(&admission->waiting[lane]),
			    counts->queued_by_lane[lane]);
		if (atomic_load(&admission->deferred[lane]) != counts->deferred_by_lane[lane])
			sim_fail(world->sim,
			    "lane %d: admission counts %" PRIdFAST64
			    " tasks that are deferred, there are %" PRId64,
			    lane, atomic_load(&admission->deferred[lane]),
			    counts->deferred_by_lane[lane]);
	}
	if (atomic_load(&admission->held) != held)
		sim_fail(world->sim,
		    "admission counts %" PRIdFAST64 " tasks that are held, there are %" PRId64,
		    atomic_load(&admission->held), held);
}

/* Whether something is under way: a task that could go on, or one that has just moved. */
static bool
is_busy(const struct world *world)
{
	const struct store_counts *counts = &world->oracle.counts;
	bool is_moving =
	    counts->by_state[TASK_RUNNING] > 0 || counts->queued_by_lane[LANE_CPU] > 0 ||
	    counts->queued_by_lane[LANE_IO] > 0 || counts->deferred_by_lane[LANE_IO] > 0;

	for (size_t i = 0; i < world->oracle.count && !is_moving; i++)
		is_moving = fiber_now_us() - world->oracle.tasks[i]->moved_us < 4 * PROMPT_US;
	return is_moving;
}

/* So quiet that what has been forgotten stays so: no client comes by and has it seen to. */
void
event_quiet(struct world *world)
{
	struct node *node = world->node;
	int64_t began_us;

	world->is_paused = true;
	while (node->users > 0)
		(void)fiber_wait(&node->users, FIBER_FOREVER);
	/* Now and then it begins with a storm, which finds the service's own threads alone. */
	if (world_chance(500)) {
		world_set_rough(world, true);
		world->checks.faults_per_mille = STORM_PER_MILLE;
		fiber_sleep((int64_t)world_below(STORM_US));
	}
	world_set_rough(world, false);
	began_us = fiber_now_us();
	do {
		fiber_sleep(WATCH_US);
		world_watch(world);
		if (fiber_now_us() - began_us > SETTLE_S * INT64_C(1000000))
			sim_fail(world->sim, "tasks do not come to an end: %" PRId64 " RUNNING",
			    world->oracle.counts.by_state[TASK_RUNNING]);
	} while (is_busy(world) || fiber_now_us() - began_us < CALM_US + QUIET_US);
	check_places(world);
	world->is_paused = false;
	fiber_wake(&world->node, true);
}
