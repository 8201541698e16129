/* SPDX-License-Identifier: MIT */
/*
 * A disk that fails: the k-th read, write, flush or truncation of an operation, for k = 0, 1, 2, ..
 * until the operation is through without the fault. Nothing acknowledged may be lost, nothing half
 * may be stored, a full disk heals by itself, and a commit of unknown outcome stops the store.
 */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "shim_vfs.h"
#include "store/store_oldest.h"
#include "store_env.h"

#define FAULTS_MAX 200

/* What a store looks like before the operation under test: a task in each state that matters. */
struct scene {
	struct task running; /* task 2, claimed */
};

enum {
	FINAL = 1,   /* succeeded */
	RUNNING = 2, /* claimed */
	QUEUED = 3,
	NEW = 4,    /* not submitted yet */
	PURGED = 5, /* succeeded, and due... */
	PASSED = 6, /* ...but this one, which failed before it, is not yet */
	BATCH_FIRST = 10,
	BATCH_LAST = 49, /* more rows than a page of the database holds */
	ENDED_BYTES = 9000,
	KEPT_MS = 1000,
};

static void
scene_make(struct store_env *env, struct scene *scene)
{
	struct task task;

	store_env_submit(env, PASSED);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_fail(env, &task, FAILURE_TLS), STATUS_OK);
	task_done(&task);
	env->now_ms++;
	assert_int_equal(store_env_submit_ended(env, PURGED, task.id, sizeof(task.id)), STATUS_OK);
	env->now_ms += KEPT_MS;
	store_env_submit(env, FINAL);
	store_env_submit(env, RUNNING);
	store_env_submit(env, QUEUED);
	store_env_claim_one(env, false, &task);
	assert_int_equal(store_env_succeed(env, &task, "done", 4), STATUS_OK);
	task_done(&task);
	store_env_claim_one(env, false, &scene->running);
}

static enum status
do_submit(struct store_env *env, struct scene *scene)
{
	(void)scene;
	return store_env_submit_as(env, NEW, "factorial", LANE_CPU, 3);
}

static enum status
do_submit_batch(struct store_env *env, struct scene *scene)
{
	unsigned numbers[BATCH_LAST - BATCH_FIRST + 1];

	(void)scene;
	for (unsigned n = BATCH_FIRST; n <= BATCH_LAST; n++)
		numbers[n - BATCH_FIRST] = n;
	return store_env_submit_batch(env, numbers, BATCH_LAST - BATCH_FIRST + 1);
}

/* Its content takes pages of its own. */
static enum status
do_submit_ended(struct store_env *env, struct scene *scene)
{
	char content[ENDED_BYTES];

	(void)scene;
	memset(content, 'e', sizeof(content));
	return store_env_submit_ended(env, NEW, content, sizeof(content));
}

static void
on_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	int *handed = context;

	assert(lane == LANE_CPU && starts->next == NULL && count == 1);
	(*handed)++;
}

/* As do_submit for a task that starts: it is handed over exactly when it is stored. */
static enum status
do_start(struct store_env *env, struct scene *scene)
{
	struct task_start start;
	int handed = 0;
	struct task_new task = {
		.type = "factorial",
		.lane = LANE_CPU,
		.args = "{}",
		.args_size = 2,
		.terms.max_attempts = 3,
		.created_at_ms = env->now_ms,
	};
	enum status status;

	(void)scene;
	store_env_id(NEW, task.id);
	store_on_start(env->store, on_started, &handed);
	status = store_submit(env->store, &task, 1, &start, NULL, NULL);
	assert_int_equal(handed, status == STATUS_OK);
	return status;
}

static enum status
do_claim(struct store_env *env, struct scene *scene)
{
	struct task task;
	size_t count = 0;
	enum status status =
	    store_claim(env->store, LANE_CPU, false, 1, env->now_ms, &task, &count, NULL);

	(void)scene;
	if (status == STATUS_OK) {
		assert_int_equal(count, 1);
		task_done(&task);
	}
	return status;
}

