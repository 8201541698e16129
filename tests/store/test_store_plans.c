/* SPDX-License-Identifier: MIT */
/*
 * The plan of every statement: none scans a table or sorts, but for the ones listed here with their
 * reasons, and the hot ones use the index that was made for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/sqlite/sqlite_statement.h"
#include "store_env.h"

/* Which statements may scan, and why that is bounded. */
static const struct {
	enum sqlite_statement statement;
	const char *why;
} may_scan[] = {
	{ SQLITE_COUNTER_LIST, "one row per type, lane and status, read once at start" },
	{ SQLITE_RUNNING_LIST, "walks the partial index of running tasks, which is all of it" },
	{ SQLITE_LIST_RUNNING, "as RUNNING_LIST" },
	{ SQLITE_LIST_UNFINISHED, "walks partial indexes, of no more than HISTORY_UNFINISHED_MAX" },
	{ SQLITE_EDGES_TASK, "LIMIT 1 along the key" },
	{ SQLITE_EDGES_TASK_BY_ID, "LIMIT 1 along the index" },
	{ SQLITE_EDGES_TASK_RESULT, "LIMIT 1 along the key" },
	{ SQLITE_EDGES_TASK_ATTEMPT, "LIMIT 1 along the key" },
	{ SQLITE_EDGES_IDEMPOTENCY, "LIMIT 1 along the key" },
	{ SQLITE_EDGES_IDEMPOTENCY_BY_AGE, "LIMIT 1 along the index" },
	{ SQLITE_SNAPSHOT_TAKE, "one row per type, lane and status; an operator's command" },
	{ SQLITE_COPY_TOTAL, "one row per type, lane and status; an operator's command" },
	{ SQLITE_AUDIT_WALK, "an audit reads everything, in a process of its own" },
	{ SQLITE_AUDIT_WALK_V1, "as AUDIT_WALK" },
	{ SQLITE_COUNTER_LIST_V1, "as COUNTER_LIST" },
	{ SQLITE_AUDIT_STRAY_CONTENTS, "as AUDIT_WALK" },
	{ SQLITE_AUDIT_STRAY_ATTEMPTS, "as AUDIT_WALK" },
};

/* Which may sort, and why that is bounded. */
static const struct {
	enum sqlite_statement statement;
	const char *why;
} may_sort[] = {
	{ SQLITE_LIST_RUNNING, "what runs is what the executors hold, and it keeps LIMIT rows" },
	{ SQLITE_LIST_UNFINISHED, "no more than HISTORY_UNFINISHED_MAX, and it keeps LIMIT rows" },
};

