/* SPDX-License-Identifier: MIT */
/* What everybody in the simulation of a store needs, its clock, and its deaths; see store_scene.h.
 */
#include "store_scene.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

unsigned
scene_below(struct scene *scene, unsigned n)
{
	return (unsigned)sim_below(scene->sim, n);
}

bool
scene_chance(struct scene *scene, unsigned per_mille)
{
	return sim_chance(scene->sim, per_mille);
}

void
scene_require(struct scene *scene, const char *what, enum status status)
{
	bool is_fault = scene->world.faults_per_mille > 0 &&
			(status == STATUS_BUSY || status == STATUS_FULL || status == STATUS_IO);

	if (status != STATUS_OK && !is_fault)
		oracle_fail(&scene->oracle, NULL, "%s: %s", what, status_name(status));
}

void
scene_require_answer(struct scene *scene, const char *what, enum status status)
{
	if (status != STATUS_NOT_FOUND)
		scene_require(scene, what, status);
}

int64_t
scene_unfinished(const struct scene *scene)
{
	return scene->oracle.counts.by_state[TASK_QUEUED] +
	       scene->oracle.counts.by_state[TASK_RUNNING];
}

int64_t
scene_time_ms(struct scene *scene)
{
	static const int64_t spans_ms[] = { 5, 50, 500, 10 * SECOND_MS, HOUR_MS, 3 * DAY_MS };

	return 1 + (int64_t)sim_below(
		       scene->sim, (uint64_t)spans_ms[scene_below(scene, ARRAY_SIZE(spans_ms))]);
}

/* A time at which something changes for some task. */
static int64_t
some_edge_ms(struct scene *scene)
{
	const struct oracle *oracle = &scene->oracle;
	const struct oracle_task *task;

	if (oracle->count == 0)
		return 0;
	task = oracle->tasks[scene_below(scene, (unsigned)oracle->count)];
	if (task->state == TASK_SUCCEEDED)
		return task->finished_at_ms + scene->retention.succeeded_ms;
	if (task_state_is_final(task->state))
		return task->finished_at_ms + scene->retention.failed_ms;
	return task->held_until_ms != 0 ? task->held_until_ms : task->terms.expires_at_ms;
}

/* To a time that is at hand, a millisecond before it, or after. */
static void
step_to_edge(struct scene *scene, int64_t edge_ms)
{
	edge_ms += (int64_t)scene_below(scene, 3) - 1;
	if (edge_ms > scene->now_ms - SECOND_MS && edge_ms < scene->now_ms + DAY_MS)
		scene->now_ms = edge_ms;
}

/* To the time at which a key is forgotten; and a look at it. */
static void
step_to_key(struct scene *scene)
{
	const struct oracle_key *key = &scene->oracle.keys[scene_below(scene, KEYS)];
	struct idempotency idempotency = { .keep_ms = KEEP_MS };

	if (key->key[0] == '\0')
		return;
	step_to_edge(scene, key->created_at_ms + KEEP_MS);
	memcpy(idempotency.key, key->key, sizeof(idempotency.key));
	memcpy(idempotency.fingerprint, key->fingerprint, sizeof(idempotency.fingerprint));
	scene_require(scene, "read_idempotency",
	    store_read_idempotency(scene->store, &idempotency, scene->now_ms, NULL));
	idempotency_reset(&idempotency);
}

/* The service's clock: evenly, or as base/service_clock.h allows; and time that nobody saw. */
void
step_clock(struct scene *scene)
{
	unsigned dice = scene_below(scene, 1000);

	if (dice < 80)
		step_to_edge(scene, some_edge_ms(scene));
	else if (dice < 100)
		step_to_key(scene);
	else if (dice < 600)
		scene->now_ms += scene_below(scene, 100);
	else if (dice < 900)
		scene->now_ms += scene_below(scene, 10 * SECOND_MS);
	else if (dice < 960)
		scene->now_ms -= scene_below(scene, SECOND_MS);
	else if (dice < 990)
		scene->now_ms += sim_between(scene->sim, 0, HOUR_MS);
	else if (dice < 996)
		scene->now_ms += sim_between(scene->sim, DAY_MS, 4 * DAY_MS);
	else if (scene->now_ms > STORE_ENV_START_MS + 5 * DAY_MS)
		scene->now_ms -= sim_between(scene->sim, DAY_MS, 4 * DAY_MS);
}

/* By age, by number, by both, or hardly any. */
void
scene_choose_retention(struct scene *scene)
{
	scene->retention = (struct store_retention){
		.succeeded_ms = scene_chance(scene, 800) ? scene_time_ms(scene) : 0,
		.failed_ms = scene_chance(scene, 800) ? scene_time_ms(scene) : 0,
		.tasks_max = scene_chance(scene, 800) ? 1 + scene_below(scene, 200) : 300,
		.bytes_max = scene_chance(scene, 300) ? 1000 + scene_below(scene, 200000) : 0,
	};
}

/* What the key of a task that is gone stands for now must not be named by somebody who is dead:
   none of them lives in another process than the one that the lock file is for. */
static bool
is_another(const struct scene *scene, const struct task *zombie)
{
	for (size_t i = 0; i < scene->oracle.count; i++) {
		const struct oracle_task *task = scene->oracle.tasks[i];

		if (task->seq == zombie->seq && strcmp(task->id, zombie->id) != 0)
			return true;
	}
	return false;
}

void
scene_drop_zombies(struct scene *scene)
{
	for (size_t i = scene->zombie_count; i > 0; i--) {
		if (!is_another(scene, &scene->zombies[i - 1]))
			continue;
		task_done(&scene->zombies[i - 1]);
		scene->zombies[i - 1] = scene->zombies[--scene->zombie_count];
	}
}

void
step_crash(struct scene *scene)
{
	char before[sizeof(scene->env->dir)];
	const char *const remove[] = { "rm", "-rf", before, NULL };

	if (scene->env->kind == STORE_ENV_SQLITE)
		store_env_check_counters(scene->env);
	memcpy(before, scene->env->dir, sizeof(before));
	scene->now_ms += scene_below(scene, 2000);
	scene->env->now_ms = scene->now_ms;
	if (scene->env->kind == STORE_ENV_FAKE || scene_chance(scene, 300)) {
		/* What is closed in good order leaves what runs as a crash does. */
		store_env_close(scene->env);
		store_env_open(scene->env);
	} else {
		store_env_crash(scene->env);
		(void)store_env_run(remove);
	}
	scene->world.inner = scene->env->store;
	checked_store_attach(&scene->world);
	oracle_recovered(&scene->oracle, scene->now_ms, &scene->env->recovery);
	oracle_learn(&scene->oracle, scene->world.inner);
	while (scene->claim_count > 0)
		scene_leave(scene, &scene->claims[--scene->claim_count]);
	scene_choose_retention(scene);
}
