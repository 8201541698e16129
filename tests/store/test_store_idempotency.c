/* SPDX-License-Identifier: MIT */
/*
 * Submissions with a key, on every back end: one that comes again makes no second task, whatever
 * happens between, and another one under the same key is told apart from it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/compiler.h"
#include "base/sync.h"
#include "shim_vfs.h"
#include "store_env.h"

#define KEEP_MS INT64_C(3600000)
#define MANY    1000

/* A key and what is submitted under it, which a letter stands for. */
static struct idempotency
key_of(const char *key, char what)
{
	struct idempotency idempotency = { .keep_ms = KEEP_MS };

	(void)snprintf(idempotency.key, sizeof(idempotency.key), "%s", key);
	memset(idempotency.fingerprint, what, sizeof(idempotency.fingerprint));
	return idempotency;
}

/* Submits tasks first, first + 1, ... under a key; any thread. */
static enum status
submit(struct store_env *env, struct idempotency *key, unsigned first, size_t count,
    struct task_start *start)
{
	struct task_new *tasks = calloc(count, sizeof(*tasks));
	enum status status;

	if (tasks == NULL)
		abort();
	for (size_t i = 0; i < count; i++) {
		tasks[i] = (struct task_new){
			.type = "factorial",
			.args = "{}",
			.args_size = 2,
			.terms.max_attempts = 3,
			.created_at_ms = env->now_ms,
		};
		store_env_id(first + (unsigned)i, tasks[i].id);
	}
	status = store_submit(env->store, tasks, count, start, key, NULL);
	free(tasks);
	return status;
}

/* What a submission comes to that does not fail. */
static enum idempotency_verdict
verdict_of(struct store_env *env, const char *name, char what, unsigned first, size_t count)
{
	struct idempotency key = key_of(name, what);
	enum idempotency_verdict verdict;

	assert_int_equal(submit(env, &key, first, count, NULL), STATUS_OK);
	verdict = key.ret_verdict;
	idempotency_reset(&key);
	return verdict;
}

static bool
is_there(struct store_env *env, unsigned n)
{
	struct task_status status;
	char id[UUID_TEXT_SIZE];
	enum status found;

	store_env_id(n, id);
	found = store_read_status(env->store, id, &status, &env->error);
	assert_true(found == STATUS_OK || found == STATUS_NOT_FOUND);
	return found == STATUS_OK;
}

/* Exactly so many tasks are QUEUED, and no others are there. */
static void
assert_tasks(struct store_env *env, int64_t queued)
{
	struct store_counts counts, expected = { 0 };

	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	expected.by_state[TASK_QUEUED] = queued;
	expected.queued_by_lane[LANE_CPU] = queued;
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

static void
assert_ids(const struct idempotency *key, unsigned first, size_t count)
{
	assert_int_equal(key->ret_verdict, IDEMPOTENCY_REPLAYED);
	assert_int_equal(key->ret_count, count);
	for (size_t i = 0; i < count; i++) {
		char id[UUID_TEXT_SIZE];

		store_env_id(first + (unsigned)i, id);
		assert_string_equal(key->ret_ids[i], id);
	}
}

/* A read and a submission both find these tasks under the key. */
static void
assert_replayed(struct store_env *env, const char *name, char what, unsigned first, size_t count)
{
	struct idempotency key = key_of(name, what);

	assert_int_equal(
	    store_read_idempotency(env->store, &key, env->now_ms, &env->error), STATUS_OK);
	assert_ids(&key, first, count);
	/* What was found before is of no account. */
	assert_int_equal(submit(env, &key, 5000, count, NULL), STATUS_OK);
	assert_ids(&key, first, count);
	assert_false(is_there(env, 5000));
	idempotency_reset(&key);
}

static void
assert_read(struct store_env *env, const char *name, char what, enum idempotency_verdict expected)
{
	struct idempotency key = key_of(name, what);

	assert_int_equal(store_read_idempotency(env->store, &key, env->now_ms, NULL), STATUS_OK);
	assert_int_equal(key.ret_verdict, expected);
	if (expected != IDEMPOTENCY_REPLAYED) {
		assert_null(key.ret_ids);
		assert_int_equal(key.ret_count, 0);
	}
	idempotency_reset(&key);
}

static void
test_the_first_is_stored_and_the_same_again_is_not(void **state)
{
	struct store_env *env = *state;

	assert_read(env, "a", 'x', IDEMPOTENCY_FRESH);
	assert_int_equal(verdict_of(env, "a", 'x', 1, 1), IDEMPOTENCY_FRESH);
	for (int i = 0; i < 3; i++) {
		assert_replayed(env, "a", 'x', 1, 1);
		env->now_ms++;
	}
	assert_tasks(env, 1);
	/* What has become of the task makes no difference. */
	struct task task;
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "1", 1), STATUS_OK);
	task_done(&task);
	assert_replayed(env, "a", 'x', 1, 1);
}

