/* SPDX-License-Identifier: MIT */
/*
 * Databases of every schema version, as they were kept, are brought up to date: what was in them is
 * there, and their schema is the one that a new database gets. A way there that fails anywhere is
 * gone again from the beginning.
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
#include <sqlite3.h>

#include "base/compiler.h"
#include "shim_vfs.h"
#include "store/store_claim.h"
#include "store/store_oldest.h"
#include "store_env.h"

#define FAULTS_MAX 400

static const char *const versions[] = { "store/v1.sql", "store/v2.sql" };

/* Puts a kept database into the place of the environment's; it is closed then. */
static void
put_version(struct store_env *env, const char *name)
{
	char *sql = store_env_read_data(name);
	char path[256];
	sqlite3 *db = NULL;

	store_env_close(env);
	(void)snprintf(path, sizeof(path), "%s/taskq.db", env->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
	    SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", name, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	free(sql);
}

static void
open_version(struct store_env *env, const char *name)
{
	put_version(env, name);
	store_env_open(env);
}

/* What both have: tasks 1 to 6. Tasks 2 and 3 ran, for the first and for the last time. */
static void
assert_tasks_of_version_1(struct store_env *env)
{
	struct task_result result;
	char id[UUID_TEXT_SIZE];

	assert_int_equal(env->recovery.requeued, 1);
	assert_int_equal(env->recovery.exhausted, 1);
	assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
	assert_int_equal(store_env_state(env, 2), TASK_QUEUED);
	assert_int_equal(store_env_state(env, 3), TASK_FAILED);
	assert_int_equal(store_env_state(env, 5), TASK_FAILED);
	assert_int_equal(store_env_state(env, 6), TASK_REJECTED);
	store_env_id(4, id);
	assert_int_equal(store_read_result(env->store, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.status.state, TASK_SUCCEEDED);
	assert_string_equal(result.data, "24");
	assert_string_equal(result.media_type, "text/plain");
	task_result_done(&result);
}

static void
test_a_database_of_version_1_is_brought_up_to_date(void **state)
{
	struct store_env *env = *state;
	struct store_submission submission;
	struct store_counts counts;
	char id[UUID_TEXT_SIZE];

	open_version(env, "store/v1.sql");
	assert_tasks_of_version_1(env);
	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.by_state[TASK_QUEUED], 2);
	assert_int_equal(counts.by_state[TASK_RUNNING], 0);
	assert_int_equal(counts.by_state[TASK_SUCCEEDED], 1);
	assert_int_equal(counts.by_state[TASK_FAILED], 2);
	assert_int_equal(counts.by_state[TASK_REJECTED], 1);
	/* Each takes 256 and its arguments; two further attempts, contents, a message, a report. */
	assert_int_equal(counts.kept_bytes,
	    (256 + 9 + 2 * 1024 + 50) + (256 + 9 + 2) + (256 + 28 + 23 + 14 + 5000) + (256 + 9));
	store_env_check_counters(env);
	/* What it could not say then. */
	store_env_id(1, id);
	assert_int_equal(
	    store_read_submission(env->store, id, &submission, &env->error), STATUS_OK);
	assert_int_equal(submission.terms.priority, TASK_PRIORITY_DEFAULT);
	assert_int_equal(submission.terms.run_at_ms, 0);
	assert_int_equal(submission.terms.expires_at_ms, 0);
	assert_int_equal(submission.terms.max_attempts, 3);
	store_submission_done(&submission);
	store_env_submit(env, 7);
}

static void
assert_attempts_of_task_9(struct store_env *env)
{
	struct store_attempts attempts;
	char id[UUID_TEXT_SIZE];

	store_env_id(9, id);
	assert_int_equal(store_read_attempts(env->store, id, &attempts, NULL), STATUS_OK);
	assert_int_equal(attempts.count, 1);
	assert_int_equal(attempts.list[0].outcome, ATTEMPT_FAILED);
	assert_int_equal(attempts.list[0].failure, FAILURE_HTTP_STATUS);
	assert_string_equal(attempts.list[0].response, "{\"status\":503}");
	store_attempts_done(&attempts);
}

static void
assert_keys(struct store_env *env)
{
	struct idempotency key = { .key = "many", .keep_ms = 1000 };
	char id[UUID_TEXT_SIZE];

	memset(key.fingerprint, 1, sizeof(key.fingerprint));
	assert_int_equal(
	    store_read_idempotency(env->store, &key, env->now_ms, &env->error), STATUS_OK);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_REPLAYED);
	assert_int_equal(key.ret_count, 2);
	store_env_id(9, id);
	assert_string_equal(key.ret_ids[1], id);
	idempotency_reset(&key);
	(void)snprintf(key.key, sizeof(key.key), "one");
	assert_int_equal(
	    store_read_idempotency(env->store, &key, env->now_ms, &env->error), STATUS_OK);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_MISMATCH);
}

/* The first waits for its lane since its run_at was over; task 2, since it was put back. */
static void
assert_oldest_and_files(struct store_env *env)
{
	static struct store_stats stats;
	int64_t since_ms[LANE_COUNT];

	assert_int_equal(store_oldest_waiting(env->store, since_ms, &env->error), STATUS_OK);
	assert_int_equal(since_ms[LANE_CPU], INT64_C(1767225600050));
	assert_int_equal(since_ms[LANE_IO], env->now_ms);
	store_stats(env->store, &stats);
	assert_int_equal(stats.result_files, 1);
	assert_int_equal(stats.result_file_bytes, 5000);
}

