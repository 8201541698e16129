/* SPDX-License-Identifier: MIT */
/*
 * What is forgotten stays forgotten, whoever has read it before and puts it afterwards; and what
 * was not forgotten is kept all the same, with the task that it runs again. The tests' clock is an
 * argument.
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

#include "base/compiler.h"
#include "base/sync.h"
#include "queue/final_cache.h"

#define NOW_MS INT64_C(1000000)

static struct final_cache *
make_cache(size_t tasks)
{
	struct final_cache *cache;

	assert_int_equal(final_cache_new(tasks, &cache, NULL), STATUS_OK);
	return cache;
}

static struct task_status
make_status(unsigned n)
{
	struct task_status status = {
		.type = "http-fetch",
		.state = TASK_SUCCEEDED,
		.attempt = 1,
		.created_at_ms = 100 + n,
	};

	(void)snprintf(status.id, sizeof(status.id), "018f0000-0000-7000-8000-%012x", n);
	if (n % 2 == 0)
		(void)snprintf(status.retry_of, sizeof(status.retry_of),
		    "018f0000-0000-7000-8000-%012x", n + 1);
	return status;
}

static bool
knows(struct final_cache *cache, unsigned n, int64_t now_ms)
{
	const struct task_status expected = make_status(n);
	struct task_status found;
	struct task_result result;
	bool has_status = final_cache_get_status(cache, expected.id, now_ms, &found);
	bool has_result = final_cache_get_result(cache, expected.id, now_ms, &result);

	assert_true(has_status || !has_result);
	if (has_status) {
		assert_int_equal(found.created_at_ms, expected.created_at_ms);
		assert_string_equal(found.retry_of, expected.retry_of);
	}
	if (has_result) {
		assert_string_equal(result.status.retry_of, expected.retry_of);
		task_result_done(&result);
	}
	return has_status;
}

/* The four ways into the cache, each as its caller goes it. */
static void
put_status(struct final_cache *cache, unsigned n, struct final_cache_moment moment)
{
	struct task_status status = make_status(n);

	final_cache_put_status(cache, &status, moment);
}

static void
put_result(struct final_cache *cache, unsigned n, struct final_cache_moment moment)
{
	struct task_result result;

	task_result_init(&result);
	result.status = make_status(n);
	result.has_content = true;
	result.bytes = 1;
	result.data = strdup("x");
	final_cache_put_result(cache, &result, moment);
	task_result_done(&result);
}

static void
put_completion(struct final_cache *cache, unsigned n, struct final_cache_moment moment)
{
	const struct output_conf conf = {
		.spill_dir = "/tmp", .run_name = "forget", .memory_max_bytes = 100
	};
	struct task_status status = make_status(n);
	struct task task = { .seq = 1, .lease = 1, .created_at_ms = status.created_at_ms };
	struct outcome outcome;
	struct output output;
	const struct completion completion = {
		.task = &task, .outcome = &outcome, .output = &output
	};

	memcpy(task.id, status.id, sizeof(task.id));
	memcpy(task.type, status.type, sizeof(task.type));
	memcpy(task.retry_of, status.retry_of, sizeof(task.retry_of));
	output_init(&output, &conf);
	outcome_init(&outcome);
	outcome_succeed(&outcome, "text/plain");
	final_cache_put_completion(cache, &completion, moment);
	outcome_done(&outcome);
	output_done(&output);
}

static void
put_ended(struct final_cache *cache, unsigned n, struct final_cache_moment moment)
{
	const struct task_ended ended = {
		.media_type = "text/plain", .content = "x", .content_size = 1
	};
	struct task_status status = make_status(n);
	struct task_new task = {
		.type = "factorial", .created_at_ms = status.created_at_ms, .ended = &ended
	};

	memcpy(task.id, status.id, sizeof(task.id));
	if (status.retry_of[0] != '\0')
		task.retry_of = status.retry_of;
	final_cache_put_ended(cache, &task, moment);
}

static void (*const puts_of[])(struct final_cache *cache, unsigned n,
    struct final_cache_moment moment) = { put_status, put_result, put_completion, put_ended };

static void
forget(struct final_cache *cache, unsigned n)
{
	struct task_status status = make_status(n);

	final_cache_forget(cache, status.id);
}

static void
test_what_is_forgotten_between_a_read_and_its_put_is_not_put(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(puts_of); i++) {
		struct final_cache *cache = make_cache(1000);
		struct final_cache_moment moment = final_cache_moment(cache, NOW_MS);

		forget(cache, 1);
		puts_of[i](cache, 1, moment);
		assert_false(knows(cache, 1, NOW_MS));
		/* And what is read after it is: an id is not spoilt for ever. */
		puts_of[i](cache, 1, final_cache_moment(cache, NOW_MS));
		assert_true(knows(cache, 1, NOW_MS));
		final_cache_free(cache);
	}
}

