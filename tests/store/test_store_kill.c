/* SPDX-License-Identifier: MIT */
/*
 * kill -9: a child works on a store with several threads and tells each answer it got through a
 * pipe; it is killed after some number of them, and whatever it told has to be true afterwards. The
 * same data goes through many rounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>

#include "base/sync.h"
#include "store_env.h"

#define ROUNDS          20
#define THREADS         4
#define TASKS_PER_ROUND 2000 /* at most; a round is killed long before */
#define TASKS           (ROUNDS * TASKS_PER_ROUND)
#define BATCH           5 /* tasks in one submission */

/* What is worked off ends long ago where it may be purged, and else long after. */
#define ENDS_LONG_AGO_MS 2
#define PURGE_MS         1000
#define KEPT_MS          10

enum told {
	TOLD_SUBMITTED = 1,
	TOLD_SUCCEEDED = 2,
	TOLD_BATCH = 4,
	TOLD_PURGED = 8,
};

/* Written in one piece: writes of this size to a pipe are atomic. */
struct record {
	unsigned n;
	enum told told;
};

struct child {
	struct store_env *env;
	int pipe;
	unsigned round;
	unsigned thread;
};

/* Whether the purge may delete task n, when that has been worked off. */
static bool
may_be_purged(unsigned n)
{
	return n % 8 == 0 || n % 8 == 3; /* with a file and without */
}

static void
tell(const struct child *child, unsigned n, enum told told)
{
	struct record record = { .n = n, .told = told };

	if (write(child->pipe, &record, sizeof(record)) != (ssize_t)sizeof(record))
		_exit(2);
}

static void
work_off(const struct child *child)
{
	struct store *store = child->env->store;
	struct task tasks[4];
	size_t count = 0;

	/* Also those that are on their last attempt. */
	if (store_claim(store, LANE_CPU, child->thread == 0, 4, 1, tasks, &count, NULL) !=
	    STATUS_OK)
		_exit(3);
	for (size_t i = 0; i < count; i++) {
		char content[STORE_ENV_INLINE_MAX + 40];
		unsigned n = (unsigned)strtoul(tasks[i].id, NULL, 16);
		/* Every fourth result is a file. */
		size_t size = n % 4 == 0 ? sizeof(content) : 8;
		struct outcome outcome;
		struct output output;
		struct completion completion = { .task = &tasks[i],
			.outcome = &outcome,
			.output = &output,
			.finished_at_ms =
			    may_be_purged(n) ? ENDS_LONG_AGO_MS : STORE_ENV_START_MS };

		memset(content, 'x', sizeof(content));
		memcpy(content, tasks[i].id, 8);
		output_init(&output, store_output_conf(store));
		outcome_init(&outcome);
		outcome_succeed(&outcome, "text/plain");
		if (output_write(&output, content, size, NULL) != STATUS_OK ||
		    store_complete(store, &completion, 1, NULL) != STATUS_OK ||
		    completion.ret_status != STATUS_OK)
			_exit(4);
		tell(child, n, TOLD_SUCCEEDED);
		output_done(&output);
		task_done(&tasks[i]);
	}
}

static void
purge(const struct child *child)
{
	const struct store_retention retention = { .succeeded_ms = KEPT_MS };
	struct store_purged purged;

	if (store_purge(child->env->store, &retention, PURGE_MS, &purged, NULL) != STATUS_OK)
		_exit(12);
	for (size_t i = 0; i < purged.count; i++)
		tell(child, (unsigned)strtoul(purged.ids[i], NULL, 16), TOLD_PURGED);
}

/* A batch of its own for task n. All of it is for the lane that nobody here works in. */
static void
submit_batch(const struct child *child, unsigned n)
{
	unsigned numbers[BATCH];

	for (unsigned k = 0; k < BATCH; k++)
		numbers[k] = 3 * ((k + 1) * TASKS + n);
	if (store_env_submit_batch(child->env, numbers, BATCH) != STATUS_OK)
		_exit(10);
	tell(child, n, TOLD_BATCH);
}

/* Submits task n as ended with a content like those of work_off, some above the inline limit. */
static void
submit_ended(const struct child *child, unsigned n)
{
	char content[STORE_ENV_INLINE_MAX + 40], id[UUID_TEXT_SIZE];

	store_env_id(n, id);
	memset(content, 'x', sizeof(content));
	memcpy(content, id, 8);
	if (store_env_submit_ended(child->env, n, content, n % 2 == 0 ? sizeof(content) : 8) !=
	    STATUS_OK)
		_exit(11);
	tell(child, n, TOLD_SUCCEEDED);
}

static void *
child_thread(void *arg)
{
	const struct child *child = arg;

	for (unsigned i = 0; i < TASKS_PER_ROUND / THREADS; i++) {
		unsigned n = child->round * TASKS_PER_ROUND + i * THREADS + child->thread;

		if (i % 5 == 4)
			submit_ended(child, n);
		else if (store_env_submit_as(child->env, n, "factorial", LANE_CPU, 100) !=
			 STATUS_OK)
			_exit(5);
		else
			tell(child, n, TOLD_SUBMITTED);
		if (i % 3 == 0)
			submit_batch(child, n);
		if (i % 2 == 0)
			work_off(child);
		if (i % 4 == 3)
			purge(child);
		if (i % 16 == 0 && store_maintain(child->env->store, NULL) != STATUS_OK)
			_exit(6);
	}
	return NULL;
}