/* What has to stand in the plan. */
static const struct {
	enum sqlite_statement statement;
	const char *text;
} must_have[] = {
	{ SQLITE_TASK_NEXT, "SEARCH task USING INDEX task_ready (lane=? AND isolated=?)" },
	{ SQLITE_TASK_NEXT_ISOLATED, "SEARCH task USING INDEX task_ready (lane=? AND isolated=?)" },
	{ SQLITE_TASK_CLAIM, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_TASK_FINISH, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_TASK_RELEASE, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_TASK_FINISH_CANCELLED, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_TASK_RETRY, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_ATTEMPT_KEEP, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_CANCEL_FIND, "SEARCH task USING INDEX task_by_id (id=?)" },
	{ SQLITE_HELD_DUE, "SEARCH task USING INDEX task_held (held_until>? AND held_until<?)" },
	{ SQLITE_HELD_NEXT, "SEARCH task USING INDEX task_held (held_until>?)" },
	{ SQLITE_DEFERRED_NEXT,
	    "SEARCH task USING INDEX task_held (held_until=? AND deferred_for=?)" },
	{ SQLITE_DEFERRED_HOST,
	    "SEARCH task USING INDEX task_held (held_until=? AND deferred_for>?)" },
	{ SQLITE_TASK_DEFER, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_EXPIRY_DUE,
	    "SEARCH task USING INDEX task_expiring (expires_at>? AND expires_at<?)" },
	{ SQLITE_IDEMPOTENCY_FIND, "SEARCH idempotency USING PRIMARY KEY (key=?)" },
	{ SQLITE_IDEMPOTENCY_EXPIRED,
	    "SEARCH idempotency USING COVERING INDEX idempotency_by_age (created_at<?)" },
	{ SQLITE_IDEMPOTENCY_FORGET, "SEARCH idempotency USING PRIMARY KEY (key=?)" },
	{ SQLITE_PURGE_WALK,
	    "SEARCH task USING INDEX task_completed (finished_at>? AND finished_at<?)" },
	{ SQLITE_RUNNING_LIST, "SCAN task USING INDEX task_running" },
	{ SQLITE_TASK_REQUEUE, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_TASK_GIVE_UP, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_ATTEMPT_ARCHIVE, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_READ_STATUS, "SEARCH task USING INDEX task_by_id (id=?)" },
	{ SQLITE_READ_RESULT, "SEARCH t USING INDEX task_by_id (id=?)" },
	{ SQLITE_READ_RESULT, "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_RESULT_OWNER, "SEARCH task USING INDEX task_by_id (id=?)" },
	{ SQLITE_LIST_NEWEST, "SEARCH task USING INDEX task_by_id (id>? AND id<?)" },
	{ SQLITE_RESULT_FILES, "SEARCH task USING COVERING INDEX task_in_file (result_where=?)" },
	{ SQLITE_OLDEST_FIRST,
	    "SEARCH task USING INDEX task_ready (lane=? AND isolated=? AND priority=?)" },
	{ SQLITE_OLDEST_STILL, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_LIST_RUNNING, "SCAN task USING INDEX task_running" },
	{ SQLITE_LIST_UNFINISHED, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_LIST_UNFINISHED, "SCAN task USING INDEX task_ready" },
	{ SQLITE_LIST_UNFINISHED, "SEARCH task USING INDEX task_held (held_until>?)" },
	{ SQLITE_LIST_UNFINISHED, "SCAN task USING INDEX task_running" },
	{ SQLITE_LIST_UNSUCCESSFUL, "SEARCH task USING INDEX task_unsuccessful (id>? AND id<?)" },
	{ SQLITE_READ_SUBMISSION, "SEARCH task USING INDEX task_by_id (id=?)" },
	{ SQLITE_READ_ATTEMPTS, "SEARCH t USING INDEX task_by_id (id=?)" },
	{ SQLITE_READ_ATTEMPTS, "SEARCH a USING PRIMARY KEY (seq=?)" },
	{ SQLITE_AUDIT_WALK, "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_AUDIT_STRAY_CONTENTS, "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_AUDIT_STRAY_ATTEMPTS, "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)" },
	{ SQLITE_RESULT_FILE_LIST,
	    "SEARCH task USING INDEX task_in_file (result_where=? AND seq>?)" },
	{ SQLITE_COPY_UNCOUNT, "SEARCH task_counter USING PRIMARY KEY" },
	{ SQLITE_COPY_UNCOUNT_V1, "SEARCH task_counter USING PRIMARY KEY" },
};

static bool
is_query(enum sqlite_statement statement)
{
	const char *name = sqlite_statement_name(statement);

	/* Schema and transaction control have no plan. */
	return strncmp(name, "v1_", 3) != 0 && strncmp(name, "v2_", 3) != 0 &&
	       strncmp(name, "txn_", 4) != 0;
}

static char *
plan_of(struct store_env *env, enum sqlite_statement statement)
{
	char sql[4096];

	(void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sqlite_statement_text(statement));
	return store_env_sql(env, sql);
}

static bool
scan_is_allowed(enum sqlite_statement statement)
{
	for (size_t i = 0; i < ARRAY_SIZE(may_scan); i++) {
		if (may_scan[i].statement == statement)
			return true;
	}
	return false;
}

static bool
sort_is_allowed(enum sqlite_statement statement)
{
	for (size_t i = 0; i < ARRAY_SIZE(may_sort); i++) {
		if (may_sort[i].statement == statement)
			return true;
	}
	return false;
}

static void
test_no_statement_scans_or_sorts_unless_listed(void **state)
{
	struct store_env *env = *state;
	unsigned seen = 0;

	for (int i = 0; i < SQLITE_STATEMENT_COUNT; i++) {
		enum sqlite_statement statement = (enum sqlite_statement)i;
		char *plan;

		if (!is_query(statement))
			continue;
		seen++;
		plan = plan_of(env, statement);
		if ((strstr(plan, "TEMP B-TREE") != NULL) != sort_is_allowed(statement) ||
		    strstr(plan, "AUTOMATIC") != NULL)
			fail_msg("%s: %s", sqlite_statement_name(statement), plan);
		if (strstr(plan, "SCAN") != NULL && !scan_is_allowed(statement))
			fail_msg("%s: %s", sqlite_statement_name(statement), plan);
		if (strstr(plan, "SCAN") == NULL && scan_is_allowed(statement))
			fail_msg("%s is listed and does not scan: %s",
			    sqlite_statement_name(statement), plan);
		free(plan);
	}
	assert_true(seen > 15);
}

static void
test_the_hot_statements_use_their_index(void **state)
{
	struct store_env *env = *state;

	for (size_t i = 0; i < ARRAY_SIZE(must_have); i++) {
		char *plan = plan_of(env, must_have[i].statement);

		if (strstr(plan, must_have[i].text) == NULL)
			fail_msg("%s: %s", sqlite_statement_name(must_have[i].statement), plan);
		free(plan);
	}
}

/* People's recipes in docs/history.md promise that these do not read all of history. */
static void
test_the_views_answer_for_one_task_without_a_scan(void **state)
{
	struct store_env *env = *state;
	static const char *const queries[] = {
		"EXPLAIN QUERY PLAN SELECT * FROM task_history WHERE id = 'x'",
		"EXPLAIN QUERY PLAN SELECT * FROM task_attempts WHERE id = 'x'",
		"EXPLAIN QUERY PLAN SELECT * FROM task_story WHERE id = 'x' ORDER BY at, step",
	};

	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		char *plan = store_env_sql(env, queries[i]);

		/* The rows of a compound view, which are those of one task, are walked. */
		assert_null(strstr(plan, "SCAN t\n"));
		assert_null(strstr(plan, "SCAN a\n"));
		assert_non_null(strstr(plan, "task_by_id (id=?)"));
		free(plan);
	}
}

