/* SPDX-License-Identifier: MIT */
/*
 * Tasks that start with their submission, on every back end: RUNNING from their commit on, handed
 * over once and before the submission returns, and like any other running task from there on.
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

#include "base/sync.h"
#include "shim_vfs.h"
#include "store_env.h"

/* A submission that is to start; the store hands over the address of its first member. */
struct submission {
	struct task_start start;
	unsigned n;
	enum lane lane;
	int attempts;
	atomic_int handed; /* how often */
};

/* What was handed over. Its callback may run on any thread, one for each submitter in the fake. */
struct recorder {
	atomic_int total;
	_Atomic(const char *) fault;
	int64_t last_seq[LANE_COUNT]; /* SQLite: its committing thread's alone */
	bool is_one_thread;
};

struct scene {
	struct store_env *env;
	struct recorder recorder;
};

static void
record(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	struct recorder *recorder = context;
	int64_t last_seq = recorder->is_one_thread ? recorder->last_seq[lane] : 0;
	size_t found = 0;

	for (struct task_start *start = starts; start != NULL; start = start->next) {
		struct submission *submission = (struct submission *)(void *)start;

		if (submission->lane != lane)
			atomic_store(&recorder->fault, "a start of another lane");
		if (start->seq <= last_seq)
			atomic_store(&recorder->fault, "starts out of order");
		last_seq = start->seq;
		found++;
		atomic_fetch_add(&submission->handed, 1);
	}
	if (recorder->is_one_thread)
		recorder->last_seq[lane] = last_seq;
	if (found != count || count == 0)
		atomic_store(&recorder->fault, "a count that is not that of the list");
	atomic_fetch_add(&recorder->total, (int)count);
}

static void
listen(struct scene *scene)
{
	scene->recorder.is_one_thread = scene->env->kind == STORE_ENV_SQLITE;
	store_on_start(scene->env->store, record, &scene->recorder);
}

static int
setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	void *env = *state; /* which back end */

	assert_non_null(scene);
	shim_vfs_install();
	assert_int_equal(store_env_setup(&env), 0);
	scene->env = env;
	listen(scene);
	*state = scene;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *scene = *state;
	void *env = scene->env;
	const char *fault = atomic_load(&scene->recorder.fault);
	int failed = store_env_teardown(&env);

	shim_vfs_remove();
	free(scene);
	if (fault != NULL)
		fail_msg("%s", fault);
	return failed;
}

/* Submits task n; it starts if `starts`. Any thread. */
static enum status
submit(struct scene *scene, struct submission *submission, bool starts)
{
	char args[32];
	struct task_new task = {
		.type = submission->lane == LANE_CPU ? "factorial" : "http-fetch",
		.lane = submission->lane,
		.args = args,
		.terms.max_attempts = submission->attempts,
		.created_at_ms = scene->env->now_ms,
	};

	store_env_id(submission->n, task.id);
	task.args_size = (size_t)snprintf(args, sizeof(args), "{\"n\":\"%u\"}", submission->n);
	return store_submit(
	    scene->env->store, &task, 1, starts ? &submission->start : NULL, NULL, NULL);
}

static void
start(struct scene *scene, unsigned n, enum lane lane, int attempts, struct submission *ret)
{
	*ret = (struct submission){ .n = n, .lane = lane, .attempts = attempts };
	assert_int_equal(submit(scene, ret, true), STATUS_OK);
	assert_int_equal(atomic_load(&ret->handed), 1);
}

/* What its owner knows of a task that has started. */
static struct task
started_task(const struct submission *submission)
{
	struct task task = {
		.seq = submission->start.seq,
		.lane = submission->lane,
		.lease = 1,
		.attempt = 1,
		.terms.max_attempts = submission->attempts,
	};

	task.args_size = (size_t)snprintf(NULL, 0, "{\"n\":\"%u\"}", submission->n);
	store_env_id(submission->n, task.id);
	(void)snprintf(task.type, sizeof(task.type), "%s",
	    submission->lane == LANE_CPU ? "factorial" : "http-fetch");
	return task;
}

