/* SPDX-License-Identifier: MIT */
/*
 * The CPU pool: every run comes back once, in order, from as many threads as were asked for, and as
 * many at once as their memory allows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/sync.h"
#include "kinds/kind_settings.h"
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
	int begun;
	int begun_as[64]; /* by number of the run */
} shared;

static void
fake_run(const struct kind_settings *settings, struct run *run)
{
	(void)settings;
	lock_acquire(&shared.lock);
	shared.begun_as[run->task.attempt] = shared.begun++;
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

/* As many MiB as the arguments are said to have bytes. */
static uint64_t
fake_memory(const struct kind_settings *settings, const char *args, size_t args_size)
{
	(void)settings;
	(void)args;
	return (uint64_t)args_size << 20;
}

static const struct kind fake_kind = {
	.type = "fake", .lane = LANE_CPU, .run = fake_run, .memory_bytes = fake_memory
};

static const struct kind_settings settings = { .cpu_memory_max_bytes = 100 << 20 };

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

static struct run *
add_run(struct cpu_pool *pool, int number, size_t mib, const atomic_bool *stop)
{
	struct run *run = calloc(1, sizeof(*run));
	assert_non_null(run);
	strcpy(run->task.type, "fake");
	run->task.attempt = number;
	run->task.args_size = mib;
	run->stop = stop;
	output_init(&run->output, &output_conf);
	assert_null(cpu_pool_add(pool, run));
	return run;
}

static void
add_runs(struct cpu_pool *pool, int count, const atomic_bool *stop)
{
	for (int i = 0; i < count; i++)
		add_run(pool, i, 0, stop);
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
	assert_int_equal(cpu_pool_open(3, &settings, on_finished, NULL, &pool, NULL), STATUS_OK);
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
	assert_int_equal(cpu_pool_open(1, &settings, on_finished, NULL, &pool, NULL), STATUS_OK);
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
	assert_int_equal(cpu_pool_open(1, &settings, on_finished, NULL, &pool, NULL), STATUS_OK);
	add_runs(pool, 10, &stop);
	wait_for(&shared.inside, 1);
	atomic_store(&stop, true);
	open_gate();
	cpu_pool_close(pool);
	assert_int_equal(shared.finished, 10);
	assert_int_equal(shared.released, 9);
}

/* Counted: 60 beside 40, and not 41. */
static void
test_runs_execute_at_once_as_far_as_their_memory_goes(void **state)
{
	(void)state;
	for (size_t second = 40; second <= 41; second++) {
		atomic_bool stop = false;
		struct cpu_pool *pool = NULL;
		teardown(NULL);
		setup(NULL);
		assert_int_equal(
		    cpu_pool_open(2, &settings, on_finished, NULL, &pool, NULL), STATUS_OK);
		add_run(pool, 0, 60, &stop);
		add_run(pool, 1, second, &stop);
		wait_for(&shared.inside, second == 40 ? 2 : 1);
		open_gate();
		cpu_pool_close(pool);
		assert_int_equal(shared.finished, 2);
		assert_int_equal(shared.inside_most, second == 40 ? 2 : 1);
	}
}

/* The third would fit beside the first, but the second was before it; the others take nothing. */
static void
test_who_waits_for_memory_is_passed_by_those_that_take_none(void **state)
{
	(void)state;
	atomic_bool stop = false;
	struct cpu_pool *pool = NULL;
	assert_int_equal(cpu_pool_open(2, &settings, on_finished, NULL, &pool, NULL), STATUS_OK);
	add_run(pool, 0, 60, &stop);
	add_run(pool, 1, 100, &stop);
	add_run(pool, 2, 1, &stop);
	wait_for(&shared.inside, 1);
	add_run(pool, 3, 0, &stop);
	wait_for(&shared.inside, 2);
	open_gate();
	cpu_pool_close(pool);
	assert_int_equal(shared.finished, 4);
	assert_int_equal(shared.begun_as[0], 0);
	assert_int_equal(shared.begun_as[3], 1);
	assert_int_equal(shared.begun_as[1], 2);
	assert_int_equal(shared.begun_as[2], 3);
}

static void
test_a_run_that_could_never_fit_is_left_to_its_kind(void **state)
{
	(void)state;
	atomic_bool stop = false;
	struct cpu_pool *pool = NULL;
	assert_int_equal(cpu_pool_open(1, &settings, on_finished, NULL, &pool, NULL), STATUS_OK);
	open_gate();
	add_run(pool, 0, 101, &stop);
	wait_for(&shared.finished, 1);
	cpu_pool_close(pool);
}

/* Who waited behind it goes on, although nothing has ended and nothing was added. */
static void
test_a_cancelled_run_that_waits_for_memory_is_taken_back(void **state)
{
	(void)state;
	atomic_bool stop = false;
	struct cpu_pool *pool = NULL;
	assert_int_equal(cpu_pool_open(2, &settings, on_finished, NULL, &pool, NULL), STATUS_OK);
	add_run(pool, 0, 60, &stop);
	wait_for(&shared.inside, 1);
	struct run *waiting = add_run(pool, 1, 100, &stop);
	add_run(pool, 2, 40, &stop);
	atomic_store(&waiting->is_cancelled, true);
	struct run *taken = cpu_pool_take_cancelled(pool);
	/* Its executor may have been faster: then it has ended by its word. */
	if (taken != NULL) {
		assert_ptr_equal(taken, waiting);
		assert_null(taken->next);
		free(taken);
	}
	wait_for(&shared.inside, 2);
	open_gate();
	cpu_pool_close(pool);
	assert_int_equal(shared.finished, taken != NULL ? 2 : 3);
}

static void
test_runs_that_wait_for_memory_are_released_when_stopped(void **state)
{
	(void)state;
	atomic_bool stop = false;
	struct cpu_pool *pool = NULL;
	assert_int_equal(cpu_pool_open(3, &settings, on_finished, NULL, &pool, NULL), STATUS_OK);
	for (int i = 0; i < 5; i++)
		add_run(pool, i, 100, &stop);
	wait_for(&shared.inside, 1);
	atomic_store(&stop, true);
	/* Something wakes them, as closing does; they do not wait for the one that executes. */
	add_run(pool, 5, 0, &stop);
	wait_for(&shared.released, 1);
	open_gate();
	cpu_pool_close(pool);
	assert_int_equal(shared.finished, 6);
	assert_int_equal(shared.released, 5);
}

static void
test_without_a_bound_memory_is_not_counted(void **state)
{
	(void)state;
	static const struct kind_settings any = { .cpu_memory_max_bytes = 0 };
	atomic_bool stop = false;
	struct cpu_pool *pool = NULL;
	assert_int_equal(cpu_pool_open(3, &any, on_finished, NULL, &pool, NULL), STATUS_OK);
	for (int i = 0; i < 3; i++)
		add_run(pool, i, 1 << 30, &stop);
	wait_for(&shared.inside, 3);
	open_gate();
	cpu_pool_close(pool);
	assert_int_equal(shared.finished, 3);
}

static void
test_what_is_cancelled_already_is_not_taken(void **state)
{
	(void)state;
	struct cpu_pool *pool = NULL;
	struct run runs[4] = { 0 };
	assert_int_equal(cpu_pool_open(1, &settings, on_finished, NULL, &pool, NULL), STATUS_OK);
	for (int i = 0; i < 4; i++) {
		runs[i].next = i < 3 ? &runs[i + 1] : NULL;
		strcpy(runs[i].task.type, "fake");
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
		cmocka_unit_test_setup_teardown(
		    test_runs_execute_at_once_as_far_as_their_memory_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_who_waits_for_memory_is_passed_by_those_that_take_none, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_run_that_could_never_fit_is_left_to_its_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_cancelled_run_that_waits_for_memory_is_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_runs_that_wait_for_memory_are_released_when_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_without_a_bound_memory_is_not_counted, setup, teardown),
		cmocka_unit_test(test_close_accepts_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
