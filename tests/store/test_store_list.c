/* SPDX-License-Identifier: MIT */
/*
 * Looking back, on every back end: pages of tasks with their filters, bounds and cursors, also
 * while tasks come and go. What is few among many: test_store_list_below_history.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/sync.h"
#include "store_env.h"
#include "store_list_rig.h"

static void
submit(struct store_env *env, const char *id, const char *type, const char *args, size_t args_size)
{
	const struct task_new task = {
		.type = type,
		.lane = strcmp(type, "http-fetch") == 0 ? LANE_IO : LANE_CPU,
		.args = args,
		.args_size = args_size,
		.terms = { .max_attempts = 3, .priority = TASK_PRIORITY_DEFAULT },
		.created_at_ms = env->now_ms,
	};
	struct task_new named = task;

	memcpy(named.id, id, UUID_TEXT_SIZE);
	assert_int_equal(store_submit(env->store, &named, 1, NULL, NULL, &env->error), STATUS_OK);
}

/* A task of the tests' present moment, whose id says so, the n-th of it. */
static void
submit_now(struct store_env *env, unsigned n, const char *type, const char *args)
{
	char id[UUID_TEXT_SIZE];

	uuid_floor(env->now_ms, id);
	(void)snprintf(id + 14, sizeof(id) - 14, "7000-8000-%012x", n);
	submit(env, id, type, args, strlen(args));
}

/* Pages ---------------------------------------------------------------------------------------- */

static void
test_nothing_is_an_empty_page(void **state)
{
	assert_list(*state, (struct store_list_query){ ANY_TIME }, "");
}

static void
test_the_newest_comes_first_by_id_whenever_it_was_stored(void **state)
{
	struct store_env *env = *state;

	for (unsigned n = 1; n <= 5; n += 2)
		store_env_submit(env, n);
	for (unsigned n = 4; n >= 2; n -= 2)
		store_env_submit(env, n);
	assert_list(env, (struct store_list_query){ ANY_TIME }, "5 4 3 2 1 ");
}

static void
test_a_task_comes_with_all_that_is_known_of_it(void **state)
{
	struct store_env *env = *state;
	struct task_new new = {
		.type = "factorial",
		.lane = LANE_CPU,
		.args = "{\"n\":\"7\"}",
		.args_size = 9,
		.terms = { .max_attempts = 3,
		    .priority = 2,
		    .run_at_ms = env->now_ms - 5,
		    .expires_at_ms = env->now_ms + 99 },
		.created_at_ms = env->now_ms,
	};
	const struct store_list_task *found;
	struct store_list page;
	struct task task;

	store_env_id(1, new.id);
	assert_int_equal(store_submit(env->store, &new, 1, NULL, NULL, &env->error), STATUS_OK);
	env->now_ms += 3;
	store_env_claim_one(env, false, &task);
	env->now_ms += 4;
	assert_int_equal(store_env_fail(env, &task, FAILURE_TIMEOUT), STATUS_OK);
	task_done(&task);
	store_env_submit(env, 2);
	page = list(env, (struct store_list_query){ ANY_TIME });
	assert_int_equal(page.count, 2);
	found = &page.tasks[1];
	assert_string_equal(found->status.id, new.id);
	assert_string_equal(found->status.type, "factorial");
	assert_int_equal(found->status.state, TASK_FAILED);
	assert_int_equal(found->status.attempt, 1);
	assert_int_equal(found->status.created_at_ms, env->now_ms - 7);
	assert_int_equal(found->status.started_at_ms, env->now_ms - 4);
	assert_int_equal(found->status.finished_at_ms, env->now_ms);
	assert_int_equal(found->priority, 2);
	assert_int_equal(found->failure, FAILURE_TIMEOUT);
	assert_int_equal(found->run_at_ms, new.terms.run_at_ms);
	assert_int_equal(found->expires_at_ms, new.terms.expires_at_ms);
	assert_string_equal(found->args, "{\"n\":\"7\"}");
	assert_int_equal(found->args_size, 9);
	found = &page.tasks[0];
	assert_int_equal(found->status.state, TASK_QUEUED);
	assert_int_equal(found->status.attempt, 0);
	assert_int_equal(found->status.started_at_ms, 0);
	assert_int_equal(found->status.finished_at_ms, 0);
	assert_int_equal(found->priority, TASK_PRIORITY_DEFAULT);
	assert_int_equal(found->failure, FAILURE_NONE);
	assert_int_equal(found->run_at_ms, 0);
	assert_int_equal(found->expires_at_ms, 0);
	store_list_done(&page);
	store_list_done(&page);
}

