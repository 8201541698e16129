/* SPDX-License-Identifier: MIT */
/*
 * Retention by age and by number on every back end: what is due goes, in slices and with everything
 * that belongs to it; what is not completed, or not due, stays. By bytes: test_store_kept.c.
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

#include "store_env.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static const struct store_retention usual = { .succeeded_ms = 7 * DAY_MS,
	.failed_ms = 30 * DAY_MS };

/* Purges until nothing is left to do; a slice that finds nothing may be followed by one that does.
   Returns how many tasks went. */
static size_t
purge_all(struct store_env *env, struct store_retention retention)
{
	static struct store_purged purged;
	size_t count = 0;
	int idle = 0;

	while (idle < 100) {
		assert_int_equal(
		    store_purge(env->store, &retention, env->now_ms, &purged, &env->error),
		    STATUS_OK);
		assert_true(purged.count <= STORE_PURGE_MAX);
		count += purged.count;
		idle = purged.count == 0 && !purged.has_more ? idle + 1 : 0;
	}
	return count;
}

static bool
is_there(struct store_env *env, unsigned n)
{
	struct task_status status;
	char id[UUID_TEXT_SIZE];
	enum status found;

	store_env_id(n, id);
	found = store_read_status(env->store, id, &status, NULL);
	assert_true(found == STATUS_OK || found == STATUS_NOT_FOUND);
	return found == STATUS_OK;
}

static void
succeed(struct store_env *env, unsigned n, size_t size)
{
	char *content = calloc(1, size + 1);
	struct task task;

	assert_non_null(content);
	store_env_submit(env, n);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, content, size), STATUS_OK);
	task_done(&task);
	free(content);
}

static void
fail_task(struct store_env *env, unsigned n)
{
	struct task task;

	store_env_submit(env, n);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_fail(env, &task, FAILURE_TLS), STATUS_OK);
	task_done(&task);
}

static int64_t
count_tasks(struct store_env *env)
{
	struct store_counts counts;
	int64_t sum = 0;

	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	for (int i = 0; i < TASK_STATE_COUNT; i++)
		sum += counts.by_state[i];
	return sum;
}

static void
test_each_state_is_kept_for_its_time(void **state)
{
	struct store_env *env = *state;
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];
	int64_t ended_ms = env->now_ms;

	succeed(env, 1, 3);
	fail_task(env, 2);
	store_env_submit(env, 3);
	store_env_id(3, id);
	assert_int_equal(store_cancel(env->store, id, env->now_ms, &cancelled, NULL), STATUS_OK);
	env->now_ms = ended_ms + 7 * DAY_MS;
	assert_int_equal(purge_all(env, usual), 0);
	env->now_ms++;
	assert_int_equal(purge_all(env, usual), 1);
	assert_false(is_there(env, 1));
	env->now_ms = ended_ms + 30 * DAY_MS;
	assert_int_equal(purge_all(env, usual), 0);
	assert_true(is_there(env, 2) && is_there(env, 3));
	env->now_ms++;
	assert_int_equal(purge_all(env, usual), 2);
	assert_int_equal(count_tasks(env), 0);
}

static void
test_zero_keeps_for_ever(void **state)
{
	struct store_env *env = *state;

	succeed(env, 1, 3);
	fail_task(env, 2);
	env->now_ms += 100 * 365 * DAY_MS;
	assert_int_equal(purge_all(env, (struct store_retention){ 0 }), 0);
	assert_int_equal(purge_all(env, (struct store_retention){ .failed_ms = DAY_MS }), 1);
	assert_true(is_there(env, 1));
	assert_int_equal(purge_all(env, (struct store_retention){ .succeeded_ms = DAY_MS }), 1);
}

static void
test_what_is_not_completed_is_never_deleted(void **state)
{
	const struct store_retention nothing = {
		.succeeded_ms = 1, .failed_ms = 1, .tasks_max = 1
	};
	struct store_env *env = *state;
	struct task running;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &running);
	store_env_submit(env, 2);
	succeed(env, 3, 3); /* claims the second */
	env->now_ms += 365 * DAY_MS;
	assert_int_equal(purge_all(env, nothing), 1);
	assert_int_equal(store_env_state(env, 1), TASK_RUNNING);
	assert_int_equal(count_tasks(env), 2);
	assert_int_equal(store_env_succeed(env, &running, "x", 1), STATUS_OK);
	task_done(&running);
	assert_int_equal(store_env_state(env, 1), TASK_SUCCEEDED);
}

/* It lies behind many that were deleted when it was passed. */
static void
test_what_was_passed_is_met_again(void **state)
{
	struct store_env *env = *state;
	struct task running;

	store_env_submit(env, 0);
	store_env_claim_one(env, false, &running);
	for (unsigned n = 1; n <= 2 * STORE_PURGE_MAX; n++)
		assert_int_equal(store_env_submit_ended(env, n, "x", 1), STATUS_OK);
	fail_task(env, 1000);
	env->now_ms += 8 * DAY_MS;
	assert_int_equal(purge_all(env, usual), 2 * STORE_PURGE_MAX);
	assert_int_equal(store_env_succeed(env, &running, "x", 1), STATUS_OK);
	task_done(&running);
	env->now_ms += 8 * DAY_MS;
	assert_int_equal(purge_all(env, usual), 1);
	assert_false(is_there(env, 0));
	env->now_ms += 30 * DAY_MS;
	assert_int_equal(purge_all(env, usual), 1);
	assert_int_equal(count_tasks(env), 0);
}

