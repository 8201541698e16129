/* SPDX-License-Identifier: MIT */
/*
 * Random operations and parallel threads on every back end, against a model of what is owed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sync.h"
#include "store_env.h"

/* What a random walk believes of its tasks. */
struct model {
	enum task_state state;
	bool is_held;  /* `task` is a claim that holds */
	int64_t bytes; /* that it counts for, once it is final */
	struct task task;
};

#define WALK_TASKS 60

/* Which tasks a gate defers, and for whom, is left to chance; the walk knows how many are. */
static unsigned walk_random;
static int64_t walk_deferred;

static const char *const walk_hosts[] = { "a", "b" };

static unsigned
walk_dice(void)
{
	walk_random = walk_random * 1103515245 + 12345;
	return walk_random >> 16;
}

static void
walk_begin(void *context)
{
	(void)context;
}

static enum store_gate_word
walk_judge(
    void *context, const char *type, const char *args, size_t args_size, const char **ret_host)
{
	unsigned dice = walk_dice();

	(void)context;
	assert_string_equal(type, "http-fetch");
	assert_int_equal(strlen(args), args_size);
	if (dice % 4 < 2)
		return dice % 4 == 0 ? STORE_GATE_ADMIT : STORE_GATE_PASS_OVER;
	*ret_host = walk_hosts[dice % 2];
	return STORE_GATE_DEFER;
}

/* Claims through a gate, with recalls. */
static size_t
walk_claim_through(struct store_env *env, bool isolated, struct task tasks[3])
{
	struct store_recall recalls[2];
	struct store_gate gate = { .begin = walk_begin, .judge = walk_judge, .recalls = recalls };
	size_t count = 0;

	for (; gate.recall_count < walk_dice() % 3 && gate.recall_count < 2; gate.recall_count++)
		recalls[gate.recall_count] = (struct store_recall){
			.host = walk_hosts[walk_dice() % 2],
			.max = 1 + walk_dice() % 3,
		};
	assert_int_equal(store_claim_through(env->store, &gate, LANE_IO, isolated, 3, env->now_ms,
			     tasks, &count, NULL),
	    STATUS_OK);
	for (size_t i = 0; i < gate.recall_count; i++) {
		assert_true(recalls[i].ret_count <= recalls[i].max);
		walk_deferred -= (int64_t)recalls[i].ret_count;
	}
	walk_deferred += (int64_t)gate.ret_deferred;
	return count;
}

static void
check_counts(struct store_env *env, const struct model *model, unsigned count)
{
	struct store_counts expected = { 0 }, counts;

	for (unsigned n = 0; n < count; n++) {
		expected.by_state[model[n].state]++;
		expected.kept_bytes += model[n].bytes;
		if (model[n].state == TASK_QUEUED)
			expected.queued_by_lane[n % 2 == 0 ? LANE_CPU : LANE_IO]++;
		if (model[n].state == TASK_RUNNING)
			expected.running_by_lane[n % 2 == 0 ? LANE_CPU : LANE_IO]++;
		assert_int_equal(store_env_state(env, n), model[n].state);
	}
	expected.queued_by_lane[LANE_IO] -= walk_deferred;
	expected.deferred_by_lane[LANE_IO] = walk_deferred;
	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

static void
walk_claim(struct store_env *env, struct model *model, enum lane lane, bool isolated)
{
	struct task tasks[3];
	size_t count = 0;

	if (lane == LANE_IO)
		count = walk_claim_through(env, isolated, tasks);
	else
		assert_int_equal(
		    store_claim(env->store, lane, isolated, 3, env->now_ms, tasks, &count, NULL),
		    STATUS_OK);
	for (size_t i = 0; i < count; i++) {
		unsigned n = (unsigned)strtoul(tasks[i].id, NULL, 16);

		assert_int_equal(model[n].state, TASK_QUEUED);
		assert_int_equal(lane, n % 2 == 0 ? LANE_CPU : LANE_IO);
		task_done(&model[n].task);
		model[n] =
		    (struct model){ .state = TASK_RUNNING, .is_held = true, .task = tasks[i] };
	}
}

static void
on_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	const struct task_start **handed = context;

	(void)lane;
	*handed = count == 1 ? starts : NULL;
}

