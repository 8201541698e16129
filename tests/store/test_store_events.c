/* SPDX-License-Identifier: MIT */
/*
 * What the store counts of each type, on every back end: every way into a task's life, through it
 * and out of it, once each, and nothing of what was not stored.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store_env.h"

static struct store_stats
stats_of(struct store_env *env)
{
	struct store_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	store_stats(env->store, &stats);
	assert_true(stats.type_count <= STORE_TYPES_MAX);
	return stats;
}

static struct store_type_stats
type_of(struct store_env *env, const char *type)
{
	struct store_stats stats = stats_of(env);

	for (size_t i = 0; i < stats.type_count; i++) {
		if (strcmp(stats.types[i].type, type) == 0)
			return stats.types[i];
	}
	fail_msg("nothing is counted of %s", type);
	return stats.types[0];
}

static struct store_type_stats
factorials(struct store_env *env)
{
	return type_of(env, "factorial");
}

static int64_t
sum(const int64_t counts[FAILURE_COUNT])
{
	int64_t all = 0;

	for (size_t i = 0; i < FAILURE_COUNT; i++)
		all += counts[i];
	return all;
}

/* Of one type at one moment: whoever came is there, or gone. */
static void
assert_balanced(const struct store_type_stats *type)
{
	int64_t there = 0;

	for (size_t i = 0; i < TASK_STATE_COUNT; i++)
		there += type->by_state[i];
	assert_int_equal(there, type->submitted - type->purged);
	assert_true(type->held + type->deferred <= type->by_state[TASK_QUEUED]);
	assert_true(type->answered <= type->succeeded);
	assert_int_equal(type->succeeded + sum(type->failed) + sum(type->rejected) - type->purged,
	    type->by_state[TASK_SUCCEEDED] + type->by_state[TASK_FAILED] +
		type->by_state[TASK_REJECTED]);
}

static void
complete(struct store_env *env, const struct task *task, enum failure failure, bool is_retried)
{
	struct output output;
	struct outcome outcome;
	struct completion completion = {
		.task = task,
		.outcome = &outcome,
		.output = &output,
		.finished_at_ms = env->now_ms,
		.is_retried = is_retried,
		.retry_at_ms = env->now_ms + 10,
	};

	outcome_init(&outcome);
	outcome_fail(&outcome, failure, "x");
	output_init(&output, store_output_conf(env->store));
	assert_int_equal(store_complete(env->store, &completion, 1, &env->error), STATUS_OK);
	output_done(&output);
	outcome_done(&outcome);
}

static struct store_cancelled
cancel(struct store_env *env, unsigned n)
{
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
	return cancelled;
}

static void
test_a_new_store_knows_no_type(void **state)
{
	struct store_stats stats = stats_of(*state);

	assert_int_equal(stats.type_count, 0);
	assert_int_equal(stats.result_files, 0);
	assert_int_equal(stats.result_file_bytes, 0);
	assert_true(stats.schema_version >= 1);
	assert_int_equal(stats.commits_failed, 0);
	assert_int_equal(stats.failed_mono_ms, 0);
	assert_int_equal(stats.writer_late_ms, 0);
}

static void
test_submissions_are_counted_by_type_and_those_that_were_answered_apart(void **state)
{
	struct store_env *env = *state;
	static const unsigned batch[] = { 10, 11, 12 };
	struct store_type_stats type;

	store_env_submit(env, 1);
	assert_int_equal(store_env_submit_as(env, 2, "http-fetch", LANE_IO, 3), STATUS_OK);
	assert_int_equal(store_env_submit_batch(env, batch, 3), STATUS_OK);
	assert_int_equal(store_env_submit_ended(env, 4, "1", 1), STATUS_OK);
	assert_int_equal(stats_of(env).type_count, 2);
	type = factorials(env);
	assert_balanced(&type);
	assert_int_equal(type.submitted, 4);
	assert_int_equal(type.answered, 1);
	assert_int_equal(type.succeeded, 1);
	assert_int_equal(type.by_state[TASK_QUEUED], 3);
	assert_int_equal(type.by_state[TASK_SUCCEEDED], 1);
	type = type_of(env, "http-fetch");
	assert_balanced(&type);
	assert_int_equal(type.submitted, 2);
	assert_int_equal(type.answered, 0);
}

static void
test_what_was_not_stored_is_not_counted(void **state)
{
	struct store_env *env = *state;
	static const unsigned batch[] = { 2, 4, 1 };

	store_env_submit(env, 1);
	assert_int_equal(store_env_submit_as(env, 1, "factorial", LANE_CPU, 3), STATUS_CONFLICT);
	assert_int_equal(store_env_submit_batch(env, batch, 3), STATUS_CONFLICT);
	assert_int_equal(factorials(env).submitted, 1);
}