static struct task_status
read_status(struct scene *scene, unsigned n)
{
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	assert_int_equal(store_read_status(scene->env->store, id, &status, NULL), STATUS_OK);
	return status;
}

static struct store_counts
read_counts(struct scene *scene)
{
	struct store_counts counts;

	assert_int_equal(store_counts(scene->env->store, &counts, NULL), STATUS_OK);
	return counts;
}

static void
test_a_task_that_starts_is_running_when_its_submission_returns(void **state)
{
	struct scene *scene = *state;
	struct submission submission;

	start(scene, 1, LANE_CPU, 3, &submission);
	assert_true(submission.start.seq > 0);
	assert_int_equal(atomic_load(&scene->recorder.total), 1);
	struct task_status status = read_status(scene, 1);
	assert_int_equal(status.state, TASK_RUNNING);
	assert_int_equal(status.attempt, 1);
	assert_int_equal(status.created_at_ms, scene->env->now_ms);
	assert_int_equal(status.started_at_ms, scene->env->now_ms);
	assert_int_equal(status.finished_at_ms, 0);
}

static void
test_it_is_completed_with_what_was_handed_over(void **state)
{
	struct scene *scene = *state;
	struct submission submissions[2];
	struct task_result result;
	char id[UUID_TEXT_SIZE];

	start(scene, 1, LANE_CPU, 3, &submissions[0]);
	start(scene, 2, LANE_IO, 3, &submissions[1]);
	struct task first = started_task(&submissions[0]);
	struct task second = started_task(&submissions[1]);
	/* Another lease is another attempt. */
	first.lease = 2;
	assert_int_equal(store_env_succeed(scene->env, &first, "no", 2), STATUS_CONFLICT);
	first.lease = 1;
	scene->env->now_ms += 9;
	assert_int_equal(store_env_succeed(scene->env, &first, "yes", 3), STATUS_OK);
	assert_int_equal(store_env_succeed(scene->env, &first, "yes", 3), STATUS_CONFLICT);
	assert_int_equal(store_env_fail(scene->env, &second, FAILURE_DNS), STATUS_OK);
	store_env_id(1, id);
	assert_int_equal(store_read_result(scene->env->store, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.status.state, TASK_SUCCEEDED);
	assert_int_equal(result.status.attempt, 1);
	assert_int_equal(result.status.started_at_ms, scene->env->now_ms - 9);
	assert_int_equal(result.status.finished_at_ms, scene->env->now_ms);
	assert_int_equal(result.bytes, 3);
	assert_memory_equal(result.data, "yes", 3);
	task_result_done(&result);
	assert_int_equal(store_env_state(scene->env, 2), TASK_FAILED);
}

static void
test_no_claim_sees_it(void **state)
{
	struct scene *scene = *state;
	struct submission submissions[3] = { [1] = { .n = 2, .attempts = 3 } };
	struct task tasks[4];
	char id[UUID_TEXT_SIZE];

	start(scene, 1, LANE_CPU, 3, &submissions[0]);
	assert_int_equal(submit(scene, &submissions[1], false), STATUS_OK);
	start(scene, 3, LANE_CPU, 3, &submissions[2]);
	assert_int_equal(store_env_claim(scene->env, 4, tasks), 1);
	store_env_id(2, id);
	assert_string_equal(tasks[0].id, id);
	task_done(&tasks[0]);
	for (int isolated = 0; isolated < 2; isolated++) {
		size_t count = 9;

		assert_int_equal(store_claim(scene->env->store, LANE_CPU, isolated, 4,
				     scene->env->now_ms, tasks, &count, NULL),
		    STATUS_OK);
		assert_int_equal(count, 0);
	}
	/* Only those that asked for it were handed over. */
	assert_int_equal(atomic_load(&submissions[1].handed), 0);
	assert_int_equal(atomic_load(&scene->recorder.total), 2);
}

static void
test_it_counts_as_running_in_its_lane(void **state)
{
	struct scene *scene = *state;
	struct submission submission;

	for (unsigned n = 1; n <= 5; n++)
		start(scene, n, n <= 2 ? LANE_CPU : LANE_IO, 3, &submission);
	struct task task = started_task(&submission);
	struct store_counts counts = read_counts(scene);
	struct store_counts expected = { 0 };
	expected.by_state[TASK_RUNNING] = 5;
	expected.running_by_lane[LANE_CPU] = 2;
	expected.running_by_lane[LANE_IO] = 3;
	assert_memory_equal(&counts, &expected, sizeof(counts));
	assert_int_equal(store_env_succeed(scene->env, &task, "", 0), STATUS_OK);
	counts = read_counts(scene);
	expected.by_state[TASK_RUNNING] = 4;
	expected.by_state[TASK_SUCCEEDED] = 1;
	expected.running_by_lane[LANE_IO] = 2;
	expected.kept_bytes =
	    store_kept_bytes(&(struct store_kept){ .args = task.args_size, .attempts = 1 });
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

static void
test_an_id_that_exists_is_not_started(void **state)
{
	struct scene *scene = *state;
	struct submission queued = { .n = 1, .attempts = 3 };
	struct submission running;
	struct submission again;

	assert_int_equal(submit(scene, &queued, false), STATUS_OK);
	start(scene, 2, LANE_CPU, 3, &running);
	for (unsigned n = 1; n <= 2; n++) {
		again = (struct submission){ .n = n, .lane = LANE_IO, .attempts = 1 };
		assert_int_equal(submit(scene, &again, true), STATUS_CONFLICT);
		assert_int_equal(atomic_load(&again.handed), 0);
	}
	again = (struct submission){ .n = 2, .attempts = 3 };
	assert_int_equal(submit(scene, &again, false), STATUS_CONFLICT);
	assert_int_equal(atomic_load(&scene->recorder.total), 1);
	assert_int_equal(store_env_state(scene->env, 1), TASK_QUEUED);
	struct store_counts counts = read_counts(scene);
	assert_int_equal(counts.running_by_lane[LANE_CPU], 1);
	assert_int_equal(counts.running_by_lane[LANE_IO], 0);
	struct task task = started_task(&running);
	assert_int_equal(store_env_succeed(scene->env, &task, "", 0), STATUS_OK);
}

/* The next commit of a submission comes to this. */
static void
fail_next(struct scene *scene, enum status status)
{
	if (scene->env->kind == STORE_ENV_FAKE)
		fake_store_fail(scene->env->fake, FAKE_SUBMIT, status, 1);
	else if (status == STATUS_FULL)
		shim_vfs_fail(SHIM_WRITE, 0, 1, SQLITE_FULL);
	else
		shim_vfs_fail(SHIM_SYNC, 0, 1, SQLITE_IOERR_FSYNC);
}

static void
test_what_finds_no_space_is_not_started(void **state)
{
	struct scene *scene = *state;
	struct submission submission = { .n = 1, .attempts = 3 };
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	for (int i = 0; i < 3; i++) {
		fail_next(scene, STATUS_FULL);
		assert_int_equal(submit(scene, &submission, true), STATUS_FULL);
	}
	assert_int_equal(atomic_load(&submission.handed), 0);
	store_env_id(1, id);
	assert_int_equal(store_read_status(scene->env->store, id, &status, NULL), STATUS_NOT_FOUND);
	assert_int_equal(read_counts(scene).by_state[TASK_RUNNING], 0);
	/* Still the caller's, and good for another try. */
	assert_int_equal(submit(scene, &submission, true), STATUS_OK);
	assert_int_equal(atomic_load(&submission.handed), 1);
	struct task task = started_task(&submission);
	assert_int_equal(store_env_succeed(scene->env, &task, "", 0), STATUS_OK);
}

static void
test_a_commit_of_unknown_outcome_starts_nothing(void **state)
{
	struct scene *scene = *state;
	struct submission submission = { .n = 1, .attempts = 3 };
	struct submission late = { .n = 2, .attempts = 3 };

	fail_next(scene, STATUS_UNKNOWN);
	assert_int_equal(submit(scene, &submission, true), STATUS_UNKNOWN);
	assert_int_equal(submit(scene, &late, true), STATUS_UNKNOWN);
	assert_int_equal(atomic_load(&submission.handed), 0);
	assert_int_equal(atomic_load(&late.handed), 0);
	assert_int_equal(atomic_load(&scene->recorder.total), 0);
}

static void
test_after_a_crash_it_waits_and_its_attempt_counts(void **state)
{
	struct scene *scene = *state;
	struct submission submission;
	struct task again;

	start(scene, 1, LANE_CPU, 3, &submission);
	store_env_crash(scene->env);
	assert_int_equal(scene->env->recovery.requeued, 1);
	struct task_status status = read_status(scene, 1);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 1);
	assert_int_equal(status.started_at_ms, 0);
	store_env_claim_one(scene->env, false, &again);
	assert_int_equal(again.seq, submission.start.seq);
	assert_int_equal(again.attempt, 2);
	assert_true(again.lease > 1);
	assert_string_equal(again.args, "{\"n\":\"1\"}");
	struct task before = started_task(&submission);
	assert_int_equal(store_env_succeed(scene->env, &before, "old", 3), STATUS_CONFLICT);
	assert_int_equal(store_env_succeed(scene->env, &again, "new", 3), STATUS_OK);
	task_done(&again);
	assert_int_equal(atomic_load(&scene->recorder.total), 1);
}

static void
test_the_last_attempt_after_a_crash_is_isolated_or_over(void **state)
{
	struct scene *scene = *state;
	struct submission once, twice;
	struct task task;

	start(scene, 1, LANE_CPU, 1, &once);
	start(scene, 2, LANE_CPU, 2, &twice);
	store_env_crash(scene->env);
	assert_int_equal(scene->env->recovery.exhausted, 1);
	assert_int_equal(scene->env->recovery.requeued, 1);
	assert_int_equal(store_env_state(scene->env, 1), TASK_FAILED);
	assert_int_equal(store_env_claim(scene->env, 1, &task), 0);
	store_env_claim_one(scene->env, true, &task);
	assert_int_equal(task.attempt, 2);
	task_done(&task);
}

static void
test_handed_back_it_is_first_again_and_its_attempt_does_not_count(void **state)
{
	struct scene *scene = *state;
	struct submission submission;
	struct submission queued = { .n = 2, .attempts = 3 };
	struct task again;

	start(scene, 1, LANE_CPU, 3, &submission);
	assert_int_equal(submit(scene, &queued, false), STATUS_OK);
	struct task before = started_task(&submission);
	store_env_release(scene->env, &before);
	struct task_status status = read_status(scene, 1);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 0);
	assert_int_equal(status.started_at_ms, 0);
	assert_int_equal(read_counts(scene).queued_by_lane[LANE_CPU], 2);
	assert_int_equal(read_counts(scene).running_by_lane[LANE_CPU], 0);
	store_env_claim_one(scene->env, false, &again);
	assert_string_equal(again.id, before.id);
	assert_int_equal(again.attempt, 1);
	assert_true(again.lease > before.lease);
	assert_int_equal(store_env_succeed(scene->env, &before, "old", 3), STATUS_CONFLICT);
	assert_int_equal(store_env_succeed(scene->env, &again, "new", 3), STATUS_OK);
	task_done(&again);
}

