/* SPDX-License-Identifier: MIT */
/*
 * Power cuts: the power goes at the k-th write, flush or truncation of a run through submissions,
 * claims, completions and checkpoints; what was not flushed is lost (for every k), kept, or kept in
 * part by sector (for some). Whatever was acknowledged has to be there afterwards, in a whole file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <stdlib.h>

#include "shim_vfs.h"
#include "store_env.h"

#define TASKS       8
#define BATCH       30 /* tasks in one submission, from BATCH_FIRST on */
#define BATCH_FIRST 10
#define CUTS_MAX    500

/* What the run was told before the power went. */
struct ledger {
	bool is_submitted[TASKS];
	bool is_final[TASKS];
	enum task_state state[TASKS];
	bool is_batch_submitted;
};

static bool
submit(struct store_env *env, struct ledger *ledger, unsigned n)
{
	if (store_env_submit_as(env, n, "factorial", LANE_CPU, 3) != STATUS_OK)
		return false;
	ledger->is_submitted[n] = true;
	return true;
}

static bool
submit_batch(struct store_env *env, struct ledger *ledger)
{
	unsigned numbers[BATCH];

	for (unsigned i = 0; i < BATCH; i++)
		numbers[i] = BATCH_FIRST + i;
	ledger->is_batch_submitted = store_env_submit_batch(env, numbers, BATCH) == STATUS_OK;
	return ledger->is_batch_submitted;
}

static bool
finish(struct store_env *env, struct ledger *ledger, const struct task *task, bool succeed)
{
	unsigned n = (unsigned)strtoul(task->id, NULL, 16);
	struct outcome outcome;
	struct output output;
	struct completion completion = {
		.task = task, .outcome = &outcome, .output = &output, .finished_at_ms = 3
	};
	bool is_ok;

	outcome_init(&outcome);
	output_init(&output, store_output_conf(env->store));
	if (succeed) {
		outcome_succeed(&outcome, "text/plain");
		assert_int_equal(output_write(&output, task->id, 36, NULL), STATUS_OK);
	} else {
		outcome_fail(&outcome, FAILURE_DNS, "No such host");
	}
	is_ok = store_complete(env->store, &completion, 1, NULL) == STATUS_OK;
	output_done(&output);
	outcome_done(&outcome);
	if (!is_ok)
		return false;
	assert_int_equal(completion.ret_status, STATUS_OK);
	ledger->is_final[n] = true;
	ledger->state[n] = succeed ? TASK_SUCCEEDED : TASK_FAILED;
	return true;
}

static bool
claim_and_finish(struct store_env *env, struct ledger *ledger, size_t max)
{
	struct task tasks[2];
	size_t count = 0;
	bool is_ok = true;

	if (store_claim(env->store, LANE_CPU, false, max, 2, tasks, &count, NULL) != STATUS_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		is_ok = is_ok && finish(env, ledger, &tasks[i], i == 0);
		task_done(&tasks[i]);
	}
	return is_ok;
}

static bool
maintain_until_empty(struct store_env *env)
{
	return store_maintain(env->store, NULL) == STATUS_OK &&
	       store_maintain(env->store, NULL) == STATUS_OK;
}

/* The run; ends at the first call that fails. */
static void
run(struct store_env *env, struct ledger *ledger)
{
	struct task task;
	size_t count = 0;

	(void)(submit(env, ledger, 1) && submit(env, ledger, 2) && submit(env, ledger, 3) &&
	       claim_and_finish(env, ledger, 2) && maintain_until_empty(env) &&
	       submit(env, ledger, 4) && claim_and_finish(env, ledger, 1) &&
	       submit(env, ledger, 5) && maintain_until_empty(env) && submit(env, ledger, 6));
	if (store_claim(env->store, LANE_CPU, false, 1, 2, &task, &count, NULL) != STATUS_OK)
		return;
	if (count == 1) {
		status_ignore(store_release(env->store, &task, 1, 2, &count, NULL));
		task_done(&task);
	}
	(void)(submit(env, ledger, 7) && claim_and_finish(env, ledger, 2) &&
	       submit_batch(env, ledger) && maintain_until_empty(env));
}

/* A batch is there as a whole or not at all. */
static void
check_batch(struct store_env *env, const struct ledger *ledger)
{
	unsigned found = 0;

	for (unsigned n = BATCH_FIRST; n < BATCH_FIRST + BATCH; n++) {
		struct task_status status;
		char id[UUID_TEXT_SIZE];

		store_env_id(n, id);
		found += store_read_status(env->store, id, &status, NULL) == STATUS_OK;
	}
	assert_true(found == BATCH || (found == 0 && !ledger->is_batch_submitted));
}