static void
test_pages_of_every_size_join_without_gaps_and_doubles(void **state)
{
	struct store_env *env = *state;
	size_t pages;

	for (unsigned n = 1; n <= 12; n++)
		store_env_submit(env, n);
	for (size_t size = 1; size <= 14; size++) {
		struct store_list_query query = { ANY_TIME, .tasks_max = size };

		assert_int_equal(walk(env, query, &pages), 12);
		/* A page that is full with the last task is the last one. */
		assert_int_equal(pages, (12 + size - 1) / size);
	}
}

static void
test_a_cursor_stands_still_while_tasks_come_and_change(void **state)
{
	struct store_env *env = *state;
	struct store_list_query query = { ANY_TIME, .tasks_max = 3 };
	struct store_list page;
	char next_id[UUID_TEXT_SIZE];
	struct task tasks[4];

	for (unsigned n = 10; n <= 80; n += 10)
		store_env_submit(env, n);
	page = list(env, query);
	memcpy(next_id, page.next_id, UUID_TEXT_SIZE);
	assert_string_equal(page_text(&page), "80 70 60 +");
	/* Newer ones, one that was minted before and stored later, and changes on both sides. */
	store_env_submit(env, 90);
	store_env_submit(env, 65);
	store_env_submit(env, 45);
	assert_int_equal(store_env_claim(env, 4, tasks), 4);
	assert_int_equal(store_env_succeed(env, &tasks[0], "x", 1), STATUS_OK);
	assert_int_equal(store_env_fail(env, &tasks[3], FAILURE_INTERNAL), STATUS_OK);
	query.before_id = next_id;
	page = list(env, query);
	memcpy(next_id, page.next_id, UUID_TEXT_SIZE);
	assert_string_equal(page_text(&page), "50 45 40 +");
	store_env_close(env);
	store_env_open(env);
	assert_list(env, query, "30 20 10 ");
	/* The cursor need not be the id of a task. */
	store_env_id(55, next_id);
	assert_list(env, query, "50 45 40 +");
	for (size_t i = 0; i < 4; i++)
		task_done(&tasks[i]);
}

/* Filters -------------------------------------------------------------------------------------- */

