/* SPDX-License-Identifier: MIT */
/*
 * The executors of the simulation of a store: they claim, through a gate or not, end their attempts
 * at any time or never, hand back, put aside, recall, and come with claims that were superseded.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "queue/retry_pause.h"
#include "store_scene.h"

static void
keep_zombie(struct scene *scene, struct task *task)
{
	size_t at = scene->zombie_count;

	if (at == ZOMBIES_MAX) {
		at = scene_below(scene, ZOMBIES_MAX);
		task_done(&scene->zombies[at]);
	} else {
		scene->zombie_count++;
	}
	scene->zombies[at] = *task;
}

void
scene_leave(struct scene *scene, struct task *task)
{
	if (scene_chance(scene, 300))
		keep_zombie(scene, task);
	else
		task_done(task);
}

/* Some of the claims, in any order, out of the list of those that are held. */
static size_t
take_claims(struct scene *scene, size_t max, struct task *ret_tasks)
{
	size_t count = 0;

	for (; count < max && scene->claim_count > 0; count++) {
		size_t at = scene_below(scene, (unsigned)scene->claim_count);

		ret_tasks[count] = scene->claims[at];
		scene->claims[at] = scene->claims[--scene->claim_count];
	}
	return count;
}

static void
put_back(struct scene *scene, struct task *tasks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		scene->claims[scene->claim_count++] = tasks[i];
}

static const char *const hosts[] = { "a.example:80", "a.example:8080", "b.example:443" };

static const char *
some_host(struct scene *scene)
{
	return hosts[scene_below(scene, ARRAY_SIZE(hosts))];
}

/* A gate that says anything. */
struct gate {
	struct store_gate store;
	struct scene *scene;
	unsigned admits_per_mille;
	size_t asked;
	struct store_recall recalls[ARRAY_SIZE(hosts)];
};

static void
gate_begin(void *context)
{
	struct gate *gate = context;

	gate->asked = 0;
}

static enum store_gate_word
gate_judge(
    void *context, const char *type, const char *args, size_t args_size, const char **ret_host)
{
	struct gate *gate = context;

	(void)type;
	(void)args;
	(void)args_size;
	gate->asked++;
	if (scene_chance(gate->scene, gate->admits_per_mille))
		return STORE_GATE_ADMIT;
	if (scene_chance(gate->scene, 300))
		return STORE_GATE_PASS_OVER;
	*ret_host = some_host(gate->scene);
	return STORE_GATE_DEFER;
}

static void
gate_init(struct gate *gate, struct scene *scene)
{
	static const unsigned admits[] = { 0, 500, 900, 1000 };
	size_t count = scene_below(scene, ARRAY_SIZE(hosts) + 1);

	*gate = (struct gate){
		.scene = scene,
		.admits_per_mille = admits[scene_below(scene, ARRAY_SIZE(admits))],
		.store = { .begin = gate_begin, .judge = gate_judge, .context = gate },
	};
	for (size_t i = 0; i < count; i++)
		gate->recalls[i] = (struct store_recall){ hosts[i], 1 + scene_below(scene, 6), 0 };
	gate->store.recalls = gate->recalls;
	gate->store.recall_count = count;
}

void
step_recall(struct scene *scene)
{
	struct gate gate;
	struct task task;
	size_t count;
	enum status status;

	gate_init(&gate, scene);
	gate.admits_per_mille = 0;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		gate.recalls[i] = (struct store_recall){ hosts[i], BATCH_MAX, 0 };
	gate.store.recall_count = ARRAY_SIZE(hosts);
	/* From a lane in which there is nothing to be looked at, for the other one. */
	status = store_claim_through(
	    scene->store, &gate.store, LANE_CPU, true, 1, scene->now_ms, &task, &count, NULL);
	scene_require(scene, "claim", status);
	if (status == STATUS_OK && count > 0)
		oracle_fail(&scene->oracle, NULL, "a task was claimed that was not admitted");
}

void
step_claim(struct scene *scene)
{
	struct task tasks[BATCH_MAX];
	size_t room = CLAIMS_MAX - scene->claim_count;
	size_t max = 1 + scene_below(scene, scene_chance(scene, 20) ? BATCH_MAX : 8);
	enum lane lane = scene_below(scene, 2) == 0 ? LANE_CPU : LANE_IO;
	bool isolated = scene_chance(scene, 250);
	size_t count = 0;
	struct gate gate;
	enum status status;

	if (room == 0)
		return;
	/* What nobody has room for belongs to an executor that hangs. */
	if (!scene_chance(scene, 20) && max > room)
		max = room;
	gate_init(&gate, scene);
	if (scene_chance(scene, 500))
		status = store_claim(
		    scene->store, lane, isolated, max, scene->now_ms, tasks, &count, NULL);
	else
		status = store_claim_through(scene->store, &gate.store, lane, isolated, max,
		    scene->now_ms, tasks, &count, NULL);
	scene_require(scene, "claim", status);
	if (status != STATUS_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		if (scene->claim_count < CLAIMS_MAX && !scene_chance(scene, 15))
			scene->claims[scene->claim_count++] = tasks[i];
		else
			task_done(&tasks[i]); /* it runs until the service goes down */
	}
}

/* What an attempt leaves is not like that of any other. */
static void
write_content(const struct task *task, struct output *output, size_t size)
{
	char text[4096];

	memset(text, 'a' + (int)(task->lease % 26), sizeof(text));
	(void)snprintf(text, sizeof(text), "%s %" PRId64, task->id, task->lease);
	if (task->lease % 7 == 3)
		text[0] = '\xff'; /* not UTF-8 */
	if (output_write(output, text, size, NULL) != STATUS_OK)
		abort();
}

