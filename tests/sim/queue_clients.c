/* SPDX-License-Identifier: MIT */
/*
 * The clients of the simulation of a queue: they submit, cancel, read and wait, as the endpoints of
 * http/ do, and hold what they are told against what there is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/service_clock.h"
#include "queue_world.h"
#include "sim_kinds.h"

enum {
	BATCH_MAX = 12,
	KEYS = 40,
};

static struct node *
enter(struct world *world)
{
	while (world->node == NULL || world->is_paused)
		(void)fiber_wait(&world->node, FIBER_FOREVER);
	world->node->users++;
	return world->node;
}

static void
leave(struct node *node)
{
	if (--node->users == 0)
		fiber_wake(&node->users, true);
}

static int64_t
some_time_ms(void)
{
	static const int64_t spans_ms[] = { 5, 50, 500, 3000, 60000, 3600000 };

	return 1 + (int64_t)world_below((uint64_t)spans_ms[world_below(ARRAY_SIZE(spans_ms))]);
}

static struct task_terms
some_terms(const struct node *node)
{
	static const int attempts[] = { 1, 2, 3, 5 };
	struct task_terms terms = *queue_default_terms(node->queue);

	if (world_chance(300))
		terms.priority = (int)world_below(10);
	if (world_chance(300))
		terms.max_attempts = attempts[world_below(ARRAY_SIZE(attempts))];
	if (world_chance(200))
		terms.run_at_ms = service_clock_ms() + some_time_ms() - 3;
	if (world_chance(200))
		terms.expires_at_ms = service_clock_ms() + some_time_ms() - 3;
	if (world_chance(100))
		terms.timeout_ms = 1 + (int64_t)world_below(300);
	if (world_chance(300))
		terms.backoff_ms = 0; /* the next attempt comes before the last one is forgotten */
	return terms;
}

static const struct kind *
some_kind(void)
{
	static const struct kind *const kinds[] = { &sim_work, &sim_work, &sim_carry, &sim_carry,
		&sim_prompt };

	return kinds[world_below(ARRAY_SIZE(kinds))];
}

/* What a task of a kind says: it needs memory, or asks a host, or has to be run. */
static const char *
some_args(const struct kind *kind)
{
	static const char *const others[] = { "{}", "{}", "{}", "{\"later\":1}", "{\"later\":1}",
		"{\"mib\":30}", "{\"mib\":90}", "{\"mib\":101}" };
	static const char *const asking[] = { "{\"host\":\"quick.example:80\"}",
		"{\"host\":\"slow.example:80\"}", "{\"host\":\"angry.example:443\"}" };
	uint64_t dice = world_below(100);

	if (kind != &sim_carry)
		return others[world_below(ARRAY_SIZE(others))];
	if (dice < 40)
		return "{}";
	if (dice < 65)
		return asking[0];
	return asking[dice < 80 ? 1 : 2];
}

static struct idempotency *
some_key(struct idempotency *key)
{
	if (!world_chance(150))
		return NULL;
	*key = (struct idempotency){ .keep_ms = 1 };
	(void)snprintf(key->key, sizeof(key->key), "key-%" PRIu64, world_below(KEYS));
	memset(key->fingerprint, world_chance(200) ? 'x' : 'y', sizeof(key->fingerprint));
	return key;
}

/* The one that something has happened to last. */
static const struct oracle_task *
latest(const struct oracle *oracle)
{
	const struct oracle_task *task = oracle->tasks[0];

	for (size_t i = 1; i < oracle->count; i++) {
		if (oracle->tasks[i]->moved_us > task->moved_us)
			task = oracle->tasks[i];
	}
	return task;
}

/* A task that there is, most often, and of those one that has just moved; or one that is gone. */
static bool
some_id(const struct world *world, char ret_id[UUID_TEXT_SIZE])
{
	const struct oracle *oracle = &world->oracle;
	size_t gone = oracle->gone_count < ORACLE_GONE ? oracle->gone_count : ORACLE_GONE;

	if (oracle->count == 0)
		return false;
	if (gone > 0 && world_chance(30))
		memcpy(ret_id, oracle->gone[world_below(gone)], UUID_TEXT_SIZE);
	else if (world_chance(300))
		memcpy(ret_id, latest(oracle)->id, UUID_TEXT_SIZE);
	else
		memcpy(ret_id, oracle->tasks[world_below(oracle->count)]->id, UUID_TEXT_SIZE);
	return true;
}

