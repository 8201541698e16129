/* SPDX-License-Identifier: MIT */
/*
 * The tests' store environment. Copies, removals and looks into the database files are made by
 * other processes, because a process that has a database open must not open its files by itself.
 */
#include "store_env.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "shim_vfs.h"

extern char **environ;

static void
on_fatal(void *context, const char *why)
{
	struct store_env *env = context;

	(void)why;
	atomic_fetch_add(&env->deaths, 1);
}

struct store_env *
store_env_new(enum store_env_kind kind)
{
	struct store_env *env = calloc(1, sizeof(*env));

	assert_non_null(env);
	env->kind = kind;
	env->now_ms = STORE_ENV_START_MS;
	/* In memory where that is possible: the flushes of a real disk are most of the time. */
	(void)snprintf(env->root, sizeof(env->root), "%s/taskq-store-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(env->root));
	(void)snprintf(env->dir, sizeof(env->dir), "%s/0", env->root);
	assert_int_equal(mkdir(env->dir, 0700), 0);
	if (kind == STORE_ENV_FAKE)
		env->fake = fake_store_new();
	env->conf = (struct store_conf){
		.data_dir = env->dir,
		.inline_max_bytes = STORE_ENV_INLINE_MAX,
		.wal_max_bytes = 64 * 1024 * 1024,
		.readers = 2,
		.fatal = on_fatal,
		.context = env,
	};
	store_env_open(env);
	return env;
}

static int
remove_one(const char *path, const struct stat *info, int type, struct FTW *position)
{
	(void)info;
	(void)type;
	(void)position;
	return remove(path);
}

void
store_env_free(struct store_env *env)
{
	store_env_close(env);
	fake_store_free(env->fake);
	assert_int_equal(nftw(env->root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(env);
}

enum status
store_env_try_open(struct store_env *env)
{
	assert_null(env->store);
	env->error.text[0] = '\0';
	if (env->kind == STORE_ENV_FAKE)
		return fake_store_open(
		    env->fake, &env->conf, env->now_ms, &env->store, &env->recovery, &env->error);
	return store_open(&env->conf, env->now_ms, &env->store, &env->recovery, &env->error);
}

void
store_env_open(struct store_env *env)
{
	enum status status = store_env_try_open(env);

	if (status != STATUS_OK)
		fail_msg("store_open: %s: %s", status_name(status), env->error.text);
}

void
store_env_close(struct store_env *env)
{
	store_close(env->store);
	env->store = NULL;
}

void
store_env_crash(struct store_env *env)
{
	struct store *before = env->store;
	char to[sizeof(env->dir)];
	const char *const argv[] = { "cp", "-a", env->dir, to, NULL };

	(void)snprintf(to, sizeof(to), "%s/%d", env->root, ++env->generation);
	assert_int_equal(store_env_run(argv), 0);
	if (env->kind == STORE_ENV_FAKE)
		store_close(before);
	memcpy(env->dir, to, sizeof(env->dir));
	env->store = NULL;
	store_env_open(env);
	if (env->kind == STORE_ENV_SQLITE)
		store_close(before);
}

void
store_env_id(unsigned n, char ret_id[UUID_TEXT_SIZE])
{
	(void)snprintf(ret_id, UUID_TEXT_SIZE, "%08x-0000-7000-8000-000000000000", n);
}

#define ARGS_SIZE 32

/* Task n; its arguments are written to `args`, of ARGS_SIZE bytes. */
static struct task_new
new_task(const struct store_env *env, unsigned n, const char *type, enum lane lane, char *args)
{
	struct task_new task = {
		.type = type,
		.lane = lane,
		.args = args,
		.terms = { .max_attempts = 3, .priority = TASK_PRIORITY_DEFAULT },
		.created_at_ms = env->now_ms,
	};

	store_env_id(n, task.id);
	task.args_size = (size_t)snprintf(args, ARGS_SIZE, "{\"n\":\"%u\"}", n);
	return task;
}

enum status
store_env_submit_as(
    struct store_env *env, unsigned n, const char *type, enum lane lane, int max_attempts)
{
	char args[ARGS_SIZE];
	struct task_new task = new_task(env, n, type, lane, args);

	task.terms.max_attempts = max_attempts;
	return store_submit(env->store, &task, 1, NULL, NULL, NULL);
}

enum status
store_env_submit_batch(struct store_env *env, const unsigned *numbers, size_t count)
{
	struct task_new *tasks = calloc(count, sizeof(*tasks));
	char(*args)[ARGS_SIZE] = calloc(count, sizeof(*args));
	enum status status;

	if (tasks == NULL || args == NULL)
		abort();
	for (size_t i = 0; i < count; i++) {
		bool is_fetch = numbers[i] % 3 == 0;

		tasks[i] = new_task(env, numbers[i], is_fetch ? "http-fetch" : "factorial",
		    is_fetch ? LANE_IO : LANE_CPU, args[i]);
	}
	status = store_submit(env->store, tasks, count, NULL, NULL, NULL);
	free(args);
	free(tasks);
	return status;
}

void
store_env_submit(struct store_env *env, unsigned n)
{
	assert_int_equal(store_env_submit_as(env, n, "factorial", LANE_CPU, 3), STATUS_OK);
}

enum status
store_env_submit_ended(struct store_env *env, unsigned n, const void *content, size_t size)
{
	char args[ARGS_SIZE];
	struct task_new task = new_task(env, n, "factorial", LANE_CPU, args);
	const struct task_ended ended = {
		.finished_at_ms = env->now_ms + 7,
		.media_type = "text/plain",
		.content = content,
		.content_size = size,
		.is_utf8 = true,
	};

	task.ended = &ended;
	return store_submit(env->store, &task, 1, NULL, NULL, NULL);
}

size_t
store_env_claim(struct store_env *env, size_t max, struct task *ret_tasks)
{
	size_t count = 0;

	assert_int_equal(store_claim(env->store, LANE_CPU, false, max, env->now_ms, ret_tasks,
			     &count, &env->error),
	    STATUS_OK);
	return count;
}

void
store_env_claim_one(struct store_env *env, bool isolated, struct task *ret_task)
{
	size_t count = 0;

	assert_int_equal(store_claim(env->store, LANE_CPU, isolated, 1, env->now_ms, ret_task,
			     &count, &env->error),
	    STATUS_OK);
	assert_int_equal(count, 1);
}

static enum status
complete(struct store_env *env, const struct task *task, const struct outcome *outcome,
    const void *content, size_t size)
{
	struct output output;
	struct completion completion = {
		.task = task,
		.outcome = outcome,
		.output = &output,
		.finished_at_ms = env->now_ms,
	};

	output_init(&output, store_output_conf(env->store));
	assert_int_equal(output_write(&output, content, size, NULL), STATUS_OK);
	assert_int_equal(store_complete(env->store, &completion, 1, &env->error), STATUS_OK);
	output_done(&output);
	return completion.ret_status;
}

enum status
store_env_succeed(struct store_env *env, const struct task *task, const void *content, size_t size)
{
	struct outcome outcome;
	enum status status;

	outcome_init(&outcome);
	outcome_succeed(&outcome, "text/plain");
	status = complete(env, task, &outcome, content, size);
	outcome_done(&outcome);
	return status;
}

enum status
store_env_fail(struct store_env *env, const struct task *task, enum failure failure)
{
	struct outcome outcome;
	enum status status;

	outcome_init(&outcome);
	outcome_fail(&outcome, failure, "Told to fail");
	status = complete(env, task, &outcome, "", 0);
	outcome_done(&outcome);
	return status;
}

size_t
store_env_release(struct store_env *env, const struct task *task)
{
	size_t queued = 99;

	assert_int_equal(
	    store_release(env->store, task, 1, env->now_ms, &queued, &env->error), STATUS_OK);
	return queued;
}

enum task_state
store_env_state(struct store_env *env, unsigned n)
{
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(store_read_status(env->store, id, &status, &env->error), STATUS_OK);
	return status.state;
}

int
store_env_run(const char *const *argv)
{
	char *copy[8] = { NULL };
	int state;
	pid_t pid;

	for (size_t i = 0; argv[i] != NULL; i++) {
		assert_true(i + 1 < sizeof(copy) / sizeof(copy[0]));
		copy[i] = strdup(argv[i]);
	}
	assert_int_equal(posix_spawnp(&pid, copy[0], NULL, NULL, copy, environ), 0);
	for (size_t i = 0; copy[i] != NULL; i++)
		free(copy[i]);
	assert_int_equal(waitpid(pid, &state, 0), pid);
	return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

char *
store_env_read_data(const char *name)
{
	char path[256];
	char *text;
	long size;
	FILE *stream;

	/* The tests run in the root of the source tree. */
	(void)snprintf(path, sizeof(path), "tests/data/%s", name);
	stream = fopen(path, "r");
	if (stream == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(fseek(stream, 0, SEEK_END), 0);
	size = ftell(stream);
	assert_true(size >= 0);
	rewind(stream);
	text = malloc((size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)size, stream), size);
	text[size] = '\0';
	(void)fclose(stream);
	return text;
}

/* Appends a row as values between '|', as the sqlite3 program prints it. */
static int
print_row(void *context, int columns, char **values, char **names)
{
	FILE *stream = context;

	(void)names;
	for (int i = 0; i < columns; i++)
		(void)fprintf(
		    stream, "%s%s", i == 0 ? "" : "|", values[i] == NULL ? "" : values[i]);
	(void)fputc('\n', stream);
	return 0;
}

char *
store_env_sql(struct store_env *env, const char *sql)
{
	char path[256];
	char *text = NULL;
	size_t size = 0;
	sqlite3 *db = NULL;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	(void)snprintf(path, sizeof(path), "%s/taskq.db", env->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_exec(db, sql, print_row, stream, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	(void)fclose(stream);
	return text;
}

void
store_env_check_counters(struct store_env *env)
{
	char *drift = store_env_sql(env,
	    "SELECT type, lane, status, count(*) AS count, sum(ifnull(kept_bytes, 0))"
	    " FROM (SELECT type, CASE t.lane WHEN 0 THEN 'cpu' ELSE 'io' END AS lane,"
	    " CASE WHEN t.held_until IS NULL THEN t.status WHEN t.held_until = 0 THEN 'DEFERRED'"
	    " ELSE 'SCHEDULED' END AS status,"
	    " h.kept_bytes FROM task AS t JOIN task_history AS h USING (id, type))"
	    " GROUP BY type, lane, status"
	    " EXCEPT SELECT * FROM queue_stats;"
	    "SELECT * FROM queue_stats WHERE (count = 0) <> ((type, lane, status) NOT IN"
	    " (SELECT type, CASE lane WHEN 0 THEN 'cpu' ELSE 'io' END,"
	    " CASE WHEN held_until IS NULL THEN status WHEN held_until = 0 THEN 'DEFERRED'"
	    " ELSE 'SCHEDULED' END FROM task))"
	    " OR (count = 0 AND kept_bytes <> 0);"
	    "SELECT id, status, failure_code FROM task"
	    " WHERE (failure_code IS NULL) = (status = 'FAILED' OR status = 'REJECTED')"
	    /* Version 1, whose program never rejected a task, has such a one in the tests' data. */
	    " AND (failure_code IS NOT NULL OR failure_message IS NOT NULL OR status = 'FAILED')");

	if (drift[0] != '\0')
		fail_msg("counters that are not those of the tasks, or codes that are not those of "
			 "their states:\n%s",
		    drift);
	free(drift);
}

static int
choose_fake(void **state)
{
	static enum store_env_kind kind = STORE_ENV_FAKE;

	*state = &kind;
	return 0;
}

static int
choose_sqlite(void **state)
{
	static enum store_env_kind kind = STORE_ENV_SQLITE;

	*state = &kind;
	return 0;
}

int
store_env_setup(void **state)
{
	const enum store_env_kind *kind = *state;

	*state = store_env_new(*kind);
	return 0;
}

int
store_env_teardown(void **state)
{
	struct store_env *env = *state;

	if (env->kind == STORE_ENV_SQLITE && env->store != NULL && atomic_load(&env->deaths) == 0)
		store_env_check_counters(env);
	store_env_free(env);
	return 0;
}

int
store_env_setup_on_shim(void **state)
{
	shim_vfs_install();
	return store_env_setup(state);
}

int
store_env_teardown_on_shim(void **state)
{
	int failed = store_env_teardown(state);

	shim_vfs_remove();
	return failed;
}

int
store_env_main(const struct CMUnitTest *tests, size_t count)
{
	int failed = _cmocka_run_group_tests("fake", tests, count, choose_fake, NULL);

	return failed + store_env_main_sqlite(tests, count);
}

int
store_env_main_sqlite(const struct CMUnitTest *tests, size_t count)
{
	return _cmocka_run_group_tests("sqlite", tests, count, choose_sqlite, NULL);
}
