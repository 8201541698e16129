/* SPDX-License-Identifier: MIT */
/*
 * Backup and restore: the copy is a store with everything in it, whatever the source does
 * meanwhile; it is there as a whole or not at all; and nothing that was there before is touched.
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

/* What a test does in the middle of a copy, and when. */
struct hook {
	int calls;
	int at; /* the call in which `act` is called; 0: never */
	bool (*act)(struct store_env *env);
	struct store_env *env;
};

static bool
on_call(void *context)
{
	struct hook *hook = context;

	return ++hook->calls == hook->at && hook->act(hook->env);
}

static enum status
copy(enum status (*how)(
	 const struct store_copy_conf *conf, struct store_copied *ret_copied, struct error *error),
    const char *from, const char *to, struct hook *hook, struct store_copied *ret_copied,
    struct error *error)
{
	struct hook none = { 0 };
	const struct store_copy_conf conf = {
		.from_dir = from,
		.to_dir = to,
		.is_cancelled = on_call,
		.context = hook == NULL ? &none : hook,
	};

	memset(error, 0, sizeof(*error));
	return how(&conf, ret_copied, error);
}

static struct store_copied
backup(struct store_env *env, const char *to, struct hook *hook)
{
	struct store_copied copied;
	struct error error;

	if (copy(store_backup, env->dir, to, hook, &copied, &error) != STATUS_OK)
		fail_msg("%s", error.text);
	return copied;
}

/* Refused or failed: for this reason, and without a trace beside what was there. */
static void
assert_copy_fails(struct store_env *env,
    enum status (*how)(
	const struct store_copy_conf *conf, struct store_copied *ret_copied, struct error *error),
    const char *from, const char *to, struct hook *hook, enum status expected, const char *text)
{
	char *before = rig_listing(env->root, false), *to_before = rig_listing(to, true);
	char *after, *to_after;
	struct store_copied copied;
	struct error error;
	enum status status = copy(how, from, to, hook, &copied, &error);

	if (status != expected || strstr(error.text, text) == NULL)
		fail_msg("%s: %s; expected %s: ..%s..", status_name(status), error.text,
		    status_name(expected), text);
	after = rig_listing(env->root, false);
	to_after = rig_listing(to, true);
	assert_string_equal(before, after);
	assert_string_equal(to_before, to_after);
	free(before);
	free(after);
	free(to_before);
	free(to_after);
}

static void
copy_path(const struct store_env *env, const char *name, char ret_path[RIG_PATH_SIZE])
{
	(void)snprintf(ret_path, RIG_PATH_SIZE, "%s/%s", env->root, name);
}

/* Opens a directory as a store in the place of the environment's, which is closed. */
static void
move_to(struct store_env *env, const char *dir)
{
	if (env->store != NULL)
		store_env_close(env);
	(void)snprintf(env->dir, sizeof(env->dir), "%s", dir);
	store_env_open(env);
}

static void
assert_content(struct store_env *env, unsigned n, size_t bytes, char first)
{
	struct task_result result;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(store_read_result(env->store, id, &result, &env->error), STATUS_OK);
	assert_int_equal(result.bytes, bytes);
	if (result.fd == -1) {
		assert_int_equal(result.data[0], first);
	} else {
		char byte = 0;

		assert_int_equal(pread(result.fd, &byte, 1, (off_t)bytes - 1), 1);
		assert_int_equal(byte, first);
	}
	task_result_done(&result);
}

/* What rig_fill has made, as a store tells it that has taken it over: what ran goes back. */
static void
assert_filled(struct store_env *env)
{
	assert_int_equal(env->recovery.requeued, 1);
	assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
	assert_int_equal(store_env_state(env, 2), TASK_QUEUED);
	assert_int_equal(store_env_state(env, 5), TASK_FAILED);
	assert_content(env, 3, 1, '3');
	assert_content(env, 4, 3 * STORE_ENV_INLINE_MAX, 'L');
	assert_content(env, 6, 1, '6');
}

static void
test_a_backup_of_an_open_store_is_a_store(void **state)
{
	struct store_env *env = *state;
	struct store_copied copied;
	char path[RIG_PATH_SIZE];
	char *listing;

	copy_path(env, "backup", path);
	rig_fill(env);
	copied = backup(env, path, NULL);
	assert_int_equal(copied.tasks, 7);
	assert_int_equal(copied.files, 1);
	assert_int_equal(copied.bytes, 3 * STORE_ENV_INLINE_MAX);
	assert_int_equal(copied.purged, 0);
	rig_assert_ok(&copied.report);
	/* Nothing beside the database and the results, and for nobody else. */
	listing = rig_listing(path, true);
	assert_null(strstr(listing, "taskq.db-"));
	assert_null(strstr(listing, "taskq.lock"));
	assert_non_null(strstr(listing, "/taskq.db 100600"));
	assert_non_null(strstr(listing, "/results 40700"));
	free(listing);
	store_env_submit(env, 8); /* it is a copy, and the source goes on */
	move_to(env, path);
	assert_filled(env);
}