static void
test_beyond_the_bound_the_oldest_go(void **state)
{
	const struct store_retention few = { .tasks_max = 300 };
	struct store_env *env = *state;

	for (unsigned n = 1; n <= 1000; n++)
		assert_int_equal(store_env_submit_ended(env, n, "x", 1), STATUS_OK);
	assert_int_equal(purge_all(env, few), 700);
	assert_false(is_there(env, 1) || is_there(env, 700));
	assert_true(is_there(env, 701) && is_there(env, 1000));
	assert_int_equal(purge_all(env, few), 0);
	assert_int_equal(store_env_submit_ended(env, 1001, "x", 1), STATUS_OK);
	assert_int_equal(purge_all(env, few), 1);
	assert_int_equal(count_tasks(env), 300);
}

/* Whatever was submitted before: it may have had to wait for long. */
static void
test_the_oldest_is_what_ended_first(void **state)
{
	const struct store_retention one = { .tasks_max = 1 }, two = { .tasks_max = 2 };
	struct store_env *env = *state;
	struct task first, second, third;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &first);
	store_env_submit(env, 2);
	store_env_claim_one(env, false, &second);
	store_env_submit(env, 3);
	store_env_claim_one(env, false, &third);
	env->now_ms++;
	assert_int_equal(store_env_fail(env, &second, FAILURE_TLS), STATUS_OK);
	env->now_ms++;
	assert_int_equal(store_env_succeed(env, &third, "x", 1), STATUS_OK);
	env->now_ms++;
	assert_int_equal(store_env_succeed(env, &first, "x", 1), STATUS_OK);
	assert_int_equal(purge_all(env, two), 1);
	assert_true(is_there(env, 1) && !is_there(env, 2) && is_there(env, 3));
	assert_int_equal(purge_all(env, one), 1);
	assert_true(is_there(env, 1) && !is_there(env, 3));
	task_done(&first);
	task_done(&second);
	task_done(&third);
}

/* Between those that are kept for longer, and behind more of them than a slice looks at. */
static void
test_what_is_due_goes_from_between_what_is_kept_for_longer(void **state)
{
	struct store_env *env = *state;
	unsigned succeeded = 0;

	for (unsigned n = 1; n <= 3 * STORE_PURGE_MAX; n++) {
		bool succeeds = n % 50 == 0;

		if (succeeds)
			succeed(env, n, 3);
		else
			fail_task(env, n);
		succeeded += succeeds;
		env->now_ms++;
	}
	env->now_ms += 8 * DAY_MS;
	assert_int_equal(purge_all(env, usual), succeeded);
	assert_int_equal(count_tasks(env), 3 * STORE_PURGE_MAX - succeeded);
	/* Also after a start, which knows nothing of what was passed. */
	store_env_close(env);
	store_env_open(env);
	assert_int_equal(purge_all(env, usual), 0);
	succeed(env, 5000, 3);
	env->now_ms += 8 * DAY_MS;
	assert_int_equal(purge_all(env, usual), 1);
	assert_false(is_there(env, 5000));
	/* And with other times, by which what was passed is due. */
	assert_int_equal(purge_all(env, (struct store_retention){ .failed_ms = 17 * DAY_MS }), 0);
	env->now_ms += DAY_MS + 1000;
	assert_int_equal(purge_all(env, (struct store_retention){ .failed_ms = 17 * DAY_MS }),
	    3 * STORE_PURGE_MAX - succeeded);
	assert_int_equal(count_tasks(env), 0);
}

