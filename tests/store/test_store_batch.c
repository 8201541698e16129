/* SPDX-License-Identifier: MIT */
/*
 * Several tasks in one submission, on every back end: all or none, in one commit, first in first
 * out in the order in which they were given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/compiler.h"
#include "base/sync.h"
#include "shim_vfs.h"
#include "store_env.h"

#define MANY 1000

/* Submits tasks first, first + 1, ... in one call. */
static enum status
submit_range(struct store_env *env, unsigned first, size_t count)
{
	unsigned numbers[MANY];

	assert_true(count <= MANY);
	for (size_t i = 0; i < count; i++)
		numbers[i] = first + (unsigned)i;
	return store_env_submit_batch(env, numbers, count);
}

static bool
is_there(struct store_env *env, unsigned n)
{
	struct task_status status;
	char id[UUID_TEXT_SIZE];
	enum status found;

	store_env_id(n, id);
	found = store_read_status(env->store, id, &status, &env->error);
	assert_true(found == STATUS_OK || found == STATUS_NOT_FOUND);
	return found == STATUS_OK;
}

static void
assert_queued(struct store_env *env, int64_t cpu, int64_t io)
{
	struct store_counts counts, expected = { 0 };

	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	expected.by_state[TASK_QUEUED] = cpu + io;
	expected.queued_by_lane[LANE_CPU] = cpu;
	expected.queued_by_lane[LANE_IO] = io;
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

/* Claims everything of a lane: exactly these tasks, in this order. */
static void
assert_claims(struct store_env *env, enum lane lane, const unsigned *numbers, size_t expected)
{
	static struct task tasks[MANY + 8];
	size_t count = 0;

	assert_int_equal(store_claim(env->store, lane, false, ARRAY_SIZE(tasks), env->now_ms, tasks,
			     &count, &env->error),
	    STATUS_OK);
	assert_int_equal(count, expected);
	for (size_t i = 0; i < count; i++) {
		char id[UUID_TEXT_SIZE], args[32];

		store_env_id(numbers[i], id);
		assert_string_equal(tasks[i].id, id);
		(void)snprintf(args, sizeof(args), "{\"n\":\"%u\"}", numbers[i]);
		assert_string_equal(tasks[i].args, args);
		assert_string_equal(tasks[i].type, lane == LANE_IO ? "http-fetch" : "factorial");
		assert_int_equal(tasks[i].attempt, 1);
		assert_int_equal(tasks[i].terms.max_attempts, 3);
		assert_true(i == 0 || tasks[i - 1].seq < tasks[i].seq);
		task_done(&tasks[i]);
	}
}

static void
test_each_task_is_queued_and_readable(void **state)
{
	struct store_env *env = *state;
	const unsigned numbers[] = { 4, 3, 2 };
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	assert_int_equal(store_env_submit_batch(env, numbers, 3), STATUS_OK);
	for (size_t i = 0; i < 3; i++) {
		store_env_id(numbers[i], id);
		assert_int_equal(store_read_status(env->store, id, &status, NULL), STATUS_OK);
		assert_string_equal(status.id, id);
		assert_string_equal(status.type, numbers[i] == 3 ? "http-fetch" : "factorial");
		assert_int_equal(status.state, TASK_QUEUED);
		assert_int_equal(status.attempt, 0);
		assert_int_equal(status.created_at_ms, env->now_ms);
		assert_int_equal(status.started_at_ms, 0);
		assert_int_equal(status.finished_at_ms, 0);
	}
	assert_queued(env, 2, 1);
}

static void
test_tasks_are_claimed_in_the_order_they_were_given(void **state)
{
	struct store_env *env = *state;
	const unsigned numbers[] = { 50, 7, 9, 48, 5, 3, 70 };
	const unsigned cpu[] = { 100, 50, 7, 5, 70, 1, 8 };
	const unsigned io[] = { 9, 48, 3 };

	store_env_submit(env, 100);
	assert_int_equal(store_env_submit_batch(env, numbers, ARRAY_SIZE(numbers)), STATUS_OK);
	store_env_submit(env, 1);
	assert_int_equal(submit_range(env, 8, 1), STATUS_OK);
	assert_claims(env, LANE_CPU, cpu, ARRAY_SIZE(cpu));
	assert_claims(env, LANE_IO, io, ARRAY_SIZE(io));
}

static void
test_many_tasks_are_one_command_in_one_commit(void **state)
{
	struct store_env *env = *state;
	struct store_stats stats;
	unsigned cpu[MANY];
	size_t count = 0;

	assert_int_equal(submit_range(env, 1, MANY), STATUS_OK);
	store_stats(env->store, &stats);
	assert_int_equal(stats.commit_commands.sum, 1);
	assert_int_equal(stats.commit_us.count, 1);
	assert_queued(env, MANY - MANY / 3, MANY / 3);
	for (unsigned n = 1; n <= MANY; n++) {
		if (n % 3 != 0)
			cpu[count++] = n;
	}
	assert_claims(env, LANE_CPU, cpu, count);
}

static void
test_one_id_that_exists_keeps_all_out(void **state)
{
	struct store_env *env = *state;
	const unsigned order[] = { 20, 21 };
	const unsigned batches[][5] = {
		{ 20, 1, 2, 3, 4 },
		{ 1, 2, 20, 3, 4 },
		{ 1, 2, 3, 4, 20 },
		{ 1, 2, 3, 4, 2 },
		{ 1, 1, 2, 3, 4 },
	};

	store_env_submit(env, 20);
	for (size_t i = 0; i < ARRAY_SIZE(batches); i++) {
		assert_int_equal(store_env_submit_batch(env, batches[i], 5), STATUS_CONFLICT);
		for (unsigned n = 1; n <= 4; n++)
			assert_false(is_there(env, n));
		assert_queued(env, 1, 0);
	}
	/* They left nothing that could stand in the way. */
	store_env_submit(env, 21);
	assert_claims(env, LANE_CPU, order, 2);
	assert_int_equal(submit_range(env, 1, 4), STATUS_OK);
	assert_int_equal(atomic_load(&env->deaths), 0);
}

static void
test_what_finds_no_space_is_not_there_and_may_come_again(void **state)
{
	struct store_env *env = *state;

	for (int i = 0; i < 3; i++) {
		if (env->kind == STORE_ENV_FAKE)
			fake_store_fail(env->fake, FAKE_SUBMIT, STATUS_FULL, 1);
		else
			shim_vfs_fail(SHIM_WRITE, i, 1, SQLITE_FULL);
		assert_int_equal(submit_range(env, 1, 300), STATUS_FULL);
		assert_queued(env, 0, 0);
	}
	assert_int_equal(submit_range(env, 1, 300), STATUS_OK);
	assert_queued(env, 200, 100);
}

static void
test_all_are_there_after_a_crash(void **state)
{
	struct store_env *env = *state;

	assert_int_equal(submit_range(env, 1, 30), STATUS_OK);
	store_env_crash(env);
	assert_int_equal(env->recovery.requeued, 0);
	for (unsigned n = 1; n <= 30; n++)
		assert_int_equal(store_env_state(env, n), TASK_QUEUED);
	assert_queued(env, 20, 10);
}

#define SUBMITTERS 6
#define BATCHES    20
#define BATCH      12

struct submitter {
	struct store_env *env;
	pthread_t thread;
	unsigned first;
	const char *failed;
};

/* Every third batch has a task in its middle that all submitters have in theirs. */
static void *
submitter_main(void *arg)
{
	struct submitter *submitter = arg;

	for (unsigned i = 0; i < BATCHES; i++) {
		unsigned numbers[BATCH];
		enum status status;

		for (unsigned k = 0; k < BATCH; k++)
			numbers[k] = submitter->first + i * BATCH + k;
		if (i % 3 == 1)
			numbers[BATCH / 2] = 0;
		status = store_env_submit_batch(submitter->env, numbers, BATCH);
		if (status != (i % 3 == 1 ? STATUS_CONFLICT : STATUS_OK))
			submitter->failed = status_name(status);
	}
	return NULL;
}

static void
test_batches_at_once_do_not_mix_and_fail_alone(void **state)
{
	static struct submitter submitters[SUBMITTERS];
	static struct task tasks[SUBMITTERS * BATCHES * BATCH];
	struct store_env *env = *state;
	size_t count = 0;
	unsigned good = 0;

	store_env_submit(env, 0);
	for (unsigned i = 0; i < SUBMITTERS; i++) {
		submitters[i] = (struct submitter){ .env = env, .first = 1 + i * BATCHES * BATCH };
		assert_int_equal(thread_start(&submitters[i].thread, "submitter", 0, submitter_main,
				     &submitters[i], NULL),
		    STATUS_OK);
	}
	for (unsigned i = 0; i < SUBMITTERS; i++) {
		thread_join(submitters[i].thread);
		if (submitters[i].failed != NULL)
			fail_msg("%s", submitters[i].failed);
	}
	for (unsigned i = 0; i < BATCHES; i++)
		good += i % 3 != 1;
	assert_int_equal(
	    store_claim(env->store, LANE_CPU, false, ARRAY_SIZE(tasks), 1, tasks, &count, NULL),
	    STATUS_OK);
	/* Two of three in each batch are of this lane; whoever waited first comes first. */
	assert_int_equal(count, 1 + SUBMITTERS * good * (BATCH - BATCH / 3));
	for (size_t i = 1; i < count; i++) {
		unsigned n = (unsigned)strtoul(tasks[i].id, NULL, 16);
		unsigned before = (unsigned)strtoul(tasks[i - 1].id, NULL, 16);

		/* Within a batch each follows the one before it. */
		if (i > 1 && (n - 1) / BATCH == (before - 1) / BATCH)
			assert_true(n > before && n - before <= 2);
		else
			assert_true((n - 1) % BATCH <= 1);
		assert_int_not_equal((n - 1) / BATCH % BATCHES % 3, 1);
	}
	for (size_t i = 0; i < count; i++)
		task_done(&tasks[i]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST_ON_SHIM(test_each_task_is_queued_and_readable),
		STORE_ENV_TEST_ON_SHIM(test_tasks_are_claimed_in_the_order_they_were_given),
		STORE_ENV_TEST_ON_SHIM(test_many_tasks_are_one_command_in_one_commit),
		STORE_ENV_TEST_ON_SHIM(test_one_id_that_exists_keeps_all_out),
		STORE_ENV_TEST_ON_SHIM(test_what_finds_no_space_is_not_there_and_may_come_again),
		STORE_ENV_TEST_ON_SHIM(test_all_are_there_after_a_crash),
		STORE_ENV_TEST_ON_SHIM(test_batches_at_once_do_not_mix_and_fail_alone),
	};

	return store_env_main(tests, sizeof(tests) / sizeof(tests[0]));
}
