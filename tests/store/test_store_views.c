/* SPDX-License-Identifier: MIT */
/*
 * The public views of the database, as docs/history.md promises them: names, columns, readable
 * times. What fails here breaks somebody's script: it takes a new interface_version.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_env.h"

static void
check(struct store_env *env, const char *sql, const char *expected)
{
	char *found = store_env_sql(env, sql);

	assert_string_equal(found, expected);
	free(found);
}

static void
test_the_interface_has_version_1_and_these_columns(void **state)
{
	struct store_env *env = *state;

	check(env, "SELECT version FROM interface_version", "1\n");
	check(env, "SELECT group_concat(name) FROM pragma_table_info('task_history')",
	    "id,type,status,args,created_at,started_at,finished_at,wait_ms,run_ms,attempts,"
	    "max_attempts,code,message,response,media_type,result_bytes,result_file,result,"
	    "priority,run_at,held_until,expires_at,timeout_ms,cancel_requested,kept_bytes,"
	    "retry_of,deferred_for,url,host\n");
	check(env, "SELECT group_concat(name) FROM pragma_table_info('task_active')",
	    "id,type,status,waits_for,created_at,started_at,held_until,expires_at,age_s,attempts,"
	    "priority,args,deferred_for\n");
	check(env, "SELECT group_concat(name) FROM pragma_table_info('task_story')",
	    "id,at,step,what,detail\n");
	check(env, "SELECT group_concat(name) FROM pragma_table_info('id_since')",
	    "hour,day,week,month\n");
	check(env, "SELECT group_concat(name) FROM pragma_table_info('task_attempts')",
	    "id,attempt,started_at,ended_at,outcome,code,message,response\n");
	check(env, "SELECT group_concat(name) FROM pragma_table_info('queue_stats')",
	    "type,lane,status,count,kept_bytes\n");
}

static void
test_history_shows_a_task_with_readable_times_while_the_service_runs(void **state)
{
	struct store_env *env = *state;
	struct task task;

	store_env_submit(env, 10);
	check(env, "SELECT * FROM task_history",
	    "0000000a-0000-7000-8000-000000000000|factorial|QUEUED|{\"n\":\"10\"}|"
	    "2026-01-01T00:00:00.000Z|||||0|3||||||||5|||||0|||||\n");
	env->now_ms += 1999;
	store_env_claim_one(env, false, &task);
	env->now_ms += 61001;
	assert_int_equal(store_env_succeed(env, &task, "3628800", 7), STATUS_OK);
	check(env, "SELECT * FROM task_history",
	    "0000000a-0000-7000-8000-000000000000|factorial|SUCCEEDED|{\"n\":\"10\"}|"
	    "2026-01-01T00:00:00.000Z|2026-01-01T00:00:01.999Z|2026-01-01T00:01:03.000Z|"
	    "1999|61001|1|3||||text/plain|7||3628800|5|||||0|273||||\n");
	task_done(&task);
}

static void
test_history_shows_every_millisecond_as_it_is(void **state)
{
	struct store_env *env = *state;

	/* Through a floating-point number: none may be off by one. */
	for (unsigned n = 0; n < 1000; n += 37) {
		char expected[64];

		env->now_ms = STORE_ENV_START_MS + n;
		store_env_submit(env, n);
		(void)snprintf(expected, sizeof(expected), "2026-01-01T00:00:00.%03uZ\n", n);
		check(
		    env, "SELECT created_at FROM task_history ORDER BY id DESC LIMIT 1", expected);
	}
}

static void
test_history_names_the_file_of_a_large_result_and_shows_no_bytes_that_are_not_text(void **state)
{
	char content[STORE_ENV_INLINE_MAX + 1];
	struct store_env *env = *state;
	struct task tasks[3];

	memset(content, 'x', sizeof(content));
	store_env_submit(env, 1);
	store_env_submit(env, 2);
	store_env_submit(env, 3);
	assert_int_equal(store_env_claim(env, 3, tasks), 3);
	assert_int_equal(store_env_succeed(env, &tasks[0], content, sizeof(content)), STATUS_OK);
	assert_int_equal(store_env_succeed(env, &tasks[1], "\xff\xfe", 2), STATUS_OK);
	/* Text of SQLite's ends for most programs where a NUL stands. */
	assert_int_equal(store_env_succeed(env, &tasks[2], "a\0b", 3), STATUS_OK);
	check(env, "SELECT result_file, result, result_bytes FROM task_history ORDER BY id",
	    "results/00000001-0000-7000-8000-000000000000-1||1001\n||2\n||3\n");
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		task_done(&tasks[i]);
}