static void
child_main(struct store_env *env, int pipe, unsigned round)
{
	struct child children[THREADS];
	pthread_t threads[THREADS];

	if (store_env_try_open(env) != STATUS_OK)
		_exit(7);
	for (unsigned i = 0; i < THREADS; i++) {
		children[i] =
		    (struct child){ .env = env, .pipe = pipe, .round = round, .thread = i };
		if (thread_start(&threads[i], "child", 0, child_thread, &children[i], NULL) !=
		    STATUS_OK)
			_exit(8);
	}
	for (unsigned i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	_exit(9); /* it should have been killed before */
}

/* Lives one life of the service; notes what it told. */
static void
live_and_die(struct store_env *env, unsigned round, unsigned kill_after, unsigned char *ledger)
{
	struct record record;
	unsigned told = 0;
	int pipes[2], state;
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(pipes[0]);
		child_main(env, pipes[1], round);
	}
	close(pipes[1]);
	/* What is in the pipe at its death was told, too. */
	while (read(pipes[0], &record, sizeof(record)) == (ssize_t)sizeof(record)) {
		ledger[record.n] |= (unsigned char)record.told;
		if (++told == kill_after)
			assert_int_equal(kill(pid, SIGKILL), 0);
	}
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &state, 0), pid);
	if (!WIFSIGNALED(state))
		fail_msg("round %u: the child ended by itself: %d", round, WEXITSTATUS(state));
	assert_true(told >= kill_after);
}

static void
check_task(struct store_env *env, unsigned n, unsigned char told)
{
	struct task_result result;
	char id[UUID_TEXT_SIZE], content[9] = "";
	enum status status;

	store_env_id(n, id);
	status = store_read_result(env->store, id, &result, NULL);
	if (status == STATUS_NOT_FOUND) {
		/* The deletion may have been as far as the disk, and not as far as the pipe. */
		assert_true(may_be_purged(n));
		return;
	}
	assert_int_equal(status, STATUS_OK);
	assert_int_equal(told & TOLD_PURGED, 0);
	assert_int_not_equal(result.status.state, TASK_RUNNING);
	assert_int_not_equal(result.status.state, TASK_FAILED);
	if ((told & TOLD_SUCCEEDED) != 0) {
		assert_int_equal(result.status.state, TASK_SUCCEEDED);
		if (result.fd >= 0)
			assert_int_equal(read(result.fd, content, 8), 8);
		else
			memcpy(content, result.data, 8);
		assert_memory_equal(content, id, 8);
	}
	task_result_done(&result);
}

/* Each batch is there as a whole or not at all, and as a whole if that was told. */
static void
check_batches(struct store_env *env, const unsigned char *ledger)
{
	unsigned char *members = calloc(TASKS, 1);
	char *ids = store_env_sql(env, "SELECT substr(id, 1, 8) FROM task WHERE lane = 1");

	assert_non_null(members);
	for (char *at = ids; *at != '\0'; at = strchr(at, '\n') + 1)
		members[strtoul(at, NULL, 16) / 3 % TASKS]++;
	for (unsigned n = 0; n < TASKS; n++)
		assert_true(
		    members[n] == BATCH || (members[n] == 0 && (ledger[n] & TOLD_BATCH) == 0));
	free(ids);
	free(members);
}

static void
test_what_was_told_before_kill_9_is_true_after_it(void **state)
{
	struct store_env *env = store_env_new(STORE_ENV_SQLITE);
	unsigned char *ledger = calloc(ROUNDS, TASKS_PER_ROUND);
	unsigned seed = 4711, purged = 0;

	(void)state;
	assert_non_null(ledger);
	store_env_close(env);
	for (unsigned round = 0; round < ROUNDS; round++) {
		char *check;

		seed = seed * 1103515245 + 12345;
		live_and_die(env, round, 1 + (seed >> 16) % 300, ledger);
		store_env_open(env);
		for (unsigned n = 0; n < TASKS; n++) {
			if (ledger[n] != 0)
				check_task(env, n, ledger[n]);
			purged += (ledger[n] & TOLD_PURGED) != 0;
		}
		check_batches(env, ledger);
		store_env_check_counters(env);
		check = store_env_sql(env,
		    "PRAGMA integrity_check;"
		    "SELECT count(*) FROM task WHERE result_where = 'row' AND seq NOT IN "
		    "(SELECT seq FROM task_result);"
		    "SELECT count(*) FROM task_result WHERE seq NOT IN (SELECT seq FROM task WHERE "
		    "result_where = 'row')");
		assert_string_equal(check, "ok\n0\n0\n");
		free(check);
		store_env_close(env);
	}
	assert_true(purged > 0);
	free(ledger);
	store_env_free(env);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_told_before_kill_9_is_true_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