/* One task in each state: the number is the state's, plus 1. */
static void
submit_in_every_state(struct store_env *env)
{
	struct store_cancelled cancelled;
	struct task succeeded, failed, running;
	char id[UUID_TEXT_SIZE];

	store_env_submit(env, 3);
	store_env_claim_one(env, false, &succeeded);
	store_env_submit(env, 4);
	store_env_claim_one(env, false, &failed);
	store_env_submit(env, 5);
	store_env_id(5, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
	store_env_submit(env, 2);
	store_env_claim_one(env, false, &running);
	store_env_submit(env, 1);
	assert_int_equal(store_env_succeed(env, &succeeded, "x", 1), STATUS_OK);
	assert_int_equal(store_env_fail(env, &failed, FAILURE_TIMEOUT), STATUS_OK);
	task_done(&succeeded);
	task_done(&failed);
	task_done(&running);
}

static void
test_by_state(void **state)
{
	struct store_env *env = *state;

	submit_in_every_state(env);
	for (unsigned states = 0; states < 1u << TASK_STATE_COUNT; states++) {
		char expected[32] = "";

		for (int n = TASK_STATE_COUNT; n > 0; n--) {
			if (states == 0 || (states & 1u << (n - 1)) != 0)
				(void)snprintf(expected + strlen(expected),
				    sizeof(expected) - strlen(expected), "%d ", n);
		}
		assert_list(env, (struct store_list_query){ ANY_TIME, .states = states }, expected);
	}
}

static void
test_by_type(void **state)
{
	struct store_env *env = *state;

	for (unsigned n = 1; n <= 6; n++)
		assert_int_equal(
		    store_env_submit_as(env, n, n % 3 == 0 ? "http-fetch" : "factorial",
			n % 3 == 0 ? LANE_IO : LANE_CPU, 3),
		    STATUS_OK);
	assert_list(env, (struct store_list_query){ ANY_TIME, .type = "http-fetch" }, "6 3 ");
	assert_list(env, (struct store_list_query){ ANY_TIME, .type = "factorial" }, "5 4 2 1 ");
	assert_list(env, (struct store_list_query){ ANY_TIME, .type = "http" }, "");
	assert_list(env,
	    (struct store_list_query){
		ANY_TIME, .type = "http-fetch", .states = STATE(QUEUED), .tasks_max = 1 },
	    "6 +");
	assert_list(env,
	    (struct store_list_query){ ANY_TIME, .type = "http-fetch", .states = STATE(RUNNING) },
	    "");
}

static void
test_by_time_to_the_millisecond(void **state)
{
	struct store_env *env = *state;
	int64_t at_ms = env->now_ms;

	for (unsigned n = 1; n <= 3; n++) {
		submit_now(env, n, "factorial", "{}");
		submit_now(env, 10 + n, "factorial", "{}");
		env->now_ms++;
	}

	const struct {
		int64_t from_ms, before_ms;
		const char *expected;
	} cases[] = {
		{ 0, INT64_MAX, "13 3 12 2 11 1 " },
		{ at_ms, INT64_MAX, "13 3 12 2 11 1 " },
		{ at_ms + 1, INT64_MAX, "13 3 12 2 " },
		{ at_ms + 2, INT64_MAX, "13 3 " },
		{ at_ms + 3, INT64_MAX, "" },
		{ 0, at_ms + 3, "13 3 12 2 11 1 " },
		{ 0, at_ms + 2, "12 2 11 1 " },
		{ 0, at_ms + 1, "11 1 " },
		{ 0, at_ms, "" },
		{ at_ms + 1, at_ms + 2, "12 2 " },
		{ at_ms + 1, at_ms + 1, "" },
		{ at_ms + 2, at_ms, "" },
		{ 0, 0, "" },
		{ INT64_MAX, INT64_MAX, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_list(env,
		    (struct store_list_query){ .created_from_ms = cases[i].from_ms,
			.created_before_ms = cases[i].before_ms },
		    cases[i].expected);
}

static void
test_a_page_below_a_cursor_keeps_to_its_bounds_of_time(void **state)
{
	struct store_env *env = *state;
	struct store_list_query query = { .created_from_ms = env->now_ms + 1,
		.created_before_ms = env->now_ms + 3,
		.tasks_max = 2 };
	size_t pages;

	for (int i = 0; i < 4; i++, env->now_ms++) {
		for (unsigned n = 0; n < 3; n++)
			submit_now(env, n, "factorial", "{}");
	}
	assert_int_equal(walk(env, query, &pages), 6);
	assert_int_equal(pages, 3);
}

static void
test_by_how_the_arguments_begin(void **state)
{
	struct store_env *env = *state;

	const struct {
		const char *prefix;
		const char *expected;
	} cases[] = {
		{ "", "4 3 2 1 " },
		{ "{", "4 3 2 1 " },
		{ "{\"url\":\"http://a/", "3 2 " },
		{ "{\"url\":\"http://a/b", "3 " },
		{ "{\"url\":\"http://a/b\"}", "3 " },
		{ "{\"url\":\"http://a/b\"} ", "" },
		{ "{\"url\":\"http://a/c", "" },
		{ "{\"url\":\"http://A/", "4 " },
		{ "\"url\"", "" },
	};

	submit_now(env, 1, "factorial", "{\"n\":\"1\"}");
	submit_now(env, 2, "http-fetch", "{\"url\":\"http://a/\"}");
	submit_now(env, 3, "http-fetch", "{\"url\":\"http://a/b\"}");
	submit_now(env, 4, "http-fetch", "{\"url\":\"http://A/b\"}");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_list(env,
		    (struct store_list_query){ ANY_TIME, .args_prefix = cases[i].prefix,
			.args_prefix_size = strlen(cases[i].prefix) },
		    cases[i].expected);
}

/* Bounds --------------------------------------------------------------------------------------- */

static void
test_a_page_costs_no_more_looks_than_it_may(void **state)
{
	struct store_env *env = *state;
	unsigned numbers[300];
	size_t pages;

	for (unsigned n = 0; n < 300; n++)
		numbers[n] = n + 1; /* every third is a fetch */
	assert_int_equal(store_env_submit_batch(env, numbers, 300), STATUS_OK);
	assert_list(env,
	    (struct store_list_query){ ANY_TIME, .states = STATE(SUCCEEDED), .looks_max = 100 },
	    "+");
	assert_list(env,
	    (struct store_list_query){ ANY_TIME, .states = STATE(SUCCEEDED), .looks_max = 299 },
	    "+");
	assert_list(env,
	    (struct store_list_query){ ANY_TIME, .states = STATE(SUCCEEDED), .looks_max = 300 },
	    "");
	assert_list(env,
	    (struct store_list_query){ ANY_TIME, .type = "http-fetch", .looks_max = 7 },
	    "300 297 294 +");
	for (size_t looks = 1; looks <= 301; looks += 50) {
		struct store_list_query query = { ANY_TIME, .type = "http-fetch", .tasks_max = 300,
			.looks_max = looks };

		assert_int_equal(walk(env, query, &pages), 100);
		assert_int_equal(pages, (300 + looks - 1) / looks);
		query.states = STATE(SUCCEEDED);
		assert_int_equal(walk(env, query, &pages), 0);
		assert_int_equal(pages, (300 + looks - 1) / looks);
	}
	/* Looks that are left over are not made. */
	assert_list(env,
	    (struct store_list_query){
		ANY_TIME, .type = "http-fetch", .tasks_max = 2, .looks_max = 300 },
	    "300 297 +");
}

static void
test_a_page_is_not_larger_than_its_arguments_may_be(void **state)
{
	struct store_env *env = *state;
	size_t half = STORE_LIST_ARGS_MAX / 2, pages;
	char *args = malloc(2 * half + 1);
	char id[UUID_TEXT_SIZE];

	assert_non_null(args);
	memset(args, 'x', 2 * half + 1);
	store_env_id(1, id);
	submit(env, id, "factorial", args, half);
	store_env_id(2, id);
	submit(env, id, "factorial", args, half);
	assert_list(env, (struct store_list_query){ ANY_TIME }, "2 1 ");
	store_env_id(3, id);
	submit(env, id, "factorial", args, 1);
	assert_list(env, (struct store_list_query){ ANY_TIME }, "3 2 +");
	/* What is larger by itself comes alone. */
	store_env_id(4, id);
	submit(env, id, "factorial", args, 2 * half + 1);
	assert_list(env, (struct store_list_query){ ANY_TIME }, "4 +");
	/* What is passed over does not count. */
	store_env_id(5, id);
	submit(env, id, "http-fetch", args, 2 * half + 1);
	assert_list(env, (struct store_list_query){ ANY_TIME, .type = "factorial" }, "4 +");
	assert_int_equal(
	    walk(env, (struct store_list_query){ ANY_TIME, .tasks_max = 9 }, &pages), 5);
	assert_int_equal(pages, 4);
	free(args);
}

/* While others write --------------------------------------------------------------------------- */

#define THERE 400

struct writing {
	struct store_env *env;
	struct event has_walked; /* the half of the writes comes after the first walk */
	struct bell bell;
	atomic_bool has_ended;
};

/* Submits further tasks, runs old ones, and cancels some. */
static void *
write_main(void *arg)
{
	struct writing *writing = arg;
	struct store_env *env = writing->env;
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];

	for (unsigned n = 0; n < 150; n++) {
		struct task task;

		if (n == 75)
			event_wait(&writing->has_walked, &writing->bell);
		store_env_submit(env, 10 * THERE + n);
		store_env_claim_one(env, false, &task);
		(void)store_env_succeed(env, &task, "x", 1);
		task_done(&task);
		store_env_id(THERE - n, id);
		status_ignore(store_cancel(env->store, id, env->now_ms, &cancelled, NULL));
	}
	atomic_store(&writing->has_ended, true);
	return NULL;
}

static void
test_a_walk_misses_nothing_that_was_there_while_others_write(void **state)
{
	struct writing writing = { .env = *state };
	unsigned walks = 0;
	pthread_t thread;
	bool was_last;

	event_init(&writing.has_walked);
	bell_init(&writing.bell);
	for (unsigned n = 1; n <= THERE; n++)
		store_env_submit(writing.env, n);
	assert_int_equal(thread_start(&thread, "write", 0, write_main, &writing, NULL), STATUS_OK);
	do {
		char before_id[UUID_TEXT_SIZE];
		struct store_list_query query = { ANY_TIME, .tasks_max = 7 };
		unsigned expected = THERE;
		bool has_more = true;

		was_last = atomic_load(&writing.has_ended);
		while (has_more) {
			struct store_list page = list(writing.env, query);

			for (size_t i = 0; i < page.count; i++) {
				unsigned n = number_of(page.tasks[i].status.id);

				if (n <= THERE)
					assert_int_equal(n, expected--);
			}
			has_more = page.has_more;
			memcpy(before_id, page.next_id, UUID_TEXT_SIZE);
			query.before_id = before_id;
			store_list_done(&page);
		}
		assert_int_equal(expected, 0);
		if (walks++ == 0) {
			event_set(&writing.has_walked);
			bell_ring(&writing.bell);
		}
	} while (!was_last);
	thread_join(thread);
	assert_true(walks > 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_nothing_is_an_empty_page),
		STORE_ENV_TEST(test_the_newest_comes_first_by_id_whenever_it_was_stored),
		STORE_ENV_TEST(test_a_task_comes_with_all_that_is_known_of_it),
		STORE_ENV_TEST(test_pages_of_every_size_join_without_gaps_and_doubles),
		STORE_ENV_TEST(test_a_cursor_stands_still_while_tasks_come_and_change),
		STORE_ENV_TEST(test_by_state),
		STORE_ENV_TEST(test_by_type),
		STORE_ENV_TEST(test_by_time_to_the_millisecond),
		STORE_ENV_TEST(test_a_page_below_a_cursor_keeps_to_its_bounds_of_time),
		STORE_ENV_TEST(test_by_how_the_arguments_begin),
		STORE_ENV_TEST(test_a_page_costs_no_more_looks_than_it_may),
		STORE_ENV_TEST(test_a_page_is_not_larger_than_its_arguments_may_be),
		STORE_ENV_TEST(test_a_walk_misses_nothing_that_was_there_while_others_write),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