static void
test_something_else_under_the_key_is_a_mismatch_and_not_stored(void **state)
{
	struct store_env *env = *state;
	struct idempotency near = key_of("a", 'x');

	assert_int_equal(verdict_of(env, "a", 'x', 1, 1), IDEMPOTENCY_FRESH);
	assert_int_equal(verdict_of(env, "a", 'y', 2, 1), IDEMPOTENCY_MISMATCH);
	assert_int_equal(verdict_of(env, "a", 'y', 2, 3), IDEMPOTENCY_MISMATCH);
	assert_read(env, "a", 'y', IDEMPOTENCY_MISMATCH);
	near.fingerprint[IDEMPOTENCY_FINGERPRINT_BYTES - 1] ^= 1;
	assert_int_equal(submit(env, &near, 2, 1, NULL), STATUS_OK);
	assert_int_equal(near.ret_verdict, IDEMPOTENCY_MISMATCH);
	assert_false(is_there(env, 2));
	assert_tasks(env, 1);
	assert_replayed(env, "a", 'x', 1, 1);
}

static void
test_keys_are_told_apart_to_their_last_byte(void **state)
{
	struct store_env *env = *state;
	char longest[IDEMPOTENCY_KEY_MAX + 1], other[IDEMPOTENCY_KEY_MAX + 1];

	memset(longest, 'k', sizeof(longest));
	longest[IDEMPOTENCY_KEY_MAX] = '\0';
	memcpy(other, longest, sizeof(other));
	other[IDEMPOTENCY_KEY_MAX - 1] = 'l';
	const char *const keys[] = { "a", "A", "b", " ", "\"", "' OR 1", longest, other };

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(verdict_of(env, keys[i], 'x', i, 1), IDEMPOTENCY_FRESH);
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		assert_replayed(env, keys[i], 'x', i, 1);
	assert_tasks(env, ARRAY_SIZE(keys));
}

static void
test_a_key_holds_to_the_last_millisecond_and_is_free_after_it(void **state)
{
	struct store_env *env = *state;

	assert_int_equal(verdict_of(env, "a", 'x', 1, 1), IDEMPOTENCY_FRESH);
	env->now_ms += KEEP_MS - 1;
	assert_replayed(env, "a", 'x', 1, 1);
	assert_int_equal(verdict_of(env, "a", 'y', 2, 1), IDEMPOTENCY_MISMATCH);
	env->now_ms++;
	assert_read(env, "a", 'x', IDEMPOTENCY_FRESH);
	assert_read(env, "a", 'y', IDEMPOTENCY_FRESH);
	assert_int_equal(verdict_of(env, "a", 'y', 2, 1), IDEMPOTENCY_FRESH);
	/* It is the new one's from now on, for its whole time. */
	env->now_ms += KEEP_MS - 1;
	assert_replayed(env, "a", 'y', 2, 1);
	assert_int_equal(verdict_of(env, "a", 'x', 3, 1), IDEMPOTENCY_MISMATCH);
	assert_tasks(env, 2);
}

/* The time is the caller's, so that a setting holds for what is there already. */
static void
test_how_long_a_key_holds_is_said_by_who_asks(void **state)
{
	struct store_env *env = *state;
	struct idempotency key = key_of("a", 'x');

	assert_int_equal(verdict_of(env, "a", 'x', 1, 1), IDEMPOTENCY_FRESH);
	key.keep_ms = 100;
	env->now_ms += 100;
	assert_int_equal(store_read_idempotency(env->store, &key, env->now_ms, NULL), STATUS_OK);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
	assert_replayed(env, "a", 'x', 1, 1);
}

