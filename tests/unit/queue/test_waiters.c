/* SPDX-License-Identifier: MIT */
/*
 * Waiting for what becomes of a task: who goes on, when, and that nobody is forgotten. A wait that
 * should end is given PATIENCE_MS; one that should not is asked before and after something else has
 * ended.
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
#include "queue/waiters.h"

#define PATIENCE_MS 20000

static void
make_id(unsigned n, char ret_id[UUID_TEXT_SIZE])
{
	(void)snprintf(ret_id, UUID_TEXT_SIZE, "018f0000-0000-7000-8000-%012x", n);
}

static void
wake(struct waiters *waiters, unsigned n)
{
	char id[UUID_TEXT_SIZE];

	make_id(n, id);
	waiters_tell(waiters, id, WAITER_ENDED);
}

static void
add(struct waiters *waiters, struct waiter *waiter, unsigned n)
{
	char id[UUID_TEXT_SIZE];

	make_id(n, id);
	waiters_add(waiters, waiter, id, WAITER_ENDED);
}

/* A thread that waits as long as it takes; `is_done` tells that it went on. */
struct sleeper {
	struct waiters *waiters;
	struct waiter waiter;
	int64_t patience_ms;
	pthread_t thread;
	atomic_bool is_done;
};

static void *
sleeper_main(void *arg)
{
	struct sleeper *sleeper = arg;

	(void)waiters_wait(&sleeper->waiter, WAITER_ENDED, clock_mono_ms() + sleeper->patience_ms);
	atomic_store(&sleeper->is_done, true);
	return NULL;
}

static void
sleeper_start_until(
    struct sleeper *sleeper, struct waiters *waiters, unsigned n, int64_t patience_ms)
{
	sleeper->waiters = waiters;
	sleeper->patience_ms = patience_ms;
	atomic_init(&sleeper->is_done, false);
	add(waiters, &sleeper->waiter, n);
	assert_int_equal(
	    thread_start(&sleeper->thread, "sleeper", 0, sleeper_main, sleeper, NULL), STATUS_OK);
}

static void
sleeper_start(struct sleeper *sleeper, struct waiters *waiters, unsigned n)
{
	sleeper_start_until(sleeper, waiters, n, PATIENCE_MS);
}

static void
sleeper_end(struct sleeper *sleeper)
{
	thread_join(sleeper->thread);
	waiters_remove(&sleeper->waiter);
}

static int
setup(void **state)
{
	struct waiters *waiters = NULL;

	assert_int_equal(waiters_new(&waiters, NULL), STATUS_OK);
	*state = waiters;
	return 0;
}

static int
teardown(void **state)
{
	waiters_free(*state);
	return 0;
}

static int64_t
patient(void)
{
	return clock_mono_ms() + PATIENCE_MS;
}

static void
assert_ends_early(struct waiter *waiter)
{
	int64_t until = patient();

	assert_int_not_equal(waiters_wait(waiter, WAITER_ENDED, until), 0);
	assert_true(clock_mono_ms() < until);
}

static void
test_an_end_between_adding_and_waiting_is_not_missed(void **state)
{
	struct waiter waiter;

	add(*state, &waiter, 1);
	wake(*state, 1);
	assert_ends_early(&waiter);
	waiters_remove(&waiter);
}

static void
test_a_wait_ends_when_its_time_has_come(void **state)
{
	struct waiter waiter;
	int64_t until = clock_mono_ms() + 30;

	add(*state, &waiter, 1);
	wake(*state, 2);
	assert_int_equal(waiters_wait(&waiter, WAITER_ENDED, until), 0);
	assert_true(clock_mono_ms() >= until);
	/* A time that has passed is no wait at all. */
	assert_int_equal(waiters_wait(&waiter, WAITER_ENDED, until - 1000), 0);
	waiters_remove(&waiter);
}

static void
test_everybody_who_waits_for_the_task_goes_on_and_nobody_else(void **state)
{
	struct sleeper same[3], other;

	for (size_t i = 0; i < 3; i++)
		sleeper_start(&same[i], *state, 7);
	sleeper_start(&other, *state, 8);
	wake(*state, 7);
	for (size_t i = 0; i < 3; i++)
		sleeper_end(&same[i]);
	assert_false(atomic_load(&other.is_done));
	wake(*state, 8);
	sleeper_end(&other);
}

