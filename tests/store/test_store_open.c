/* SPDX-License-Identifier: MIT */
/*
 * Opening the real back end: what it makes and with which permissions, which databases it takes,
 * which it refuses, and that it never puts a fresh database where one was lost.
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
#include <fcntl.h>
#include <sqlite3.h>

#include "base/compiler.h"
#include "store_env.h"

static void
path_of(const struct store_env *env, const char *name, char *ret_path, size_t size)
{
	(void)snprintf(ret_path, size, "%s/%s", env->dir, name);
}

static mode_t
mode_of(const struct store_env *env, const char *name)
{
	struct stat info;
	char path[256];

	path_of(env, name, path, sizeof(path));
	assert_int_equal(stat(path, &info), 0);
	return info.st_mode & 07777;
}

static bool
exists(const struct store_env *env, const char *name)
{
	char path[256];

	path_of(env, name, path, sizeof(path));
	return access(path, F_OK) == 0;
}

/* Writes over a part of a file, or makes it; only while the store is closed. */
static void
overwrite(const struct store_env *env, const char *name, long offset, const char *data, size_t size)
{
	char path[256];
	int fd;

	path_of(env, name, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, size, offset), size);
	close(fd);
}

static void
cut(const struct store_env *env, const char *name, long size)
{
	char path[256];

	path_of(env, name, path, sizeof(path));
	assert_int_equal(truncate(path, size), 0);
}

