/* SPDX-License-Identifier: MIT */
/* The services of the simulation of a queue: how they start, and all the ways in which they end. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/service_clock.h"
#include "queue_world.h"
#include "sim_kinds.h"

static void
on_fatal(void *context, const char *why)
{
	struct node *node = context;

	(void)why;
	node->has_died = true;
}

void
node_start(struct world *world)
{
	const struct queue_conf conf = {
		.waiting_max = WAITING_MAX,
		.held_max = HELD_MAX,
		.disk_free_min_bytes = 1 << 20,
		.data_dir = world->env->dir,
		.cpu_executors = EXECUTORS,
		.io_slots = SLOTS,
		.host_places = SIM_HOST_PLACES,
		.host_pause_max_ms = SIM_PAUSE_MAX_MS,
		.recent_tasks = world_chance(500) ? 16 : 0,
		.retention = { .succeeded_ms = 4000, .failed_ms = 8000, .tasks_max = 300 },
		.idempotency_keep_ms = 2 * 3600 * 1000,
		.default_terms = { .priority = TASK_PRIORITY_DEFAULT,
		    .max_attempts = 3,
		    .backoff_ms = 50,
		    .max_backoff_ms = 400 },
		.kinds = &sim_kind_settings,
	};
	struct node *node = calloc(1, sizeof(*node));

	if (node == NULL)
		abort();
	node->world = world;
	checked_store_open(&world->checks, on_fatal, node, &node->store, &node->checked);
	/* Counting for a start is not made to fail: the service would not start. */
	world->checks.faults_per_mille = 0;
	if (queue_open(&conf, node->store, &node->queue, NULL) != STATUS_OK)
		sim_fail(world->sim, "the queue does not open");
	if (world->calm_since_us == FIBER_FOREVER)
		world->checks.faults_per_mille = 10;
	world->node = node;
	world_disturb(world);
	fiber_wake(&world->node, true);
}

/* Clients go on to nobody until there is another. */
static void
node_leave(struct node *node)
{
	node->is_closing = true;
	if (node->world->node == node)
		node->world->node = NULL;
	world_disturb(node->world);
}

void
node_close(struct node *node)
{
	node_leave(node);
	queue_refuse(node->queue);
	while (node->users > 0)
		(void)fiber_wait(&node->users, FIBER_FOREVER);
	queue_close(node->queue);
	store_close(node->store);
	free(node);
}

/* As another process finds the store: what runs belongs to nobody. */
static void
reopen_store(struct world *world)
{
	world->env->now_ms = service_clock_ms();
	fiber_alone(true);
	store_env_close(world->env);
	store_env_open(world->env);
	world->checks.inner = world->env->store;
	checked_store_attach(&world->checks);
	oracle_recovered(&world->oracle, world->env->now_ms, &world->env->recovery);
	oracle_learn(&world->oracle, world->checks.inner);
	fiber_alone(false);
}

/* Killed in one of its calls, of which nobody knows what came. */
void
event_kill(struct world *world)
{
	struct node *node = world->node;

	checked_store_die(node->checked, (unsigned)world_below(20), world_chance(500));
	while (!node->has_died)
		fiber_sleep(1000);
	node_leave(node);
	if (world_chance(500)) {
		node_close(node);
		reopen_store(world);
		node_start(world);
	} else {
		/* The next one is faster than what is left of this one. */
		reopen_store(world);
		node_start(world);
		node_close(node);
	}
}

/* Another takes over while it still runs: whatever it ends is late. */
void
event_take_over(struct world *world)
{
	struct node *node = world->node;

	node_leave(node);
	fiber_alone(true);
	checked_store_set_mode(node->checked, CHECKED_FENCED);
	fiber_alone(false);
	reopen_store(world);
	node_start(world);
	fiber_sleep((int64_t)world_below(5000000));
	node_close(node);
}

void
event_drain(struct world *world)
{
	struct node *node = world->node;
	bool was_calm = world_is_calm(world);

	node_leave(node);
	queue_drain(node->queue, clock_mono_ms() + (int64_t)world_below(500));
	node_close(node);
	if (was_calm && world->oracle.counts.by_state[TASK_RUNNING] > 0)
		sim_fail(world->sim, "a drain has left %" PRId64 " tasks RUNNING",
		    world->oracle.counts.by_state[TASK_RUNNING]);
	reopen_store(world);
	node_start(world);
}