static void
test_every_end_is_counted_by_what_brought_it_about(void **state)
{
	struct store_env *env = *state;
	struct store_type_stats type;
	struct task task;

	for (unsigned n = 1; n <= 4; n++)
		store_env_submit(env, n);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	/* A second time it is superseded. */
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_CONFLICT);
	task_done(&task);
	store_env_claim_one(env, false, &task);
	complete(env, &task, FAILURE_TIMEOUT, false);
	task_done(&task);
	store_env_claim_one(env, false, &task);
	assert_int_equal(cancel(env, 3).what, STORE_CANCEL_REQUESTED);
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	task_done(&task);
	assert_int_equal(cancel(env, 4).what, STORE_CANCEL_REJECTED);
	assert_int_equal(cancel(env, 4).what, STORE_CANCEL_BEFORE);
	assert_int_equal(cancel(env, 1).what, STORE_CANCEL_TOO_LATE);
	type = factorials(env);
	assert_balanced(&type);
	assert_int_equal(type.succeeded, 1);
	assert_int_equal(type.failed[FAILURE_TIMEOUT], 1);
	assert_int_equal(type.failed[FAILURE_CANCELLED], 1);
	assert_int_equal(sum(type.failed), 2);
	assert_int_equal(type.rejected[FAILURE_CANCELLED], 1);
	assert_int_equal(sum(type.rejected), 1);
	assert_int_equal(sum(type.retried), 0);
}

static void
test_an_attempt_that_is_followed_by_another_is_no_end(void **state)
{
	struct store_env *env = *state;
	struct store_type_stats type;
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	complete(env, &task, FAILURE_CONNECT, true);
	task_done(&task);
	type = factorials(env);
	assert_balanced(&type);
	assert_int_equal(type.retried[FAILURE_CONNECT], 1);
	assert_int_equal(sum(type.retried), 1);
	assert_int_equal(type.held, 1);
	assert_int_equal(type.by_state[TASK_QUEUED], 1);
	assert_int_equal(sum(type.failed), 0);
}

static void
test_what_is_handed_back_is_no_event_unless_it_was_cancelled(void **state)
{
	struct store_env *env = *state;
	struct store_type_stats type;
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_release(env, &task), 1);
	task_done(&task);
	type = factorials(env);
	assert_int_equal(sum(type.retried) + sum(type.failed) + type.succeeded, 0);
	store_env_claim_one(env, false, &task);
	(void)cancel(env, 1);
	assert_int_equal(store_env_release(env, &task), 0);
	task_done(&task);
	type = factorials(env);
	assert_balanced(&type);
	assert_int_equal(type.failed[FAILURE_CANCELLED], 1);
}

static void
test_what_is_deferred_is_no_event_either_and_counts_apart(void **state)
{
	static const char *const host = "slow:80";
	struct store_env *env = *state;
	struct store_type_stats type;
	struct task task;
	size_t queued = 0;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	assert_int_equal(
	    store_defer(env->store, &task, &host, 1, env->now_ms, &queued, &env->error), STATUS_OK);
	task_done(&task);
	type = factorials(env);
	assert_balanced(&type);
	assert_int_equal(type.deferred, 1);
	assert_int_equal(type.held, 0);
	assert_int_equal(type.by_state[TASK_QUEUED], 1);
	assert_int_equal(sum(type.retried) + sum(type.failed) + type.succeeded, 0);
	(void)cancel(env, 1);
	type = factorials(env);
	assert_balanced(&type);
	assert_int_equal(type.deferred, 0);
	assert_int_equal(type.rejected[FAILURE_CANCELLED], 1);
}

static void
test_what_expires_is_rejected_by_that(void **state)
{
	struct store_env *env = *state;
	struct store_advance found;
	struct store_type_stats type;
	struct task_new task = {
		.type = "factorial",
		.args = "{}",
		.args_size = 2,
		.terms = { .max_attempts = 1, .expires_at_ms = env->now_ms + 5 },
		.created_at_ms = env->now_ms,
	};

	store_env_id(1, task.id);
	assert_int_equal(store_submit(env->store, &task, 1, NULL, NULL, NULL), STATUS_OK);
	env->now_ms += 5;
	assert_int_equal(store_advance(env->store, env->now_ms, &found, NULL), STATUS_OK);
	type = factorials(env);
	assert_balanced(&type);
	assert_int_equal(type.rejected[FAILURE_EXPIRED], 1);
}