static enum status
do_complete(struct store_env *env, struct scene *scene)
{
	struct outcome outcome;
	struct output output;
	struct completion completion = { .task = &scene->running,
		.outcome = &outcome,
		.output = &output,
		.finished_at_ms = env->now_ms };
	char content[STORE_ENV_INLINE_MAX];
	enum status status;

	memset(content, 'c', sizeof(content));
	outcome_init(&outcome);
	outcome_succeed(&outcome, "text/plain");
	output_init(&output, store_output_conf(env->store));
	assert_int_equal(output_write(&output, content, sizeof(content), NULL), STATUS_OK);
	status = store_complete(env->store, &completion, 1, NULL);
	if (status == STATUS_OK)
		assert_int_equal(completion.ret_status, STATUS_OK);
	output_done(&output);
	outcome_done(&outcome);
	return status;
}

static enum status
do_release(struct store_env *env, struct scene *scene)
{
	size_t queued;

	return store_release(env->store, &scene->running, 1, 0, &queued, NULL);
}

static enum status
do_purge(struct store_env *env, struct scene *scene)
{
	const struct store_retention retention = { .succeeded_ms = KEPT_MS - 100,
		.failed_ms = 2 * KEPT_MS };
	static struct store_purged purged;
	enum status status = store_purge(env->store, &retention, env->now_ms, &purged, NULL);

	(void)scene;
	if (status == STATUS_OK)
		assert_int_equal(purged.count, 1);
	return status;
}

static enum status
do_checkpoint(struct store_env *env, struct scene *scene)
{
	enum status status = store_maintain(env->store, NULL);

	(void)scene;
	return status == STATUS_OK ? store_maintain(env->store, NULL) : status;
}

static const struct operation {
	const char *name;
	enum status (*run)(struct store_env *env, struct scene *scene);
	unsigned task;          /* whose state tells whether it was done */
	enum task_state before; /* TASK_REJECTED: not there */
	enum task_state after;
} operations[] = {
	{ "submit", do_submit, NEW, TASK_REJECTED, TASK_QUEUED },
	{ "submit batch", do_submit_batch, BATCH_FIRST, TASK_REJECTED, TASK_QUEUED },
	{ "submit ended", do_submit_ended, NEW, TASK_REJECTED, TASK_SUCCEEDED },
	{ "start", do_start, NEW, TASK_REJECTED, TASK_RUNNING },
	{ "claim", do_claim, QUEUED, TASK_QUEUED, TASK_RUNNING },
	{ "complete", do_complete, RUNNING, TASK_RUNNING, TASK_SUCCEEDED },
	{ "release", do_release, RUNNING, TASK_RUNNING, TASK_QUEUED },
	{ "purge", do_purge, PURGED, TASK_SUCCEEDED, TASK_REJECTED },
	{ "checkpoint", do_checkpoint, FINAL, TASK_SUCCEEDED, TASK_SUCCEEDED },
};

/* The state of a task, or REJECTED, which no task of these tests comes to, if it is not there. */
static enum task_state
state_of(struct store_env *env, unsigned n)
{
	struct task_status status;
	char id[UUID_TEXT_SIZE];
	enum status found;

	store_env_id(n, id);
	found = store_read_status(env->store, id, &status, &env->error);
	if (found == STATUS_NOT_FOUND)
		return TASK_REJECTED;
	if (found != STATUS_OK)
		fail_msg("read: %s: %s", status_name(found), env->error.text);
	return status.state;
}

static void
check_sound(struct store_env *env)
{
	char *check = store_env_sql(env, "PRAGMA integrity_check");

	assert_string_equal(check, "ok\n");
	free(check);
	store_env_check_counters(env);
	/* Each content has its task, and the other way round; the sizes are true. */
	check = store_env_sql(env,
	    "SELECT count(*) FROM task WHERE result_where = 'row' AND seq NOT IN "
	    "(SELECT seq FROM task_result);"
	    "SELECT count(*) FROM task_result r WHERE NOT EXISTS (SELECT 1 FROM task t WHERE "
	    "t.seq = r.seq AND result_where = 'row' AND result_bytes = length(r.content))");
	assert_string_equal(check, "0\n0\n");
	free(check);
	/* All of the batch, or none. */
	for (unsigned n = BATCH_FIRST + 1; n <= BATCH_LAST; n++)
		assert_int_equal(state_of(env, n), state_of(env, BATCH_FIRST));
}