static void
make_outcome(struct scene *scene, const struct task *task, struct outcome *outcome)
{
	static const enum failure failures[] = { FAILURE_DNS, FAILURE_CONNECT, FAILURE_TIMEOUT,
		FAILURE_TLS, FAILURE_HTTP_STATUS, FAILURE_CANCELLED, FAILURE_INTERNAL };

	outcome_init(outcome);
	if (scene_chance(scene, 550))
		outcome_succeed(outcome, scene_chance(scene, 500) ? "text/plain" : "");
	else
		outcome_fail(
		    outcome, failures[scene_below(scene, ARRAY_SIZE(failures))], "Told to fail");
	if (scene_chance(scene, 100))
		outcome->retry_after_ms = scene_below(scene, 5000);
	if (scene_chance(scene, 400) &&
	    asprintf(&outcome->response, "{\"lease\":%" PRId64 "}", task->lease) < 0)
		abort();
}

/* The pause before another attempt, with its bounds from the definition. */
static int64_t
pause_ms(struct scene *scene, const struct task *task, int64_t retry_after_ms)
{
	const struct task_terms *terms = &task->terms;
	int64_t pause =
	    retry_pause_ms(terms, task->attempt, retry_after_ms, sim_random(scene->sim));
	double bound = (double)terms->backoff_ms;

	for (int i = 1; i < task->attempt; i++)
		bound *= 2;
	if (bound > (double)terms->max_backoff_ms)
		bound = (double)terms->max_backoff_ms;
	if (pause < retry_after_ms || pause < 0 ||
	    (pause > retry_after_ms && (double)pause > bound))
		oracle_fail(&scene->oracle, oracle_find(&scene->oracle, task->id),
		    "a pause of %" PRId64 " ms before another attempt", pause);
	return pause;
}

#define COMPLETE_MAX 8

/* How much an attempt leaves: now and then too much for the database. What a zombie leaves must not
   get to where a result lies. */
static size_t
some_size(struct scene *scene, bool is_zombie)
{
	if (scene_chance(scene, is_zombie ? 300 : 50))
		return 900 + scene_below(scene, 3000);
	return scene_below(scene, 64);
}

static enum status
complete(struct scene *scene, const struct task *tasks, size_t count, bool are_zombies)
{
	struct outcome outcomes[COMPLETE_MAX];
	struct output outputs[COMPLETE_MAX];
	struct completion completions[COMPLETE_MAX];
	enum status status;

	for (size_t i = 0; i < count; i++) {
		make_outcome(scene, &tasks[i], &outcomes[i]);
		output_init(&outputs[i], store_output_conf(scene->store));
		if (outcomes[i].verdict == VERDICT_SUCCEEDED || scene_chance(scene, 300))
			write_content(&tasks[i], &outputs[i], some_size(scene, are_zombies));
		completions[i] = (struct completion){
			.task = &tasks[i],
			.outcome = &outcomes[i],
			.output = &outputs[i],
			.finished_at_ms = scene->now_ms,
			.ret_status = STATUS_OK,
		};
		if (retry_follows(&tasks[i], &outcomes[i])) {
			completions[i].is_retried = true;
			completions[i].retry_at_ms =
			    scene->now_ms + pause_ms(scene, &tasks[i], outcomes[i].retry_after_ms);
		}
	}
	status = store_complete(scene->store, completions, count, NULL);
	scene_require(scene, "complete", status);
	for (size_t i = 0; i < count; i++) {
		output_done(&outputs[i]);
		outcome_done(&outcomes[i]);
	}
	return status;
}

void
step_complete(struct scene *scene)
{
	struct task tasks[COMPLETE_MAX];
	size_t count = take_claims(scene, 1 + scene_below(scene, COMPLETE_MAX), tasks);

	if (count == 0)
		return;
	if (complete(scene, tasks, count, false) != STATUS_OK) {
		put_back(scene, tasks, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		scene_leave(scene, &tasks[i]);
}

/* Hands back, or puts aside. */
static enum status
hand_back(struct scene *scene, const struct task *tasks, size_t count)
{
	const char *for_hosts[COMPLETE_MAX];
	size_t queued;

	if (scene_chance(scene, 500))
		return store_release(scene->store, tasks, count, scene->now_ms, &queued, NULL);
	for (size_t i = 0; i < count; i++)
		for_hosts[i] = some_host(scene);
	return store_defer(scene->store, tasks, for_hosts, count, scene->now_ms, &queued, NULL);
}

void
step_release(struct scene *scene)
{
	struct task tasks[COMPLETE_MAX];
	size_t count = take_claims(scene, 1 + scene_below(scene, COMPLETE_MAX), tasks);
	enum status status;

	if (count == 0)
		return;
	status = hand_back(scene, tasks, count);
	scene_require(scene, "release", status);
	if (status != STATUS_OK) {
		put_back(scene, tasks, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		scene_leave(scene, &tasks[i]);
}

/* Somebody who was superseded, or who ends twice. */
void
step_zombie(struct scene *scene)
{
	struct task *task;

	if (scene->zombie_count == 0)
		return;
	task = &scene->zombies[scene_below(scene, (unsigned)scene->zombie_count)];
	if (scene_chance(scene, 700))
		(void)complete(scene, task, 1, true);
	else
		scene_require(scene, "release", hand_back(scene, task, 1));
}