static void
test_a_batch_comes_back_with_all_its_ids_in_order(void **state)
{
	struct store_env *env = *state;

	assert_int_equal(verdict_of(env, "two", 'x', 1, 2), IDEMPOTENCY_FRESH);
	assert_int_equal(verdict_of(env, "many", 'x', 10, MANY), IDEMPOTENCY_FRESH);
	assert_replayed(env, "two", 'x', 1, 2);
	assert_replayed(env, "many", 'x', 10, MANY);
	assert_int_equal(verdict_of(env, "many", 'y', 3000, MANY), IDEMPOTENCY_MISMATCH);
	assert_tasks(env, 2 + MANY);
}

/* Otherwise whoever tries again would have it done a second time. */
static void
test_it_outlives_its_tasks(void **state)
{
	static const struct store_retention nothing = { .tasks_max = 1 };
	static struct store_purged purged;
	struct store_env *env = *state;
	struct idempotency key = key_of("k", 'a');

	assert_int_equal(submit(env, &key, 1, 3, NULL), STATUS_OK);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
	for (unsigned n = 1; n <= 2; n++) {
		struct store_cancelled cancelled;
		char id[UUID_TEXT_SIZE];

		store_env_id(n, id);
		assert_int_equal(
		    store_cancel(env->store, id, env->now_ms, &cancelled, NULL), STATUS_OK);
	}
	assert_int_equal(store_purge(env->store, &nothing, env->now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 2);
	for (int i = 0; i < 2; i++) {
		assert_false(is_there(env, 1) || is_there(env, 2));
		env->now_ms += KEEP_MS / 2 - 1;
		/* All of its ids, of those that are gone as well. */
		assert_int_equal(submit(env, &key, 11, 3, NULL), STATUS_OK);
		assert_ids(&key, 1, 3);
		assert_int_equal(
		    store_read_idempotency(env->store, &key, env->now_ms, NULL), STATUS_OK);
		assert_ids(&key, 1, 3);
		assert_int_equal(verdict_of(env, "k", 'b', 11, 3), IDEMPOTENCY_MISMATCH);
		assert_tasks(env, 1);
		store_env_crash(env);
	}
	idempotency_reset(&key);
}

static void
test_it_outlives_a_crash(void **state)
{
	struct store_env *env = *state;

	assert_int_equal(verdict_of(env, "a", 'x', 1, 1), IDEMPOTENCY_FRESH);
	assert_int_equal(verdict_of(env, "b", 'x', 2, 3), IDEMPOTENCY_FRESH);
	for (int i = 0; i < 2; i++) {
		store_env_crash(env);
		assert_replayed(env, "a", 'x', 1, 1);
		assert_replayed(env, "b", 'x', 2, 3);
		assert_int_equal(verdict_of(env, "a", 'y', 9, 1), IDEMPOTENCY_MISMATCH);
	}
	store_env_close(env);
	store_env_open(env);
	assert_replayed(env, "a", 'x', 1, 1);
	assert_tasks(env, 4);
}

static atomic_int handed;

static void
on_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	(void)context;
	(void)lane;
	(void)starts;
	atomic_fetch_add(&handed, (int)count);
}

static void
test_a_start_is_handed_over_with_the_first_alone(void **state)
{
	struct store_env *env = *state;
	struct idempotency key = key_of("a", 'x'), other = key_of("a", 'y');
	struct task_start start = { 0 }, second = { .seq = -1 };

	atomic_store(&handed, 0);
	store_on_start(env->store, on_started, NULL);
	assert_int_equal(submit(env, &key, 1, 1, &start), STATUS_OK);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
	assert_int_equal(atomic_load(&handed), 1);
	assert_true(start.seq > 0);
	assert_int_equal(store_env_state(env, 1), TASK_RUNNING);

	assert_int_equal(submit(env, &key, 2, 1, &second), STATUS_OK);
	assert_ids(&key, 1, 1);
	assert_int_equal(submit(env, &other, 3, 1, &second), STATUS_OK);
	assert_int_equal(other.ret_verdict, IDEMPOTENCY_MISMATCH);
	assert_int_equal(atomic_load(&handed), 1);
	assert_int_equal(second.seq, -1);
	assert_false(is_there(env, 2));
	assert_false(is_there(env, 3));
	idempotency_reset(&key);
}