static void
check_ledger(struct store_env *env, const struct ledger *ledger)
{
	for (unsigned n = 0; n < TASKS; n++) {
		struct task_result result;
		char id[UUID_TEXT_SIZE];

		if (!ledger->is_submitted[n])
			continue;
		store_env_id(n, id);
		assert_int_equal(store_read_result(env->store, id, &result, NULL), STATUS_OK);
		if (ledger->is_final[n])
			assert_int_equal(result.status.state, ledger->state[n]);
		if (ledger->is_final[n] && ledger->state[n] == TASK_SUCCEEDED)
			assert_string_equal(result.data, id);
		task_result_done(&result);
	}
}

/* The counters against the rows. */
static void
check_counts(struct store_env *env)
{
	char *rows = store_env_sql(env,
	    "SELECT count(*) FROM (SELECT type, lane, status, count(*) AS n FROM task "
	    "GROUP BY type, lane, status EXCEPT SELECT type, lane, status, count FROM "
	    "task_counter)");

	assert_string_equal(rows, "0\n");
	free(rows);
}

/* One life with a cut after `cut` operations, and the next; returns whether the power went. */
static bool
live_and_die(int cut, enum shim_unflushed unflushed)
{
	struct store_env *env = store_env_new(STORE_ENV_SQLITE);
	struct ledger ledger = { 0 };
	bool is_cut;
	char *check;

	ledger.is_submitted[0] = true;
	store_env_submit(env, 0);
	store_env_close(env);
	shim_vfs_record(-1);
	store_env_open(env);
	shim_vfs_record(cut);
	run(env, &ledger);
	is_cut = shim_vfs_is_cut();
	store_env_close(env);

	(void)snprintf(env->dir, sizeof(env->dir), "%s/after", env->root);
	assert_int_equal(mkdir(env->dir, 0700), 0);
	shim_vfs_write_image(env->dir, unflushed, (unsigned)cut);
	store_env_open(env);
	check_ledger(env, &ledger);
	check_batch(env, &ledger);
	check_counts(env);
	store_env_submit(env, 100);
	check = store_env_sql(env, "PRAGMA integrity_check");
	assert_string_equal(check, "ok\n");
	free(check);
	store_env_free(env);
	return is_cut;
}

static void
cut_everywhere(enum shim_unflushed unflushed, int first, int step)
{
	int cut = first;

	shim_vfs_install();
	while (live_and_die(cut, unflushed)) {
		cut += step;
		assert_true(cut < CUTS_MAX);
	}
	shim_vfs_remove();
	/* The run has some thirty commits, each of several writes and a flush. */
	assert_true(cut > 60);
}

static void
test_what_was_acknowledged_survives_when_all_unflushed_writes_are_lost(void **state)
{
	(void)state;
	cut_everywhere(SHIM_LOSE_ALL, 0, 1);
}

static void
test_what_was_acknowledged_survives_when_all_unflushed_writes_are_kept(void **state)
{
	(void)state;
	cut_everywhere(SHIM_KEEP_ALL, 1, 5);
}

static void
test_what_was_acknowledged_survives_when_some_unflushed_sectors_are_kept(void **state)
{
	(void)state;
	cut_everywhere(SHIM_KEEP_SOME, 0, 2);
}

/* The proof that the test can fail: a flush that lies loses what was acknowledged. */
static void
test_a_lying_disk_is_noticed_by_this_test(void **state)
{
	struct store_env *env;
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	(void)state;
	shim_vfs_install();
	env = store_env_new(STORE_ENV_SQLITE);
	store_env_close(env);
	shim_vfs_record(-1);
	store_env_open(env);
	shim_vfs_lie();
	store_env_submit(env, 1);
	shim_vfs_record(0);
	assert_int_not_equal(store_env_submit_as(env, 2, "factorial", LANE_CPU, 3), STATUS_OK);
	store_env_close(env);
	(void)snprintf(env->dir, sizeof(env->dir), "%s/after", env->root);
	assert_int_equal(mkdir(env->dir, 0700), 0);
	shim_vfs_write_image(env->dir, SHIM_LOSE_ALL, 0);
	store_env_open(env);
	store_env_id(1, id);
	assert_int_equal(store_read_status(env->store, id, &status, NULL), STATUS_NOT_FOUND);
	store_env_free(env);
	shim_vfs_remove();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_what_was_acknowledged_survives_when_all_unflushed_writes_are_lost),
		cmocka_unit_test(
		    test_what_was_acknowledged_survives_when_all_unflushed_writes_are_kept),
		cmocka_unit_test(
		    test_what_was_acknowledged_survives_when_some_unflushed_sectors_are_kept),
		cmocka_unit_test(test_a_lying_disk_is_noticed_by_this_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
