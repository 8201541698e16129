/* SPDX-License-Identifier: MIT */
/*
 * The simulation of a store (test_simulated_store.c): what its parts share. A scene is a store with
 * those who use it; each step is something that one of them does.
 */
#ifndef TASKQ_TESTS_STORE_SCENE_H
#define TASKQ_TESTS_STORE_SCENE_H

#include "checked_store.h"
#include "store_env.h"

enum {
	CLAIMS_MAX = 96,  /* of executors that will end them some time */
	ZOMBIES_MAX = 48, /* of those that were superseded, or ended already */
	BATCH_MAX = 300,  /* more than a call takes up at most, now and then */
	KEYS = 40,
};

#define SECOND_MS INT64_C(1000)
#define HOUR_MS   (3600 * SECOND_MS)
#define DAY_MS    (24 * HOUR_MS)
#define KEEP_MS   (2 * HOUR_MS) /* keys */

struct scene {
	struct sim *sim;
	struct store_env *env;
	struct oracle oracle;
	struct checked_world world;
	struct store *store;
	struct checked_store *checked;
	struct store_retention retention;
	int64_t now_ms;
	unsigned submitted; /* makes ids, in their order */
	struct task claims[CLAIMS_MAX];
	size_t claim_count;
	struct task zombies[ZOMBIES_MAX];
	size_t zombie_count;
};

unsigned scene_below(struct scene *scene, unsigned n);
bool scene_chance(struct scene *scene, unsigned per_mille);

/* scene_time_ms - from now, 1 ms to 3 days */
int64_t scene_time_ms(struct scene *scene);

/**
 * scene_require        - OK, or a fault that the simulation has made
 * scene_require_answer - the same for what asks for a task that need not be there: the oracle knows
 */
void scene_require(struct scene *scene, const char *what, enum status status);
void scene_require_answer(struct scene *scene, const char *what, enum status status);

/* scene_unfinished - tasks that have not ended */
int64_t scene_unfinished(const struct scene *scene);

/* scene_choose_retention - it changes with a start of the service */
void scene_choose_retention(struct scene *scene);

/* scene_drop_zombies - those that name a key which stands for another task by now */
void scene_drop_zombies(struct scene *scene);

/* store_scene.c: time, and deaths of the service */
void step_clock(struct scene *scene);
void step_crash(struct scene *scene);

/* store_executors.c */
void step_claim(struct scene *scene);
void step_recall(struct scene *scene); /* all that is deferred */
void step_complete(struct scene *scene);
void step_release(struct scene *scene);
void step_zombie(struct scene *scene);

/* scene_leave - an executor is done with a claim: somebody may still believe in it, or nobody */
void scene_leave(struct scene *scene, struct task *task);

/* store_clients.c, with what the queue does for time */
void step_submit(struct scene *scene);
void step_batch(struct scene *scene);
void step_cancel(struct scene *scene);
void step_advance(struct scene *scene);
void step_purge(struct scene *scene);
void step_purge_all(struct scene *scene);
void step_read(struct scene *scene);
void step_list(struct scene *scene);
void step_look(struct scene *scene);

#endif