static void
test_a_database_of_version_2_is_as_it_was(void **state)
{
	static struct store_purged purged;
	static const struct store_retention nothing = { .bytes_max = 1 };
	struct store_env *env = *state;
	struct store_advance advance;
	struct store_submission submission;
	struct store_counts counts;
	struct task_status status;
	char host[TASK_HOST_SIZE], id[UUID_TEXT_SIZE];

	open_version(env, "store/v2.sql");
	assert_tasks_of_version_1(env);
	assert_int_equal(env->recovery.cancelled, 1);
	assert_int_equal(store_env_state(env, 8), TASK_FAILED);
	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.by_state[TASK_QUEUED], 6);
	assert_int_equal(counts.by_state[TASK_FAILED], 3);
	assert_int_equal(counts.held_by_lane[LANE_CPU], 1);
	assert_int_equal(counts.held_by_lane[LANE_IO], 1);
	assert_int_equal(counts.deferred_by_lane[LANE_IO], 1);
	assert_int_equal(store_next_host(env->store, "", host, NULL), STATUS_OK);
	assert_string_equal(host, "localhost:80");
	store_env_check_counters(env);
	store_env_id(1, id);
	assert_int_equal(
	    store_read_submission(env->store, id, &submission, &env->error), STATUS_OK);
	assert_int_equal(submission.terms.priority, 2);
	assert_int_equal(submission.terms.run_at_ms, INT64_C(1767225600050));
	assert_int_equal(submission.terms.expires_at_ms, INT64_C(1798761600000));
	assert_int_equal(submission.terms.timeout_ms, 700);
	assert_int_equal(submission.terms.backoff_ms, 10);
	assert_int_equal(submission.terms.max_backoff_ms, 20);
	store_submission_done(&submission);
	store_env_id(10, id);
	assert_int_equal(store_read_status(env->store, id, &status, NULL), STATUS_OK);
	store_env_id(5, id);
	assert_string_equal(status.retry_of, id);
	assert_attempts_of_task_9(env);
	assert_oldest_and_files(env);
	assert_keys(env);
	/* Time goes on with it, and what has ended can go. */
	assert_int_equal(store_advance(env->store, env->now_ms + 700, &advance, NULL), STATUS_OK);
	assert_int_equal(advance.readied[LANE_IO], 1);
	assert_int_equal(advance.next_at_ms, INT64_C(1767225700000));
	assert_int_equal(store_purge(env->store, &nothing, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 5);
	assert_false(purged.has_more);
}

/* A released version's schema is never edited: what was made by it and brought up to date is what
   is made today. */
static void
test_every_version_leads_to_the_same_schema(void **state)
{
	static const char schema[] =
	    "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name;"
	    "PRAGMA user_version";
	struct store_env *env = *state;
	char *fresh = store_env_sql(env, schema);

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		char *led;

		open_version(env, versions[i]);
		led = store_env_sql(env, schema);
		assert_string_equal(fresh, led);
		free(led);
	}
	free(fresh);
}

/* The service is as it was before, or as it is to be; never in between. */
static void
test_a_fault_anywhere_on_the_way_leaves_what_was_there(void **state)
{
	static const struct {
		enum shim_op op;
		int code;
	} faults[] = {
		{ SHIM_WRITE, SQLITE_FULL },
		{ SHIM_WRITE, SQLITE_IOERR_WRITE },
		{ SHIM_SYNC, SQLITE_IOERR_FSYNC },
	};

	(void)state;
	shim_vfs_install();
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		int skip = 0;
		bool has_fired = true;

		/* There are some hundred writes; the flushes are few. */
		for (; has_fired; skip += faults[i].op == SHIM_SYNC ? 1 : 11) {
			struct store_env *env = store_env_new(STORE_ENV_SQLITE);
			enum status status;

			assert_true(skip < FAULTS_MAX);
			put_version(env, "store/v1.sql");
			shim_vfs_fail(faults[i].op, skip, 1, faults[i].code);
			status = store_env_try_open(env);
			has_fired = shim_vfs_fired() > 0;
			shim_vfs_fail(0, -1, 0, SQLITE_OK);
			if (status != STATUS_OK) {
				assert_true(has_fired);
				store_env_open(env);
			}
			/* Who was asked again has nothing left of what was mended the first time.
			 */
			assert_int_equal(store_env_state(env, 2), TASK_QUEUED);
			assert_int_equal(store_env_state(env, 3), TASK_FAILED);
			store_env_check_counters(env);
			store_env_free(env);
		}
		assert_true(skip > 2);
	}
	shim_vfs_remove();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_a_database_of_version_1_is_brought_up_to_date),
		STORE_ENV_TEST(test_a_database_of_version_2_is_as_it_was),
		STORE_ENV_TEST(test_every_version_leads_to_the_same_schema),
		cmocka_unit_test(test_a_fault_anywhere_on_the_way_leaves_what_was_there),
	};

	return store_env_main_sqlite(tests, ARRAY_SIZE(tests));
}