static void
test_what_a_dead_run_left_is_counted_when_the_store_is_opened(void **state)
{
	struct store_env *env = *state;
	struct store_type_stats type;
	struct task tasks[3];

	store_env_submit(env, 1);
	assert_int_equal(store_env_submit_as(env, 2, "factorial", LANE_CPU, 1), STATUS_OK);
	store_env_submit(env, 3);
	assert_int_equal(store_env_claim(env, 3, tasks), 3);
	for (size_t i = 0; i < 3; i++)
		task_done(&tasks[i]);
	(void)cancel(env, 3);
	store_env_crash(env);
	type = factorials(env);
	/* The tasks are of an earlier run, what became of them is of this one. */
	assert_int_equal(type.submitted, 0);
	assert_int_equal(type.interrupted, 3);
	assert_int_equal(type.failed[FAILURE_ATTEMPTS_EXHAUSTED], 1);
	assert_int_equal(type.failed[FAILURE_CANCELLED], 1);
	assert_int_equal(sum(type.failed), 2);
	assert_int_equal(type.by_state[TASK_QUEUED], 1);
	assert_int_equal(type.by_state[TASK_FAILED], 2);
}

static void
test_what_is_deleted_is_counted_and_events_stay(void **state)
{
	struct store_env *env = *state;
	const struct store_retention retention = { .succeeded_ms = 1, .failed_ms = 1 };
	struct store_purged purged;
	struct store_type_stats type;
	struct task task;

	for (unsigned n = 1; n <= 3; n++) {
		store_env_submit(env, n);
		store_env_claim_one(env, false, &task);
		assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
		task_done(&task);
	}
	env->now_ms += 1000;
	assert_int_equal(
	    store_purge(env->store, &retention, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 3);
	type = factorials(env);
	assert_balanced(&type);
	assert_int_equal(type.purged, 3);
	assert_int_equal(type.succeeded, 3);
	assert_int_equal(type.by_state[TASK_SUCCEEDED], 0);
}

static void
test_results_in_files_are_counted_while_they_are_there(void **state)
{
	struct store_env *env = *state;
	static const char large[STORE_ENV_INLINE_MAX + 1];
	const struct store_retention retention = { .succeeded_ms = 1, .failed_ms = 1 };
	struct store_purged purged;
	struct task task;

	for (unsigned n = 1; n <= 3; n++) {
		size_t size = n == 1 ? STORE_ENV_INLINE_MAX : sizeof(large);

		store_env_submit(env, n);
		store_env_claim_one(env, false, &task);
		assert_int_equal(store_env_succeed(env, &task, large, size), STATUS_OK);
		task_done(&task);
	}
	/* A file that nobody will read, because the task has been cancelled. */
	store_env_submit(env, 4);
	store_env_claim_one(env, false, &task);
	(void)cancel(env, 4);
	assert_int_equal(store_env_succeed(env, &task, large, sizeof(large)), STATUS_OK);
	task_done(&task);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(stats_of(env).result_files, 2);
		assert_int_equal(stats_of(env).result_file_bytes, 2 * sizeof(large));
		store_env_crash(env);
	}
	env->now_ms += 1000;
	assert_int_equal(
	    store_purge(env->store, &retention, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 4);
	assert_int_equal(stats_of(env).result_files, 0);
	assert_int_equal(stats_of(env).result_file_bytes, 0);
}

/* Of every call that changes something, how many there are in a commit. */
static void
test_commands_are_counted_by_commit(void **state)
{
	struct store_env *env = *state;
	struct store_stats stats;

	store_env_submit(env, 1);
	store_env_submit(env, 2);
	stats = stats_of(env);
	assert_int_equal(stats.commit_commands.bounds[0], 1);
	assert_int_equal(stats.commit_commands.cumulative[0], 2);
	assert_int_equal(stats.commit_commands.count, stats.commit_us.count);
	assert_int_equal(stats.commit_commands.bounds[stats.commit_commands.bound_count - 1], 256);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_a_new_store_knows_no_type),
		STORE_ENV_TEST(
		    test_submissions_are_counted_by_type_and_those_that_were_answered_apart),
		STORE_ENV_TEST(test_what_was_not_stored_is_not_counted),
		STORE_ENV_TEST(test_every_end_is_counted_by_what_brought_it_about),
		STORE_ENV_TEST(test_an_attempt_that_is_followed_by_another_is_no_end),
		STORE_ENV_TEST(test_what_is_handed_back_is_no_event_unless_it_was_cancelled),
		STORE_ENV_TEST(test_what_is_deferred_is_no_event_either_and_counts_apart),
		STORE_ENV_TEST(test_what_expires_is_rejected_by_that),
		STORE_ENV_TEST(test_what_a_dead_run_left_is_counted_when_the_store_is_opened),
		STORE_ENV_TEST(test_what_is_deleted_is_counted_and_events_stay),
		STORE_ENV_TEST(test_results_in_files_are_counted_while_they_are_there),
		STORE_ENV_TEST(test_commands_are_counted_by_commit),
	};

	return store_env_main(tests, sizeof(tests) / sizeof(tests[0]));
}
