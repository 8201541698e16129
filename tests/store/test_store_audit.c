/* SPDX-License-Identifier: MIT */
/*
 * The audit: it finds nothing where nothing is wrong, whether a store is open, was closed, or died;
 * finds each thing that is wrong, says what to do, and leaves everything as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "upkeep_rig.h"

static struct store_report
audit(const struct store_env *env)
{
	struct store_report report;
	struct error error = { "" };
	enum status status = store_audit(env->dir, &report, &error);

	if (status != STATUS_OK)
		fail_msg("%s: %s", status_name(status), error.text);
	return report;
}

static void
assert_audit_fails(const char *dir, enum status expected, const char *text)
{
	struct store_report report;
	struct error error = { "" };
	enum status status = store_audit(dir, &report, &error);

	if (status != expected || strstr(error.text, text) == NULL)
		fail_msg("%s: %s", status_name(status), error.text);
}

static void
test_a_store_is_all_right_while_it_is_open_and_when_it_is_closed(void **state)
{
	struct store_env *env = *state;
	struct store_report report;
	char *before, *after;

	rig_fill(env);
	report = audit(env);
	rig_assert_ok(&report);
	rig_assert_found(&report, "database", STORE_VERDICT_OK, "with a log");
	rig_assert_found(&report, "counters", STORE_VERDICT_OK, "7 tasks");
	rig_assert_found(&report, "results", STORE_VERDICT_OK, "1 of 3000 bytes");
	store_env_close(env);

	before = rig_listing(env->dir, true);
	report = audit(env);
	after = rig_listing(env->dir, true);
	rig_assert_ok(&report);
	rig_assert_found(&report, "database", STORE_VERDICT_OK, "no log");
	/* Not even a log is made, or a time changed. */
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* The image of a killed store: its log holds everything, and there is no index of it. */
static void
test_what_only_the_log_of_a_killed_store_holds_is_seen(void **state)
{
	struct store_env *env = *state;
	char image[RIG_PATH_SIZE];
	const char *const copy[] = { "cp", "-a", env->dir, image, NULL };
	const char *const lose_index[] = { "sh", "-c", "rm \"$1\"/taskq.db-shm", "sh", image,
		NULL };
	struct store_report report;
	struct stat log_before, log_after;
	char path[RIG_PATH_SIZE + 16];

	(void)snprintf(image, sizeof(image), "%s/image", env->root);
	rig_fill(env);
	assert_int_equal(store_env_run(copy), 0);
	assert_int_equal(store_env_run(lose_index), 0);
	(void)snprintf(path, sizeof(path), "%s/taskq.db-wal", image);
	assert_int_equal(stat(path, &log_before), 0);
	assert_true(log_before.st_size > 0);
	assert_int_equal(store_audit(image, &report, NULL), STATUS_OK);
	rig_assert_ok(&report);
	rig_assert_found(&report, "counters", STORE_VERDICT_OK, "7 tasks");
	/* Nobody has folded it in. */
	assert_int_equal(stat(path, &log_after), 0);
	assert_int_equal(log_before.st_size, log_after.st_size);
	assert_int_equal(log_before.st_mtim.tv_nsec, log_after.st_mtim.tv_nsec);
}

static void
test_nothing_to_look_at_is_told_apart(void **state)
{
	struct store_env *env = *state;
	char path[RIG_PATH_SIZE];

	assert_audit_fails("/nonexistent/taskq", STATUS_NOT_FOUND, "/nonexistent/taskq");
	(void)snprintf(path, sizeof(path), "%s/empty", env->root);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_audit_fails(path, STATUS_NOT_FOUND, "empty/taskq.db");
	assert_int_equal(rmdir(path), 0); /* nothing was made in it */
	rig_path(env, "taskq.lock", path);
	assert_audit_fails(path, STATUS_IO, "taskq.lock");
}

/* One thing each that a stranger with a shell, or a disk, may do. */
static const struct {
	const char *sql;
	const char *check;
	const char *text;
} spoilt[] = {
	{ "UPDATE task_counter SET count = count + 1 WHERE status = 'FAILED'", "counters",
	    "FAILED: the counter says 2, there are 1" },
	{ "UPDATE task_counter SET bytes = bytes - 1 WHERE status = 'FAILED'", "counters",
	    "bytes, there are" },
	{ "DELETE FROM task_counter WHERE status = 'QUEUED'", "counters",
	    "QUEUED: the counter says 0" },
	{ "UPDATE task SET status = 'QUEUED', started_at = NULL, held_until = 9 WHERE status = 'RUNNING'",
	    "counters", "" },
	{ "DELETE FROM task_result WHERE seq = (SELECT min(seq) FROM task_result)", "contents",
	    "1 tasks without the content" },
	{ "UPDATE task_result SET content = x'3131' WHERE seq = (SELECT min(seq) FROM task_result)",
	    "contents", "1 tasks without the content" },
	{ "INSERT INTO task_result (seq, content) VALUES (4711, x'00')", "contents", "1 contents" },
	{ "UPDATE task_attempt SET seq = 4711", "contents", "1 attempts" },
	{ "UPDATE task_counter SET status = 'LOST' WHERE status = 'FAILED'", "counters", "" },
	{ "PRAGMA user_version = 99", "database", "schema version 99, newer than this program" },
	{ "PRAGMA application_id = 7", "database", "another program" },
	{ "DROP TABLE task_attempt", "database", "task_attempt" },
	{ "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX task_running ON "
	  "task (seq)' WHERE name = 'task_running'",
	    "integrity", "missing from index task_running" },
};

