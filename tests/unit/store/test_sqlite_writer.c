/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints of the writer: folded in when the log has grown, emptied when idle or over its cap,
 * and a reader that stands in the way costs neither a commit nor much time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "shim_vfs.h"
#include "store/sqlite/command.h"
#include "store/sqlite/sqlite_space.h"
#include "store_env.h"

#define CAP_BYTES (12 * 1024 * 1024)

struct fixture {
	struct store_env *env;
	struct writer writer;
	unsigned next;
	char args[100 * 1024];
};

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[256];

	assert_non_null(fixture);
	shim_vfs_install();
	fixture->env = store_env_new(STORE_ENV_SQLITE);
	store_env_close(fixture->env);
	(void)snprintf(path, sizeof(path), "%s/taskq.db", fixture->env->dir);
	assert_int_equal(writer_open(path, CAP_BYTES, &fixture->writer, NULL), STATUS_OK);
	memset(fixture->args, ' ', sizeof(fixture->args));
	*state = fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	writer_close(&fixture->writer, false);
	store_env_free(fixture->env);
	shim_vfs_remove();
	free(fixture);
	return 0;
}

/* Commits a task of 100 KiB, 25 frames and some, and lets the writer see to its log. */
static void
commit_one(struct fixture *fixture)
{
	struct task_new task = { .type = "factorial",
		.args = fixture->args,
		.args_size = sizeof(fixture->args),
		.terms.max_attempts = 3 };
	struct command command = { .kind = COMMAND_SUBMIT,
		.submit = { .tasks = &task, .count = 1 } };
	struct error error;

	store_env_id(fixture->next++, task.id);
	assert_int_equal(writer_begin(&fixture->writer, 1000, &error), STATUS_OK);
	assert_int_equal(command_apply(&command, &fixture->writer, &error), STATUS_OK);
	assert_int_equal(command.status, STATUS_OK);
	assert_int_equal(writer_commit(&fixture->writer, &error), STATUS_OK);
	assert_int_equal(writer_checkpoint_if_due(&fixture->writer, &error), STATUS_OK);
}

static enum status
maintain(struct fixture *fixture, struct error *error)
{
	unsigned space_calls;

	return writer_maintain(&fixture->writer, &space_calls, error);
}

static off_t
size_of(struct fixture *fixture, const char *name)
{
	struct stat info;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", fixture->env->dir, name);
	assert_int_equal(stat(path, &info), 0);
	return info.st_size;
}