static void
test_what_fails_leaves_nothing_under_its_key(void **state)
{
	struct store_env *env = *state;
	struct idempotency key = key_of("a", 'x');

	store_env_submit(env, 7);
	/* The id is taken: of the one task, of the first of several, of one in the middle. */
	assert_int_equal(submit(env, &key, 7, 1, NULL), STATUS_CONFLICT);
	assert_int_equal(submit(env, &key, 7, 3, NULL), STATUS_CONFLICT);
	assert_int_equal(submit(env, &key, 5, 4, NULL), STATUS_CONFLICT);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
	assert_read(env, "a", 'x', IDEMPOTENCY_FRESH);
	assert_tasks(env, 1);
	for (int i = 0; i < 4; i++) {
		if (env->kind == STORE_ENV_FAKE)
			fake_store_fail(env->fake, FAKE_SUBMIT, STATUS_FULL, 1);
		else
			shim_vfs_fail(SHIM_WRITE, i, 1, SQLITE_FULL);
		assert_int_equal(submit(env, &key, 10, 20, NULL), STATUS_FULL);
		assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
	}
	assert_read(env, "a", 'y', IDEMPOTENCY_FRESH);
	assert_int_equal(verdict_of(env, "a", 'y', 1, 1), IDEMPOTENCY_FRESH);
	assert_replayed(env, "a", 'y', 1, 1);
	assert_tasks(env, 2);
}

static void
test_what_was_found_is_not_told_of_a_call_that_fails(void **state)
{
	struct store_env *env = *state;
	struct idempotency key = key_of("a", 'x');

	if (env->kind != STORE_ENV_FAKE)
		return;
	assert_int_equal(verdict_of(env, "a", 'x', 1, 1), IDEMPOTENCY_FRESH);
	assert_int_equal(submit(env, &key, 2, 1, NULL), STATUS_OK);
	assert_ids(&key, 1, 1);
	fake_store_fail(env->fake, FAKE_READ_IDEMPOTENCY, STATUS_BUSY, 1);
	assert_int_equal(store_read_idempotency(env->store, &key, 1, NULL), STATUS_BUSY);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
	assert_null(key.ret_ids);
}

#define THREADS 8
#define KEYS    40

struct submitter {
	struct store_env *env;
	pthread_t thread;
	unsigned n;
	unsigned fresh;
	unsigned mismatched;
	const char *failed;
	char ids[KEYS][UUID_TEXT_SIZE]; /* what stands under each key, as this one was told */
};

/* Everybody goes through all keys. Tasks 10 * KEYS * n + 10 * k are under key k. Every fourth key
   is that of a batch with a task in its middle that is there before, so it breaks whatever shares
   its transaction. Odd submitters submit something else under every third key. */
static void *
submitter_main(void *arg)
{
	struct submitter *submitter = arg;

	for (unsigned k = 0; k < KEYS; k++) {
		unsigned first = 10 + 10 * (KEYS * submitter->n + k);
		bool is_odd = submitter->n % 2 == 1 && k % 3 == 0;
		struct idempotency key;
		enum status status;
		char name[16];

		(void)snprintf(name, sizeof(name), "key %u", k);
		key = key_of(name, is_odd ? 'y' : 'x');
		if (k % 4 == 1) {
			struct task_new tasks[3] = { 0 };

			for (unsigned i = 0; i < 3; i++) {
				tasks[i] = (struct task_new){ .type = "factorial",
					.args = "{}",
					.args_size = 2,
					.terms.max_attempts = 3,
					.created_at_ms = submitter->env->now_ms };
				store_env_id(i == 1 ? 1 : first + i, tasks[i].id);
			}
			status = store_submit(submitter->env->store, tasks, 3, NULL, &key, NULL);
			if (status != STATUS_CONFLICT)
				submitter->failed = "a batch with a task that exists";
			continue;
		}
		status = submit(submitter->env, &key, first, 1 + k % 2, NULL);
		if (status != STATUS_OK)
			submitter->failed = status_name(status);
		else if (key.ret_verdict == IDEMPOTENCY_FRESH)
			store_env_id(first, submitter->ids[k]);
		else if (key.ret_verdict == IDEMPOTENCY_REPLAYED)
			memcpy(submitter->ids[k], key.ret_ids[0], UUID_TEXT_SIZE);
		submitter->fresh += key.ret_verdict == IDEMPOTENCY_FRESH;
		submitter->mismatched += key.ret_verdict == IDEMPOTENCY_MISMATCH;
		idempotency_reset(&key);
	}
	return NULL;
}

