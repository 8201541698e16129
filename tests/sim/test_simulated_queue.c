/* SPDX-License-Identifier: MIT */
/*
 * The whole queue, its threads as fibers, over the fake store and under a simulated clock: clients
 * that do anything, a service that is killed in any of its calls, drained, or taken over while it
 * still runs, calls of the store that fail, threads that are held up, a wall clock that is set. The
 * oracle judges every call of the store; beside it stand here what clients and operators are owed.
 * A seed gives the same run again.
 *
 *	test_simulated_queue                        the short form, as TAP
 *	test_simulated_queue --steps 1000000 --seed 7
 *
 * A step is one thing that a client does, with everything that comes of it. With TASKQ_SIM_LOG set
 * the service's log goes to the standard error.
 */
#include <stdlib.h>

#include "base/compiler.h"
#include "queue_world.h"
#include "sim_kinds.h"

/* Around each call of the store, which is one piece. */
static void
world_alone(bool begins)
{
	struct world *world = the_world;

	if (begins)
		fiber_pass();
	fiber_alone(begins);
	if (begins)
		return;
	if (world->claimed != world->oracle.claimed)
		fiber_wake(&world->oracle.claimed, true);
	world->claimed = world->oracle.claimed;
	fiber_pass();
}

static bool
is_calm(void)
{
	return world_is_calm(the_world);
}

static void
event_clock(struct world *world)
{
	static const int64_t spans_ms[] = { 900, 60000, 3600000, INT64_C(3) * 24 * 3600 * 1000 };
	int64_t by_ms = spans_ms[world_below(ARRAY_SIZE(spans_ms))];

	if (!world->may_set)
		return;
	world->was_set = true;
	fiber_move_wall(world_chance(600) ? by_ms : -by_ms);
}

static void
event_weather(struct world *world)
{
	world_set_rough(world, world_chance(400));
	world->is_disk_low = world->calm_since_us == FIBER_FOREVER && world_chance(200);
}

static void
any_event(struct world *world)
{
	static void (*const events[])(struct world * world) = { event_kill, event_take_over,
		event_drain, event_clock, event_quiet, event_weather, event_weather,
		event_weather };

	events[world_below(ARRAY_SIZE(events))](world);
}

/* What is held for hours is not waited for. */
static void
cancel_held(struct node *node)
{
	const struct oracle *oracle = &node->world->oracle;
	size_t i = 0;

	while (i < oracle->count) {
		struct store_cancelled cancelled;

		if (oracle->tasks[i]->held_until_ms == 0) {
			i++;
			continue;
		}
		node_require(node, "cancel",
		    queue_cancel(node->queue, oracle->tasks[i]->id, &cancelled, NULL));
		i = 0; /* others have had their turn */
	}
}

static void
end_all(struct world *world)
{
	world_set_rough(world, false);
	world->is_over = true;
	for (size_t i = 0; i < CLIENTS; i++)
		fiber_join(world->clients[i]);
	fiber_wake(&world->oracle.claimed, true);
	fiber_join(world->hunter);
	/* What pauses before another attempt is held, too, and may fail once more. */
	do {
		cancel_held(world->node);
		event_quiet(world);
	} while (world->oracle.counts.by_state[TASK_QUEUED] > 0);
	node_close(world->node);
}

static void
run(struct sim *sim, size_t which)
{
	struct world *world = calloc(1, sizeof(*world));

	(void)which;
	if (world == NULL)
		abort();
	the_world = world;
	world->sim = sim;
	fibers_begin(sim, STORE_ENV_START_MS);
	world->env = store_env_new(STORE_ENV_FAKE);
	oracle_init(&world->oracle, sim);
	world->oracle.now_us = fiber_now_us;
	world->oracle.host_of = sim_carry.host_of;
	world->oracle.is_calm = is_calm;
	world->checks = (struct checked_world){
		.oracle = &world->oracle,
		.inner = world->env->store,
		.counts_every_call = true,
		.apart = world_alone,
	};
	checked_store_attach(&world->checks);
	sim_kinds_begin(sim, &world->oracle, EXECUTORS, SLOTS);
	world->may_set = world_chance(500);
	if (world_chance(300))
		fake_store_claim_twice(world->env->fake);
	world_set_rough(world, false);
	node_start(world);
	for (size_t i = 0; i < CLIENTS; i++)
		world->clients[i] = fiber_start("client", 0, world_client, world);
	world->hunter = fiber_start("hunter", 0, world_hunter, world);
	while (sim->step < sim->steps) {
		uint64_t until = sim->step + 20 + world_below(world_chance(900) ? 300 : 12000);

		while (sim->step < until && sim->step < sim->steps) {
			fiber_sleep(WATCH_US);
			world_watch(world);
		}
		any_event(world);
	}
	end_all(world);
	oracle_report(&world->oracle);
	oracle_done(&world->oracle);
	store_env_free(world->env);
	fibers_end();
	the_world = NULL;
	free(world);
}

int
main(int argc, char *argv[])
{
	static const char *const names[] = { "queue", NULL };
	static const uint64_t steps[] = { 40000 };

	return sim_main(argc, argv, names, steps, run);
}
