/* SPDX-License-Identifier: MIT */
/*
 * The figures of the store, on every back end: they follow what is done, never go back, and are
 * there when the store is dead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store_env.h"

static struct store_stats
stats_of(struct store_env *env)
{
	struct store_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	store_stats(env->store, &stats);
	return stats;
}

/* Within one answer. */
static void
assert_consistent(const struct store_stats *stats)
{
	const struct histogram_snapshot *commits = &stats->commit_us;
	int64_t least = 0, below = 0;

	assert_int_equal(commits->bound_count, 15);
	assert_int_equal(commits->bounds[0], 100);
	assert_int_equal(commits->bounds[14], 5000000);
	for (size_t i = 0; i <= commits->bound_count; i++) {
		assert_true(commits->cumulative[i] >= below);
		least += (commits->cumulative[i] - below) * (i == 0 ? 0 : commits->bounds[i - 1]);
		below = commits->cumulative[i];
	}
	assert_int_equal(commits->cumulative[commits->bound_count], commits->count);
	assert_true(commits->sum >= least);
	assert_true(stats->commit_commands.sum >= commits->count);
	assert_true(stats->checkpoints >= 0);
	assert_true(stats->database_bytes >= 0);
	assert_true(stats->wal_bytes >= 0);
}

static void
assert_counts(const struct store_stats *stats, struct store_env *env)
{
	struct store_counts counts;

	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	assert_memory_equal(&stats->counts, &counts, sizeof(counts));
}

static void
test_a_new_store_has_done_nothing(void **state)
{
	struct store_env *env = *state;
	struct store_stats stats = stats_of(env);

	assert_consistent(&stats);
	assert_counts(&stats, env);
	assert_int_equal(stats.commit_us.count, 0);
	assert_int_equal(stats.commit_us.sum, 0);
	assert_int_equal(stats.commit_commands.sum, 0);
	assert_int_equal(stats.counts.by_state[TASK_QUEUED], 0);
}

static void
test_every_call_that_writes_is_a_command_in_a_commit(void **state)
{
	struct store_env *env = *state;
	struct store_stats stats;
	struct task task;

	store_env_submit(env, 1);
	stats = stats_of(env);
	assert_int_equal(stats.commit_us.count, 1);
	assert_int_equal(stats.commit_commands.sum, 1);
	assert_true(stats.commit_us.sum > 0);
	store_env_submit(env, 2);
	store_env_claim_one(env, false, &task);
	store_env_release(env, &task);
	task_done(&task);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	task_done(&task);
	stats = stats_of(env);
	assert_consistent(&stats);
	assert_counts(&stats, env);
	assert_int_equal(stats.commit_us.count, 6);
	assert_int_equal(stats.commit_commands.sum, 6);
	assert_int_equal(stats.counts.by_state[TASK_SUCCEEDED], 1);
}

static void
test_a_claim_that_finds_nothing_and_a_refused_call_do_not_count(void **state)
{
	struct store_env *env = *state;
	struct store_stats before, after;
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	before = stats_of(env);
	assert_int_equal(store_env_claim(env, 1, &(struct task){ 0 }), 0);
	assert_int_equal(store_env_submit_as(env, 1, "factorial", LANE_CPU, 3), STATUS_CONFLICT);
	after = stats_of(env);
	assert_int_equal(after.commit_us.count, before.commit_us.count);
	assert_int_equal(after.commit_commands.sum, before.commit_commands.sum);
	task_done(&task);
}

static void
test_queued_and_running_are_told_by_lane(void **state)
{
	struct store_env *env = *state;
	struct store_stats stats;
	struct task tasks[3];
	size_t count;

	for (unsigned n = 1; n <= 3; n++)
		store_env_submit(env, n);
	for (unsigned n = 4; n <= 5; n++)
		assert_int_equal(store_env_submit_as(env, n, "http-fetch", LANE_IO, 3), STATUS_OK);
	assert_int_equal(store_env_claim(env, 2, tasks), 2);
	assert_int_equal(
	    store_claim(env->store, LANE_IO, false, 1, env->now_ms, tasks + 2, &count, NULL),
	    STATUS_OK);
	stats = stats_of(env);
	assert_counts(&stats, env);
	assert_int_equal(stats.counts.queued_by_lane[LANE_CPU], 1);
	assert_int_equal(stats.counts.running_by_lane[LANE_CPU], 2);
	assert_int_equal(stats.counts.queued_by_lane[LANE_IO], 1);
	assert_int_equal(stats.counts.running_by_lane[LANE_IO], 1);
	for (size_t i = 0; i < 3; i++)
		task_done(&tasks[i]);
}

static void
test_no_counter_goes_back_while_the_store_is_open(void **state)
{
	struct store_env *env = *state;
	struct store_stats before = stats_of(env);
	struct task task;

	for (unsigned n = 1; n <= 20; n++) {
		struct store_stats now;

		store_env_submit(env, n);
		if (n % 3 == 0) {
			store_env_claim_one(env, false, &task);
			assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
			task_done(&task);
		}
		assert_int_equal(store_maintain(env->store, NULL), STATUS_OK);
		now = stats_of(env);
		assert_consistent(&now);
		assert_true(now.commit_us.count > before.commit_us.count);
		assert_true(now.commit_us.sum >= before.commit_us.sum);
		assert_true(now.commit_commands.sum > before.commit_commands.sum);
		assert_true(now.checkpoints >= before.checkpoints);
		before = now;
	}
}

static void
test_they_begin_anew_when_the_store_is_opened_again(void **state)
{
	struct store_env *env = *state;
	struct store_stats stats;

	store_env_submit(env, 1);
	store_env_close(env);
	store_env_open(env);
	stats = stats_of(env);
	assert_int_equal(stats.commit_commands.sum, 0);
	assert_int_equal(stats.commit_us.count, 0);
	assert_int_equal(stats.counts.by_state[TASK_QUEUED], 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_a_new_store_has_done_nothing),
		STORE_ENV_TEST(test_every_call_that_writes_is_a_command_in_a_commit),
		STORE_ENV_TEST(test_a_claim_that_finds_nothing_and_a_refused_call_do_not_count),
		STORE_ENV_TEST(test_queued_and_running_are_told_by_lane),
		STORE_ENV_TEST(test_no_counter_goes_back_while_the_store_is_open),
		STORE_ENV_TEST(test_they_begin_anew_when_the_store_is_opened_again),
	};

	return store_env_main(tests, sizeof(tests) / sizeof(tests[0]));
}
