/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs out: the k-th allocation of an operation fails, SQLite's or our own, for k = 0,
 * 1, 2, .. until it is through. Either it was done, or nothing of it was, or the store stopped
 * because that cannot be known. Our own allocations are wrapped at link time, SQLite's by its
 * configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "store_env.h"

#define FAILURES_MAX 100000

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

/* Allocations until the one that fails; below 0: none does. All threads count. */
static atomic_int countdown = -1;

static bool
may_allocate(void)
{
	int left = atomic_load(&countdown);

	return left < 0 || atomic_fetch_sub(&countdown, 1) != 0;
}

void *
__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return may_allocate() ? __real_realloc(memory, size) : NULL;
}

static sqlite3_mem_methods sqlite_methods;

static void *
sqlite_malloc(int size)
{
	return may_allocate() ? sqlite_methods.xMalloc(size) : NULL;
}

static void *
sqlite_realloc(void *memory, int size)
{
	return may_allocate() ? sqlite_methods.xRealloc(memory, size) : NULL;
}

static int
configure_sqlite(void **state)
{
	sqlite3_mem_methods methods;

	(void)state;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_methods), SQLITE_OK);
	methods = sqlite_methods;
	methods.xMalloc = sqlite_malloc;
	methods.xRealloc = sqlite_realloc;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
	return 0;
}

/* Returns whether the failure had its turn. */
static bool
disarm(void)
{
	return atomic_exchange(&countdown, -1) < 0;
}

struct scene {
	struct store_env *env;
	struct task running;
	struct output output;
	struct outcome outcome;
};

static void
scene_make(struct scene *scene)
{
	scene->env = store_env_new(STORE_ENV_SQLITE);
	store_env_submit(scene->env, 1);
	store_env_submit(scene->env, 2);
	store_env_claim_one(scene->env, false, &scene->running);
	outcome_init(&scene->outcome);
	outcome_succeed(&scene->outcome, "text/plain");
	output_init(&scene->output, store_output_conf(scene->env->store));
	assert_int_equal(output_write(&scene->output, "1", 1, NULL), STATUS_OK);
}

static void
scene_free(struct scene *scene)
{
	output_done(&scene->output);
	outcome_done(&scene->outcome);
	task_done(&scene->running);
	store_env_free(scene->env);
}

static enum status
do_submit(struct scene *scene)
{
	return store_env_submit_as(scene->env, 3, "http-fetch", LANE_IO, 3);
}

/* Under a key: three tasks, then the same again, then a look. */
static enum status
do_submit_keyed(struct scene *scene)
{
	struct idempotency key = { .key = "key", .keep_ms = 1000 };
	struct task_new tasks[3];
	enum status status = STATUS_OK;

	for (unsigned i = 0; i < 3; i++) {
		tasks[i] = (struct task_new){ .type = "factorial",
			.args = "{}",
			.args_size = 2,
			.terms.max_attempts = 3,
			.created_at_ms = scene->env->now_ms };
		store_env_id(3 + i, tasks[i].id);
	}
	for (int i = 0; i < 2 && status == STATUS_OK; i++)
		status = store_submit(scene->env->store, tasks, 3, NULL, &key, NULL);
	if (status == STATUS_OK)
		status = store_read_idempotency(scene->env->store, &key, scene->env->now_ms, NULL);
	if (status == STATUS_OK)
		assert_int_equal(key.ret_count, 3);
	else
		assert_null(key.ret_ids);
	idempotency_reset(&key);
	return status;
}

static enum status
do_claim(struct scene *scene)
{
	struct task task;
	size_t count = 0;
	enum status status = store_claim(
	    scene->env->store, LANE_CPU, false, 1, scene->env->now_ms, &task, &count, NULL);

	if (status == STATUS_OK) {
		assert_int_equal(count, 1);
		task_done(&task);
	}
	return status;
}

static enum status
do_complete(struct scene *scene)
{
	struct completion completion = { .task = &scene->running,
		.outcome = &scene->outcome,
		.output = &scene->output,
		.finished_at_ms = scene->env->now_ms };

	return store_complete(scene->env->store, &completion, 1, NULL);
}