static void
test_what_is_due_goes_before_what_is_too_much(void **state)
{
	static struct store_purged purged;
	struct store_retention retention = usual;
	struct store_env *env = *state;

	fail_task(env, 1);
	fail_task(env, 2);
	env->now_ms += DAY_MS;
	succeed(env, 3, 3);
	env->now_ms += 8 * DAY_MS;
	store_env_submit(env, 4);
	retention.tasks_max = 3;
	/* The third is due, the other two are older and not due: it alone has to go. */
	assert_int_equal(
	    store_purge(env->store, &retention, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 1);
	assert_int_equal(purged.early_count, 0);
	assert_false(is_there(env, 3));
	retention.tasks_max = 2;
	assert_int_equal(
	    store_purge(env->store, &retention, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 1);
	assert_int_equal(purged.early_count, 1);
	assert_false(is_there(env, 1));
	/* What is not completed does not go, however much it is. */
	retention.tasks_max = 1;
	store_env_submit(env, 5);
	assert_int_equal(
	    store_purge(env->store, &retention, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 1);
	assert_false(purged.has_more);
	assert_int_equal(count_tasks(env), 2);
	assert_int_equal(
	    store_purge(env->store, &retention, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 0);
	assert_false(purged.has_more);
}

static void
test_a_slice_tells_which_tasks_went_and_whether_there_are_more(void **state)
{
	static struct store_purged purged;
	struct store_env *env = *state;
	char id[UUID_TEXT_SIZE];

	for (unsigned n = 1; n <= STORE_PURGE_MAX + 5; n++)
		assert_int_equal(store_env_submit_ended(env, n, "x", 1), STATUS_OK);
	env->now_ms += 8 * DAY_MS;
	assert_int_equal(store_purge(env->store, &usual, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, STORE_PURGE_MAX);
	assert_true(purged.has_more);
	store_env_id(1, id);
	assert_string_equal(purged.ids[0], id);
	store_env_id(STORE_PURGE_MAX, id);
	assert_string_equal(purged.ids[STORE_PURGE_MAX - 1], id);
	assert_int_equal(store_purge(env->store, &usual, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 5);
	assert_false(purged.has_more);
}

static void
test_everything_that_belongs_to_it_goes(void **state)
{
	struct store_env *env = *state;
	struct task task;
	char *rows;
	char path[256], id[UUID_TEXT_SIZE];

	if (env->kind != STORE_ENV_SQLITE)
		return;
	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	task_done(&task);
	store_env_crash(env);
	env->now_ms += 5;
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "x", 1), STATUS_OK);
	task_done(&task);
	succeed(env, 2, 2 * STORE_ENV_INLINE_MAX);
	store_env_id(2, id);
	(void)snprintf(path, sizeof(path), "%s/results/%s-1", env->dir, id);
	assert_int_equal(access(path, F_OK), 0);
	env->now_ms += 8 * DAY_MS;
	assert_int_equal(purge_all(env, usual), 2);
	assert_int_not_equal(access(path, F_OK), 0);
	rows = store_env_sql(env,
	    "SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM task_result),"
	    " (SELECT count(*) FROM task_attempt), (SELECT sum(count) FROM queue_stats)");
	assert_string_equal(rows, "0|0|0|0\n");
	free(rows);
	/* The counts are those of the tables after a restart, too. */
	store_env_close(env);
	store_env_open(env);
	assert_int_equal(count_tasks(env), 0);
	succeed(env, 3, 3);
	assert_int_equal(count_tasks(env), 1);
}

/* So many in one commit. */
static void
submit_many_ended(
    struct store_env *env, unsigned first, unsigned count, const void *content, size_t size)
{
	const struct task_ended ended = { .finished_at_ms = env->now_ms,
		.media_type = "text/plain",
		.content = content,
		.content_size = size,
		.is_utf8 = true };
	struct task_new *tasks = calloc(count, sizeof(*tasks));

	assert_non_null(tasks);
	for (unsigned i = 0; i < count; i++) {
		tasks[i] = (struct task_new){ .type = "factorial",
			.args = "{}",
			.args_size = 2,
			.terms.max_attempts = 1,
			.created_at_ms = env->now_ms,
			.ended = &ended };
		store_env_id(first + i, tasks[i].id);
	}
	assert_int_equal(store_submit(env->store, tasks, count, NULL, NULL, NULL), STATUS_OK);
	free(tasks);
}

static void
test_the_file_gives_space_back(void **state)
{
	struct store_env *env = *state;
	struct store_stats before, after;
	static const char content[900];

	if (env->kind != STORE_ENV_SQLITE)
		return;
	for (unsigned n = 1; n <= 30000; n += 300)
		submit_many_ended(env, n, 300, content, sizeof(content));
	store_env_close(env); /* folds the log in */
	store_env_open(env);
	store_stats(env->store, &before);
	env->now_ms += 8 * DAY_MS;
	assert_int_equal(purge_all(env, usual), 30000);
	for (int i = 0; i < 10; i++)
		status_ignore(store_maintain(env->store, NULL));
	store_env_close(env);
	store_env_open(env);
	store_stats(env->store, &after);
	/* 256 pages each time. */
	assert_true(before.database_bytes > 30 * 1024 * 1024);
	assert_true(after.database_bytes <= before.database_bytes - 9 * 256 * 4096);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_each_state_is_kept_for_its_time),
		STORE_ENV_TEST(test_zero_keeps_for_ever),
		STORE_ENV_TEST(test_what_is_not_completed_is_never_deleted),
		STORE_ENV_TEST(test_what_was_passed_is_met_again),
		STORE_ENV_TEST(test_beyond_the_bound_the_oldest_go),
		STORE_ENV_TEST(test_the_oldest_is_what_ended_first),
		STORE_ENV_TEST(test_what_is_due_goes_from_between_what_is_kept_for_longer),
		STORE_ENV_TEST(test_what_is_due_goes_before_what_is_too_much),
		STORE_ENV_TEST(test_a_slice_tells_which_tasks_went_and_whether_there_are_more),
		STORE_ENV_TEST(test_everything_that_belongs_to_it_goes),
		STORE_ENV_TEST(test_the_file_gives_space_back),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
