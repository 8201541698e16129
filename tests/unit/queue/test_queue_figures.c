/* SPDX-License-Identifier: MIT */
/* The queue's figures: types and what ran of them, who is busy, who waits, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/service_clock.h"
#include "queue/maintenance.h"
#include "queue_scene.h"

static struct queue_stats
stats_of(struct scene *scene)
{
	struct queue_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	queue_stats(scene->queue, &stats);
	return stats;
}

static const struct type_stats *
find(const struct queue_stats *stats, const char *type)
{
	for (size_t i = 0; i < stats->type_count; i++) {
		if (strcmp(stats->types[i].tasks.type, type) == 0)
			return &stats->types[i];
	}
	fail_msg("%s is not there", type);
	return &stats->types[0];
}

static void
test_every_kind_is_there_before_there_are_tasks_of_it(void **state)
{
	static const char *const types[] = { "work", "carry", "prompt" };
	struct scene *scene = *state;
	struct queue_stats stats;

	scene_open_queue(scene, scene_usual);
	stats = stats_of(scene);
	assert_int_equal(stats.type_count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct type_stats *type = &stats.types[i];

		assert_string_equal(type->tasks.type, types[i]);
		assert_true(type->is_kind);
		assert_int_equal(type->lane, i == 1 ? LANE_IO : LANE_CPU);
		assert_int_equal(type->tasks.submitted, 0);
		assert_int_equal(type->wait_us.count, 0);
		assert_int_equal(type->run_us.count, 0);
		assert_true(type->wait_us.bound_count > 0);
	}
	assert_false(stats.draining);
	assert_false(stats.disk_low);
	assert_int_equal(stats.engine_late_ms, 0);
	assert_true(stats.disk_free_bytes > 0);
	assert_int_equal(stats.disk_free_min_bytes, 0);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		assert_int_equal(stats.lanes[lane].busy, 0);
		assert_int_equal(stats.lanes[lane].oldest_wait_ms, 0);
	}
}

static void
test_a_type_that_no_kind_has_is_shown_behind_them(void **state)
{
	struct scene *scene = *state;
	struct task_new task = {
		.type = "gone",
		.lane = LANE_CPU,
		.args = "{}",
		.args_size = 2,
		.terms.max_attempts = 1,
		.created_at_ms = 1,
	};
	struct queue_stats stats;

	assert_int_equal(uuid_v7(1, task.id, NULL), STATUS_OK);
	assert_int_equal(store_submit(scene->store, &task, 1, NULL, NULL, NULL), STATUS_OK);
	scene_open_queue(scene, scene_usual);
	scene_assert_failed(scene, task.id, FAILURE_INVALID_ARGUMENT);
	stats = stats_of(scene);
	assert_int_equal(stats.type_count, 4);
	assert_string_equal(stats.types[3].tasks.type, "gone");
	assert_false(stats.types[3].is_kind);
	assert_int_equal(stats.types[3].tasks.failed[FAILURE_INVALID_ARGUMENT], 1);
	assert_int_equal(stats.types[3].run_us.bound_count, 0);
	assert_int_equal(stats.lanes[LANE_CPU].busy, 0);
}

static void
test_who_runs_is_busy_and_who_has_run_is_counted(void **state)
{
	struct scene *scene = *state;
	char ids[3][UUID_TEXT_SIZE];
	struct queue_stats stats;

	scene_open_queue(scene, scene_usual);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		scene_submit_ok(scene, &work_kind, ids[i]);
	scene_await(&scene_shared.inside, 2);
	stats = stats_of(scene);
	/* Two executors, and one task behind them. */
	assert_int_equal(stats.lanes[LANE_CPU].busy, 2);
	assert_int_equal(stats.lanes[LANE_IO].busy, 0);
	assert_int_equal(find(&stats, "work")->wait_us.count, 2);
	assert_int_equal(find(&stats, "work")->run_us.count, 0);
	scene_set_gate(true);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		scene_await_final(scene, ids[i]);
	stats = stats_of(scene);
	assert_int_equal(stats.lanes[LANE_CPU].busy, 0);
	assert_int_equal(find(&stats, "work")->wait_us.count, 3);
	assert_int_equal(find(&stats, "work")->run_us.count, 3);
	assert_int_equal(find(&stats, "work")->tasks.succeeded, 3);
	assert_int_equal(find(&stats, "carry")->run_us.count, 0);
}