static void
test_a_backup_of_a_closed_store_leaves_it_as_it_was(void **state)
{
	struct store_env *env = *state;
	struct store_copied copied;
	char path[RIG_PATH_SIZE];
	char *before, *after;

	copy_path(env, "backup", path);
	rig_fill(env);
	store_env_close(env);
	before = rig_listing(env->dir, true);
	copied = backup(env, path, NULL);
	after = rig_listing(env->dir, true);
	assert_string_equal(before, after);
	rig_assert_ok(&copied.report);
	free(before);
	free(after);
	move_to(env, path);
	assert_filled(env);
}

static void
test_a_restored_backup_is_the_store_again(void **state)
{
	struct store_env *env = *state;
	struct store_copied copied;
	struct error error;
	char saved[RIG_PATH_SIZE], place[RIG_PATH_SIZE];

	copy_path(env, "backup/", saved); /* a slash at the end means the same */
	copy_path(env, "place", place);
	rig_fill(env);
	(void)backup(env, saved, NULL);
	assert_int_equal(copy(store_restore, saved, place, NULL, &copied, &error), STATUS_OK);
	assert_int_equal(copied.tasks, 7);
	rig_assert_ok(&copied.report);
	move_to(env, place);
	assert_filled(env);
}

static void
test_a_restore_into_an_empty_directory_keeps_what_else_is_in_it(void **state)
{
	struct store_env *env = *state;
	struct store_copied copied;
	struct error error;
	char saved[RIG_PATH_SIZE], place[RIG_PATH_SIZE], other[RIG_PATH_SIZE + 16];

	copy_path(env, "backup", saved);
	copy_path(env, "place", place);
	rig_fill(env);
	(void)backup(env, saved, NULL);
	assert_int_equal(mkdir(place, 0750), 0);
	(void)snprintf(other, sizeof(other), "%s/lost+found", place);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(copy(store_restore, saved, place, NULL, &copied, &error), STATUS_OK);
	assert_int_equal(access(other, F_OK), 0);
	move_to(env, place);
	assert_filled(env);
}

static void
test_nothing_that_is_there_is_written_over(void **state)
{
	struct store_env *env = *state;
	struct store_env *other = store_env_new(STORE_ENV_SQLITE);
	char saved[RIG_PATH_SIZE], place[RIG_PATH_SIZE];

	copy_path(env, "backup", saved);
	rig_fill(env);
	(void)backup(env, saved, NULL);
	assert_copy_fails(env, store_backup, env->dir, saved, NULL, STATUS_CONFLICT, "exists");
	copy_path(env, "empty", place);
	assert_int_equal(mkdir(place, 0700), 0);
	assert_copy_fails(env, store_backup, env->dir, place, NULL, STATUS_CONFLICT, "exists");
	assert_copy_fails(
	    env, store_backup, env->dir, "/nonexistent/a", NULL, STATUS_IO, "/nonexistent/a");

	/* A restore is kept out by a service, and by what one has left. */
	assert_copy_fails(other, store_restore, saved, other->dir, NULL, STATUS_BUSY, "taskq.lock");
	store_env_close(other);
	assert_copy_fails(
	    other, store_restore, saved, other->dir, NULL, STATUS_CONFLICT, "already");
	rig_path(other, "taskq.db", place);
	assert_int_equal(unlink(place), 0);
	rig_write(other, "taskq.db-wal", 0, "a log");
	assert_copy_fails(
	    other, store_restore, saved, other->dir, NULL, STATUS_CONFLICT, "already");
	rig_path(other, "taskq.db-wal", place);
	assert_int_equal(unlink(place), 0);
	rig_write(other, "results/00000001-0000-7000-8000-000000000000-1", 0, "a result");
	assert_copy_fails(
	    other, store_restore, saved, other->dir, NULL, STATUS_CONFLICT, "already");
	store_env_free(other);
}

