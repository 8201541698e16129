/* SPDX-License-Identifier: MIT */
/*
 * A store under executors that crash, come late, hand back and hold on to what is not theirs any
 * more, under a clock that jumps, with everything else that clients and time do; each call judged
 * by the oracle. One thread and one random number: a seed gives the same run again.
 *
 *	test_simulated_store                        the short form of each back end, as TAP
 *	test_simulated_store memory --steps 1000000 --seed 7
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "store_scene.h"

enum {
	UNFINISHED_MAX = 160, /* tasks, above which nobody submits */
};

static void
on_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	/* The one who submits takes it from there. */
	(void)context;
	(void)lane;
	(void)starts;
	(void)count;
}

struct choice {
	unsigned weight;
	void (*step)(struct scene *scene);
};

static const struct choice usual[] = {
	{ 180, step_submit },
	{ 20, step_batch },
	{ 180, step_claim },
	{ 180, step_complete },
	{ 25, step_release },
	{ 3, step_recall },
	{ 40, step_zombie },
	{ 50, step_cancel },
	{ 70, step_advance },
	{ 25, step_purge },
	{ 60, step_read },
	{ 15, step_list },
	{ 15, step_look },
	{ 135, step_clock },
	{ 1, step_purge_all },
	{ 1, step_crash },
};

static void
any_step(struct scene *scene)
{
	unsigned dice = scene_below(scene, 1000);
	size_t at = 0;

	for (; at < ARRAY_SIZE(usual) - 1 && dice >= usual[at].weight; at++)
		dice -= usual[at].weight;
	if ((usual[at].step == step_submit || usual[at].step == step_batch) &&
	    scene_unfinished(scene) > UNFINISHED_MAX)
		at = dice % 2 == 0 ? 2 : 7;
	scene_drop_zombies(scene);
	usual[at].step(scene);
}

/* Whether there is something to claim, or to complete. */
static bool
has_work(const struct scene *scene)
{
	return scene->claim_count > 0 || scene->oracle.counts.queued_by_lane[LANE_CPU] > 0 ||
	       scene->oracle.counts.queued_by_lane[LANE_IO] > 0;
}

/* Everything comes to its end: nothing is lost. */
static void
settle(struct scene *scene)
{
	struct store_advance advance;

	scene->world.faults_per_mille = 0;
	step_crash(scene);
	for (int round = 0; scene_unfinished(scene) > 0; round++) {
		if (round > 100000)
			oracle_fail(&scene->oracle, NULL, "%" PRId64 " tasks do not come to an end",
			    scene_unfinished(scene));
		step_recall(scene);
		step_claim(scene);
		step_complete(scene);
		scene_require(
		    scene, "advance", store_advance(scene->store, scene->now_ms, &advance, NULL));
		if (has_work(scene))
			continue;
		if (advance.next_at_ms != INT64_MAX)
			scene->now_ms = advance.next_at_ms;
		else if (scene_unfinished(scene) > 0)
			step_crash(scene); /* what hangs is over */
	}
	for (size_t i = 0; i < scene->oracle.count; i++) {
		struct task_result result;

		task_result_init(&result);
		scene_require(scene, "read_result",
		    store_read_result(scene->store, scene->oracle.tasks[i]->id, &result, NULL));
		task_result_done(&result);
	}
	scene->world.counts_every_call = true;
	step_look(scene);
}

static void
on_fatal(void *context, const char *why)
{
	struct scene *scene = context;

	oracle_fail(&scene->oracle, NULL, "the store has died: %s", why);
}

static void
run(struct sim *sim, size_t which)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	if (scene == NULL)
		abort();
	scene->sim = sim;
	scene->env = store_env_new(which == 0 ? STORE_ENV_FAKE : STORE_ENV_SQLITE);
	scene->now_ms = scene->env->now_ms;
	oracle_init(&scene->oracle, sim);
	scene->world = (struct checked_world){
		.oracle = &scene->oracle,
		.inner = scene->env->store,
		.faults_per_mille = 5,
		.counts_every_call = true,
	};
	checked_store_attach(&scene->world);
	checked_store_open(&scene->world, on_fatal, scene, &scene->store, &scene->checked);
	store_on_start(scene->store, on_started, scene);
	scene_choose_retention(scene);
	for (; sim->step < sim->steps; sim->step++)
		any_step(scene);
	settle(scene);
	oracle_report(&scene->oracle);
	store_close(scene->store);
	while (scene->claim_count > 0)
		task_done(&scene->claims[--scene->claim_count]);
	while (scene->zombie_count > 0)
		task_done(&scene->zombies[--scene->zombie_count]);
	oracle_done(&scene->oracle);
	store_env_free(scene->env);
	free(scene);
}

int
main(int argc, char *argv[])
{
	static const char *const names[] = { "memory", "sqlite", NULL };
	static const uint64_t steps[] = { 50000, 5000 };

	return sim_main(argc, argv, names, steps, run);
}
