/* SPDX-License-Identifier: MIT */
/*
 * Tasks that have ended before they are submitted, on every back end: final from their commit on,
 * with content, attempt and counters as after a start and a completion, and nothing moves them any
 * more.
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
#include "shim_vfs.h"
#include "store_env.h"

#define CONTENT_MAX (STORE_ENV_INLINE_MAX * 20)
#define RUN_MS      7 /* from the creation to the end */

/* A task of the tests: its arguments name n. */
struct new_task {
	struct task_new new;
	struct task_ended ended;
	char args[32];
};

static void
fill_new(struct store_env *env, unsigned n, enum lane lane, struct new_task *ret)
{
	*ret = (struct new_task){
		.new = {
			.type = lane == LANE_CPU ? "factorial" : "http-fetch",
			.lane = lane,
			.args = ret->args,
			.terms = { .max_attempts = 3, .priority = TASK_PRIORITY_DEFAULT },
			.created_at_ms = env->now_ms,
		},
	};
	store_env_id(n, ret->new.id);
	ret->new.args_size = (size_t)snprintf(ret->args, sizeof(ret->args), "{\"n\":\"%u\"}", n);
}

/* Makes it one that has ended, with what stays the caller's. */
static void
end_new(struct new_task *task, const char *media_type, const void *content, size_t size)
{
	task->ended = (struct task_ended){
		.finished_at_ms = task->new.created_at_ms + RUN_MS,
		.media_type = media_type,
		.content = content,
		.content_size = size,
		.is_utf8 = true,
	};
	task->new.ended = &task->ended;
}

/* Submits task n as ended. */
static enum status
submit_text(struct store_env *env, unsigned n, enum lane lane, const char *text)
{
	struct new_task task;

	fill_new(env, n, lane, &task);
	end_new(&task, "text/plain; charset=utf-8", text, strlen(text));
	return store_submit(env->store, &task.new, 1, NULL, NULL, &env->error);
}

static struct task_result
read_result(struct store_env *env, unsigned n)
{
	struct task_result result;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(store_read_result(env->store, id, &result, &env->error), STATUS_OK);
	return result;
}