/* After the fault: what was acknowledged is there, and the operation was done or was not. */
static void
check_outcome(struct store_env *env, const struct operation *operation, enum status status)
{
	enum task_state state;

	if (status == STATUS_UNKNOWN) {
		/* Stopped for good, told once, and nobody gets an answer any more. */
		assert_int_equal(atomic_load(&env->deaths), 1);
		assert_int_equal(
		    store_env_submit_as(env, 9, "factorial", LANE_CPU, 3), STATUS_UNKNOWN);
		assert_int_equal(atomic_load(&env->deaths), 1);
		store_env_close(env);
		store_env_open(env);
		assert_int_equal(state_of(env, FINAL), TASK_SUCCEEDED);
		assert_int_equal(state_of(env, RUNNING) == TASK_REJECTED, false);
		assert_int_equal(state_of(env, QUEUED), TASK_QUEUED);
		assert_int_equal(state_of(env, PASSED), TASK_FAILED);
		check_sound(env);
		return;
	}
	assert_int_equal(atomic_load(&env->deaths), 0);
	state = state_of(env, operation->task);
	assert_int_equal(state, status == STATUS_OK ? operation->after : operation->before);
	assert_int_equal(state_of(env, FINAL), TASK_SUCCEEDED);
	assert_int_equal(state_of(env, PASSED), TASK_FAILED);
	check_sound(env);
}

/* Returns whether the fault fired. */
static bool
fail_once(const struct operation *operation, enum shim_op op, int skip, int code)
{
	struct store_env *env = store_env_new(STORE_ENV_SQLITE);
	struct scene scene;
	enum status status;
	bool has_fired;

	scene_make(env, &scene);
	shim_vfs_fail(op, skip, 1, code);
	status = operation->run(env, &scene);
	has_fired = shim_vfs_fired() > 0;
	shim_vfs_fail(0, -1, 0, SQLITE_OK);
	if (code == SQLITE_FULL)
		assert_true(status == STATUS_OK || status == STATUS_FULL);
	else
		assert_true(status == STATUS_OK || status == STATUS_IO || status == STATUS_UNKNOWN);
	if (!has_fired)
		assert_int_equal(status, STATUS_OK);
	check_outcome(env, operation, status);
	/* What was refused cleanly works now, without a restart. */
	if (status == STATUS_FULL || status == STATUS_IO) {
		assert_int_equal(operation->run(env, &scene), STATUS_OK);
		assert_int_equal(state_of(env, operation->task), operation->after);
	}
	task_done(&scene.running);
	store_env_free(env);
	return has_fired;
}

static void
fail_everywhere(enum shim_op op, int code, int expected_least)
{
	int fired = 0;

	shim_vfs_install();
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		int skip = 0;

		while (fail_once(&operations[i], op, skip, code))
			assert_true(++skip < FAULTS_MAX);
		fired += skip;
	}
	shim_vfs_remove();
	/* Otherwise the shim is not where it should be. */
	assert_true(fired >= expected_least);
}

static void
test_a_full_disk_refuses_cleanly_and_heals(void **state)
{
	(void)state;
	fail_everywhere(SHIM_WRITE, SQLITE_FULL, 20);
}

static void
test_a_failing_write_loses_nothing(void **state)
{
	(void)state;
	fail_everywhere(SHIM_WRITE, SQLITE_IOERR_WRITE, 20);
}

static void
test_a_failing_flush_loses_nothing(void **state)
{
	(void)state;
	fail_everywhere(SHIM_SYNC, SQLITE_IOERR_FSYNC, 5);
}