/* More than are woken together, and others between them; each is gone once it has been woken. */
static void
test_however_many_wait_all_of_them_go_on(void **state)
{
	enum {
		SLEEPERS = 200
	};
	struct sleeper *sleepers[SLEEPERS];

	for (unsigned i = 0; i < SLEEPERS; i++) {
		sleepers[i] = malloc(sizeof(*sleepers[i]));
		assert_non_null(sleepers[i]);
		sleeper_start(sleepers[i], *state, i % 10 == 3 ? 8 : 7);
	}
	wake(*state, 7);
	for (unsigned i = 0; i < SLEEPERS; i++) {
		if (i % 10 == 3)
			continue;
		sleeper_end(sleepers[i]);
		free(sleepers[i]); /* a sanitizer sees who looks at it */
	}
	for (unsigned i = 3; i < SLEEPERS; i += 10)
		assert_false(atomic_load(&sleepers[i]->is_done));
	wake(*state, 8);
	for (unsigned i = 3; i < SLEEPERS; i += 10) {
		sleeper_end(sleepers[i]);
		free(sleepers[i]);
	}
}

/* Who gives up, and whose time is over, while the task ends. */
static void
test_waits_that_end_for_several_reasons_at_once_end(void **state)
{
	enum {
		ROUNDS_OF_IT = 100,
		SLEEPERS = 4
	};

	for (unsigned round = 0; round < ROUNDS_OF_IT; round++) {
		struct sleeper *sleepers[SLEEPERS];

		for (unsigned i = 0; i < SLEEPERS; i++) {
			sleepers[i] = malloc(sizeof(*sleepers[i]));
			assert_non_null(sleepers[i]);
			sleeper_start_until(sleepers[i], *state, 1, i == 0 ? 0 : PATIENCE_MS);
		}
		waiters_give_up(&sleepers[1]->waiter);
		wake(*state, 1);
		waiters_give_up(&sleepers[2]->waiter);
		for (unsigned i = 0; i < SLEEPERS; i++) {
			sleeper_end(sleepers[i]);
			free(sleepers[i]);
		}
	}
}

static void
test_who_has_been_removed_is_not_touched_any_more(void **state)
{
	struct waiter *gone = malloc(sizeof(*gone));
	struct waiter before, after;

	assert_non_null(gone);
	add(*state, &before, 1);
	add(*state, gone, 1);
	add(*state, &after, 1);
	waiters_remove(gone);
	free(gone); /* a sanitizer sees who looks at it */
	wake(*state, 1);
	assert_ends_early(&before);
	assert_ends_early(&after);
	waiters_remove(&after);
	waiters_remove(&before);
	wake(*state, 1);
}

static void
test_one_can_be_let_go_before_its_time(void **state)
{
	struct sleeper given_up, other;

	sleeper_start(&given_up, *state, 1);
	sleeper_start(&other, *state, 1);
	waiters_give_up(&given_up.waiter);
	sleeper_end(&given_up);
	assert_false(atomic_load(&other.is_done));
	wake(*state, 1);
	sleeper_end(&other);
}

static void
test_closing_lets_everybody_go_and_nobody_wait_any_more(void **state)
{
	struct sleeper sleepers[4];
	struct waiter late;

	for (unsigned i = 0; i < 4; i++)
		sleeper_start(&sleepers[i], *state, i);
	waiters_close(*state);
	for (unsigned i = 0; i < 4; i++)
		sleeper_end(&sleepers[i]);
	add(*state, &late, 9);
	assert_ends_early(&late);
	waiters_remove(&late);
	waiters_close(*state);
}

/* The news that are there, without waiting. */
static unsigned
hear(struct waiter *waiter, unsigned which)
{
	return waiters_wait(waiter, which, 0);
}

static void
tell(struct waiters *waiters, unsigned n, enum waiter_news news)
{
	char id[UUID_TEXT_SIZE];

	make_id(n, id);
	waiters_tell(waiters, id, news);
}

static void
test_news_are_for_those_who_want_them(void **state)
{
	const unsigned all = WAITER_ENDED | WAITER_CHANGED | WAITER_PROGRESSED;
	struct waiter listener, other, for_the_end;
	char id[UUID_TEXT_SIZE];

	make_id(1, id);
	add(*state, &for_the_end, 1);
	tell(*state, 1, WAITER_CHANGED);
	waiters_add(*state, &listener, id, all);
	make_id(2, id);
	waiters_add(*state, &other, id, all);
	assert_int_equal(hear(&listener, all), 0);
	tell(*state, 1, WAITER_CHANGED);
	assert_int_equal(hear(&listener, all), WAITER_CHANGED);
	tell(*state, 1, WAITER_PROGRESSED);
	assert_int_equal(hear(&listener, all), WAITER_PROGRESSED);
	assert_int_equal(hear(&for_the_end, all), 0);
	tell(*state, 1, WAITER_ENDED);
	assert_int_equal(hear(&listener, all), WAITER_ENDED);
	assert_int_equal(hear(&for_the_end, all), WAITER_ENDED);
	assert_int_equal(hear(&other, all), 0);
	waiters_remove(&listener);
	/* As long as one is left who listens, all are told. */
	tell(*state, 2, WAITER_CHANGED);
	assert_int_equal(hear(&other, all), WAITER_CHANGED);
	waiters_remove(&other);
	waiters_remove(&for_the_end);
}