/* Task n is final as it was submitted at `created_at_ms`, with this content. */
static void
assert_ended(struct store_env *env, unsigned n, int64_t created_at_ms, const char *media_type,
    const void *content, size_t size, bool is_utf8)
{
	struct task_result result = read_result(env, n);
	struct task_status status;

	assert_int_equal(result.status.state, TASK_SUCCEEDED);
	assert_int_equal(result.status.attempt, 1);
	assert_int_equal(result.status.created_at_ms, created_at_ms);
	assert_int_equal(result.status.started_at_ms, created_at_ms);
	assert_int_equal(result.status.finished_at_ms, created_at_ms + RUN_MS);
	assert_int_equal(result.failure, FAILURE_NONE);
	assert_null(result.response);
	assert_string_equal(result.media_type, media_type);
	assert_true(result.has_content);
	assert_int_equal(result.is_utf8, is_utf8);
	assert_int_equal(result.bytes, size);
	/* In the database, whatever its size. */
	assert_int_equal(result.fd, -1);
	assert_non_null(result.data);
	assert_memory_equal(result.data, content, size);
	assert_int_equal(store_read_status(env->store, result.status.id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_SUCCEEDED);
	assert_string_equal(status.type, result.status.type);
	assert_int_equal(status.attempt, 1);
	assert_int_equal(status.started_at_ms, created_at_ms);
	assert_int_equal(status.finished_at_ms, created_at_ms + RUN_MS);
	task_result_done(&result);
}

static void
assert_text(struct store_env *env, unsigned n, const char *text)
{
	assert_ended(env, n, env->now_ms, "text/plain; charset=utf-8", text, strlen(text), true);
}

static void
assert_not_there(struct store_env *env, unsigned n)
{
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(store_read_status(env->store, id, &status, NULL), STATUS_NOT_FOUND);
}

static struct store_counts
read_counts(struct store_env *env)
{
	struct store_counts counts;

	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	return counts;
}

/* Real back end: contents and tasks belong together, and so many contents are there. */
static void
assert_contents(struct store_env *env, int count)
{
	char expected[64], *found;

	if (env->kind != STORE_ENV_SQLITE)
		return;
	found = store_env_sql(env,
	    "SELECT count(*) FROM task_result;"
	    "SELECT count(*) FROM task WHERE result_where = 'row' AND seq NOT IN "
	    "(SELECT seq FROM task_result);"
	    "SELECT count(*) FROM task_result WHERE seq NOT IN "
	    "(SELECT seq FROM task WHERE result_where = 'row');"
	    "SELECT count(*) FROM (SELECT type, lane, status, count(*) AS n FROM task "
	    "GROUP BY type, lane, status EXCEPT SELECT type, lane, status, count FROM "
	    "task_counter)");
	(void)snprintf(expected, sizeof(expected), "%d\n0\n0\n0\n", count);
	assert_string_equal(found, expected);
	free(found);
}

static void
test_it_is_final_when_its_submission_returns(void **state)
{
	struct store_env *env = *state;

	assert_int_equal(submit_text(env, 5, LANE_CPU, "120"), STATUS_OK);
	assert_text(env, 5, "120");
	assert_contents(env, 1);
}

static void
test_every_content_is_read_back_exactly(void **state)
{
	static const char binary[] = "\0a\xff\0\xc3(\x80z"; /* no UTF-8 */
	static char digits[375], large[CONTENT_MAX];

	const struct {
		const char *media_type;
		const void *content;
		size_t size;
		bool is_utf8;
	} cases[] = {
		{ "text/plain", "", 0, true },
		{ "", NULL, 0, true },
		{ "", "x", 1, true },
		{ "application/octet-stream", binary, sizeof(binary), false },
		{ "", binary, sizeof(binary), false },
		{ "text/plain; charset=utf-8", digits, sizeof(digits), true },
		{ "text/plain; charset=utf-8", "0", 1, true },
		{ "text/plain", large, STORE_ENV_INLINE_MAX, true },
		{ "text/plain", large, STORE_ENV_INLINE_MAX + 1, true },
		{ "text/plain", large, sizeof(large), true },
	};
	struct store_env *env = *state;
	struct new_task task;

	for (size_t i = 0; i < sizeof(digits); i++)
		digits[i] = (char)('0' + i * 7 % 10);
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)('a' + i % 26);
	for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
		fill_new(env, n, LANE_CPU, &task);
		end_new(&task, cases[n].media_type, cases[n].content, cases[n].size);
		task.ended.is_utf8 = cases[n].is_utf8;
		assert_int_equal(
		    store_submit(env->store, &task.new, 1, NULL, NULL, NULL), STATUS_OK);
	}
	for (unsigned n = 0; n < ARRAY_SIZE(cases); n++)
		assert_ended(env, n, env->now_ms, cases[n].media_type,
		    cases[n].size == 0 ? "" : cases[n].content, cases[n].size, cases[n].is_utf8);
	assert_contents(env, ARRAY_SIZE(cases));
}

static void
count_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	int *total = context;

	(void)lane;
	(void)starts;
	*total += (int)count;
}

static void
test_it_is_neither_started_nor_claimed(void **state)
{
	struct store_env *env = *state;
	struct task tasks[4];
	char id[UUID_TEXT_SIZE];
	int started = 0;

	store_on_start(env->store, count_started, &started);
	assert_int_equal(submit_text(env, 1, LANE_CPU, "1"), STATUS_OK);
	store_env_submit(env, 2);
	assert_int_equal(submit_text(env, 3, LANE_IO, "6"), STATUS_OK);
	assert_int_equal(submit_text(env, 4, LANE_CPU, "24"), STATUS_OK);
	assert_int_equal(started, 0);
	assert_int_equal(store_env_claim(env, 4, tasks), 1);
	store_env_id(2, id);
	assert_string_equal(tasks[0].id, id);
	task_done(&tasks[0]);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		for (int isolated = 0; isolated < 2; isolated++) {
			size_t count = 9;

			assert_int_equal(store_claim(env->store, (enum lane)lane, isolated, 4,
					     env->now_ms, tasks, &count, NULL),
			    STATUS_OK);
			assert_int_equal(count, 0);
		}
	}
	assert_text(env, 1, "1");
	assert_text(env, 3, "6");
	assert_text(env, 4, "24");
}