/* Submits task n; it starts at once or waits. */
static void
walk_submit(struct store_env *env, struct model *model, unsigned n, int max_attempts, bool starts)
{
	const char *type = n % 2 == 0 ? "factorial" : "http-fetch";
	enum lane lane = n % 2 == 0 ? LANE_CPU : LANE_IO;
	struct task_start start;
	const struct task_start *handed = NULL;
	struct task_new task = {
		.type = type,
		.lane = lane,
		.args = "{}",
		.args_size = 2,
		.terms.max_attempts = max_attempts,
		.created_at_ms = env->now_ms,
	};

	if (!starts) {
		assert_int_equal(store_env_submit_as(env, n, type, lane, max_attempts), STATUS_OK);
		return;
	}
	store_env_id(n, task.id);
	store_on_start(env->store, on_started, &handed);
	assert_int_equal(store_submit(env->store, &task, 1, &start, NULL, NULL), STATUS_OK);
	assert_ptr_equal(handed, &start);
	model[n] = (struct model){ .state = TASK_RUNNING, .is_held = true };
	model[n].task = (struct task){
		.seq = start.seq,
		.lane = lane,
		.lease = 1,
		.attempt = 1,
		.args_size = task.args_size,
		.terms.max_attempts = max_attempts,
	};
	memcpy(model[n].task.id, task.id, sizeof(task.id));
	(void)snprintf(model[n].task.type, sizeof(model[n].task.type), "%s", type);
}

/* Lets a task end, with this message or with "ok". */
static void
walk_end(struct model *model, enum task_state state, const char *message)
{
	const struct store_kept kept = {
		.args = model->task.args_size,
		.message = strlen(message),
		.content = state == TASK_SUCCEEDED ? 2 : 0,
		.attempts = model->task.attempt,
	};

	model->state = state;
	model->bytes = store_kept_bytes(&kept);
}

static void
walk_crash(struct store_env *env, struct model *model, unsigned count)
{
	int64_t requeued = 0, exhausted = 0;

	store_env_crash(env);
	for (unsigned n = 0; n < count; n++) {
		bool is_spent = model[n].task.attempt == model[n].task.terms.max_attempts;

		model[n].is_held = false;
		if (model[n].state != TASK_RUNNING)
			continue;
		model[n].state = TASK_QUEUED;
		if (is_spent)
			walk_end(&model[n], TASK_FAILED,
			    "The last attempt ended with the service going down");
		*(is_spent ? &exhausted : &requeued) += 1;
	}
	assert_int_equal(env->recovery.requeued, requeued);
	assert_int_equal(env->recovery.exhausted, exhausted);
}

static void
walk_finish(struct store_env *env, struct model *model, bool succeed)
{
	/* With a claim of a former life as well as with one that holds. */
	enum status expected = model->is_held ? STATUS_OK : STATUS_CONFLICT;

	if (succeed)
		assert_int_equal(store_env_succeed(env, &model->task, "ok", 2), expected);
	else
		assert_int_equal(store_env_fail(env, &model->task, FAILURE_DNS), expected);
	if (model->is_held && succeed)
		walk_end(model, TASK_SUCCEEDED, "");
	else if (model->is_held)
		walk_end(model, TASK_FAILED, "Told to fail");
	model->is_held = false;
}

/* Hands a task back, whether its claim still holds or not; one of the IO lane for a host or not. */
static void
walk_release(struct store_env *env, struct model *model)
{
	size_t queued = 0;

	if (model->task.lane == LANE_IO && walk_dice() % 2 == 0) {
		assert_int_equal(store_defer(env->store, &model->task, walk_hosts, 1, env->now_ms,
				     &queued, NULL),
		    STATUS_OK);
		walk_deferred += (int64_t)queued;
	} else {
		queued = store_env_release(env, &model->task);
	}
	assert_int_equal(queued, model->is_held);
	if (model->is_held)
		model->state = TASK_QUEUED;
	model->is_held = false;
}