static void
test_of_many_at_once_one_is_stored_and_all_are_told_of_it(void **state)
{
	static struct submitter submitters[THREADS];
	struct store_env *env = *state;
	unsigned fresh = 0, good = 0;
	int64_t tasks = 1;

	store_env_submit(env, 1);
	for (unsigned i = 0; i < THREADS; i++) {
		submitters[i] = (struct submitter){ .env = env, .n = i };
		assert_int_equal(thread_start(&submitters[i].thread, "submitter", 0, submitter_main,
				     &submitters[i], NULL),
		    STATUS_OK);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		thread_join(submitters[i].thread);
		if (submitters[i].failed != NULL)
			fail_msg("%s", submitters[i].failed);
		fresh += submitters[i].fresh;
	}
	for (unsigned k = 0; k < KEYS; k++) {
		const char *told[2] = { "", "" };

		if (k % 4 == 1)
			continue;
		good++;
		tasks += 1 + k % 2;
		for (unsigned i = 0; i < THREADS; i++) {
			const char *id = submitters[i].ids[k];
			unsigned side = k % 3 == 0 ? i % 2 : 0;

			if (told[side][0] == '\0')
				told[side] = id;
			assert_string_equal(told[side], id);
		}
		/* Where two things were submitted under a key, one of them has it. */
		assert_true(told[0][0] == '\0' || told[1][0] == '\0');
		assert_true(told[0][0] != '\0' || told[1][0] != '\0');
	}
	assert_int_equal(fresh, good);
	assert_tasks(env, tasks);
	assert_int_equal(atomic_load(&env->deaths), 0);
}

/* The real back end's table ------------------------------------------------------------------- */

static void
assert_sql(struct store_env *env, const char *sql, const char *expected)
{
	char *found;

	if (env->kind != STORE_ENV_SQLITE)
		return;
	found = store_env_sql(env, sql);
	assert_string_equal(found, expected);
	free(found);
}

#define COUNT "SELECT count(*) FROM idempotency"

static void
test_what_is_too_old_goes_a_few_rows_with_each_that_comes(void **state)
{
	struct store_env *env = *state;
	char name[16];

	for (unsigned i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "old %u", i);
		assert_int_equal(verdict_of(env, name, 'x', i, 1), IDEMPOTENCY_FRESH);
		env->now_ms++;
	}
	assert_sql(env, COUNT, "12\n");
	/* The last of the old ones is one millisecond too young. */
	env->now_ms += KEEP_MS - 2;
	assert_int_equal(verdict_of(env, "new 0", 'x', 20, 1), IDEMPOTENCY_FRESH);
	assert_sql(env, COUNT, "9\n");
	assert_sql(env, COUNT " WHERE key = 'old 3'", "0\n");
	assert_sql(env, COUNT " WHERE key = 'old 4'", "1\n");
	/* What comes again adds no row and takes none away. */
	assert_int_equal(verdict_of(env, "new 0", 'x', 21, 1), IDEMPOTENCY_REPLAYED);
	assert_sql(env, COUNT, "9\n");
	assert_int_equal(verdict_of(env, "old 9", 'y', 22, 1), IDEMPOTENCY_FRESH);
	assert_int_equal(verdict_of(env, "new 1", 'x', 23, 1), IDEMPOTENCY_FRESH);
	assert_int_equal(verdict_of(env, "new 2", 'x', 24, 1), IDEMPOTENCY_FRESH);
	assert_sql(env, "SELECT group_concat(key) FROM (SELECT key FROM idempotency ORDER BY key)",
	    "new 0,new 1,new 2,old 11,old 9\n");
	assert_replayed(env, "old 11", 'x', 11, 1);
	assert_sql(env, "PRAGMA integrity_check", "ok\n");
}