static void
step_submit(struct node *node)
{
	const struct task_terms terms = some_terms(node);
	const struct kind *kind = some_kind();
	const char *text = some_args(kind);
	char other[UUID_TEXT_SIZE];
	const struct queue_task task = {
		.kind = kind,
		.args = text,
		.args_size = strlen(text),
		.terms = &terms,
		.retry_of = world_chance(30) && some_id(node->world, other) ? other : NULL,
	};
	struct idempotency buffer, *key = some_key(&buffer);
	char id[UUID_TEXT_SIZE];
	enum refusal refusal = REFUSAL_NONE;
	unsigned retry_after_s = 0;
	enum status status = STATUS_OK;

	if (key != NULL)
		status = queue_read_idempotency(node->queue, key, NULL);
	if (status == STATUS_OK && !idempotency_is_known(key)) {
		status = queue_submit(node->queue, &task, key, id, &refusal, &retry_after_s, NULL);
		if (status == STATUS_BUSY && (retry_after_s < 1 || retry_after_s > 300))
			sim_fail(node->world->sim, "a refusal says to come again in %u s",
			    retry_after_s);
	}
	node_require(node, "submit", status);
	idempotency_reset(key);
}

static void
step_batch(struct node *node)
{
	struct task_terms terms[BATCH_MAX];
	struct queue_task tasks[BATCH_MAX];
	char ids[BATCH_MAX][UUID_TEXT_SIZE];
	struct idempotency buffer, *key = some_key(&buffer);
	size_t count = 1 + world_below(BATCH_MAX);
	enum refusal refusal;
	unsigned retry_after_s;

	for (size_t i = 0; i < count; i++) {
		const struct kind *kind = some_kind();
		const char *args = some_args(kind);

		terms[i] = some_terms(node);
		tasks[i] = (struct queue_task){
			.kind = kind, .args = args, .args_size = strlen(args), .terms = &terms[i]
		};
	}
	node_require(node, "batch",
	    queue_submit_batch(
		node->queue, tasks, count, key, ids, &refusal, &retry_after_s, NULL));
	idempotency_reset(key);
}

static void
step_cancel(struct node *node)
{
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];

	if (some_id(node->world, id))
		node_require(node, "cancel", queue_cancel(node->queue, id, &cancelled, NULL));
}

/*
 * What a reader was told, wherever it came from. What is not final may have moved on meanwhile; a
 * final state has to be the one, and whoever was told once is told for good.
 */
static void
check_told(const struct world *world, const char *id, bool was_final, enum status status,
    const struct task_status *told)
{
	const struct oracle_task *task = oracle_find(&world->oracle, id);

	if (task == NULL)
		return; /* purged; memory may have it for a while yet */
	if (status == STATUS_NOT_FOUND)
		oracle_fail(&world->oracle, task, "a reader was told that it is not there");
	if (status != STATUS_OK)
		return;
	if (task_state_is_final(told->state))
		oracle_read_status(&world->oracle, id, told, STATUS_OK);
	else if (was_final)
		oracle_fail(&world->oracle, task, "a reader was told that it is %s",
		    task_state_name(told->state));
}

static bool
is_final(const struct world *world, const char *id)
{
	const struct oracle_task *task = oracle_find(&world->oracle, id);

	return task != NULL && task_state_is_final(task->state);
}

static void
step_status(struct node *node)
{
	struct task_status task;
	char id[UUID_TEXT_SIZE];
	enum status status;
	bool was_final;

	if (!some_id(node->world, id))
		return;
	was_final = is_final(node->world, id);
	status = queue_read_status(node->queue, id, &task, NULL);
	node_require(node, "status", status);
	check_told(node->world, id, was_final, status, &task);
}