/* Runs SQL on the closed database, as a stranger with a shell would. */
static void
meddle(const struct store_env *env, const char *name, const char *sql)
{
	sqlite3 *db = NULL;
	char path[256];

	path_of(env, name, path, sizeof(path));
	assert_int_equal(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
	    SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
refuse(struct store_env *env, enum status expected, const char *text)
{
	enum status status = store_env_try_open(env);

	if (status != expected || strstr(env->error.text, text) == NULL)
		fail_msg("%s: %s; expected %s: ..%s..", status_name(status), env->error.text,
		    status_name(expected), text);
}

static void
test_files_are_private_whatever_the_umask(void **state)
{
	/* Under 0777 nobody but root can open what he has just made. */
	const mode_t umasks[] = { 0, 022, geteuid() == 0 ? 0777 : 077 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(umasks); i++) {
		struct store_env *env = store_env_new(STORE_ENV_SQLITE);
		const char *const argv[] = { "find", env->dir, "-mindepth", "1", "-delete", NULL };
		mode_t before;

		store_env_close(env);
		assert_int_equal(store_env_run(argv), 0);
		before = umask(umasks[i]);
		store_env_open(env);
		umask(before);
		store_env_submit(env, 1);
		assert_int_equal(mode_of(env, "taskq.db"), 0600);
		assert_int_equal(mode_of(env, "taskq.db-wal"), 0600);
		assert_int_equal(mode_of(env, "taskq.db-shm"), 0600);
		assert_int_equal(mode_of(env, "results"), 0700);
		assert_int_equal(mode_of(env, "taskq.lock"), 0600);
		store_env_free(env);
	}
}

static void
test_closing_leaves_one_whole_file(void **state)
{
	struct store_env *env = *state;

	store_env_submit(env, 1);
	assert_true(exists(env, "taskq.db-wal"));
	store_env_close(env);
	assert_true(exists(env, "taskq.db"));
	assert_false(exists(env, "taskq.db-wal"));
	assert_false(exists(env, "taskq.db-shm"));
	assert_false(exists(env, "taskq.db.new"));
}

static void
test_the_pragmas_hold(void **state)
{
	struct store_env *env = *state;
	char *found = store_env_sql(env,
	    "PRAGMA journal_mode; PRAGMA auto_vacuum; PRAGMA page_size; PRAGMA user_version;"
	    "PRAGMA application_id");

	assert_string_equal(found, "wal\n2\n4096\n2\n1416850257\n");
	free(found);
}

static void
test_a_missing_data_directory_is_an_io_error(void **state)
{
	struct store_env *env = *state;

	store_env_close(env);
	(void)snprintf(env->dir, sizeof(env->dir), "%s/nowhere", env->root);
	refuse(env, STATUS_IO, "nowhere");
}

static void
test_a_second_store_is_told_the_lock_file_and_the_process(void **state)
{
	struct store_env *env = *state;
	struct store *first = env->store;
	char process[64];

	(void)snprintf(process, sizeof(process), "taskq.lock: process %ld", (long)getpid());
	env->store = NULL;
	refuse(env, STATUS_BUSY, process);
	refuse(env, STATUS_BUSY, env->dir);
	env->store = first;
}

static void
test_a_newer_schema_is_refused_with_both_versions_named(void **state)
{
	struct store_env *env = *state;

	store_env_submit(env, 1);
	store_env_close(env);
	meddle(env, "taskq.db", "PRAGMA user_version = 3");
	refuse(env, STATUS_INVALID, "version 3");
	refuse(env, STATUS_INVALID, "up to 2");
	meddle(env, "taskq.db", "PRAGMA user_version = 2");
	store_env_open(env);
	assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
}

static void
test_a_negative_schema_version_is_damage(void **state)
{
	struct store_env *env = *state;

	store_env_close(env);
	meddle(env, "taskq.db", "PRAGMA user_version = -1");
	refuse(env, STATUS_CORRUPT, "version -1");
}

static void
test_another_programs_database_is_refused(void **state)
{
	struct store_env *env = *state;
	char path[256];

	store_env_close(env);
	path_of(env, "taskq.db", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	meddle(env, "taskq.db", "CREATE TABLE cookies (id INTEGER)");
	refuse(env, STATUS_INVALID, "another program");
	/* And it is as it was. */
	meddle(env, "taskq.db", "INSERT INTO cookies VALUES (1)");
}

static void
test_something_that_is_no_database_is_damage(void **state)
{
	struct store_env *env = *state;
	char noise[8192];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 7 + 1);
	store_env_close(env);
	overwrite(env, "taskq.db", 0, noise, sizeof(noise));
	refuse(env, STATUS_CORRUPT, "taskq.db");
	refuse(env, STATUS_CORRUPT, "not a database");
}

static void
test_an_empty_database_file_is_damage(void **state)
{
	struct store_env *env = *state;

	store_env_close(env);
	cut(env, "taskq.db", 0);
	refuse(env, STATUS_CORRUPT, "empty");
	assert_int_equal(mode_of(env, "taskq.db"), 0600);
}

static void
test_a_shortened_database_is_damage(void **state)
{
	struct store_env *env = *state;

	for (unsigned n = 0; n < 100; n++)
		store_env_submit(env, n);
	store_env_close(env);
	cut(env, "taskq.db", 4096 * 3);
	refuse(env, STATUS_CORRUPT, "taskq.db");
}

static void
test_a_damaged_page_anywhere_is_found_at_start(void **state)
{
	struct store_env *env = *state;
	struct stat info;
	char path[256], noise[4096], page[4096];
	long pages;

	for (unsigned n = 0; n < 60; n++)
		store_env_submit(env, n);
	store_env_close(env);
	path_of(env, "taskq.db", path, sizeof(path));
	assert_int_equal(stat(path, &info), 0);
	pages = info.st_size / 4096;
	assert_true(pages > 10);
	memset(noise, 0x5a, sizeof(noise));
	for (long at = 0; at < pages; at++) {
		FILE *stream = fopen(path, "r");
		enum status status;

		assert_non_null(stream);
		assert_int_equal(fseek(stream, at * 4096, SEEK_SET), 0);
		assert_int_equal(fread(page, 1, sizeof(page), stream), sizeof(page));
		fclose(stream);
		overwrite(env, "taskq.db", at * 4096, noise, sizeof(noise));
		status = store_env_try_open(env);
		if (status != STATUS_CORRUPT)
			fail_msg("page %ld: %s", at, status_name(status));
		overwrite(env, "taskq.db", at * 4096, page, sizeof(page));
	}
	store_env_open(env);
	assert_int_equal(store_env_state(env, 59), TASK_QUEUED);
}

static void
test_a_missing_table_is_damage(void **state)
{
	struct store_env *env = *state;

	store_env_close(env);
	meddle(env, "taskq.db", "DROP TABLE task_result");
	refuse(env, STATUS_CORRUPT, "task_result");
}

static void
test_a_missing_database_beside_its_log_is_not_replaced(void **state)
{
	struct store_env *env = *state;
	char path[256];

	store_env_close(env);
	path_of(env, "taskq.db", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	overwrite(env, "taskq.db-wal", 0, "log", 3);
	refuse(env, STATUS_CORRUPT, "is missing although its log");
	assert_false(exists(env, "taskq.db"));
	assert_true(exists(env, "taskq.db-wal"));
}

static void
test_a_missing_database_beside_results_is_not_replaced(void **state)
{
	struct store_env *env = *state;
	char path[256];

	store_env_close(env);
	path_of(env, "taskq.db", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	overwrite(env, "results/00000001-0000-7000-8000-000000000000-1", 0, "x", 1);
	refuse(env, STATUS_CORRUPT, "is missing although");
	assert_false(exists(env, "taskq.db"));
}

static void
test_what_a_killed_creation_left_is_begun_anew(void **state)
{
	struct store_env *env = *state;
	char path[256];

	store_env_close(env);
	path_of(env, "taskq.db", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	overwrite(env, "taskq.db.new", 0, "half a header", 13);
	overwrite(env, "taskq.db.new-journal", 0, "half a journal", 14);
	overwrite(env, "results/tmp-1-1", 0, "x", 1);
	store_env_open(env);
	assert_false(exists(env, "taskq.db.new"));
	assert_false(exists(env, "taskq.db.new-journal"));
	store_env_submit(env, 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_are_private_whatever_the_umask),
		STORE_ENV_TEST(test_closing_leaves_one_whole_file),
		STORE_ENV_TEST(test_the_pragmas_hold),
		STORE_ENV_TEST(test_a_missing_data_directory_is_an_io_error),
		STORE_ENV_TEST(test_a_second_store_is_told_the_lock_file_and_the_process),
		STORE_ENV_TEST(test_a_newer_schema_is_refused_with_both_versions_named),
		STORE_ENV_TEST(test_a_negative_schema_version_is_damage),
		STORE_ENV_TEST(test_another_programs_database_is_refused),
		STORE_ENV_TEST(test_something_that_is_no_database_is_damage),
		STORE_ENV_TEST(test_an_empty_database_file_is_damage),
		STORE_ENV_TEST(test_a_shortened_database_is_damage),
		STORE_ENV_TEST(test_a_damaged_page_anywhere_is_found_at_start),
		STORE_ENV_TEST(test_a_missing_table_is_damage),
		STORE_ENV_TEST(test_a_missing_database_beside_its_log_is_not_replaced),
		STORE_ENV_TEST(test_a_missing_database_beside_results_is_not_replaced),
		STORE_ENV_TEST(test_what_a_killed_creation_left_is_begun_anew),
	};

	return store_env_main_sqlite(tests, ARRAY_SIZE(tests));
}
