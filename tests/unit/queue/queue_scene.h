/* SPDX-License-Identifier: MIT */
/*
 * The scene of the queue's tests: a queue over the fake store, with kinds of our own in the place
 * of the service's (linked before the archive, see tests.mk). Waits are on conditions; a failing
 * call fails the test.
 *
 * "work" runs in the CPU lane: with the arguments "{}" it stands at the scene's gate, with others
 * it does not, and with "bulky" among them its result goes to a file. "carry" is a kind of the IO
 * lane whose runs stay in its engine until the test takes them out; {"host":"NAME"} are arguments
 * by which they ask a host. "prompt" runs in the CPU lane, too, and has its result at hand, unless
 * "later" is among its arguments: scene_prompt_size bytes of SCENE_PROMPT_BYTE.
 */
#ifndef TASKQ_TESTS_QUEUE_SCENE_H
#define TASKQ_TESTS_QUEUE_SCENE_H

#include <stdatomic.h>

#include "base/sync.h"
#include "fake_store.h"
#include "queue/queue.h"

struct scene {
	char dir[64];
	struct fake_store *fake;
	struct store_conf store_conf;
	struct store *store;
	struct queue *queue; /* NULL while closed */
	atomic_int fatal;    /* calls of the store's `fatal` */
};

#define SCENE_PROMPT_BYTE 'p'
#define SCENE_PROMPTS_MAX 64

/* What the runs of all kinds and the tests look at; a test has it to itself. */
struct scene_shared {
	struct lock lock;
	struct cond changed;
	int inside; /* runs of "work" that stand at the gate, or have just come through */
	int inside_most;
	bool gate_open;
	int carried; /* runs in the engine of "carry" */
	int carried_most;
	struct run *carrying;
	bool engine_open;
	void (*carry_finished)(void *context, struct run *run);
	void *carry_context;
	int asked;                                       /* calls of "prompt"'s answer */
	int prompted;                                    /* runs of "prompt" */
	char prompts[SCENE_PROMPTS_MAX][UUID_TEXT_SIZE]; /* their ids, the first ones, in order */
};

extern struct scene_shared scene_shared;
extern const struct kind work_kind;
extern const struct kind carry_kind;
extern const struct kind prompt_kind;

/* 1000 waiting, 2 executors, 2 places, 3 attempts, no final task kept in memory. */
extern const struct queue_conf scene_usual;

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

/* scene_setup / scene_teardown - the store is open, the queue is not; both are closed at the end */
int scene_setup(void **state);
int scene_teardown(void **state);

void scene_open_store(struct scene *scene);

/* scene_open_queue - with the scene's directory and settings of kinds in the place of conf's */
void scene_open_queue(struct scene *scene, struct queue_conf conf);

/**
 * scene_submit - submit with the arguments "{}"; a refusal has a time to try again
 */
enum status scene_submit(struct scene *scene, const struct kind *kind, char ret_id[UUID_TEXT_SIZE],
    enum refusal *ret_refusal);
void scene_submit_ok(struct scene *scene, const struct kind *kind, char ret_id[UUID_TEXT_SIZE]);

/* scene_submit_work - a task of "work" with these arguments */
void scene_submit_work(struct scene *scene, const char *args, char ret_id[UUID_TEXT_SIZE]);

/**
 * scene_prompt_size - the bytes of "prompt"'s result: 4, or what follows "size": in its arguments
 */
size_t scene_prompt_size(const char *args);

/**
 * scene_put_waiter - a task of "work" that waits in the store before the queue is opened
 * With the claims' gate closed it goes on waiting, so that what is submitted after it has to wait,
 * too.
 */
void scene_put_waiter(struct scene *scene, const char *args, char ret_id[UUID_TEXT_SIZE]);

void scene_set_gate(bool open);

/* scene_await - until a counter of scene_shared has this value */
void scene_await(const int *counter, int value);

/* scene_nap - for what no condition tells of: between two looks at the world */
void scene_nap(void);

struct task_status scene_await_final(struct scene *scene, const char *id);
void scene_assert_failed(struct scene *scene, const char *id, enum failure failure);

/**
 * scene_carry_take - take a run out of the engine of "carry", or NULL; it is the caller's
 * scene_carry_end  - end it; its verdict is set
 */
struct run *scene_carry_take(void);
void scene_carry_end(struct run *run);

#endif
