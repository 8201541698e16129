/* SPDX-License-Identifier: MIT */
/*
 * Results as files: on disk, with their name, before the row that says so; gone when superseded;
 * orphans swept. The flushes and the rename are watched by wrapping them at link time.
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
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>

#include "shim_vfs.h"
#include "store_env.h"

int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_rename(const char *from, const char *to);
int __real_openat(int dir_fd, const char *name, int flags, ...);
int __wrap_openat(int dir_fd, const char *name, int flags, ...);

/* What was called: 'f' flush of a content, 'r' rename, 'd' flush of a directory. */
static char calls[64];
static int flush_errno;     /* the next flush of a content fails with it */
static int dir_flush_errno; /* the next flush of a directory */

static void
note(char call)
{
	size_t length = strlen(calls);

	if (length + 1 < sizeof(calls))
		calls[length] = call;
}

int
__wrap_fdatasync(int fd)
{
	note('f');
	if (flush_errno != 0) {
		errno = flush_errno;
		flush_errno = 0;
		return -1;
	}
	return __real_fdatasync(fd);
}

int
__wrap_fsync(int fd)
{
	note('d');
	if (dir_flush_errno != 0) {
		errno = dir_flush_errno;
		dir_flush_errno = 0;
		return -1;
	}
	return __real_fsync(fd);
}

int
__wrap_rename(const char *from, const char *to)
{
	note('r');
	return __real_rename(from, to);
}

static struct store_env *purged_before_open; /* before a result is opened the next time */

static void
purge_all(struct store_env *env)
{
	const struct store_retention retention = { .succeeded_ms = 1, .failed_ms = 1 };
	struct store_purged *purged = malloc(sizeof(*purged));

	assert_non_null(purged);
	assert_int_equal(
	    store_purge(env->store, &retention, env->now_ms + 1000, purged, NULL), STATUS_OK);
	assert_true(purged->count > 0);
	free(purged);
}

/* Nothing that the store opens by it is made by it with a mode but the lock. */
int
__wrap_openat(int dir_fd, const char *name, int flags, ...)
{
	struct store_env *env = purged_before_open;

	if (env != NULL && strlen(name) > UUID_TEXT_LENGTH) {
		purged_before_open = NULL;
		purge_all(env);
	}
	return __real_openat(dir_fd, name, flags, 0600);
}

static int
setup(void **state)
{
	shim_vfs_install();
	*state = store_env_new(STORE_ENV_SQLITE);
	memset(calls, 0, sizeof(calls));
	flush_errno = dir_flush_errno = 0;
	return 0;
}

static int
teardown(void **state)
{
	store_env_free(*state);
	shim_vfs_remove();
	return 0;
}

/* The number of files in results/. */
static int
count_files(struct store_env *env)
{
	char path[256];
	struct dirent *entry;
	DIR *stream;
	int count = 0;

	(void)snprintf(path, sizeof(path), "%s/results", env->dir);
	stream = opendir(path);
	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(stream);
	return count;
}

