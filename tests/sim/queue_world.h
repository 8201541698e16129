/* SPDX-License-Identifier: MIT */
/*
 * The simulation of a queue (test_simulated_queue.c): what its parts share. A world is a store, the
 * service that has it, and clients; beside it there may be a service that is dead or does not know
 * yet that it is.
 */
#ifndef TASKQ_TESTS_QUEUE_WORLD_H
#define TASKQ_TESTS_QUEUE_WORLD_H

#include "checked_store.h"
#include "fiber.h"
#include "queue/queue_parts.h"
#include "sim_kinds.h"
#include "store_env.h"

enum {
	WATCH_US = 10000, /* between two looks whether all is well */
	CLIENTS = 10,
	EXECUTORS = 2,
	SLOTS = 8,
	WAITING_MAX = 40,
	HELD_MAX = 60,
	PROMPT_US = 60000, /* in calm, within which the queue does what it has to do */
	TICK_US = 1100000, /* within which it does so where the clock was set */
	CALM_US = 6000000, /* after the last fault: every pause is over by then */
};

/* A client that follows a task, while it sleeps over what there is to see of it. */
struct follower {
	const struct node *node;
	const struct task_status *seen; /* NULL: nobody */
	int progress;
	int64_t behind_us; /* since when there is more to see; 0: there is not */
};

/* A service from its start to its end. */
struct node {
	struct world *world;
	struct store *store;
	struct checked_store *checked;
	struct queue *queue;
	unsigned users; /* clients that are in a call */
	bool is_closing;
	bool has_died;
};

struct world {
	struct sim *sim;
	struct store_env *env;
	struct oracle oracle;
	struct checked_world checks;
	struct node *node; /* the present one, or NULL */
	struct fiber *clients[CLIENTS];
	struct fiber *hunter;
	struct follower followers[CLIENTS];
	uint64_t claimed; /* as of the latest call of the store */
	bool is_paused;
	bool is_over;
	int64_t calm_since_us; /* FIBER_FOREVER: it is rough */
	bool was_set;          /* somebody has moved the clock */
	bool may_set;
	bool is_disk_low;
	int64_t idle_since_us[LANE_COUNT]; /* as the lane stood at the latest look */
	int64_t open_since_us[SIM_HOSTS];  /* the host bears to be asked, and nobody asks it */
	uint64_t claimed_before;
};

/* The one that there is: for what is wrapped, and for drawing. */
extern struct world *the_world;

uint64_t world_below(uint64_t n);
bool world_chance(unsigned per_mille);

/**
 * world_is_calm     - whether it has been calm for so long that nothing has an excuse
 * world_patience_us - within which the queue does what it has to do then
 * world_disturb     - nothing has to be prompt for a while
 */
bool world_is_calm(const struct world *world);
int64_t world_patience_us(const struct world *world);
void world_disturb(struct world *world);

/* world_set_rough - how it is from now on: rough, with faults and threads that are held up, or calm
 */
void world_set_rough(struct world *world, bool is_rough);

/**
 * node_start - open a service on the world's store, the present one from now on
 * node_close - end one, when its clients are out; clients go on to nobody until there is another
 */
void node_start(struct world *world);
void node_close(struct node *node);

/* node_require - an answer is one of a few, and those of a calm service are fewer */
void node_require(const struct node *node, const char *what, enum status status);

/* What happens to services (queue_nodes.c): each leaves one that runs. */
void event_kill(struct world *world);
void event_take_over(struct world *world);
void event_drain(struct world *world);

/**
 * world_client - a client's life; a fiber's function (queue_clients.c)
 * world_hunter - the same of one who is woken when a task is taken up, or its attempt is over
 */
void *world_client(void *world);
void *world_hunter(void *world);

/**
 * world_watch - look whether everybody gets what is owed promptly (queue_watch.c)
 * event_quiet - have everybody pause until all that is under way has come to its end, and look
 * whether the service counts what there is
 */
void world_watch(struct world *world);
void event_quiet(struct world *world);

#endif
