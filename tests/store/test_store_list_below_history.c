/* SPDX-License-Identifier: MIT */
/*
 * Looking back, on every back end: what runs, waits or did not succeed is found below any amount of
 * history, and without a walk to it while that is little.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/sqlite/history.h"
#include "store_env.h"
#include "store_list_rig.h"

static void
test_what_runs_is_found_below_any_amount_of_history(void **state)
{
	struct store_env *env = *state;
	unsigned numbers[200];
	struct task tasks[3];
	size_t pages;

	for (unsigned n = 1; n <= 3; n++)
		store_env_submit(env, n);
	assert_int_equal(store_env_claim(env, 3, tasks), 3);
	for (unsigned n = 0; n < 200; n++)
		numbers[n] = n + 10;
	assert_int_equal(store_env_submit_batch(env, numbers, 200), STATUS_OK);
	if (env->kind == STORE_ENV_SQLITE)
		assert_list(env,
		    (struct store_list_query){
			ANY_TIME, .states = STATE(RUNNING), .looks_max = 10 },
		    "3 2 1 ");
	for (size_t size = 1; size <= 4; size++) {
		struct store_list_query query = { ANY_TIME, .states = STATE(RUNNING),
			.tasks_max = size, .looks_max = 1000 };

		assert_int_equal(walk(env, query, &pages), 3);
		query.looks_max = 1;
		assert_int_equal(walk(env, query, &pages), 3);
	}
	assert_int_equal(store_env_succeed(env, &tasks[1], "x", 1), STATUS_OK);
	assert_list(env, (struct store_list_query){ ANY_TIME, .states = STATE(RUNNING) }, "3 1 ");
	for (size_t i = 0; i < 3; i++)
		task_done(&tasks[i]);
}

/* Tasks first, first + 1, ..., held until long after now where `is_held`, else ended. */
static void
submit_many(struct store_env *env, unsigned first, unsigned count, bool is_held)
{
	const struct task_ended ended = {
		.finished_at_ms = env->now_ms, .media_type = "", .content = "x", .content_size = 1
	};
	struct task_new *tasks = calloc(count, sizeof(*tasks));

	assert_non_null(tasks);
	for (unsigned i = 0; i < count; i++) {
		tasks[i] = (struct task_new){ .type = "factorial",
			.args = "{}",
			.args_size = 2,
			.terms.max_attempts = 1,
			.created_at_ms = env->now_ms };
		store_env_id(first + i, tasks[i].id);
		if (is_held)
			tasks[i].terms.run_at_ms = env->now_ms + 1000000;
		else
			tasks[i].ended = &ended;
	}
	assert_int_equal(store_submit(env->store, tasks, count, NULL, NULL, NULL), STATUS_OK);
	free(tasks);
}

static void
test_what_did_not_succeed_is_found_below_any_amount_of_history(void **state)
{
	static const unsigned both = STATE(FAILED) | STATE(REJECTED);
	const struct store_retention retention = { .failed_ms = 1000 };
	struct store_env *env = *state;
	struct store_purged *purged = malloc(sizeof(*purged));
	struct store_cancelled cancelled;
	struct task tasks[2];
	size_t looks = env->kind == STORE_ENV_SQLITE ? 4 : 1000;
	char id[UUID_TEXT_SIZE];
	size_t pages;

	assert_non_null(purged);
	assert_list(
	    env, (struct store_list_query){ ANY_TIME, .states = both, .looks_max = looks }, "");
	for (unsigned n = 1; n <= 4; n++)
		store_env_submit(env, n);
	assert_int_equal(store_env_claim(env, 2, tasks), 2);
	assert_int_equal(store_env_fail(env, &tasks[0], FAILURE_TLS), STATUS_OK);
	for (unsigned n = 3; n <= 4; n++) {
		store_env_id(n, id);
		assert_int_equal(
		    store_cancel(env->store, id, env->now_ms, &cancelled, NULL), STATUS_OK);
	}
	/* One that is cancelled while it runs ends FAILED whatever comes of it. */
	assert_int_equal(
	    store_cancel(env->store, tasks[1].id, env->now_ms, &cancelled, NULL), STATUS_OK);
	assert_int_equal(store_env_succeed(env, &tasks[1], "x", 1), STATUS_OK);
	submit_many(env, 100, 300, false);
	assert_list(env, (struct store_list_query){ ANY_TIME, .states = both, .looks_max = looks },
	    "4 3 2 1 ");
	assert_list(env,
	    (struct store_list_query){ ANY_TIME, .states = STATE(FAILED), .looks_max = looks },
	    "2 1 ");
	assert_list(env,
	    (struct store_list_query){ ANY_TIME, .states = STATE(REJECTED), .looks_max = looks },
	    "4 3 ");
	assert_list(env,
	    (struct store_list_query){
		ANY_TIME, .states = both, .type = "http-fetch", .looks_max = looks },
	    "");
	for (size_t size = 1; size <= 5; size++) {
		struct store_list_query query = { ANY_TIME, .states = both, .tasks_max = size };

		for (query.looks_max = 1; query.looks_max <= 4; query.looks_max++)
			assert_int_equal(walk(env, query, &pages), 4);
	}
	/* Any other mixture of states is looked for among all. */
	assert_int_equal(walk(env,
			     (struct store_list_query){
				 ANY_TIME, .states = both | STATE(SUCCEEDED), .tasks_max = 50 },
			     &pages),
	    304);
	env->now_ms += 2000;
	assert_int_equal(store_purge(env->store, &retention, env->now_ms, purged, NULL), STATUS_OK);
	assert_int_equal(purged->count, 4);
	assert_list(
	    env, (struct store_list_query){ ANY_TIME, .states = both, .looks_max = looks }, "");
	for (size_t i = 0; i < 2; i++)
		task_done(&tasks[i]);
	free(purged);
}

