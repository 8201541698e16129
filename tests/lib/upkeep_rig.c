/* SPDX-License-Identifier: MIT */
/* See upkeep_rig.h. */
#include "upkeep_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/buf.h"

static void
claim_and(struct store_env *env, unsigned n, const char *content, size_t size)
{
	struct task task;

	store_env_submit(env, n);
	store_env_claim_one(env, false, &task);
	if (content == NULL)
		assert_int_equal(store_env_fail(env, &task, FAILURE_INTERNAL), STATUS_OK);
	else
		assert_int_equal(store_env_succeed(env, &task, content, size), STATUS_OK);
	task_done(&task);
}

/* Of task 6, which is on its second attempt: a handful of rows that only a retry or a crash makes.
 */
static void
retry_once(struct store_env *env)
{
	struct task task;

	store_env_submit(env, 6);
	store_env_claim_one(env, false, &task);
	task_done(&task);
	store_env_close(env);
	store_env_open(env); /* as after a crash: its first attempt is kept as crashed */
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "6", 1), STATUS_OK);
	task_done(&task);
}

/* Task 7 waits for a host. */
static void
defer_one(struct store_env *env)
{
	const char *host = "slow.example";
	struct error error = { "" };
	struct task task;
	size_t queued = 0;

	store_env_submit(env, 7);
	store_env_claim_one(env, false, &task);
	assert_int_equal(
	    store_defer(env->store, &task, &host, 1, env->now_ms, &queued, &error), STATUS_OK);
	assert_int_equal(queued, 1);
	task_done(&task);
}

void
rig_fill(struct store_env *env)
{
	char *large = calloc(1, 3 * STORE_ENV_INLINE_MAX);
	struct task task;

	assert_non_null(large);
	memset(large, 'L', 3 * STORE_ENV_INLINE_MAX);
	retry_once(env);
	claim_and(env, 3, "3", 1);
	claim_and(env, 4, large, 3 * STORE_ENV_INLINE_MAX);
	claim_and(env, 5, NULL, 0);
	free(large);
	store_env_submit(env, 2);
	store_env_claim_one(env, false, &task);
	task_done(&task);
	defer_one(env);
	store_env_submit(env, 1);
}

void
rig_path(const struct store_env *env, const char *name, char ret_path[RIG_PATH_SIZE])
{
	(void)snprintf(ret_path, RIG_PATH_SIZE, "%s/%s", env->dir, name);
}

void
rig_result_path(const struct store_env *env, char ret_path[RIG_PATH_SIZE])
{
	char id[UUID_TEXT_SIZE];

	store_env_id(4, id);
	(void)snprintf(ret_path, RIG_PATH_SIZE, "%s/results/%s-1", env->dir, id);
}

void
rig_write(const struct store_env *env, const char *name, long offset, const char *data)
{
	char path[RIG_PATH_SIZE];
	int fd;

	rig_path(env, name, path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, strlen(data), offset), strlen(data));
	close(fd);
}

void
rig_meddle(const struct store_env *env, const char *sql)
{
	char path[RIG_PATH_SIZE];
	sqlite3 *db = NULL;

	rig_path(env, "taskq.db", path);
	assert_int_equal(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
	    SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void
rig_become_version_1(const struct store_env *env)
{
	char *sql = store_env_read_data("store/v1.sql");
	char path[RIG_PATH_SIZE];

	rig_path(env, "taskq.db", path);
	assert_int_equal(unlink(path), 0);
	rig_meddle(env, sql);
	free(sql);
	/* Its task 5 has a result of 5,000 bytes in a file. */
	rig_write(env, "results/00000005-0000-7000-8000-000000000000-1", 4999, "x");
}

/* The entries of one directory, a line each. */
static void
list_one(const char *dir, const char *below, bool with_times, struct buf *buf)
{
	struct dirent **entries = NULL;
	char path[RIG_PATH_SIZE];
	int count;

	(void)snprintf(path, sizeof(path), "%s%s", dir, below);
	count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char name[RIG_PATH_SIZE];
		/* Who takes the lock writes his number into it, whatever comes of it. */
		bool has_time = with_times && strcmp(entries[i]->d_name, "taskq.lock") != 0;
		struct stat info;

		(void)snprintf(name, sizeof(name), "%.120s/%.120s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && lstat(name, &info) == 0)
			buf_printf(buf, "%s/%s %o %lld %lld\n", below, entries[i]->d_name,
			    (unsigned)info.st_mode,
			    S_ISDIR(info.st_mode) ? 0 : (long long)info.st_size,
			    has_time && !S_ISDIR(info.st_mode) ? (long long)info.st_mtim.tv_nsec
							       : 0);
		free(entries[i]);
	}
	free(entries);
}

char *
rig_listing(const char *dir, bool with_times)
{
	struct buf buf;
	char *text;

	buf_init(&buf, 65536);
	list_one(dir, "", with_times, &buf);
	list_one(dir, "/results", with_times, &buf);
	text = buf_take(&buf, &(size_t){ 0 });
	assert_non_null(text);
	return text;
}

void
rig_assert_found(const struct store_report *report, const char *check, enum store_verdict verdict,
    const char *text)
{
	const struct store_finding *found = NULL;

	for (size_t i = 0; i < report->count; i++) {
		if (strcmp(report->list[i].check, check) != 0)
			continue;
		assert_null(found);
		found = &report->list[i];
	}
	if (found == NULL)
		fail_msg("nothing is said of %s", check);
	if (found->verdict != verdict || strstr(found->found, text) == NULL)
		fail_msg("%s: %d, %s; expected %d, ..%s..", check, (int)found->verdict,
		    found->found, (int)verdict, text);
	/* Whatever is not right comes with what to do. */
	assert_int_equal(found->verdict == STORE_VERDICT_OK, found->advice[0] == '\0');
	assert_true(report->worst >= verdict);
}

void
rig_assert_ok(const struct store_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->list[i].verdict != STORE_VERDICT_OK)
			fail_msg("%s: %s", report->list[i].check, report->list[i].found);
	}
	assert_int_equal(report->count, 6);
	assert_int_equal(report->worst, STORE_VERDICT_OK);
}