/* A stranger who looks at the database and does not let go. */
static sqlite3 *
look(struct fixture *fixture)
{
	sqlite3 *db = NULL;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/taskq.db", fixture->env->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "BEGIN; SELECT max(seq) FROM task", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void
test_the_log_is_folded_in_by_itself_and_used_again(void **state)
{
	struct fixture *fixture = *state;
	off_t database = size_of(fixture, "taskq.db");

	/* 40 MB of frames in all, and the log never holds more than some 9. */
	for (int i = 0; i < 400; i++)
		commit_one(fixture);
	assert_true(size_of(fixture, "taskq.db") > database + 30 * 1024 * 1024);
	assert_true(size_of(fixture, "taskq.db-wal") < 10 * 1024 * 1024);
	assert_true(size_of(fixture, "taskq.db-wal") > 1024 * 1024);
}

static void
test_a_log_over_its_cap_is_emptied_once_the_reader_in_its_way_has_gone(void **state)
{
	struct fixture *fixture = *state;
	sqlite3 *stranger = look(fixture);

	for (int i = 0; i < 150; i++)
		commit_one(fixture);
	/* The stranger's snapshot keeps the log; commits went on. */
	assert_true(size_of(fixture, "taskq.db-wal") > CAP_BYTES);
	assert_int_equal(sqlite3_close(stranger), SQLITE_OK);
	fixture->writer.truncate_after_mono_ms = 0; /* as if the time to try again had come */
	commit_one(fixture);
	assert_int_equal(size_of(fixture, "taskq.db-wal"), 0);
	assert_int_equal(fixture->writer.wal_frames, 0);
}

static void
test_a_reader_in_the_way_is_waited_for_once_and_not_at_every_commit(void **state)
{
	struct fixture *fixture = *state;
	sqlite3 *stranger = look(fixture);
	int64_t tried;

	while (fixture->writer.truncate_after_mono_ms == 0)
		commit_one(fixture);
	tried = fixture->writer.truncate_after_mono_ms;
	fixture->writer.truncate_after_mono_ms = INT64_MAX;
	for (int i = 0; i < 20; i++)
		commit_one(fixture);
	assert_int_equal(fixture->writer.truncate_after_mono_ms, INT64_MAX);
	assert_true(tried > 0);
	assert_int_equal(sqlite3_close(stranger), SQLITE_OK);
}

static void
test_an_idle_log_is_emptied_and_a_busy_one_is_not(void **state)
{
	struct fixture *fixture = *state;
	struct error error;

	for (int i = 0; i < 3; i++) {
		commit_one(fixture);
		assert_int_equal(maintain(fixture, &error), STATUS_OK);
		assert_true(size_of(fixture, "taskq.db-wal") > 0);
	}
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_int_equal(size_of(fixture, "taskq.db-wal"), 0);
}

static void
test_a_reader_in_the_way_of_an_idle_log_is_told_until_it_has_gone(void **state)
{
	struct fixture *fixture = *state;
	sqlite3 *stranger = look(fixture);
	struct error error;

	commit_one(fixture);
	for (int i = 0; i < 3; i++) {
		enum status status = maintain(fixture, &error);

		/* The first comes upon a commit, so the log was not idle. */
		assert_int_equal(status, i == 0 ? STATUS_OK : STATUS_BUSY);
		assert_true(size_of(fixture, "taskq.db-wal") > 0);
		fixture->writer.truncate_after_mono_ms = 0;
	}
	assert_int_equal(sqlite3_close(stranger), SQLITE_OK);
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_int_equal(size_of(fixture, "taskq.db-wal"), 0);
}

static void
test_a_failing_checkpoint_is_told_to_maintenance_and_forgotten_once_one_succeeds(void **state)
{
	struct fixture *fixture = *state;
	struct error error;

	commit_one(fixture);
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	shim_vfs_fail(SHIM_WRITE, 0, 1000, SQLITE_FULL);
	assert_int_equal(maintain(fixture, &error), STATUS_FULL);
	assert_non_null(strstr(error.text, "checkpoint"));
	shim_vfs_fail(0, -1, 0, SQLITE_OK);
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_int_equal(size_of(fixture, "taskq.db-wal"), 0);
	commit_one(fixture);
}

static struct store_stats
stats_of(struct fixture *fixture)
{
	struct store_stats stats;

	writer_stats(&fixture->writer, &stats);
	return stats;
}

static void
assert_sizes(struct fixture *fixture)
{
	struct store_stats stats = stats_of(fixture);

	assert_int_equal(stats.wal_bytes, size_of(fixture, "taskq.db-wal"));
	assert_int_equal(stats.database_bytes, size_of(fixture, "taskq.db"));
}

static void
test_the_sizes_it_tells_are_those_of_the_files(void **state)
{
	struct fixture *fixture = *state;
	struct error error;

	assert_sizes(fixture);
	for (int i = 0; i < 200; i++) {
		commit_one(fixture);
		assert_sizes(fixture);
	}
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_true(stats_of(fixture).wal_bytes > 0);
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_int_equal(stats_of(fixture).wal_bytes, 0);
	assert_sizes(fixture);
}

static void
test_checkpoints_are_counted_and_failed_ones_are_not(void **state)
{
	struct fixture *fixture = *state;
	struct error error;

	commit_one(fixture);
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_int_equal(stats_of(fixture).checkpoints, 0);
	shim_vfs_fail(SHIM_WRITE, 0, 1000, SQLITE_FULL);
	assert_int_equal(maintain(fixture, &error), STATUS_FULL);
	assert_int_equal(stats_of(fixture).checkpoints, 0);
	shim_vfs_fail(0, -1, 0, SQLITE_OK);
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_int_equal(stats_of(fixture).checkpoints, 1);
}

static void
test_every_commit_is_timed(void **state)
{
	struct fixture *fixture = *state;
	struct store_stats before = stats_of(fixture);
	struct store_stats after;

	for (int i = 0; i < 10; i++)
		commit_one(fixture);
	after = stats_of(fixture);
	assert_int_equal(after.commit_us.count, before.commit_us.count + 10);
	assert_true(after.commit_us.sum > before.commit_us.sum);
}

static void
run_sql(struct fixture *fixture, const char *sql)
{
	assert_int_equal(sqlite3_exec(fixture->writer.conn.db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* What cannot be given back now is given back later; damage that is met by it is damage. */
static void
test_damage_among_free_pages_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct error error = { "" };
	off_t size;

	for (int i = 0; i < 200; i++)
		commit_one(fixture);
	run_sql(fixture, "DELETE FROM task");
	run_sql(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
	run_sql(fixture, "PRAGMA shrink_memory"); /* reads them again */
	shim_vfs_fail(SHIM_READ, 0, 1, SQLITE_IOERR_READ);
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_int_equal(shim_vfs_fired(), 1);
	run_sql(fixture, "PRAGMA shrink_memory");
	shim_vfs_fail(SHIM_READ, 0, 1, SQLITE_CORRUPT);
	assert_int_equal(maintain(fixture, &error), STATUS_CORRUPT);
	assert_int_equal(shim_vfs_fired(), 1);
	shim_vfs_fail(0, -1, 0, SQLITE_OK);
	assert_non_null(strstr(error.text, "free"));
	size = size_of(fixture, "taskq.db");
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_int_equal(maintain(fixture, &error), STATUS_OK);
	assert_true(size_of(fixture, "taskq.db") < size);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void
test_the_more_pages_are_free_the_more_are_given_back_up_to_a_bound(void **state)
{
	(void)state;
	assert_int_equal(space_calls(0), 0);
	assert_int_equal(space_calls(SPACE_PAGES_KEPT - 1), 0);
	assert_int_equal(space_calls(SPACE_PAGES_KEPT), 1);
	assert_int_equal(space_calls(65535), 1);
	assert_int_equal(space_calls(65536), 2);
	assert_int_equal(space_calls(65536 * 14), 15);
	assert_int_equal(space_calls(65536 * 15), 16);
	assert_int_equal(space_calls(INT64_C(1) << 40), SPACE_CALLS_MAX);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_the_more_pages_are_free_the_more_are_given_back_up_to_a_bound),
		TEST(test_the_log_is_folded_in_by_itself_and_used_again),
		TEST(test_a_log_over_its_cap_is_emptied_once_the_reader_in_its_way_has_gone),
		TEST(test_a_reader_in_the_way_is_waited_for_once_and_not_at_every_commit),
		TEST(test_the_sizes_it_tells_are_those_of_the_files),
		TEST(test_checkpoints_are_counted_and_failed_ones_are_not),
		TEST(test_every_commit_is_timed),
		TEST(test_damage_among_free_pages_is_told),
		TEST(test_an_idle_log_is_emptied_and_a_busy_one_is_not),
		TEST(test_a_reader_in_the_way_of_an_idle_log_is_told_until_it_has_gone),
		TEST(
		    test_a_failing_checkpoint_is_told_to_maintenance_and_forgotten_once_one_succeeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