#define SUBMITTERS  8
#define SUBMISSIONS 60

struct submitter {
	struct scene *scene;
	pthread_t thread;
	struct submission submissions[SUBMISSIONS];
	const char *failed;
};

/* Every fourth waits, and one of the others is submitted a second time. */
static void *
submitter_main(void *arg)
{
	struct submitter *submitter = arg;

	for (unsigned i = 0; i < SUBMISSIONS && submitter->failed == NULL; i++) {
		struct submission *submission = &submitter->submissions[i];
		struct submission twin = { .n = submission->n, .attempts = 3 };
		bool starts = i % 4 != 3;

		if (submit(submitter->scene, submission, starts) != STATUS_OK)
			submitter->failed = "a submission failed";
		else if (atomic_load(&submission->handed) != starts)
			submitter->failed = "not handed over when its submission returned";
		if (i % 4 == 2 && (submit(submitter->scene, &twin, true) != STATUS_CONFLICT ||
				      atomic_load(&twin.handed) != 0))
			submitter->failed = "a second start of the same task";
	}
	return NULL;
}

static int
compare_seqs(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static void
test_many_submitters_at_once_have_each_start_handed_over_once(void **state)
{
	static struct submitter submitters[SUBMITTERS];
	int64_t seqs[SUBMITTERS * SUBMISSIONS];
	struct scene *scene = *state;
	size_t count = 0;
	int64_t running[LANE_COUNT] = { 0 };

	for (unsigned i = 0; i < SUBMITTERS; i++) {
		submitters[i] = (struct submitter){ .scene = scene };
		for (unsigned j = 0; j < SUBMISSIONS; j++) {
			struct submission *submission = &submitters[i].submissions[j];

			submission->n = j * SUBMITTERS + i;
			submission->lane = (i + j) % 2 == 0 ? LANE_CPU : LANE_IO;
			submission->attempts = 3;
			running[submission->lane] += j % 4 != 3;
		}
		assert_int_equal(thread_start(&submitters[i].thread, "submitter", 0, submitter_main,
				     &submitters[i], NULL),
		    STATUS_OK);
	}
	for (unsigned i = 0; i < SUBMITTERS; i++) {
		thread_join(submitters[i].thread);
		if (submitters[i].failed != NULL)
			fail_msg("%s", submitters[i].failed);
	}
	for (unsigned i = 0; i < SUBMITTERS; i++) {
		for (unsigned j = 0; j < SUBMISSIONS; j++) {
			const struct submission *submission = &submitters[i].submissions[j];

			assert_int_equal(atomic_load(&submission->handed), j % 4 != 3);
			if (j % 4 == 3)
				continue;
			seqs[count++] = submission->start.seq;
			struct task task = started_task(submission);
			assert_int_equal(store_env_succeed(scene->env, &task, "", 0), STATUS_OK);
			running[submission->lane]--;
			if (count % 50 == 0) {
				struct store_counts counts = read_counts(scene);

				assert_memory_equal(
				    counts.running_by_lane, running, sizeof(running));
			}
		}
	}
	assert_int_equal(atomic_load(&scene->recorder.total), count);
	qsort(seqs, count, sizeof(seqs[0]), compare_seqs);
	for (size_t i = 1; i < count; i++)
		assert_true(seqs[i - 1] < seqs[i]);
	assert_int_equal(
	    read_counts(scene).by_state[TASK_QUEUED], SUBMITTERS * SUBMISSIONS - (int)count);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_task_that_starts_is_running_when_its_submission_returns),
		TEST(test_it_is_completed_with_what_was_handed_over),
		TEST(test_no_claim_sees_it),
		TEST(test_it_counts_as_running_in_its_lane),
		TEST(test_an_id_that_exists_is_not_started),
		TEST(test_what_finds_no_space_is_not_started),
		TEST(test_a_commit_of_unknown_outcome_starts_nothing),
		TEST(test_after_a_crash_it_waits_and_its_attempt_counts),
		TEST(test_the_last_attempt_after_a_crash_is_isolated_or_over),
		TEST(test_handed_back_it_is_first_again_and_its_attempt_does_not_count),
		TEST(test_many_submitters_at_once_have_each_start_handed_over_once),
	};

	return store_env_main(tests, sizeof(tests) / sizeof(tests[0]));
}