static void
test_a_backup_is_not_made_among_the_data(void **state)
{
	struct store_env *env = *state;
	char place[RIG_PATH_SIZE], link[RIG_PATH_SIZE];

	rig_fill(env);
	for (int i = 0; i < 2; i++) {
		rig_path(env, "backup", place);
		assert_copy_fails(env, store_backup, env->dir, place, NULL, STATUS_CONFLICT,
		    "in the data directory");
		rig_path(env, "results/backup/", place);
		assert_copy_fails(env, store_backup, env->dir, place, NULL, STATUS_CONFLICT,
		    "in the data directory");
		rig_path(env, "results/../backup", place);
		assert_copy_fails(env, store_backup, env->dir, place, NULL, STATUS_CONFLICT,
		    "in the data directory");
		/* A name that would keep the next service from starting. */
		if (env->store != NULL)
			store_env_close(env);
		rig_path(env, "taskq.db-journal", place);
		assert_copy_fails(env, store_backup, env->dir, place, NULL, STATUS_CONFLICT,
		    "in the data directory");
	}
	rig_path(env, "results/deep", place);
	assert_int_equal(mkdir(place, 0700), 0);
	copy_path(env, "link", link);
	assert_int_equal(symlink(place, link), 0);
	copy_path(env, "link/backup", place);
	assert_copy_fails(
	    env, store_backup, env->dir, place, NULL, STATUS_CONFLICT, "in the data directory");
	/* By a link to the data directory, too; and beside it there is room for one. */
	copy_path(env, "link-to-data", link);
	assert_int_equal(symlink(env->dir, link), 0);
	rig_path(env, "backup", place);
	assert_copy_fails(
	    env, store_backup, link, place, NULL, STATUS_CONFLICT, "in the data directory");
	(void)snprintf(place, sizeof(place), "%s-and-more", env->dir);
	(void)backup(env, place, NULL);
}

static void
test_what_is_no_backup_is_not_restored(void **state)
{
	struct store_env *env = *state;
	char saved[RIG_PATH_SIZE], place[RIG_PATH_SIZE], inside[RIG_PATH_SIZE + 16];

	copy_path(env, "nothing", saved);
	copy_path(env, "place", place);
	assert_copy_fails(env, store_restore, saved, place, NULL, STATUS_NOT_FOUND, "nothing");
	assert_int_equal(mkdir(saved, 0700), 0);
	assert_copy_fails(env, store_restore, saved, place, NULL, STATUS_NOT_FOUND, "taskq.db");
	(void)snprintf(inside, sizeof(inside), "%s/taskq.db", saved);
	assert_int_equal(symlink("/etc/passwd", inside), 0);
	assert_copy_fails(env, store_restore, saved, place, NULL, STATUS_INVALID, "link");
}

static void
test_a_damaged_store_is_not_taken_for_a_backup(void **state)
{
	struct store_env *env = *state;
	char path[RIG_PATH_SIZE];

	copy_path(env, "backup", path);
	rig_fill(env);
	store_env_close(env);
	rig_meddle(env, "UPDATE task_counter SET count = count + 1 WHERE status = 'FAILED'");
	assert_copy_fails(
	    env, store_backup, env->dir, path, NULL, STATUS_CORRUPT, "damaged: counters");
	rig_meddle(env, "PRAGMA user_version = 99");
	assert_copy_fails(env, store_backup, env->dir, path, NULL, STATUS_INVALID, "version 99");
}

static void
test_a_lost_result_is_lost_in_the_copy_and_told(void **state)
{
	struct store_env *env = *state;
	struct store_copied copied;
	char path[RIG_PATH_SIZE], result[RIG_PATH_SIZE];

	copy_path(env, "backup", path);
	rig_fill(env);
	rig_result_path(env, result);
	assert_int_equal(unlink(result), 0);
	copied = backup(env, path, NULL);
	assert_int_equal(copied.tasks, 7);
	assert_int_equal(copied.files, 0);
	rig_assert_found(&copied.report, "results", STORE_VERDICT_LOSS, "1 of 1");
}

static bool
cancel(struct store_env *env)
{
	(void)env;
	return true;
}

static void
test_a_cancelled_copy_leaves_nothing(void **state)
{
	struct store_env *env = *state;
	struct hook hook = { .act = cancel, .env = env };
	char saved[RIG_PATH_SIZE], path[RIG_PATH_SIZE];

	copy_path(env, "saved", saved);
	copy_path(env, "backup", path);
	rig_fill(env);
	(void)backup(env, saved, &hook);
	/* It is asked before the pages and before each piece of a file. */
	assert_true(hook.calls >= 3);
	for (int at = hook.calls; at > 0; at--) {
		hook.calls = 0;
		hook.at = at;
		assert_copy_fails(
		    env, store_backup, env->dir, path, &hook, STATUS_CANCELLED, "cancelled");
		hook.calls = 0;
		assert_copy_fails(
		    env, store_restore, saved, path, &hook, STATUS_CANCELLED, "cancelled");
	}
}