static void
test_nothing_that_names_it_changes_it(void **state)
{
	struct store_env *env = *state;
	struct store_counts before, after;
	struct task task, named;

	/* Its key is the next one, in both back ends. */
	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	assert_int_equal(submit_text(env, 2, LANE_CPU, "2"), STATUS_OK);
	named = task;
	named.seq++;
	store_env_id(2, named.id);
	before = read_counts(env);
	for (int lease = 1; lease <= 3; lease++) {
		named.lease = lease;
		named.attempt = 1;
		assert_int_equal(store_env_succeed(env, &named, "no", 2), STATUS_CONFLICT);
		assert_int_equal(store_env_fail(env, &named, FAILURE_TIMEOUT), STATUS_CONFLICT);
		store_env_release(env, &named);
		assert_text(env, 2, "2");
	}
	after = read_counts(env);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_contents(env, 1);
	/* Its neighbour is none the worse. */
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	task_done(&task);
}

static void
test_it_counts_as_succeeded(void **state)
{
	struct store_env *env = *state;
	struct store_counts counts, expected = { 0 };

	for (unsigned n = 1; n <= 5; n++)
		assert_int_equal(submit_text(env, n, n <= 2 ? LANE_CPU : LANE_IO, "1"), STATUS_OK);
	expected.by_state[TASK_SUCCEEDED] = 5;
	expected.kept_bytes =
	    5 * store_kept_bytes(&(struct store_kept){
		    .args = strlen("{\"n\":\"1\"}"), .content = 1, .attempts = 1 });
	counts = read_counts(env);
	assert_memory_equal(&counts, &expected, sizeof(counts));
	store_env_submit(env, 6);
	expected.by_state[TASK_QUEUED] = 1;
	expected.queued_by_lane[LANE_CPU] = 1;
	counts = read_counts(env);
	assert_memory_equal(&counts, &expected, sizeof(counts));
	store_env_crash(env);
	counts = read_counts(env);
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

static void
test_an_id_that_exists_is_a_conflict_and_stores_nothing(void **state)
{
	struct store_env *env = *state;
	struct store_counts before, after;
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	store_env_submit(env, 2);
	assert_int_equal(submit_text(env, 3, LANE_CPU, "6"), STATUS_OK);
	before = read_counts(env);
	for (unsigned n = 1; n <= 3; n++)
		assert_int_equal(submit_text(env, n, LANE_CPU, "other"), STATUS_CONFLICT);
	/* Nor does a task that is to run take its place. */
	assert_int_equal(store_env_submit_as(env, 3, "factorial", LANE_CPU, 3), STATUS_CONFLICT);
	after = read_counts(env);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(store_env_state(env, 1), TASK_RUNNING);
	assert_int_equal(store_env_state(env, 2), TASK_QUEUED);
	assert_text(env, 3, "6");
	assert_contents(env, 1);
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	task_done(&task);
	assert_int_equal(submit_text(env, 4, LANE_CPU, "24"), STATUS_OK);
	assert_text(env, 4, "24");
	assert_contents(env, 3);
}

#define MIXED 30

/* Tasks first, first + 1, ... in one call; every third has ended with its id as its content. */
static enum status
submit_mixed(struct store_env *env, unsigned first)
{
	static struct new_task tasks[MIXED];
	struct task_new news[MIXED];

	for (unsigned i = 0; i < MIXED; i++) {
		fill_new(env, first + i, i % 2 == 0 ? LANE_CPU : LANE_IO, &tasks[i]);
		if (i % 3 == 0)
			end_new(&tasks[i], "", tasks[i].new.id, UUID_TEXT_SIZE - 1);
		news[i] = tasks[i].new;
	}
	return store_submit(env->store, news, MIXED, NULL, NULL, &env->error);
}

static void
test_ended_tasks_are_submitted_together_with_ones_that_are_to_run(void **state)
{
	struct store_env *env = *state;
	struct store_counts counts, expected = { 0 };
	struct task tasks[MIXED];
	char id[UUID_TEXT_SIZE];
	size_t claimed;
	size_t at = 0;

	assert_int_equal(submit_mixed(env, 100), STATUS_OK);
	expected.by_state[TASK_SUCCEEDED] = MIXED / 3;
	expected.by_state[TASK_QUEUED] = MIXED - MIXED / 3;
	expected.queued_by_lane[LANE_CPU] = MIXED / 3;
	expected.queued_by_lane[LANE_IO] = MIXED / 3;
	expected.kept_bytes =
	    MIXED / 3 *
	    store_kept_bytes(&(struct store_kept){
		.args = strlen("{\"n\":\"100\"}"), .content = UUID_TEXT_LENGTH, .attempts = 1 });
	counts = read_counts(env);
	assert_memory_equal(&counts, &expected, sizeof(counts));
	for (unsigned i = 0; i < MIXED; i += 3) {
		store_env_id(100 + i, id);
		assert_ended(env, 100 + i, env->now_ms, "", id, UUID_TEXT_SIZE - 1, true);
	}
	assert_contents(env, MIXED / 3);
	/* The others are in their order. */
	claimed = store_env_claim(env, MIXED, tasks);
	assert_int_equal(claimed, MIXED / 3);
	for (unsigned i = 0; i < MIXED; i += 2) {
		if (i % 3 == 0)
			continue;
		store_env_id(100 + i, id);
		assert_string_equal(tasks[at].id, id);
		task_done(&tasks[at++]);
	}
	assert_int_equal(at, claimed);
}

static void
test_one_conflict_leaves_all_of_a_submission_away(void **state)
{
	struct store_env *env = *state;
	struct store_counts before, after;

	store_env_submit(env, 100 + MIXED - 1);
	before = read_counts(env);
	assert_int_equal(submit_mixed(env, 100), STATUS_CONFLICT);
	after = read_counts(env);
	assert_memory_equal(&before, &after, sizeof(before));
	for (unsigned n = 100; n < 100 + MIXED - 1; n++)
		assert_not_there(env, n);
	assert_contents(env, 0);
	assert_int_equal(submit_mixed(env, 200), STATUS_OK);
	assert_contents(env, MIXED / 3);
}

static void
assert_recovered_nothing(struct store_env *env)
{
	assert_int_equal(env->recovery.requeued, 0);
	assert_int_equal(env->recovery.exhausted, 0);
}

static void
test_it_is_as_it_was_after_a_restart_and_after_a_crash(void **state)
{
	static char large[CONTENT_MAX];
	struct store_env *env = *state;
	int64_t created_at_ms = env->now_ms;
	struct store_counts before, after;
	struct new_task task;

	memset(large, 'L', sizeof(large));
	fill_new(env, 1, LANE_CPU, &task);
	end_new(&task, "a/b", large, sizeof(large));
	assert_int_equal(store_submit(env->store, &task.new, 1, NULL, NULL, NULL), STATUS_OK);
	fill_new(env, 2, LANE_IO, &task);
	end_new(&task, "", "\xff", 1);
	task.ended.is_utf8 = false;
	task.new.terms.max_attempts = 1;
	assert_int_equal(store_submit(env->store, &task.new, 1, NULL, NULL, NULL), STATUS_OK);
	before = read_counts(env);
	for (int i = 0; i < 3; i++) {
		env->now_ms += 1000;
		if (i == 1) {
			store_env_crash(env);
		} else {
			store_env_close(env);
			store_env_open(env);
		}
		assert_recovered_nothing(env);
		assert_ended(env, 1, created_at_ms, "a/b", large, sizeof(large), true);
		assert_ended(env, 2, created_at_ms, "", "\xff", 1, false);
		after = read_counts(env);
		assert_memory_equal(&before, &after, sizeof(before));
		assert_contents(env, 2);
	}
}

static void
test_the_views_show_it_as_one_that_was_run(void **state)
{
	struct store_env *env = *state;
	struct new_task unknown;
	struct task task;
	char *ended, *run;

	if (env->kind != STORE_ENV_SQLITE)
		return;
	assert_int_equal(store_env_submit_ended(env, 5, "120", 3), STATUS_OK);
	ended = store_env_sql(env, "SELECT * FROM task_history");
	assert_string_equal(ended,
	    "00000005-0000-7000-8000-000000000000|factorial|SUCCEEDED|{\"n\":\"5\"}|"
	    "2026-01-01T00:00:00.000Z|2026-01-01T00:00:00.000Z|2026-01-01T00:00:00.007Z|"
	    "0|7|1|3||||text/plain|3||120|5|||||0|268||||\n");
	free(ended);
	ended = store_env_sql(env, "SELECT * FROM task_attempts");
	assert_string_equal(ended,
	    "00000005-0000-7000-8000-000000000000|1|2026-01-01T00:00:00.000Z|"
	    "2026-01-01T00:00:00.007Z|succeeded|||\n");
	free(ended);
	/* A media type that nobody knows is none, not an empty word. */
	fill_new(env, 4, LANE_CPU, &unknown);
	end_new(&unknown, "", "24", 2);
	assert_int_equal(store_submit(env->store, &unknown.new, 1, NULL, NULL, NULL), STATUS_OK);
	ended = store_env_sql(
	    env, "SELECT media_type IS NULL FROM task_history WHERE id LIKE '00000004%'");
	assert_string_equal(ended, "1\n");
	free(ended);
	/* Every column is what a claim and a completion leave, but for those that name it. */
	store_env_submit(env, 6);
	store_env_claim_one(env, false, &task);
	env->now_ms += RUN_MS;
	assert_int_equal(store_env_succeed(env, &task, "120", 3), STATUS_OK);
	task_done(&task);
	ended = store_env_sql(env, "SELECT * FROM task WHERE id LIKE '00000005%'");
	run = store_env_sql(env,
	    "SELECT seq - 2, '00000005' || substr(id, 9), type, lane, '{\"n\":\"5\"}' FROM task "
	    "WHERE id LIKE '00000006%'");
	run[strlen(run) - 1] = '\0';
	assert_memory_equal(ended, run, strlen(run));
	free(run);
	run = store_env_sql(env, "SELECT * FROM task WHERE id LIKE '00000006%'");
	/* Behind the arguments, whatever columns there are. */
	assert_string_equal(strchr(ended, '}'), strchr(run, '}'));
	free(run);
	free(ended);
}

/* Nothing of task n is stored; then it is, in the same store. */
static void
assert_healed(struct store_env *env, unsigned n)
{
	assert_not_there(env, n);
	assert_int_equal(read_counts(env).by_state[TASK_SUCCEEDED], 0);
	assert_contents(env, 0);
	assert_int_equal(submit_text(env, n, LANE_CPU, "120"), STATUS_OK);
	assert_text(env, n, "120");
	assert_int_equal(read_counts(env).by_state[TASK_SUCCEEDED], 1);
	assert_contents(env, 1);
}

static void
test_what_finds_no_space_is_not_stored(void **state)
{
	struct store_env *env = *state;

	for (int i = 0; i < 3; i++) {
		if (env->kind == STORE_ENV_FAKE)
			fake_store_fail(env->fake, FAKE_SUBMIT, STATUS_FULL, 1);
		else
			shim_vfs_fail(SHIM_WRITE, 0, 1, SQLITE_FULL);
		assert_int_equal(submit_text(env, 5, LANE_CPU, "120"), STATUS_FULL);
	}
	assert_healed(env, 5);
}

static void
test_a_commit_of_unknown_outcome_leaves_all_or_nothing(void **state)
{
	struct store_env *env = *state;
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	if (env->kind == STORE_ENV_FAKE)
		fake_store_fail(env->fake, FAKE_SUBMIT, STATUS_UNKNOWN, 1);
	else
		shim_vfs_fail(SHIM_SYNC, 0, 1, SQLITE_IOERR_FSYNC);
	assert_int_equal(submit_text(env, 5, LANE_CPU, "120"), STATUS_UNKNOWN);
	assert_int_equal(submit_text(env, 6, LANE_CPU, "720"), STATUS_UNKNOWN);
	assert_int_equal(atomic_load(&env->deaths), 1);
	store_env_close(env);
	store_env_open(env);
	assert_recovered_nothing(env);
	assert_not_there(env, 6);
	store_env_id(5, id);
	if (store_read_status(env->store, id, &status, NULL) == STATUS_OK) {
		assert_text(env, 5, "120");
		assert_contents(env, 1);
	} else {
		assert_healed(env, 5);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_it_is_final_when_its_submission_returns),
		STORE_ENV_TEST(test_every_content_is_read_back_exactly),
		STORE_ENV_TEST(test_it_is_neither_started_nor_claimed),
		STORE_ENV_TEST(test_nothing_that_names_it_changes_it),
		STORE_ENV_TEST(test_it_counts_as_succeeded),
		STORE_ENV_TEST(test_an_id_that_exists_is_a_conflict_and_stores_nothing),
		STORE_ENV_TEST(test_ended_tasks_are_submitted_together_with_ones_that_are_to_run),
		STORE_ENV_TEST(test_one_conflict_leaves_all_of_a_submission_away),
		STORE_ENV_TEST(test_it_is_as_it_was_after_a_restart_and_after_a_crash),
		STORE_ENV_TEST(test_the_views_show_it_as_one_that_was_run),
		STORE_ENV_TEST_ON_SHIM(test_what_finds_no_space_is_not_stored),
		STORE_ENV_TEST_ON_SHIM(test_a_commit_of_unknown_outcome_leaves_all_or_nothing),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