static void
step_result(struct node *node)
{
	struct task_result result;
	char id[UUID_TEXT_SIZE];
	enum status status;
	bool was_final;

	if (!some_id(node->world, id))
		return;
	was_final = is_final(node->world, id);
	task_result_init(&result);
	status = queue_read_result(node->queue, id, &result, NULL);
	node_require(node, "result", status);
	check_told(node->world, id, was_final, status, &result.status);
	if (status == STATUS_OK && task_state_is_final(result.status.state) &&
	    oracle_find(&node->world->oracle, id) != NULL)
		oracle_read_result(&node->world->oracle, id, &result, STATUS_OK);
	task_result_done(&result);
}

/* Whether it has been calm all the time that a client waited, and there was one service. */
static bool
was_calm(const struct node *node, int64_t began_us)
{
	const struct world *world = node->world;

	return !node->is_closing && !node->has_died && world->node == node &&
	       world_is_calm(world) && began_us - world->calm_since_us >= CALM_US;
}

static bool
is_under_way(const struct node *node, const char *id)
{
	struct task_status told;

	return queue_read_status(node->queue, id, &told, NULL) == STATUS_OK &&
	       !task_state_is_final(told.state);
}

/* As http_wait.c does it. */
static void
step_wait(struct node *node)
{
	struct world *world = node->world;
	int64_t until_mono_ms = clock_mono_ms() + 1 + (int64_t)world_below(20000);
	int64_t began_us = fiber_now_us();
	const struct oracle_task *task;
	struct waiter waiter;
	char id[UUID_TEXT_SIZE];

	if (!some_id(world, id))
		return;
	waiters_add(queue_waiters(node->queue), &waiter, id, WAITER_ENDED);
	if (is_under_way(node, id)) {
		while (waiters_wait(&waiter, WAITER_ENDED, until_mono_ms) == WAITER_ENDED &&
		       is_under_way(node, id))
			;
	}
	waiters_remove(&waiter);
	task = oracle_find(&world->oracle, id);
	if (task == NULL || !was_calm(node, began_us))
		return;
	if (task_state_is_final(task->state) && began_us < task->moved_us &&
	    fiber_now_us() - task->moved_us > PROMPT_US)
		oracle_fail(&world->oracle, task,
		    "who waited for it was woken %" PRId64 " us after its end",
		    fiber_now_us() - task->moved_us);
	if (!task_state_is_final(task->state) && clock_mono_ms() < until_mono_ms)
		oracle_fail(&world->oracle, task, "who waited for it was woken before its end");
}

static int64_t
lease_of(const struct node *node, const char *id)
{
	const struct oracle_task *task = oracle_find(&node->world->oracle, id);

	return task != NULL ? task->lease : 0;
}

/*
 * Looks how far a task is until there is no more to see, and it is awaited. Progress does not go
 * back, but with another claim: an attempt that was handed back begins again, and has the same
 * number.
 */
static void
see_progress(struct node *node, const struct task_status *seen, int64_t *lease, int *progress)
{
	int last;

	do {
		int64_t before = lease_of(node, seen->id);
		int now = queue_await_progress(node->queue, seen, *progress);

		if (*lease != lease_of(node, seen->id))
			*progress = QUEUE_PROGRESS_UNKNOWN;
		*lease = before;
		if (now > QUEUE_PROGRESS_WHOLE ||
		    (now != QUEUE_PROGRESS_UNKNOWN && now < *progress))
			oracle_fail(&node->world->oracle,
			    oracle_find(&node->world->oracle, seen->id),
			    "its progress is %d after %d", now, *progress);
		last = *progress;
		*progress = now;
	} while (*progress > last);
}