static void
test_what_a_stranger_has_done_to_the_database_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(spoilt); i++) {
		struct store_env *env = store_env_new(STORE_ENV_SQLITE);
		struct store_report report;
		char *before, *after;

		rig_fill(env);
		store_env_close(env);
		rig_meddle(env, spoilt[i].sql);
		before = rig_listing(env->dir, true);
		report = audit(env);
		after = rig_listing(env->dir, true);
		rig_assert_found(&report, spoilt[i].check, STORE_VERDICT_DAMAGE, spoilt[i].text);
		assert_string_equal(before, after);
		free(before);
		free(after);
		store_env_free(env);
	}
}

static void
test_damaged_pages_are_found(void **state)
{
	/* Long enough to reach what the second page says of others than roots: it has 5 bytes for
	   each page, and nobody looks at those of a root. */
	static const char garbage[] =
	    "this is not a page of a database at all, and was none before; whoever reads it as one "
	    "finds pages that belong to nobody, and those that they would belong to are not there";

	(void)state;
	for (long page = 0; page < 5; page++) {
		struct store_env *env = store_env_new(STORE_ENV_SQLITE);
		struct store_report report;

		rig_fill(env);
		store_env_close(env);
		rig_write(env, "taskq.db", page * 4096, garbage);
		report = audit(env);
		assert_int_equal(report.worst, STORE_VERDICT_DAMAGE);
		store_env_free(env);
	}
}

static void
test_an_empty_or_lost_database_is_damage(void **state)
{
	struct store_env *env = *state;
	struct store_report report;
	char path[RIG_PATH_SIZE];

	rig_fill(env);
	store_env_close(env);
	rig_path(env, "taskq.db", path);
	assert_int_equal(truncate(path, 0), 0);
	report = audit(env);
	rig_assert_found(&report, "database", STORE_VERDICT_DAMAGE, "empty");
	assert_int_equal(unlink(path), 0);
	report = audit(env);
	rig_assert_found(&report, "database", STORE_VERDICT_DAMAGE, "missing");
	assert_int_equal(access(path, F_OK), -1);
}

static void
test_a_lost_or_cut_result_file_is_a_loss(void **state)
{
	struct store_env *env = *state;
	struct store_report report;
	char path[RIG_PATH_SIZE], results[RIG_PATH_SIZE];

	rig_fill(env);
	rig_result_path(env, path);
	assert_int_equal(truncate(path, 2999), 0);
	report = audit(env);
	rig_assert_found(&report, "results", STORE_VERDICT_LOSS, "1 of 1");
	rig_assert_found(&report, "results", STORE_VERDICT_LOSS, strrchr(path, '/'));
	assert_int_equal(report.worst, STORE_VERDICT_LOSS);
	assert_int_equal(unlink(path), 0);
	report = audit(env);
	rig_assert_found(&report, "results", STORE_VERDICT_LOSS, "1 of 1");
	store_env_close(env);
	rig_path(env, "results", results);
	assert_int_equal(rmdir(results), 0);
	report = audit(env);
	rig_assert_found(&report, "results", STORE_VERDICT_LOSS, "1 of 1");
	assert_int_equal(access(results, F_OK), -1);
}