static void
test_news_are_heard_once_and_those_not_asked_for_are_kept(void **state)
{
	const unsigned all = WAITER_ENDED | WAITER_CHANGED | WAITER_PROGRESSED;
	struct waiter waiter;
	char id[UUID_TEXT_SIZE];

	make_id(1, id);
	waiters_add(*state, &waiter, id, all);
	tell(*state, 1, WAITER_PROGRESSED);
	tell(*state, 1, WAITER_PROGRESSED);
	tell(*state, 1, WAITER_CHANGED);
	assert_int_equal(hear(&waiter, WAITER_ENDED), 0);
	assert_int_equal(hear(&waiter, WAITER_ENDED | WAITER_CHANGED), WAITER_CHANGED);
	assert_int_equal(hear(&waiter, all), WAITER_PROGRESSED);
	assert_int_equal(hear(&waiter, all), 0);
	tell(*state, 1, WAITER_ENDED);
	tell(*state, 1, WAITER_CHANGED);
	assert_int_equal(hear(&waiter, all), WAITER_ENDED | WAITER_CHANGED);
	waiters_remove(&waiter);
}

static void
test_who_is_dismissed_hears_it_whatever_is_asked_and_again(void **state)
{
	struct waiter given_up, closed;

	add(*state, &given_up, 1);
	add(*state, &closed, 2);
	waiters_give_up(&given_up);
	wake(*state, 1);
	assert_int_equal(hear(&given_up, 0), WAITER_DISMISSED);
	assert_int_equal(hear(&given_up, WAITER_ENDED), WAITER_DISMISSED | WAITER_ENDED);
	assert_int_equal(hear(&given_up, WAITER_ENDED), WAITER_DISMISSED);
	assert_int_equal(hear(&closed, WAITER_ENDED), 0);
	waiters_close(*state);
	assert_int_equal(hear(&closed, WAITER_ENDED), WAITER_DISMISSED);
	assert_int_equal(hear(&closed, 0), WAITER_DISMISSED);
	waiters_remove(&given_up);
	waiters_remove(&closed);
}

/* Tasks end while others begin to wait for them: each thread for one after the other, each of which
 * ends after somebody has been added for it. */
#define THREADS 4
#define ROUNDS  3000

struct racer {
	struct waiters *waiters;
	pthread_t thread;
	atomic_uint *added, *ended;
	unsigned index;
};

static void *
racer_main(void *arg)
{
	struct racer *racer = arg;

	for (unsigned round = 1; round <= ROUNDS; round++) {
		struct waiter waiter;

		add(racer->waiters, &waiter, round * THREADS + racer->index);
		atomic_store(racer->added, round);
		if (atomic_load(racer->ended) < round)
			(void)waiters_wait(&waiter, WAITER_ENDED, patient());
		waiters_remove(&waiter);
		if (atomic_load(racer->ended) < round)
			return racer; /* went on without an end */
	}
	return NULL;
}

static void
test_no_end_is_missed_while_threads_come_and_go(void **state)
{
	atomic_uint added[THREADS], ended[THREADS];
	struct racer racers[THREADS];
	unsigned left = THREADS;

	for (unsigned i = 0; i < THREADS; i++) {
		atomic_init(&added[i], 0);
		atomic_init(&ended[i], 0);
		racers[i] = (struct racer){
			.waiters = *state, .added = &added[i], .ended = &ended[i], .index = i
		};
		assert_int_equal(
		    thread_start(&racers[i].thread, "racer", 0, racer_main, &racers[i], NULL),
		    STATUS_OK);
	}
	while (left > 0) {
		left = THREADS;
		for (unsigned i = 0; i < THREADS; i++) {
			unsigned end = atomic_load(&ended[i]);

			if (end < atomic_load(&added[i])) {
				atomic_store(&ended[i], end + 1);
				wake(*state, (end + 1) * THREADS + i);
			}
			left -= end == ROUNDS;
		}
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *fault;

		assert_int_equal(pthread_join(racers[i].thread, &fault), 0);
		assert_null(fault);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_an_end_between_adding_and_waiting_is_not_missed),
		TEST(test_a_wait_ends_when_its_time_has_come),
		TEST(test_everybody_who_waits_for_the_task_goes_on_and_nobody_else),
		TEST(test_however_many_wait_all_of_them_go_on),
		TEST(test_waits_that_end_for_several_reasons_at_once_end),
		TEST(test_who_has_been_removed_is_not_touched_any_more),
		TEST(test_one_can_be_let_go_before_its_time),
		TEST(test_closing_lets_everybody_go_and_nobody_wait_any_more),
		TEST(test_news_are_for_those_who_want_them),
		TEST(test_news_are_heard_once_and_those_not_asked_for_are_kept),
		TEST(test_who_is_dismissed_hears_it_whatever_is_asked_and_again),
		TEST(test_no_end_is_missed_while_threads_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