static void
test_a_failing_truncation_loses_nothing(void **state)
{
	(void)state;
	fail_everywhere(SHIM_TRUNCATE, SQLITE_IOERR_TRUNCATE, 1);
}

static void
test_a_failing_read_loses_nothing(void **state)
{
	(void)state;
	fail_everywhere(SHIM_READ, SQLITE_IOERR_READ, 0);
}

static void
test_a_failing_flush_of_a_commit_stops_the_store(void **state)
{
	struct store_env *env = *state;
	struct store_counts counts;
	const struct store_list_query query = { .tasks_max = 1, .looks_max = 1 };
	struct store_stats stats;
	struct store_list page;
	struct store_attempts attempts;
	struct task_status status;
	int64_t since_ms[LANE_COUNT];
	struct task task;
	size_t count;
	char id[UUID_TEXT_SIZE];

	store_env_submit(env, 1);
	store_env_id(1, id);
	shim_vfs_fail(SHIM_SYNC, 0, 1, SQLITE_IOERR_FSYNC);
	assert_int_equal(store_env_submit_as(env, 2, "factorial", LANE_CPU, 3), STATUS_UNKNOWN);
	assert_int_equal(atomic_load(&env->deaths), 1);
	/* The disk works again, the store does not: nobody knows what a restart will find. */
	assert_int_equal(store_env_submit_as(env, 3, "factorial", LANE_CPU, 3), STATUS_UNKNOWN);
	assert_int_equal(
	    store_claim(env->store, LANE_CPU, false, 1, 1, &task, &count, NULL), STATUS_UNKNOWN);
	assert_int_equal(store_read_status(env->store, id, &status, NULL), STATUS_UNKNOWN);
	assert_int_equal(store_list(env->store, &query, &page, NULL), STATUS_UNKNOWN);
	assert_int_equal(store_read_attempts(env->store, id, &attempts, NULL), STATUS_UNKNOWN);
	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_UNKNOWN);
	assert_int_equal(store_oldest_waiting(env->store, since_ms, NULL), STATUS_UNKNOWN);
	assert_int_equal(store_maintain(env->store, NULL), STATUS_UNKNOWN);
	assert_int_equal(atomic_load(&env->deaths), 1);
	/* Figures are there all the same: what was known to be stored. */
	store_stats(env->store, &stats);
	assert_int_equal(stats.counts.by_state[TASK_QUEUED], 1);
	assert_int_equal(stats.commit_us.count, 1);
	assert_int_equal(stats.commit_commands.sum, 1);
	assert_int_equal(stats.commits_failed, 1);
	assert_true(stats.failed_mono_ms > 0);
	store_env_close(env);
	store_env_open(env);
	assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
	store_env_submit(env, 3);
}

static void
test_a_disk_that_stays_full_leaves_reads_and_figures_alone(void **state)
{
	struct store_env *env = *state;
	struct store_counts before, after;
	struct store_stats stats;
	struct scene scene;

	scene_make(env, &scene);
	assert_int_equal(store_counts(env->store, &before, NULL), STATUS_OK);
	shim_vfs_fail(SHIM_WRITE, 0, 1000000, SQLITE_FULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(do_submit(env, &scene), STATUS_FULL);
		assert_int_equal(do_submit_ended(env, &scene), STATUS_FULL);
		assert_int_equal(do_claim(env, &scene), STATUS_FULL);
		assert_int_equal(do_complete(env, &scene), STATUS_FULL);
		assert_int_equal(do_release(env, &scene), STATUS_FULL);
		assert_int_equal(do_purge(env, &scene), STATUS_FULL);
		assert_int_equal(state_of(env, FINAL), TASK_SUCCEEDED);
		assert_int_equal(store_counts(env->store, &after, NULL), STATUS_OK);
		assert_memory_equal(&before, &after, sizeof(before));
		store_stats(env->store, &stats);
		assert_int_equal(stats.commits_failed, 6 * (i + 1));
	}
	shim_vfs_fail(0, -1, 0, SQLITE_OK);
	assert_int_equal(do_submit(env, &scene), STATUS_OK);
	assert_int_equal(do_claim(env, &scene), STATUS_OK);
	assert_int_equal(do_complete(env, &scene), STATUS_OK);
	assert_int_equal(do_purge(env, &scene), STATUS_OK);
	assert_int_equal(atomic_load(&env->deaths), 0);
	check_sound(env);
	task_done(&scene.running);
}