static enum status
do_release(struct scene *scene)
{
	size_t queued;

	return store_release(scene->env->store, &scene->running, 1, 0, &queued, NULL);
}

static enum status
do_read(struct scene *scene)
{
	struct task_result result;
	char id[UUID_TEXT_SIZE];
	enum status status;

	store_env_id(1, id);
	status = store_read_result(scene->env->store, id, &result, NULL);
	if (status == STATUS_OK)
		task_result_done(&result);
	return status;
}

static enum status
do_read_submission(struct scene *scene)
{
	struct store_submission submission;
	char id[UUID_TEXT_SIZE];
	enum status status;

	store_env_id(1, id);
	status = store_read_submission(scene->env->store, id, &submission, NULL);
	if (status == STATUS_OK)
		store_submission_done(&submission);
	return status;
}

static enum status
do_list(struct scene *scene)
{
	const struct store_list_query query = {
		.created_before_ms = INT64_MAX, .tasks_max = 10, .looks_max = 10
	};
	struct store_list page;
	enum status status = store_list(scene->env->store, &query, &page, NULL);

	if (status == STATUS_OK) {
		assert_int_equal(page.count, 2);
		store_list_done(&page);
	}
	return status;
}

/* One of the two tasks runs, and one waits: each is listed by a statement of its own. */
static enum status
do_list_state(struct scene *scene, enum task_state state)
{
	const struct store_list_query query = { .states = 1u << state,
		.created_before_ms = INT64_MAX,
		.tasks_max = 10,
		.looks_max = 10 };
	struct store_list page;
	enum status status = store_list(scene->env->store, &query, &page, NULL);

	if (status == STATUS_OK) {
		assert_int_equal(page.count, 1);
		store_list_done(&page);
	}
	return status;
}

static enum status
do_list_running(struct scene *scene)
{
	return do_list_state(scene, TASK_RUNNING);
}

static enum status
do_list_queued(struct scene *scene)
{
	return do_list_state(scene, TASK_QUEUED);
}

/* Two attempts: the first once, and the second, which runs. */
static void
run_again(struct scene *scene)
{
	struct outcome failed;
	struct completion completion = { .task = &scene->running,
		.outcome = &failed,
		.output = &scene->output,
		.finished_at_ms = scene->env->now_ms,
		.is_retried = true };

	outcome_init(&failed);
	outcome_fail(&failed, FAILURE_HTTP_STATUS, "Status 503");
	failed.response = strdup("{}");
	assert_int_equal(store_complete(scene->env->store, &completion, 1, NULL), STATUS_OK);
	outcome_done(&failed);
	task_done(&scene->running);
	store_env_claim_one(scene->env, false, &scene->running);
}

static enum status
do_read_attempts(struct scene *scene)
{
	struct store_attempts attempts;
	char id[UUID_TEXT_SIZE];
	enum status status;

	if (scene->running.attempt == 1) {
		int armed = atomic_exchange(&countdown, -1);

		run_again(scene);
		atomic_store(&countdown, armed);
	}
	store_env_id(1, id);
	status = store_read_attempts(scene->env->store, id, &attempts, NULL);
	if (status == STATUS_OK) {
		assert_int_equal(attempts.count, 2);
		store_attempts_done(&attempts);
	}
	return status;
}

/* An ended task, and its end. */
static enum status
do_purge(struct scene *scene)
{
	const struct store_retention retention = { .bytes_max = 1 };
	static struct store_purged purged;
	int armed = atomic_exchange(&countdown, -1);
	enum status status;

	/* It is there already where this is the second try. */
	status_ignore(store_env_submit_ended(scene->env, 4, "four", 4));
	atomic_store(&countdown, armed);
	status = store_purge(scene->env->store, &retention, scene->env->now_ms, &purged, NULL);
	if (status == STATUS_OK)
		assert_int_equal(purged.count, 1);
	return status;
}