/* What a service may do while it is copied: its oldest tasks are deleted, with their files. */
static bool
purge_everything(struct store_env *env)
{
	const struct store_retention retention = { .tasks_max = 1 };
	struct store_purged purged = { .has_more = true };

	while (purged.has_more)
		assert_int_equal(
		    store_purge(env->store, &retention, env->now_ms, &purged, NULL), STATUS_OK);
	return false;
}

static void
test_what_is_purged_while_it_is_copied_is_not_in_the_copy(void **state)
{
	struct store_env *env = *state;
	struct hook hook = { .at = 1, .act = purge_everything, .env = env };
	struct store_copied copied;
	char path[RIG_PATH_SIZE], id[UUID_TEXT_SIZE];
	struct task_status status;

	copy_path(env, "backup", path);
	rig_fill(env);
	copied = backup(env, path, &hook);
	/* Only what needs its file: the others are whole in the snapshot. */
	assert_int_equal(copied.purged, 1);
	assert_int_equal(copied.tasks, 6);
	rig_assert_ok(&copied.report);
	rig_assert_found(&copied.report, "counters", STORE_VERDICT_OK, "6 tasks");
	move_to(env, path);
	store_env_id(4, id);
	assert_int_equal(store_read_status(env->store, id, &status, &env->error), STATUS_NOT_FOUND);
	assert_content(env, 3, 1, '3');
}

static bool
submit_more(struct store_env *env)
{
	for (unsigned n = 100; n < 200; n++)
		store_env_submit(env, n);
	return false;
}

static void
test_what_comes_after_the_snapshot_is_not_in_the_copy(void **state)
{
	struct store_env *env = *state;
	struct hook hook = { .act = submit_more, .env = env };
	struct store_copied copied;
	char path[RIG_PATH_SIZE];

	copy_path(env, "backup", path);
	rig_fill(env);
	hook.at = 2; /* the pages are being copied */
	copied = backup(env, path, &hook);
	assert_true(hook.calls >= 2);
	assert_int_equal(copied.tasks, 7);
	rig_assert_ok(&copied.report);
}

static bool
start_service(struct store_env *env)
{
	store_env_open(env);
	store_env_submit(env, 300);
	return false;
}

static void
test_a_service_that_is_started_meanwhile_makes_it_begin_anew(void **state)
{
	struct store_env *env = *state;
	struct hook hook = { .at = 1, .act = start_service, .env = env };
	struct store_copied copied;
	char path[RIG_PATH_SIZE];

	copy_path(env, "backup", path);
	rig_fill(env);
	store_env_close(env);
	copied = backup(env, path, &hook);
	rig_assert_ok(&copied.report);
	assert_int_equal(copied.tasks, 8);
}

static void
test_an_older_schema_is_copied_as_it_is(void **state)
{
	struct store_env *env = *state;
	struct store_copied copied;
	char path[RIG_PATH_SIZE];

	copy_path(env, "backup", path);
	store_env_close(env);
	rig_become_version_1(env);
	copied = backup(env, path, NULL);
	assert_int_equal(copied.tasks, 6);
	rig_assert_found(&copied.report, "database", STORE_VERDICT_NOTE, "schema version 1, older");
	move_to(env, path); /* brings it up to date */
	assert_int_equal(env->recovery.requeued, 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_a_backup_of_an_open_store_is_a_store),
		STORE_ENV_TEST(test_a_backup_of_a_closed_store_leaves_it_as_it_was),
		STORE_ENV_TEST(test_a_restored_backup_is_the_store_again),
		STORE_ENV_TEST(test_a_restore_into_an_empty_directory_keeps_what_else_is_in_it),
		STORE_ENV_TEST(test_nothing_that_is_there_is_written_over),
		STORE_ENV_TEST(test_a_backup_is_not_made_among_the_data),
		STORE_ENV_TEST(test_what_is_no_backup_is_not_restored),
		STORE_ENV_TEST(test_a_damaged_store_is_not_taken_for_a_backup),
		STORE_ENV_TEST(test_a_lost_result_is_lost_in_the_copy_and_told),
		STORE_ENV_TEST(test_a_cancelled_copy_leaves_nothing),
		STORE_ENV_TEST(test_what_is_purged_while_it_is_copied_is_not_in_the_copy),
		STORE_ENV_TEST(test_what_comes_after_the_snapshot_is_not_in_the_copy),
		STORE_ENV_TEST(test_a_service_that_is_started_meanwhile_makes_it_begin_anew),
		STORE_ENV_TEST(test_an_older_schema_is_copied_as_it_is),
	};

	return store_env_main_sqlite(tests, ARRAY_SIZE(tests));
}