static void
test_files_without_a_task_are_noted(void **state)
{
	struct store_env *env = *state;
	struct store_report report;
	char id[UUID_TEXT_SIZE], name[RIG_PATH_SIZE];

	rig_fill(env);
	rig_write(env, "results/tmp-0123-1", 0, "being written");
	report = audit(env);
	rig_assert_found(&report, "orphans", STORE_VERDICT_OK, "1 being written");
	/* Of an attempt that is over, and of a task that is unknown. */
	store_env_id(5, id);
	(void)snprintf(name, sizeof(name), "results/%s-1", id);
	rig_write(env, name, 0, "orphan");
	report = audit(env);
	rig_assert_found(&report, "orphans", STORE_VERDICT_NOTE, id);
	store_env_id(99, id);
	(void)snprintf(name, sizeof(name), "results/%s-1", id);
	rig_write(env, name, 0, "orphan");
	report = audit(env);
	rig_assert_found(&report, "orphans", STORE_VERDICT_NOTE, "2 files");
	rig_write(env, "results/notes\x1b.txt", 0, "whose?");
	report = audit(env);
	rig_assert_found(
	    &report, "orphans", STORE_VERDICT_NOTE, "not the service's, the first: notes");
	assert_int_equal(report.worst, STORE_VERDICT_NOTE);
	for (size_t i = 0; i < report.count; i++)
		assert_null(strchr(report.list[i].found, '\x1b'));
	/* The file of an attempt that runs may be about to get its row. */
	store_env_id(2, id);
	(void)snprintf(name, sizeof(name), "results/%s-1", id);
	rig_write(env, name, 0, "about to");
	report = audit(env);
	rig_assert_found(&report, "orphans", STORE_VERDICT_NOTE, "2 belong to no task");
}

static void
test_more_files_than_fit_a_slice_are_all_looked_at(void **state)
{
	enum {
		COUNT = 600
	};
	struct store_env *env = *state;
	char *large = calloc(1, STORE_ENV_INLINE_MAX + 1);
	struct store_report report;
	char id[UUID_TEXT_SIZE], path[RIG_PATH_SIZE];

	assert_non_null(large);
	for (unsigned n = 1; n <= COUNT; n++) {
		struct task task;

		store_env_submit(env, n);
		store_env_claim_one(env, false, &task);
		assert_int_equal(
		    store_env_succeed(env, &task, large, STORE_ENV_INLINE_MAX + 1), STATUS_OK);
		task_done(&task);
	}
	free(large);
	report = audit(env);
	rig_assert_found(&report, "results", STORE_VERDICT_OK, "600 of 600600 bytes");
	store_env_id(COUNT, id);
	(void)snprintf(path, sizeof(path), "%s/results/%s-1", env->dir, id);
	assert_int_equal(unlink(path), 0);
	report = audit(env);
	rig_assert_found(&report, "results", STORE_VERDICT_LOSS, id);
}

static void
test_an_older_schema_is_noted_and_left_as_it_is(void **state)
{
	struct store_env *env = *state;
	struct store_report report;
	char *before, *after;

	store_env_close(env);
	rig_become_version_1(env);
	before = rig_listing(env->dir, true);
	report = audit(env);
	after = rig_listing(env->dir, true);
	rig_assert_found(&report, "database", STORE_VERDICT_NOTE, "schema version 1, older");
	rig_assert_found(&report, "counters", STORE_VERDICT_OK, "6 tasks");
	assert_int_equal(report.worst, STORE_VERDICT_NOTE);
	assert_string_equal(before, after);
	free(before);
	free(after);
	rig_meddle(env, "UPDATE task_counter SET count = count + 1 WHERE status = 'QUEUED'");
	report = audit(env);
	rig_assert_found(&report, "counters", STORE_VERDICT_DAMAGE, "QUEUED");
}

static void
test_any_name_of_a_directory_will_do(void **state)
{
	static const char *const names[] = { "a b", "a%41?immutable=0#x", "\xc3\xa9\xff", "&=;" };
	struct store_env *env = *state;

	rig_fill(env);
	store_env_close(env);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct store_report report;
		char path[RIG_PATH_SIZE];

		(void)snprintf(path, sizeof(path), "%s/%s", env->root, names[i]);
		assert_int_equal(rename(env->dir, path), 0);
		assert_int_equal(store_audit(path, &report, NULL), STATUS_OK);
		rig_assert_ok(&report);
		assert_int_equal(rename(path, env->dir), 0);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_a_store_is_all_right_while_it_is_open_and_when_it_is_closed),
		STORE_ENV_TEST(test_what_only_the_log_of_a_killed_store_holds_is_seen),
		STORE_ENV_TEST(test_nothing_to_look_at_is_told_apart),
		cmocka_unit_test(test_what_a_stranger_has_done_to_the_database_is_found),
		cmocka_unit_test(test_damaged_pages_are_found),
		STORE_ENV_TEST(test_an_empty_or_lost_database_is_damage),
		STORE_ENV_TEST(test_a_lost_or_cut_result_file_is_a_loss),
		STORE_ENV_TEST(test_files_without_a_task_are_noted),
		STORE_ENV_TEST(test_more_files_than_fit_a_slice_are_all_looked_at),
		STORE_ENV_TEST(test_an_older_schema_is_noted_and_left_as_it_is),
		STORE_ENV_TEST(test_any_name_of_a_directory_will_do),
	};

	return store_env_main_sqlite(tests, ARRAY_SIZE(tests));
}
