/* SPDX-License-Identifier: MIT */
/* The gate before the parser: never more inside than places, and whoever waits gets in. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/json_gate.h"

#define THREADS 8
#define PLACES  3
#define ROUNDS  2000

struct crowd {
	struct json_gate gate;
	atomic_int inside;
	atomic_int most;
	atomic_int passed;
};

static void *
pass(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < ROUNDS; i++) {
		json_gate_enter(&crowd->gate);
		int inside = atomic_fetch_add(&crowd->inside, 1) + 1;
		int most = atomic_load(&crowd->most);
		while (inside > most && !atomic_compare_exchange_weak(&crowd->most, &most, inside))
			;
		if (i % 16 == 0)
			(void)sched_yield();
		atomic_fetch_sub(&crowd->inside, 1);
		json_gate_leave(&crowd->gate);
		atomic_fetch_add(&crowd->passed, 1);
	}
	return NULL;
}

static void
test_no_more_than_its_places_are_inside_and_all_get_through(void **state)
{
	struct crowd crowd = { 0 };
	pthread_t threads[THREADS];

	(void)state;
	json_gate_init(&crowd.gate, PLACES);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pass, &crowd), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_in_range(atomic_load(&crowd.most), 1, PLACES);
	assert_int_equal(atomic_load(&crowd.passed), THREADS * ROUNDS);
	json_gate_done(&crowd.gate);
}

static void *
enter(void *arg)
{
	json_gate_enter(arg);
	return NULL;
}

static void
test_one_that_waits_takes_the_place_that_is_left(void **state)
{
	struct json_gate gate;
	pthread_t thread;

	(void)state;
	json_gate_init(&gate, 2);
	json_gate_enter(&gate);
	json_gate_enter(&gate);
	assert_int_equal(gate.places, 0);
	assert_int_equal(pthread_create(&thread, NULL, enter, &gate), 0);
	json_gate_leave(&gate);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(gate.places, 0);
	json_gate_leave(&gate);
	json_gate_leave(&gate);
	assert_int_equal(gate.places, 2);
	json_gate_done(&gate);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_more_than_its_places_are_inside_and_all_get_through),
		cmocka_unit_test(test_one_that_waits_takes_the_place_that_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