/* Looks at a task that is followed; false at the end of that. */
static bool
look_again(struct node *node, struct task_status *seen, int64_t *lease, int *progress)
{
	struct task_status told;
	bool was_final = is_final(node->world, seen->id);
	enum status status = queue_read_status(node->queue, seen->id, &told, NULL);

	node_require(node, "status", status);
	check_told(node->world, seen->id, was_final, status, &told);
	if (status != STATUS_OK)
		return false;
	if (told.state != seen->state || told.attempt != seen->attempt)
		*progress = QUEUE_PROGRESS_UNKNOWN;
	*seen = told;
	see_progress(node, &told, lease, progress);
	return !task_state_is_final(told.state);
}

/* Follows a task from state to state, as event_stream.c does it. The watch sees to it that it hears
   of what there is to see. */
static void
step_follow(struct node *node)
{
	const unsigned all = WAITER_ENDED | WAITER_CHANGED | WAITER_PROGRESSED;
	struct world *world = node->world;
	struct follower *follower = world->followers;
	int64_t until_mono_ms = clock_mono_ms() + 1 + (int64_t)world_below(20000);
	int progress = QUEUE_PROGRESS_UNKNOWN;
	int64_t lease = 0;
	struct task_status seen = { .state = TASK_QUEUED };
	unsigned news = all;
	struct waiter waiter;

	if (!some_id(world, seen.id))
		return;
	waiters_add(queue_waiters(node->queue), &waiter, seen.id, all);
	while (news != 0 && (news & WAITER_DISMISSED) == 0 &&
	       look_again(node, &seen, &lease, &progress)) {
		while (follower->seen != NULL)
			follower++;
		*follower = (struct follower){ .node = node, .seen = &seen, .progress = progress };
		news = waiters_wait(&waiter, all, until_mono_ms);
		follower->seen = NULL;
		follower = world->followers;
	}
	waiters_remove(&waiter);
}

static void
step_look(struct node *node)
{
	const struct store_list_query query = {
		.states = (unsigned)world_below(32),
		.created_before_ms = INT64_MAX,
		.tasks_max = 1 + world_below(20),
		.looks_max = 1 + world_below(60),
	};
	struct store_attempts attempts = { 0 };
	struct store_list list = { 0 };
	struct queue_stats stats;
	char id[UUID_TEXT_SIZE];

	queue_stats(node->queue, &stats);
	node_require(node, "list", queue_list(node->queue, &query, &list, NULL));
	store_list_done(&list);
	if (some_id(node->world, id))
		node_require(
		    node, "attempts", queue_read_attempts(node->queue, id, &attempts, NULL));
	store_attempts_done(&attempts);
}

/*
 * Cancels tasks that have just been taken up, or whose attempt is just over: some are on their way
 * from the store to their lane or back, and nobody there knows of them yet, or any more.
 */
void *
world_hunter(void *arg)
{
	struct world *world = arg;
	const struct oracle *oracle = &world->oracle;

	for (;;) {
		struct store_cancelled cancelled;
		char id[UUID_TEXT_SIZE];
		struct node *node;

		(void)fiber_wait(&oracle->claimed, FIBER_FOREVER);
		if (world->is_over)
			return NULL;
		if (oracle->count == 0 || !world_chance(60))
			continue;
		memcpy(id, latest(oracle)->id, sizeof(id));
		node = enter(world);
		node_require(node, "cancel", queue_cancel(node->queue, id, &cancelled, NULL));
		leave(node);
	}
}

struct choice {
	unsigned weight;
	void (*step)(struct node *node);
};

static const struct choice choices[] = {
	{ 380, step_submit },
	{ 20, step_batch },
	{ 100, step_cancel },
	{ 200, step_status },
	{ 150, step_result },
	{ 70, step_wait },
	{ 40, step_follow },
	{ 40, step_look },
};

void *
world_client(void *arg)
{
	struct world *world = arg;

	for (;;) {
		unsigned dice = (unsigned)world_below(1000);
		size_t at = 0;
		struct node *node;

		fiber_sleep((int64_t)world_below(20000));
		if (world->is_over)
			return NULL;
		for (; at < ARRAY_SIZE(choices) - 1 && dice >= choices[at].weight; at++)
			dice -= choices[at].weight;
		node = enter(world);
		world->sim->step++;
		choices[at].step(node);
		leave(node);
	}
}