static void
test_the_newest_tasks_come_from_the_index_without_a_sort(void **state)
{
	char *plan = store_env_sql(*state,
	    "EXPLAIN QUERY PLAN SELECT id, status FROM task_history ORDER BY id DESC LIMIT 20");

	assert_non_null(strstr(plan, "SCAN t USING INDEX task_by_id"));
	assert_null(strstr(plan, "TEMP B-TREE"));
	free(plan);
}

/* However much is completed. */
static void
test_what_is_not_completed_and_what_is_recent_is_found_without_a_scan(void **state)
{
	struct store_env *env = *state;
	char *plan = store_env_sql(env, "EXPLAIN QUERY PLAN SELECT * FROM task_active");

	assert_non_null(strstr(plan, "SEARCH t USING INTEGER PRIMARY KEY"));
	assert_null(strstr(plan, "SCAN t\n"));
	assert_non_null(strstr(plan, "task_ready"));
	assert_non_null(strstr(plan, "task_held"));
	assert_non_null(strstr(plan, "task_running"));
	free(plan);
	plan = store_env_sql(env, "EXPLAIN QUERY PLAN SELECT code, count(*) FROM task_history "
				  "WHERE id > (SELECT day FROM id_since) GROUP BY code");
	assert_non_null(strstr(plan, "task_by_id (id>?)"));
	free(plan);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(
		    test_what_is_not_completed_and_what_is_recent_is_found_without_a_scan),
		STORE_ENV_TEST(test_no_statement_scans_or_sorts_unless_listed),
		STORE_ENV_TEST(test_the_hot_statements_use_their_index),
		STORE_ENV_TEST(test_the_views_answer_for_one_task_without_a_scan),
		STORE_ENV_TEST(test_the_newest_tasks_come_from_the_index_without_a_sort),
	};

	return store_env_main_sqlite(tests, ARRAY_SIZE(tests));
}