static void
test_opening_survives_a_fault_at_every_place(void **state)
{
	static const struct {
		enum shim_op op;
		int code;
	} faults[] = {
		{ SHIM_READ, SQLITE_IOERR_READ },
		{ SHIM_WRITE, SQLITE_FULL },
		{ SHIM_WRITE, SQLITE_IOERR_WRITE },
		{ SHIM_SYNC, SQLITE_IOERR_FSYNC },
	};

	int fired = 0;

	(void)state;
	shim_vfs_install();
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		bool has_fired = true;

		for (int skip = 0; has_fired; skip++) {
			struct store_env *env = store_env_new(STORE_ENV_SQLITE);
			struct scene scene;
			enum status status;

			assert_true(skip < FAULTS_MAX);
			scene_make(env, &scene);
			task_done(&scene.running);
			store_env_close(env);
			shim_vfs_fail(faults[i].op, skip, 1, faults[i].code);
			status = store_env_try_open(env);
			has_fired = shim_vfs_fired() > 0;
			fired += has_fired;
			shim_vfs_fail(0, -1, 0, SQLITE_OK);
			if (status != STATUS_OK) {
				assert_true(has_fired);
				assert_null(env->store);
				store_env_open(env);
			}
			assert_int_equal(state_of(env, FINAL), TASK_SUCCEEDED);
			assert_int_equal(state_of(env, RUNNING), TASK_QUEUED);
			assert_int_equal(state_of(env, QUEUED), TASK_QUEUED);
			check_sound(env);
			store_env_free(env);
		}
	}
	shim_vfs_remove();
	assert_true(fired > 10);
}

static void
test_creating_survives_a_fault_at_every_place(void **state)
{
	bool has_fired = true;

	(void)state;
	shim_vfs_install();
	for (int skip = 0; has_fired; skip++) {
		struct store_env *env = store_env_new(STORE_ENV_SQLITE);
		char path[sizeof(env->dir)];

		assert_true(skip < FAULTS_MAX);
		store_env_close(env);
		memcpy(path, env->dir, sizeof(path));
		const char *const argv[] = { "find", path, "-mindepth", "1", "-delete", NULL };
		assert_int_equal(store_env_run(argv), 0);
		shim_vfs_fail(SHIM_WRITE | SHIM_SYNC, skip, 1,
		    skip % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE);
		if (store_env_try_open(env) != STATUS_OK) {
			shim_vfs_fail(0, -1, 0, SQLITE_OK);
			has_fired = true;
			store_env_open(env);
		} else {
			has_fired = shim_vfs_fired() > 0;
			shim_vfs_fail(0, -1, 0, SQLITE_OK);
		}
		store_env_submit(env, 1);
		check_sound(env);
		store_env_free(env);
	}
	shim_vfs_remove();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_disk_refuses_cleanly_and_heals),
		cmocka_unit_test(test_a_failing_write_loses_nothing),
		cmocka_unit_test(test_a_failing_flush_loses_nothing),
		cmocka_unit_test(test_a_failing_truncation_loses_nothing),
		cmocka_unit_test(test_a_failing_read_loses_nothing),
		STORE_ENV_TEST_ON_SHIM(test_a_failing_flush_of_a_commit_stops_the_store),
		STORE_ENV_TEST_ON_SHIM(test_a_disk_that_stays_full_leaves_reads_and_figures_alone),
		cmocka_unit_test(test_opening_survives_a_fault_at_every_place),
		cmocka_unit_test(test_creating_survives_a_fault_at_every_place),
	};

	return store_env_main_sqlite(tests, sizeof(tests) / sizeof(tests[0]));
}