static enum status
do_maintain(struct scene *scene)
{
	return store_maintain(scene->env->store, NULL);
}

static void
check_sound(struct store_env *env)
{
	char *check = store_env_sql(env, "PRAGMA integrity_check");

	assert_string_equal(check, "ok\n");
	free(check);
	store_env_check_counters(env);
}

static void
fail_everywhere(enum status (*run)(struct scene *scene), int expected_least)
{
	bool has_fired = true;
	int at = 0;

	for (; has_fired; at++) {
		struct scene scene;
		enum status status;

		assert_true(at < FAILURES_MAX);
		scene_make(&scene);
		atomic_store(&countdown, at);
		status = run(&scene);
		has_fired = disarm();
		assert_true(
		    status == STATUS_OK || status == STATUS_NOMEM || status == STATUS_UNKNOWN);
		if (!has_fired)
			assert_int_equal(status, STATUS_OK);
		assert_int_equal(atomic_load(&scene.env->deaths), status == STATUS_UNKNOWN);
		if (status == STATUS_UNKNOWN) {
			store_env_close(scene.env);
			store_env_open(scene.env);
		} else if (status == STATUS_NOMEM) {
			/* Nothing of it was done, so it can be done now. */
			assert_int_equal(run(&scene), STATUS_OK);
		}
		check_sound(scene.env);
		scene_free(&scene);
	}
	assert_true(at > expected_least);
}

static void
test_a_submission_survives_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_submit, 1);
}

static void
test_a_submission_under_a_key_survives_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_submit_keyed, 3);
}

static void
test_a_claim_survives_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_claim, 1);
}

static void
test_a_completion_survives_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_complete, 1);
}

static void
test_a_release_survives_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_release, 1);
}

static void
test_a_read_survives_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_read, 1);
	fail_everywhere(do_read_submission, 1);
}

static void
test_a_list_survives_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_list, 3);
	fail_everywhere(do_list_running, 3);
	fail_everywhere(do_list_queued, 3);
}

static void
test_attempts_survive_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_read_attempts, 3);
}

static void
test_a_purge_survives_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_purge, 0);
}

static void
test_maintenance_survives_every_failing_allocation(void **state)
{
	(void)state;
	fail_everywhere(do_maintain, 0);
}

static void
test_opening_survives_failing_allocations(void **state)
{
	bool has_fired = true;
	int at = 0;

	(void)state;
	/* There are thousands; a step that is a prime number meets all kinds of them. */
	for (; has_fired; at += 61) {
		struct store_env *env = store_env_new(STORE_ENV_SQLITE);
		enum status status;

		assert_true(at < FAILURES_MAX);
		store_env_submit(env, 1);
		store_env_close(env);
		atomic_store(&countdown, at);
		status = store_env_try_open(env);
		has_fired = disarm();
		if (status != STATUS_OK) {
			/* SQLite calls some of these I/O errors. None is damage, or taken for it.
			 */
			assert_true(status == STATUS_NOMEM || status == STATUS_IO);
			assert_null(env->store);
			store_env_open(env);
		}
		assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
		store_env_free(env);
	}
	assert_true(at > 100);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_submission_survives_every_failing_allocation),
		cmocka_unit_test(test_a_submission_under_a_key_survives_every_failing_allocation),
		cmocka_unit_test(test_a_claim_survives_every_failing_allocation),
		cmocka_unit_test(test_a_completion_survives_every_failing_allocation),
		cmocka_unit_test(test_a_release_survives_every_failing_allocation),
		cmocka_unit_test(test_a_read_survives_every_failing_allocation),
		cmocka_unit_test(test_a_list_survives_every_failing_allocation),
		cmocka_unit_test(test_attempts_survive_every_failing_allocation),
		cmocka_unit_test(test_a_purge_survives_every_failing_allocation),
		cmocka_unit_test(test_maintenance_survives_every_failing_allocation),
		cmocka_unit_test(test_opening_survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, configure_sqlite, NULL);
}