static void
test_attempts_show_crashes_and_the_latest_one(void **state)
{
	struct store_env *env = *state;
	struct task task;

	store_env_submit(env, 1);
	check(env, "SELECT * FROM task_attempts", "");
	store_env_claim_one(env, false, &task);
	task_done(&task);
	check(env, "SELECT attempt, started_at, ended_at, outcome FROM task_attempts",
	    "1|2026-01-01T00:00:00.000Z||running\n");
	env->now_ms += 1000;
	store_env_crash(env);
	check(env, "SELECT attempt, started_at, ended_at, outcome FROM task_attempts",
	    "1|2026-01-01T00:00:00.000Z|2026-01-01T00:00:01.000Z|crashed\n");
	store_env_claim_one(env, false, &task);
	env->now_ms += 1000;
	assert_int_equal(store_env_fail(env, &task, FAILURE_TIMEOUT), STATUS_OK);
	task_done(&task);
	check(env,
	    "SELECT attempt, ended_at, outcome, code, message FROM task_attempts "
	    "WHERE id = '00000001-0000-7000-8000-000000000000' ORDER BY attempt",
	    "1|2026-01-01T00:00:01.000Z|crashed||\n"
	    "2|2026-01-01T00:00:02.000Z|failed|timeout|Told to fail\n");
}

static void
test_attempts_of_a_task_that_kept_crashing_are_all_there(void **state)
{
	struct store_env *env = *state;
	struct task task;

	store_env_submit(env, 1);
	for (int i = 0; i < 3; i++) {
		store_env_claim_one(env, i == 2, &task);
		task_done(&task);
		store_env_crash(env);
	}
	check(env, "SELECT attempt, outcome, code FROM task_attempts ORDER BY attempt",
	    "1|crashed|\n2|crashed|\n3|crashed|attempts_exhausted\n");
}

static void
test_stats_are_the_counters(void **state)
{
	struct store_env *env = *state;
	struct task task;

	store_env_submit(env, 1);
	store_env_submit(env, 2);
	assert_int_equal(store_env_submit_as(env, 3, "http-fetch", LANE_IO, 3), STATUS_OK);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	task_done(&task);
	check(env, "SELECT * FROM queue_stats WHERE count > 0 ORDER BY type, status",
	    "factorial|cpu|QUEUED|1|0\nfactorial|cpu|SUCCEEDED|1|266\n"
	    "http-fetch|io|QUEUED|1|0\n");
}

/* The SQL blocks of the page that promises all this. */
static void
test_the_recipes_of_the_page_run(void **state)
{
	struct store_env *env = *state;
	char *page = store_env_read_data("../../docs/history.md");
	char *block = page;
	int count = 0;

	store_env_submit(env, 1);
	while ((block = strstr(block, "```sql\n")) != NULL) {
		char *end = strstr(block, "\n```\n");

		assert_non_null(end);
		*end = '\0';
		free(store_env_sql(env, block + strlen("```sql\n")));
		block = end + 1;
		count++;
	}
	assert_int_equal(count, 18);
	free(page);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_the_interface_has_version_1_and_these_columns),
		STORE_ENV_TEST(
		    test_history_shows_a_task_with_readable_times_while_the_service_runs),
		STORE_ENV_TEST(test_history_shows_every_millisecond_as_it_is),
		STORE_ENV_TEST(
		    test_history_names_the_file_of_a_large_result_and_shows_no_bytes_that_are_not_text),
		STORE_ENV_TEST(test_attempts_show_crashes_and_the_latest_one),
		STORE_ENV_TEST(test_attempts_of_a_task_that_kept_crashing_are_all_there),
		STORE_ENV_TEST(test_stats_are_the_counters),
		STORE_ENV_TEST(test_the_recipes_of_the_page_run),
	};

	return store_env_main_sqlite(tests, sizeof(tests) / sizeof(tests[0]));
}
