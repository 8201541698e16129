/* SPDX-License-Identifier: MIT */
/*
 * What the queue holds at once: places of an engine, executors, results that wait for the store,
 * and tasks that run one at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "queue_scene.h"

static void
test_an_engine_never_holds_more_than_the_slots(void **state)
{
	struct scene *scene = *state;
	char ids[7][UUID_TEXT_SIZE];
	scene_open_queue(scene, scene_usual);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		scene_submit_ok(scene, &carry_kind, ids[i]);
	for (int left = (int)ARRAY_SIZE(ids); left > 0; left--) {
		scene_await(&scene_shared.carried, left < 2 ? left : 2);
		struct run *run = scene_carry_take();
		outcome_succeed(&run->outcome, "");
		scene_carry_end(run);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	assert_int_equal(scene_shared.carried_most, 2);
}

static void
test_long_runs_leave_the_other_executors_to_short_ones(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char ids[9][UUID_TEXT_SIZE];
	char long_id[UUID_TEXT_SIZE];
	conf.cpu_executors = 5;
	scene_open_queue(scene, conf);
	for (int i = 0; i < 4; i++)
		scene_submit_ok(scene, &work_kind, long_id);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		scene_submit_work(scene, "{\"quick\":1}", ids[i]);
	scene_await(&scene_shared.inside, 4);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	assert_int_equal(scene_shared.inside, 4);
	scene_set_gate(true);
}

/* What is claimed ahead would pay for a crash with an attempt. */
static void
test_nothing_is_claimed_ahead_before_the_first_run_has_ended(void **state)
{
	struct scene *scene = *state;
	struct store_counts counts;
	char ids[10][UUID_TEXT_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		scene_put_waiter(scene, "{}", ids[i]);
	scene_open_queue(scene, scene_usual);
	scene_await(&scene_shared.inside, 2);
	assert_int_equal(store_counts(scene->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.by_state[TASK_RUNNING], 2);
	assert_int_equal(counts.by_state[TASK_QUEUED], ARRAY_SIZE(ids) - 2);
	scene_set_gate(true);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
}

static unsigned
count_spill_files(const struct scene *scene)
{
	char path[80];
	unsigned count = 0;
	snprintf(path, sizeof(path), "%s/results", scene->dir);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		count += strncmp(entry->d_name, "tmp-", 4) == 0;
	closedir(dir);
	return count;
}

static void
test_results_that_wait_for_the_store_are_bounded(void **state)
{
	struct scene *scene = *state;
	char ids[200][UUID_TEXT_SIZE];
	scene_open_queue(scene, scene_usual);
	fake_store_close_gate(scene->fake, FAKE_COMPLETE);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		scene_submit_work(scene, "{\"bulky\":1}", ids[i]);
	/* 64 spill files are the bound, and one in the hands of each executor. */
	while (count_spill_files(scene) < 64)
		scene_nap();
	fake_store_await_gate(scene->fake, FAKE_COMPLETE, 1);
	unsigned ticks = fake_store_calls(scene->fake, FAKE_MAINTAIN);
	fake_store_await_calls(scene->fake, FAKE_MAINTAIN, ticks + 1);
	assert_in_range(count_spill_files(scene), 64, 66);
	fake_store_open_gate(scene->fake, FAKE_COMPLETE);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
}

static void
test_a_finished_transfer_keeps_its_place_until_it_is_written(void **state)
{
	struct scene *scene = *state;
	char ids[3][UUID_TEXT_SIZE];
	scene_open_queue(scene, scene_usual);
	fake_store_close_gate(scene->fake, FAKE_COMPLETE);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		scene_submit_ok(scene, &carry_kind, ids[i]);
	scene_await(&scene_shared.carried, 2);
	struct run *run = scene_carry_take();
	outcome_succeed(&run->outcome, "");
	scene_carry_end(run);
	fake_store_await_gate(scene->fake, FAKE_COMPLETE, 1);
	unsigned ticks = fake_store_calls(scene->fake, FAKE_MAINTAIN);
	fake_store_await_calls(scene->fake, FAKE_MAINTAIN, ticks + 2);
	assert_int_equal(scene_shared.carried, 1);
	fake_store_open_gate(scene->fake, FAKE_COMPLETE);
	scene_await(&scene_shared.carried, 2);
}

static void
test_tasks_on_their_last_attempt_after_crashes_run_one_at_a_time(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char ids[13][UUID_TEXT_SIZE]; /* twelve that crash, and one more */
	struct task tasks[12];
	size_t count = 0;
	conf.cpu_executors = 4;
	conf.default_terms.max_attempts = 2;
	scene_open_queue(scene, conf);
	for (int i = 0; i < 12; i++)
		scene_submit_ok(scene, &work_kind, ids[i]);
	scene_await(&scene_shared.inside, 4);
	/* A crash while all twelve ran: the store is reopened over tasks that were claimed. */
	queue_close(scene->queue);
	scene->queue = NULL;
	assert_int_equal(
	    store_claim(scene->store, LANE_CPU, false, 12, 1, tasks, &count, NULL), STATUS_OK);
	assert_int_equal(count, 12);
	for (size_t i = 0; i < count; i++)
		task_done(&tasks[i]);
	store_close(scene->store);
	scene_open_store(scene);
	scene_shared.inside_most = 0;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &work_kind, ids[12]);
	scene_await(&scene_shared.inside, 2); /* one of the twelve, and the new one beside it */
	unsigned ticks = fake_store_calls(scene->fake, FAKE_MAINTAIN);
	scene_set_gate(true);
	for (int i = 0; i < 13; i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	assert_int_equal(scene_shared.inside_most, 2);
	/* One follows the other at once: eleven polls would see eleven ticks of the same length. */
	assert_true(fake_store_calls(scene->fake, FAKE_MAINTAIN) <= ticks + 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_an_engine_never_holds_more_than_the_slots),
		SCENE_TEST(test_nothing_is_claimed_ahead_before_the_first_run_has_ended),
		SCENE_TEST(test_long_runs_leave_the_other_executors_to_short_ones),
		SCENE_TEST(test_results_that_wait_for_the_store_are_bounded),
		SCENE_TEST(test_a_finished_transfer_keeps_its_place_until_it_is_written),
		SCENE_TEST(test_tasks_on_their_last_attempt_after_crashes_run_one_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