static void
make_file(struct store_env *env, const char *name)
{
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/results/%s", env->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static bool
has_file(struct store_env *env, const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/results/%s", env->dir, name);
	return access(path, F_OK) == 0;
}

/* An attempt that left more than is kept inline, and may be completed again and again. */
struct attempt {
	struct task task;
	struct outcome outcome;
	struct output output;
};

static void
attempt_begin(struct store_env *env, struct attempt *attempt, unsigned n)
{
	char content[STORE_ENV_INLINE_MAX + 1];

	memset(content, 'a' + (int)n, sizeof(content));
	store_env_submit(env, n);
	store_env_claim_one(env, false, &attempt->task);
	outcome_init(&attempt->outcome);
	outcome_succeed(&attempt->outcome, "text/plain");
	output_init(&attempt->output, store_output_conf(env->store));
	assert_int_equal(output_write(&attempt->output, content, sizeof(content), NULL), STATUS_OK);
	assert_true(output_is_spilled(&attempt->output));
}

static void
attempt_end(struct attempt *attempt)
{
	output_done(&attempt->output);
	outcome_done(&attempt->outcome);
	task_done(&attempt->task);
}

static enum status
attempt_complete(struct store_env *env, struct attempt *attempt)
{
	struct completion completion = { .task = &attempt->task,
		.outcome = &attempt->outcome,
		.output = &attempt->output,
		.finished_at_ms = env->now_ms };
	enum status status = store_complete(env->store, &completion, 1, &env->error);

	return status == STATUS_OK ? completion.ret_status : status;
}

static void
check_content(struct store_env *env, unsigned n)
{
	struct task_result result;
	char id[UUID_TEXT_SIZE], first = 0;

	store_env_id(n, id);
	assert_int_equal(store_read_result(env->store, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.bytes, STORE_ENV_INLINE_MAX + 1);
	assert_int_equal(read(result.fd, &first, 1), 1);
	assert_int_equal(first, 'a' + (int)n);
	task_result_done(&result);
}

static void
test_a_content_is_flushed_named_and_its_directory_flushed_before_the_commit(void **state)
{
	struct store_env *env = *state;
	struct attempt attempt;

	attempt_begin(env, &attempt, 1);
	shim_vfs_fail(SHIM_WRITE, 0, 1000, SQLITE_FULL);
	memset(calls, 0, sizeof(calls));
	/* The commit finds no space: all that comes before it is in the list. */
	assert_int_equal(attempt_complete(env, &attempt), STATUS_FULL);
	assert_string_equal(calls, "frd");
	assert_int_equal(store_env_state(env, 1), TASK_RUNNING);
	shim_vfs_fail(0, -1, 0, SQLITE_OK);
	/* The second try finds the content in its place. */
	assert_int_equal(attempt_complete(env, &attempt), STATUS_OK);
	assert_string_equal(calls, "frdd");
	attempt_end(&attempt);
	check_content(env, 1);
	assert_int_equal(count_files(env), 1);
}

static void
test_a_batch_flushes_the_directory_once(void **state)
{
	struct store_env *env = *state;
	struct attempt attempts[3];
	struct completion completions[3];

	for (unsigned i = 0; i < 3; i++) {
		attempt_begin(env, &attempts[i], i);
		completions[i] = (struct completion){ .task = &attempts[i].task,
			.outcome = &attempts[i].outcome,
			.output = &attempts[i].output };
	}
	memset(calls, 0, sizeof(calls));
	assert_int_equal(store_complete(env->store, completions, 3, NULL), STATUS_OK);
	assert_string_equal(calls, "frfrfrd");
	for (unsigned i = 0; i < 3; i++) {
		attempt_end(&attempts[i]);
		check_content(env, i);
	}
}

static void
test_a_small_content_flushes_nothing_but_the_commit(void **state)
{
	struct store_env *env = *state;
	struct task task;

	store_env_submit(env, 1);
	store_env_claim_one(env, false, &task);
	memset(calls, 0, sizeof(calls));
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	assert_string_equal(calls, "");
	task_done(&task);
}

static void
test_a_content_whose_flush_failed_is_never_taken_for_whole(void **state)
{
	struct store_env *env = *state;
	struct attempt attempt;

	attempt_begin(env, &attempt, 1);
	flush_errno = EIO;
	assert_int_equal(attempt_complete(env, &attempt), STATUS_IO);
	assert_int_equal(store_env_state(env, 1), TASK_RUNNING);
	/* The flush would succeed now, with the lost pages forgotten. */
	assert_int_equal(attempt_complete(env, &attempt), STATUS_IO);
	assert_int_equal(store_env_state(env, 1), TASK_RUNNING);
	assert_int_equal(store_env_fail(env, &attempt.task, FAILURE_STORAGE), STATUS_OK);
	attempt_end(&attempt);
	assert_int_equal(count_files(env), 0);
}

static void
test_a_directory_whose_flush_failed_stores_nothing(void **state)
{
	struct store_env *env = *state;
	struct attempt attempt;

	attempt_begin(env, &attempt, 1);
	dir_flush_errno = EIO;
	assert_int_equal(attempt_complete(env, &attempt), STATUS_IO);
	assert_int_equal(store_env_state(env, 1), TASK_RUNNING);
	assert_int_equal(attempt_complete(env, &attempt), STATUS_OK);
	attempt_end(&attempt);
	check_content(env, 1);
}

static void
test_a_superseded_content_leaves_no_file(void **state)
{
	struct store_env *env = *state;
	struct attempt attempt;
	struct task again;

	attempt_begin(env, &attempt, 1);
	store_env_release(env, &attempt.task);
	store_env_claim_one(env, false, &again);
	memset(calls, 0, sizeof(calls));
	assert_int_equal(attempt_complete(env, &attempt), STATUS_CONFLICT);
	assert_string_equal(calls, ""); /* not even flushed */
	attempt_end(&attempt);
	task_done(&again);
	assert_int_equal(count_files(env), 0);
}

static void
test_a_lost_file_is_an_io_error_and_so_is_a_short_one(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	struct attempt attempt;
	char path[300], id[UUID_TEXT_SIZE];

	store_env_id(1, id);
	attempt_begin(env, &attempt, 1);
	assert_int_equal(attempt_complete(env, &attempt), STATUS_OK);
	(void)snprintf(
	    path, sizeof(path), "%s/results/%s-%d", env->dir, id, (int)attempt.task.lease);
	assert_int_equal(truncate(path, STORE_ENV_INLINE_MAX), 0);
	assert_int_equal(store_read_result(env->store, id, &result, &env->error), STATUS_IO);
	assert_non_null(strstr(env->error.text, "size"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_read_result(env->store, id, &result, &env->error), STATUS_IO);
	assert_non_null(strstr(env->error.text, id));
	assert_int_equal(atomic_load(&env->deaths), 0);
	attempt_end(&attempt);
}

/* Between the row and its file. */
static void
test_a_result_that_is_deleted_while_it_is_read_is_not_there(void **state)
{
	struct store_env *env = *state;
	struct task_result result;
	struct attempt attempt;
	char id[UUID_TEXT_SIZE];

	store_env_id(1, id);
	attempt_begin(env, &attempt, 1);
	assert_int_equal(attempt_complete(env, &attempt), STATUS_OK);
	attempt_end(&attempt);
	purged_before_open = env;
	assert_int_equal(store_read_result(env->store, id, &result, &env->error), STATUS_NOT_FOUND);
	assert_non_null(strstr(env->error.text, id));
	assert_null(purged_before_open);
	assert_int_equal(atomic_load(&env->deaths), 0);
}

static void
test_the_sweep_takes_orphans_and_leaves_everything_else(void **state)
{
	struct store_env *env = *state;
	struct attempt kept, running;
	struct task small;

	attempt_begin(env, &kept, 1); /* lease 1 */
	assert_int_equal(attempt_complete(env, &kept), STATUS_OK);
	attempt_end(&kept);
	store_env_submit(env, 2);
	store_env_claim_one(env, false, &small);
	assert_int_equal(store_env_succeed(env, &small, "1", 1), STATUS_OK);
	task_done(&small);
	attempt_begin(env, &running, 3);
	attempt_end(&running);
	store_env_close(env);

	make_file(env, "tmp-1-0"); /* of an earlier run */
	make_file(env, "tmp-1-999");
	make_file(env, "00000001-0000-7000-8000-000000000000-7"); /* another lease */
	make_file(env, "00000002-0000-7000-8000-000000000000-1"); /* its result is a row */
	make_file(env, "00000003-0000-7000-8000-000000000000-1"); /* died before its commit */
	make_file(env, "00000009-0000-7000-8000-000000000000-1"); /* no such task */
	make_file(env, "00000001-0000-7000-8000-000000000000-x");
	make_file(env, "00000001-0000-7000-8000-000000000000");
	make_file(env, "notes.txt");
	store_env_open(env);
	assert_int_equal(env->recovery.orphans, 6);
	assert_true(has_file(env, "00000001-0000-7000-8000-000000000000-1"));
	assert_true(has_file(env, "00000001-0000-7000-8000-000000000000-x"));
	assert_true(has_file(env, "00000001-0000-7000-8000-000000000000"));
	assert_true(has_file(env, "notes.txt"));
	assert_int_equal(count_files(env), 4);
	check_content(env, 1);
}

static void
test_a_sweep_that_does_not_end_at_the_opening_goes_on_in_maintenance(void **state)
{
	struct store_env *env = *state;
	struct attempt attempt;
	const int files = 6000;

	store_env_close(env);
	for (int i = 0; i < files; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "tmp-1-%d", i);
		make_file(env, name);
	}
	store_env_open(env);
	assert_true(env->recovery.orphans > 1000);
	assert_true(env->recovery.orphans < files);
	attempt_begin(env, &attempt, 1); /* its spill file is of this run */
	for (int i = 0; i < 100 && count_files(env) > 1; i++)
		assert_int_equal(store_maintain(env->store, NULL), STATUS_OK);
	assert_int_equal(count_files(env), 1);
	assert_int_equal(attempt_complete(env, &attempt), STATUS_OK);
	attempt_end(&attempt);
	check_content(env, 1);
}

static void
test_a_spill_file_that_is_being_written_is_not_swept(void **state)
{
	struct store_env *env = *state;
	struct attempt attempt;

	attempt_begin(env, &attempt, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_maintain(env->store, NULL), STATUS_OK);
	assert_int_equal(attempt_complete(env, &attempt), STATUS_OK);
	attempt_end(&attempt);
	check_content(env, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_content_is_flushed_named_and_its_directory_flushed_before_the_commit),
		TEST(test_a_batch_flushes_the_directory_once),
		TEST(test_a_small_content_flushes_nothing_but_the_commit),
		TEST(test_a_content_whose_flush_failed_is_never_taken_for_whole),
		TEST(test_a_directory_whose_flush_failed_stores_nothing),
		TEST(test_a_superseded_content_leaves_no_file),
		TEST(test_a_lost_file_is_an_io_error_and_so_is_a_short_one),
		TEST(test_a_result_that_is_deleted_while_it_is_read_is_not_there),
		TEST(test_the_sweep_takes_orphans_and_leaves_everything_else),
		TEST(test_a_sweep_that_does_not_end_at_the_opening_goes_on_in_maintenance),
		TEST(test_a_spill_file_that_is_being_written_is_not_swept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