/* What is cancelled on its way to an executor has not begun, and nobody was busy with it. */
static void
test_what_is_cancelled_before_an_executor_has_it_is_not_counted(void **state)
{
	struct scene *scene = *state;
	char quick[UUID_TEXT_SIZE], ids[3][UUID_TEXT_SIZE];
	struct store_cancelled cancelled;
	struct queue_stats stats;

	scene_open_queue(scene, scene_usual);
	/* A short run, after which the lane takes tasks up ahead. */
	scene_submit_work(scene, "{\"quick\":1}", quick);
	scene_await_final(scene, quick);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		scene_submit_ok(scene, &work_kind, ids[i]);
	scene_await(&scene_shared.inside, 2);
	assert_int_equal(queue_cancel(scene->queue, ids[2], &cancelled, NULL), STATUS_OK);
	assert_int_equal(cancelled.what, STORE_CANCEL_REQUESTED);
	scene_assert_failed(scene, ids[2], FAILURE_CANCELLED);
	stats = stats_of(scene);
	assert_int_equal(stats.lanes[LANE_CPU].busy, 2);
	assert_int_equal(find(&stats, "work")->wait_us.count, 3);
	scene_set_gate(true);
	for (size_t i = 0; i < 2; i++)
		scene_await_final(scene, ids[i]);
	stats = stats_of(scene);
	assert_int_equal(stats.lanes[LANE_CPU].busy, 0);
	assert_int_equal(find(&stats, "work")->run_us.count, 3);
	assert_int_equal(find(&stats, "work")->tasks.failed[FAILURE_CANCELLED], 1);
}

static void
test_a_result_that_is_at_hand_neither_waits_nor_runs(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	struct queue_stats stats;

	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &prompt_kind, id);
	stats = stats_of(scene);
	assert_int_equal(find(&stats, "prompt")->tasks.answered, 1);
	assert_int_equal(find(&stats, "prompt")->tasks.succeeded, 1);
	assert_int_equal(find(&stats, "prompt")->wait_us.count, 0);
	assert_int_equal(find(&stats, "prompt")->run_us.count, 0);
}

static void
test_the_oldest_is_found_and_forgotten_when_nobody_waits(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	struct queue_stats stats = { 0 };

	scene_put_waiter(scene, "{}", id); /* since the first millisecond there is */
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, scene_usual);
	for (; stats.lanes[LANE_CPU].oldest_wait_ms == 0; scene_nap())
		queue_stats(scene->queue, &stats);
	assert_in_range(
	    stats.lanes[LANE_CPU].oldest_wait_ms, service_clock_ms() - 60000, service_clock_ms());
	assert_int_equal(stats.lanes[LANE_IO].oldest_wait_ms, 0);
	scene_set_gate(true);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	scene_await_final(scene, id);
	/* Without waiting for the next look. */
	assert_int_equal(stats_of(scene).lanes[LANE_CPU].oldest_wait_ms, 0);
}

static void
test_the_oldest_waits_on_when_looks_do_not_come(void **state)
{
	const int64_t looked = 1000000;

	(void)state;
	assert_int_equal(maintenance_oldest_ms(0, looked, looked + 3600000), 0);
	assert_int_equal(maintenance_oldest_ms(looked - 500, looked, looked), 500);
	assert_int_equal(
	    maintenance_oldest_ms(looked - 500, looked, looked + MAINTENANCE_OVERDUE_MS), 500);
	assert_int_equal(
	    maintenance_oldest_ms(looked - 500, looked, looked + MAINTENANCE_OVERDUE_MS + 60000),
	    60500);
	/* Clocks that were set. */
	assert_int_equal(maintenance_oldest_ms(looked + 5, looked, looked), 0);
	assert_int_equal(maintenance_oldest_ms(looked - 500, looked, looked - 3600000), 500);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		SCENE_TEST(test_every_kind_is_there_before_there_are_tasks_of_it),
		SCENE_TEST(test_a_type_that_no_kind_has_is_shown_behind_them),
		SCENE_TEST(test_who_runs_is_busy_and_who_has_run_is_counted),
		SCENE_TEST(test_what_is_cancelled_before_an_executor_has_it_is_not_counted),
		SCENE_TEST(test_a_result_that_is_at_hand_neither_waits_nor_runs),
		SCENE_TEST(test_the_oldest_is_found_and_forgotten_when_nobody_waits),
		cmocka_unit_test(test_the_oldest_waits_on_when_looks_do_not_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
