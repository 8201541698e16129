/* SPDX-License-Identifier: MIT */
/* The CPU pool: every run comes back once, in order, from as many threads as were asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/sync.h"
#include "queue/cpu_pool.h"

/* What the fake kind and the test share. The kind counts those that are inside and waits for a
 * gate. */
static struct {
	struct lock lock;
	struct cond changed;
	int inside;
	int inside_most;
	bool gate_open;
	int finished;
	int released;
	int order[64];
} shared;

static void
fake_run(const struct kind_settings *settings, struct run *run)
{
	(void)settings;
	lock_acquire(&shared.lock);
	shared.inside++;
	if (shared.inside > shared.inside_most)
		shared.inside_most = shared.inside;
	cond_broadcast(&shared.changed);
	while (!shared.gate_open)
		cond_wait(&shared.changed, &shared.lock);
	shared.inside--;
	lock_release(&shared.lock);
	run->outcome.verdict = VERDICT_SUCCEEDED;
}

static const struct kind fake_kind = { .type = "fake", .lane = LANE_CPU, .run = fake_run };

const struct kind *
kinds_find(const char *type)
{
	return strcmp(type, "fake") == 0 ? &fake_kind : NULL;
}

static void
on_finished(void *context, struct run *run)
{
	(void)context;
	lock_acquire(&shared.lock);
	shared.order[shared.finished++] = run->task.attempt;
	if (run->outcome.verdict == VERDICT_RELEASED)
		shared.released++;
	cond_broadcast(&shared.changed);
	lock_release(&shared.lock);
	free(run);
}

static int
setup(void **state)
{
	(void)state;
	memset(&shared, 0, sizeof(shared));
	lock_init(&shared.lock, LOCK_RANK_LEAF);
	cond_init(&shared.changed);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	cond_done(&shared.changed);
	lock_done(&shared.lock);
	return 0;
}

static const struct output_conf output_conf = { .memory_max_bytes = 100 };

static void
add_runs(struct cpu_pool *pool, int count, const atomic_bool *stop)
{
	for (int i = 0; i < count; i++) {
		struct run *run = calloc(1, sizeof(*run));
		assert_non_null(run);
		strcpy(run->task.type, "fake");
		run->task.attempt = i;
		run->stop = stop;
		output_init(&run->output, &output_conf);
		assert_null(cpu_pool_add(pool, run));
	}
}

static void
wait_for(const int *counter, int value)
{
	lock_acquire(&shared.lock);
	while (*counter < value)
		cond_wait(&shared.changed, &shared.lock);
	lock_release(&shared.lock);
}

static void
open_gate(void)
{
	lock_acquire(&shared.lock);
	shared.gate_open = true;
	cond_broadcast(&shared.changed);
	lock_release(&shared.lock);
}

static void
test_as_many_runs_execute_at_once_as_there_are_threads(void **state)
{
	(void)state;
	atomic_bool stop = false;
	struct cpu_pool *pool = NULL;
	assert_int_equal(cpu_pool_open(3, NULL, on_finished, NULL, &pool, NULL), STATUS_OK);
	add_runs(pool, 12, &stop);
	wait_for(&shared.inside, 3);
	open_gate();
	cpu_pool_close(pool);
	assert_int_equal(shared.finished, 12);
	assert_int_equal(shared.inside_most, 3);
	assert_int_equal(shared.released, 0);
}

static void
test_one_thread_executes_in_order(void **state)
{
	(void)state;
	atomic_bool stop = false;
	struct cpu_pool *pool = NULL;
	assert_int_equal(cpu_pool_open(1, NULL, on_finished, NULL, &pool, NULL), STATUS_OK);
	open_gate();
	add_runs(pool, 30, &stop);
	wait_for(&shared.finished, 30);
	cpu_pool_close(pool);
	for (int i = 0; i < 30; i++)
		assert_int_equal(shared.order[i], i);
}

static void
test_runs_that_have_not_begun_are_released_when_stopped(void **state)
{
	(void)state;
	atomic_bool stop = false;
	struct cpu_pool *pool = NULL;
	assert_int_equal(cpu_pool_open(1, NULL, on_finished, NULL, &pool, NULL), STATUS_OK);
	add_runs(pool, 10, &stop);
	wait_for(&shared.inside, 1);
	atomic_store(&stop, true);
	open_gate();
	cpu_pool_close(pool);
	assert_int_equal(shared.finished, 10);
	assert_int_equal(shared.released, 9);
}

static void
test_what_is_cancelled_already_is_not_taken(void **state)
{
	(void)state;
	struct cpu_pool *pool = NULL;
	struct run runs[4] = { 0 };
	assert_int_equal(cpu_pool_open(1, NULL, on_finished, NULL, &pool, NULL), STATUS_OK);
	for (int i = 0; i < 4; i++) {
		runs[i].next = i < 3 ? &runs[i + 1] : NULL;
		atomic_store(&runs[i].is_cancelled, true);
	}
	assert_ptr_equal(cpu_pool_add(pool, runs), &runs[0]);
	for (int i = 0; i < 4; i++)
		assert_ptr_equal(runs[i].next, i < 3 ? &runs[i + 1] : NULL);
	open_gate();
	add_runs(pool, 3, NULL);
	wait_for(&shared.finished, 3);
	assert_null(cpu_pool_take_cancelled(pool));
	cpu_pool_close(pool);
	assert_int_equal(shared.finished, 3);
}

static void
test_close_accepts_null(void **state)
{
	(void)state;
	cpu_pool_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_as_many_runs_execute_at_once_as_there_are_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_thread_executes_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_runs_that_have_not_begun_are_released_when_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_what_is_cancelled_already_is_not_taken, setup, teardown),
		cmocka_unit_test(test_close_accepts_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