static void
test_counts_are_exact_under_random_operations(void **state)
{
	struct store_env *env = *state;
	struct model model[WALK_TASKS] = { 0 };
	unsigned count = 0, seed = 20260101;

	walk_random = 20260101;
	walk_deferred = 0;
	for (int step = 0; step < 600; step++) {
		unsigned dice = (seed = seed * 1103515245 + 12345) >> 16;
		unsigned n = count == 0 ? 0 : (dice >> 5) % count;

		switch (dice % 16) {
		case 0:
		case 1:
		case 2:
		case 3:
			if (count == WALK_TASKS)
				break;
			walk_submit(env, model, count, 1 + (int)(dice >> 5) % 3, dice % 16 < 2);
			count++;
			break;
		case 4:
		case 5:
		case 6:
		case 7:
			walk_claim(env, model, dice & 32 ? LANE_CPU : LANE_IO, dice % 16 == 4);
			break;
		case 8:
			if (step % 8 == 0)
				walk_crash(env, model, count);
			break;
		case 9:
		case 10:
			if (count == 0 || model[n].task.seq == 0)
				break;
			walk_release(env, &model[n]);
			break;
		default:
			if (count > 0 && model[n].task.seq != 0)
				walk_finish(env, &model[n], dice & 32);
			break;
		}
		if (step % 20 == 0)
			check_counts(env, model, count);
	}
	check_counts(env, model, count);
	for (unsigned n = 0; n < count; n++)
		task_done(&model[n].task);
}

#define THREADS 4

#define TASKS_PER_THREAD 200

struct worker {
	struct store_env *env;
	pthread_t thread;
	unsigned index;
	unsigned claimed[THREADS * TASKS_PER_THREAD];
	unsigned claimed_count;
	const char *failed; /* the call that did */
	atomic_bool *stop;  /* when one has failed */
};

/* Claims some and completes each; returns the name of the call that failed, or NULL. */
static const char *
claim_and_complete(struct worker *worker)
{
	struct store *store = worker->env->store;
	struct task tasks[7];
	size_t count = 0;

	if (store_claim(store, LANE_CPU, false, 7, 1, tasks, &count, NULL) != STATUS_OK)
		return "claim";
	for (size_t i = 0; i < count; i++) {
		struct outcome outcome;
		struct output output;
		struct completion completion = { .task = &tasks[i],
			.outcome = &outcome,
			.output = &output,
			.finished_at_ms = 2 };

		output_init(&output, store_output_conf(store));
		outcome_init(&outcome);
		outcome_succeed(&outcome, "");
		worker->claimed[worker->claimed_count++] = (unsigned)strtoul(tasks[i].id, NULL, 16);
		if (store_complete(store, &completion, 1, NULL) != STATUS_OK ||
		    completion.ret_status != STATUS_OK)
			return "complete";
		task_done(&tasks[i]);
	}
	return NULL;
}

/* Submits its share and works on whatever it gets, until everything is done. */
static void *
work(void *arg)
{
	struct worker *worker = arg;
	struct store_counts counts;
	unsigned submitted = 0;

	while (worker->failed == NULL && !atomic_load(worker->stop)) {
		if (submitted < TASKS_PER_THREAD) {
			unsigned n = submitted++ * THREADS + worker->index;

			if (store_env_submit_as(worker->env, n, "factorial", LANE_CPU, 3) !=
			    STATUS_OK)
				worker->failed = "submit";
		}
		if (worker->failed == NULL && (submitted % 3 == 0 || submitted == TASKS_PER_THREAD))
			worker->failed = claim_and_complete(worker);
		if (store_counts(worker->env->store, &counts, NULL) != STATUS_OK)
			worker->failed = "counts";
		else if (counts.by_state[TASK_SUCCEEDED] == THREADS * TASKS_PER_THREAD)
			break;
	}
	if (worker->failed != NULL)
		atomic_store(worker->stop, true);
	return NULL;
}

static void
test_no_task_is_claimed_twice_by_threads_in_parallel(void **state)
{
	static struct worker workers[THREADS];
	bool seen[THREADS * TASKS_PER_THREAD] = { false };
	struct store_env *env = *state;
	atomic_bool stop = false;
	unsigned total = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .env = env, .index = i, .stop = &stop };
		assert_int_equal(
		    thread_start(&workers[i].thread, "worker", 0, work, &workers[i], NULL),
		    STATUS_OK);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		thread_join(workers[i].thread);
		if (workers[i].failed != NULL)
			fail_msg("%s failed in a thread", workers[i].failed);
		for (unsigned j = 0; j < workers[i].claimed_count; j++) {
			assert_false(seen[workers[i].claimed[j]]);
			seen[workers[i].claimed[j]] = true;
		}
		total += workers[i].claimed_count;
	}
	assert_int_equal(total, THREADS * TASKS_PER_THREAD);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_counts_are_exact_under_random_operations),
		STORE_ENV_TEST(test_no_task_is_claimed_twice_by_threads_in_parallel),
	};

	return store_env_main(tests, sizeof(tests) / sizeof(tests[0]));
}