static void
test_what_was_put_before_is_forgotten_and_an_older_read_does_not_bring_it_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(puts_of); i++) {
		struct final_cache *cache = make_cache(1000);
		struct final_cache_moment moment = final_cache_moment(cache, NOW_MS);

		puts_of[i](cache, 1, moment);
		assert_true(knows(cache, 1, NOW_MS));
		forget(cache, 1);
		assert_false(knows(cache, 1, NOW_MS));
		for (size_t j = 0; j < ARRAY_SIZE(puts_of); j++)
			puts_of[j](cache, 1, moment);
		assert_false(knows(cache, 1, NOW_MS));
		final_cache_free(cache);
	}
}

static void
test_what_a_task_runs_again_is_known_whichever_way_it_came(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(puts_of); i++) {
		struct final_cache *cache = make_cache(1000);

		for (unsigned n = 1; n <= 4; n++) {
			puts_of[i](cache, n, final_cache_moment(cache, NOW_MS));
			assert_true(knows(cache, n, NOW_MS));
		}
		final_cache_free(cache);
	}
}

/* A purge in steady state forgets thousands a second: it must not empty the cache for others. */
static void
test_forgetting_others_costs_next_to_nobody_its_place(void **state)
{
	struct final_cache *cache = make_cache(4096);
	unsigned known = 0;

	(void)state;
	for (unsigned n = 0; n < 1000; n++) {
		struct final_cache_moment moment = final_cache_moment(cache, NOW_MS);

		for (unsigned other = 0; other < 16; other++)
			forget(cache, 100000 + 16 * n + other);
		put_status(cache, n, moment);
		known += knows(cache, n, NOW_MS);
	}
	/* A set of 1,024 is hit by one of sixteen once in 64 times. */
	assert_in_range(known, 950, 1000);
	final_cache_free(cache);
}

static void
test_it_holds_most_of_as_many_tasks_as_it_was_made_for(void **state)
{
	struct final_cache *cache = make_cache(4096);
	unsigned known = 0;

	(void)state;
	for (unsigned n = 0; n < 4096; n++)
		put_status(cache, n, final_cache_moment(cache, NOW_MS + n));
	for (unsigned n = 0; n < 4096; n++)
		known += knows(cache, n, NOW_MS + 4096);
	/* Sets of four that ids fall into at random hold 80 % of what would fill them. */
	assert_in_range(known, 4096 * 7 / 10, 4096);
	final_cache_free(cache);
}

static void
test_a_cache_of_size_0_forgets_without_harm(void **state)
{
	struct final_cache *cache = make_cache(0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(puts_of); i++) {
		forget(cache, 1);
		puts_of[i](cache, 1, final_cache_moment(cache, NOW_MS));
		assert_false(knows(cache, 1, NOW_MS));
	}
	final_cache_free(cache);
}

#define TASKS  64
#define ROUNDS 300

/* A store in which tasks are there until they are deleted, and its readers. */
struct world {
	struct final_cache *cache;
	atomic_bool deleted[TASKS];
	atomic_bool is_over;
};

static void *
read_main(void *arg)
{
	struct world *world = arg;

	for (unsigned i = 0; !atomic_load(&world->is_over); i++) {
		unsigned n = i * 7 % TASKS;
		struct final_cache_moment moment = final_cache_moment(world->cache, NOW_MS);

		if (!atomic_load_explicit(&world->deleted[n], memory_order_acquire))
			puts_of[i % ARRAY_SIZE(puts_of)](world->cache, n, moment);
	}
	return NULL;
}

static void
test_readers_in_a_race_with_the_purge_leave_nothing_behind(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	pthread_t readers[2];

	(void)state;
	assert_non_null(world);
	for (unsigned round = 0; round < ROUNDS; round++) {
		*world = (struct world){ .cache = make_cache(TASKS) };
		for (unsigned i = 0; i < ARRAY_SIZE(readers); i++)
			assert_int_equal(
			    thread_start(&readers[i], "reader", 0, read_main, world, NULL),
			    STATUS_OK);
		for (unsigned n = 0; n < TASKS; n++) {
			atomic_store_explicit(&world->deleted[n], true, memory_order_release);
			forget(world->cache, n);
		}
		atomic_store(&world->is_over, true);
		for (unsigned i = 0; i < ARRAY_SIZE(readers); i++)
			thread_join(readers[i]);
		for (unsigned n = 0; n < TASKS; n++)
			assert_false(knows(world->cache, n, NOW_MS));
		final_cache_free(world->cache);
	}
	free(world);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_forgotten_between_a_read_and_its_put_is_not_put),
		cmocka_unit_test(
		    test_what_was_put_before_is_forgotten_and_an_older_read_does_not_bring_it_back),
		cmocka_unit_test(test_what_a_task_runs_again_is_known_whichever_way_it_came),
		cmocka_unit_test(test_forgetting_others_costs_next_to_nobody_its_place),
		cmocka_unit_test(test_it_holds_most_of_as_many_tasks_as_it_was_made_for),
		cmocka_unit_test(test_a_cache_of_size_0_forgets_without_harm),
		cmocka_unit_test(test_readers_in_a_race_with_the_purge_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
