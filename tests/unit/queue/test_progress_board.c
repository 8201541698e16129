/* SPDX-License-Identifier: MIT */
/*
 * How far attempts are, for those who ask: who is found, what is told to whom, and that nothing is
 * missed or touched too late while attempts come and go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "queue/progress_board.h"

#define PATIENCE_MS 20000

struct scene {
	struct waiters *waiters;
	struct progress_board *board;
};

static int
setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	assert_int_equal(waiters_new(&scene->waiters, NULL), STATUS_OK);
	assert_int_equal(progress_board_new(scene->waiters, &scene->board, NULL), STATUS_OK);
	*state = scene;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *scene = *state;

	progress_board_free(scene->board);
	waiters_free(scene->waiters);
	free(scene);
	return 0;
}

static void
make_id(unsigned n, char ret_id[UUID_TEXT_SIZE])
{
	(void)snprintf(ret_id, UUID_TEXT_SIZE, "018f0000-0000-7000-8000-%012x", n);
}

static struct run *
new_run(struct scene *scene, unsigned n, int attempt)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	make_id(n, run->task.id);
	run->task.attempt = attempt;
	run->watch = progress_board_watch(scene->board);
	return run;
}

static void
end_run(struct scene *scene, struct run *run)
{
	progress_board_remove(scene->board, run);
	free(run); /* a sanitizer sees who looks at it */
}

static unsigned
hear(struct waiter *waiter)
{
	return waiters_wait(waiter, WAITER_PROGRESSED, 0);
}

static void
test_an_attempt_is_found_once_it_has_noted_progress_and_until_it_is_removed(void **state)
{
	struct scene *scene = *state;
	struct run *run = new_run(scene, 1, 2);
	char id[UUID_TEXT_SIZE];

	make_id(1, id);
	assert_int_equal(progress_board_read(scene->board, id, 2), -1);
	assert_int_equal(progress_board_await(scene->board, id, 2, -1), -1);
	run_progress(run, 1, 4);
	assert_int_equal(progress_board_read(scene->board, id, 2), 250);
	assert_int_equal(progress_board_await(scene->board, id, 2, 100), 250);
	run_progress(run, 2, 4);
	assert_int_equal(progress_board_read(scene->board, id, 2), 500);
	end_run(scene, run);
	assert_int_equal(progress_board_read(scene->board, id, 2), -1);
	assert_int_equal(progress_board_await(scene->board, id, 2, 500), -1);
}

static void
test_only_the_attempt_that_is_asked_for_is_found(void **state)
{
	struct scene *scene = *state;
	struct run *runs[3] = { new_run(scene, 1, 1), new_run(scene, 1, 2), new_run(scene, 2, 1) };
	char id[UUID_TEXT_SIZE];

	for (unsigned i = 0; i < 3; i++)
		run_progress(runs[i], i + 1, 10);
	make_id(1, id);
	assert_int_equal(progress_board_read(scene->board, id, 1), 100);
	assert_int_equal(progress_board_read(scene->board, id, 2), 200);
	assert_int_equal(progress_board_read(scene->board, id, 3), -1);
	make_id(2, id);
	assert_int_equal(progress_board_read(scene->board, id, 1), 300);
	make_id(3, id);
	assert_int_equal(progress_board_read(scene->board, id, 1), -1);
	for (unsigned i = 0; i < 3; i++)
		end_run(scene, runs[i]);
}

static void
test_a_run_that_never_noted_progress_can_be_removed(void **state)
{
	struct scene *scene = *state;

	end_run(scene, new_run(scene, 1, 1));
}

static void
test_the_first_progress_is_told_and_then_what_is_awaited(void **state)
{
	struct scene *scene = *state;
	struct run *run = new_run(scene, 1, 1);
	struct waiter waiter;

	waiters_add(scene->waiters, &waiter, run->task.id, WAITER_PROGRESSED);
	run_progress(run, 10, 100);
	assert_int_equal(hear(&waiter), WAITER_PROGRESSED);
	run_progress(run, 20, 100);
	assert_int_equal(hear(&waiter), 0);
	/* More than was seen is there already: nothing to wait for. */
	assert_int_equal(progress_board_await(scene->board, run->task.id, 1, 100), 200);
	run_progress(run, 30, 100);
	assert_int_equal(hear(&waiter), 0);
	assert_int_equal(progress_board_await(scene->board, run->task.id, 1, 300), 300);
	assert_int_equal(hear(&waiter), 0);
	run_progress(run, 40, 100);
	assert_int_equal(hear(&waiter), WAITER_PROGRESSED);
	run_progress(run, 50, 100);
	assert_int_equal(hear(&waiter), 0);
	waiters_remove(&waiter);
	end_run(scene, run);
}

/*
 * One thread follows attempt after attempt from its first progress to its whole, sleeping whenever
 * it has seen all there is, while another one makes the progress and ends the attempts.
 */
#define ROUNDS 200
#define STEPS  200

struct follower {
	struct scene *scene;
	pthread_t thread;
	atomic_int reached; /* the latest attempt that was seen whole */
	int fault;
};

static void *
follower_main(void *arg)
{
	struct follower *follower = arg;
	struct scene *scene = follower->scene;
	struct waiter waiter;
	char id[UUID_TEXT_SIZE];

	make_id(1, id);
	waiters_add(scene->waiters, &waiter, id, WAITER_PROGRESSED);
	for (int attempt = 1; attempt <= ROUNDS; attempt++) {
		int seen = -1;

		while (seen < RUN_PROGRESS_WHOLE && follower->fault == 0) {
			int now = progress_board_await(scene->board, id, attempt, seen);

			if (now < seen)
				follower->fault = attempt;
			else if (now == seen && waiters_wait(&waiter, WAITER_PROGRESSED,
						    clock_mono_ms() + PATIENCE_MS) == 0)
				follower->fault = -attempt;
			seen = now;
		}
		atomic_store(&follower->reached, attempt);
	}
	waiters_remove(&waiter);
	return NULL;
}

static void
test_no_progress_is_missed_while_attempts_come_and_go(void **state)
{
	struct follower follower = { .scene = *state };

	atomic_init(&follower.reached, 0);
	assert_int_equal(
	    thread_start(&follower.thread, "follower", 0, follower_main, &follower, NULL),
	    STATUS_OK);
	for (int attempt = 1; attempt <= ROUNDS; attempt++) {
		struct run *run = new_run(*state, 1, attempt);

		for (unsigned step = 1; step <= STEPS; step++)
			run_progress(run, step, STEPS);
		while (atomic_load(&follower.reached) < attempt)
			(void)sched_yield();
		end_run(*state, run);
	}
	thread_join(follower.thread);
	assert_int_equal(follower.fault, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_an_attempt_is_found_once_it_has_noted_progress_and_until_it_is_removed),
		TEST(test_only_the_attempt_that_is_asked_for_is_found),
		TEST(test_a_run_that_never_noted_progress_can_be_removed),
		TEST(test_the_first_progress_is_told_and_then_what_is_awaited),
		TEST(test_no_progress_is_missed_while_attempts_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