static void
test_what_waits_is_found_below_any_amount_of_history(void **state)
{
	static const unsigned open = STATE(QUEUED) | STATE(RUNNING);
	struct store_env *env = *state;
	struct task task;
	size_t pages;

	store_env_submit(env, 1); /* runs */
	store_env_claim_one(env, false, &task);
	store_env_submit(env, 2); /* is ready */
	submit_many(env, 3, 2, true);
	assert_int_equal(store_env_submit_as(env, 5, "http-fetch", LANE_IO, 1), STATUS_OK);
	submit_many(env, 10, 300, false);
	if (env->kind == STORE_ENV_SQLITE) {
		struct store_list_query few = { ANY_TIME, .looks_max = 10 };

		few.states = STATE(QUEUED);
		assert_list(env, few, "5 4 3 2 ");
		few.type = "factorial";
		assert_list(env, few, "4 3 2 ");
		few.args_prefix = "{}";
		few.args_prefix_size = 2;
		assert_list(env, few, "4 3 ");
		few = (struct store_list_query){ ANY_TIME, .looks_max = 10, .states = open };
		assert_list(env, few, "5 4 3 2 1 ");
		few.looks_max = 2;
		assert_list(env, few, "5 4 +");
		few.before_id = "00000004-0000-7000-8000-000000000000";
		assert_list(env, few, "3 2 +");
		few.before_id = "00000002-0000-7000-8000-000000000000";
		assert_list(env, few, "1 ");
		/* With any other state it has to be walked to. */
		few = (struct store_list_query){ ANY_TIME, .looks_max = 10,
			.states = open | STATE(FAILED) };
		assert_list(env, few, "+");
	}
	for (size_t size = 1; size <= 6; size++) {
		struct store_list_query query = { ANY_TIME, .states = open, .tasks_max = size,
			.looks_max = 1000 };

		assert_int_equal(walk(env, query, &pages), 5);
		query.looks_max = 1;
		assert_int_equal(walk(env, query, &pages), 5);
		query.states = STATE(QUEUED);
		assert_int_equal(walk(env, query, &pages), 4);
	}
	assert_int_equal(store_env_succeed(env, &task, "x", 1), STATUS_OK);
	assert_list(env, (struct store_list_query){ ANY_TIME, .states = open }, "5 4 3 2 ");
	task_done(&task);
}

/* So many have to be sorted, and no more: then a page is a walk again, which finds the same. */
static void
test_where_much_waits_pages_go_past_history(void **state)
{
	struct store_env *env = *state;
	struct store_list_query query = { ANY_TIME, .states = STATE(QUEUED), .looks_max = 10 };
	struct store_list page;
	size_t pages;

	if (env->kind != STORE_ENV_SQLITE)
		return;
	submit_many(env, 1, HISTORY_UNFINISHED_MAX, true);
	submit_many(env, 100000, 100, false);
	page = list(env, query);
	assert_int_equal(page.count, 10);
	assert_int_equal(number_of(page.tasks[0].status.id), HISTORY_UNFINISHED_MAX);
	store_list_done(&page);
	query.tasks_max = 500;
	query.looks_max = 10000; /* of which as many as are sorted at once */
	assert_int_equal(walk(env, query, &pages), HISTORY_UNFINISHED_MAX);
	submit_many(env, 90000, 1, true);
	query.looks_max = 10;
	assert_list(env, query, "+");
	query.looks_max = 1000;
	assert_int_equal(walk(env, query, &pages), HISTORY_UNFINISHED_MAX + 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_what_runs_is_found_below_any_amount_of_history),
		STORE_ENV_TEST(test_what_did_not_succeed_is_found_below_any_amount_of_history),
		STORE_ENV_TEST(test_what_waits_is_found_below_any_amount_of_history),
		STORE_ENV_TEST(test_where_much_waits_pages_go_past_history),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