/* Runs SQL on the closed database, as a stranger with a shell would. */
static void
meddle(const struct store_env *env, const char *sql)
{
	sqlite3 *db = NULL;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/taskq.db", env->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_a_row_that_nobody_wrote_so_is_damage(void **state)
{
	static const char *const rows[] = {
		"UPDATE idempotency SET ids = ids || ','",
		"UPDATE idempotency SET ids = ids || ',' || ids || 'x'",
		"UPDATE idempotency SET ids = replace(ids, '7000', 'ZZZZ')",
	};
	struct store_env *env = *state;

	if (env->kind != STORE_ENV_SQLITE)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct idempotency key = key_of("a", 'x');

		assert_int_equal(verdict_of(env, "a", 'x', 1 + (unsigned)i, 1), IDEMPOTENCY_FRESH);
		store_env_close(env);
		meddle(env, rows[i]);
		store_env_open(env);
		if (i == 0)
			assert_int_equal(submit(env, &key, 20, 1, NULL), STATUS_UNKNOWN);
		else
			assert_int_equal(
			    store_read_idempotency(env->store, &key, env->now_ms, NULL),
			    STATUS_UNKNOWN);
		assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
		assert_null(key.ret_ids);
		assert_int_equal(atomic_load(&env->deaths), i + 1);
		store_env_close(env);
		meddle(env, "DELETE FROM idempotency");
		store_env_open(env);
	}
}

static void
test_without_a_key_the_table_stays_empty(void **state)
{
	struct store_env *env = *state;

	store_env_submit(env, 1);
	assert_sql(env, COUNT, "0\n");
	assert_int_equal(verdict_of(env, "a", 'x', 2, 2), IDEMPOTENCY_FRESH);
	assert_sql(env, "SELECT key, ids, created_at FROM idempotency",
	    "a|00000002-0000-7000-8000-000000000000,00000003-0000-7000-8000-000000000000|"
	    "1767225600000\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST_ON_SHIM(test_the_first_is_stored_and_the_same_again_is_not),
		STORE_ENV_TEST_ON_SHIM(
		    test_something_else_under_the_key_is_a_mismatch_and_not_stored),
		STORE_ENV_TEST_ON_SHIM(test_keys_are_told_apart_to_their_last_byte),
		STORE_ENV_TEST_ON_SHIM(
		    test_a_key_holds_to_the_last_millisecond_and_is_free_after_it),
		STORE_ENV_TEST_ON_SHIM(test_how_long_a_key_holds_is_said_by_who_asks),
		STORE_ENV_TEST_ON_SHIM(test_a_batch_comes_back_with_all_its_ids_in_order),
		STORE_ENV_TEST_ON_SHIM(test_it_outlives_its_tasks),
		STORE_ENV_TEST_ON_SHIM(test_it_outlives_a_crash),
		STORE_ENV_TEST_ON_SHIM(test_a_start_is_handed_over_with_the_first_alone),
		STORE_ENV_TEST_ON_SHIM(test_what_fails_leaves_nothing_under_its_key),
		STORE_ENV_TEST_ON_SHIM(test_what_was_found_is_not_told_of_a_call_that_fails),
		STORE_ENV_TEST_ON_SHIM(test_of_many_at_once_one_is_stored_and_all_are_told_of_it),
		STORE_ENV_TEST_ON_SHIM(test_what_is_too_old_goes_a_few_rows_with_each_that_comes),
		STORE_ENV_TEST_ON_SHIM(test_a_row_that_nobody_wrote_so_is_damage),
		STORE_ENV_TEST_ON_SHIM(test_without_a_key_the_table_stays_empty),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
