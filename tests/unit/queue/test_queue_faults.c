/* SPDX-License-Identifier: MIT */
/*
 * The queue over a store that fails: what is refused, what is tried again, what fails its task.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "queue_scene.h"

static void
test_a_full_disk_refuses_and_stores_nothing_and_recovers(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	scene_set_gate(true);
	scene_open_queue(scene, scene_usual);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_FULL, 1);
	assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_DISK_LOW);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_DISK_LOW);
	/* The next look at the disk finds space. */
	while (queue_readiness(scene->queue) != REFUSAL_NONE)
		fake_store_await_calls(
		    scene->fake, FAKE_MAINTAIN, fake_store_calls(scene->fake, FAKE_MAINTAIN) + 1);
	scene_submit_ok(scene, &work_kind, id);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
}

static void
test_a_run_without_space_for_its_output_is_run_again(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &carry_kind, id);
	scene_await(&scene_shared.carried, 1);
	struct run *run = scene_carry_take();
	run->outcome.verdict = VERDICT_RELEASED; /* as kinds do when output_write finds no space */
	scene_carry_end(run);
	/* Refused and not claimed again before the next look at the disk, which finds space. */
	scene_await(&scene_shared.carried, 1);
	assert_true(fake_store_calls(scene->fake, FAKE_RELEASE) == 1);
	run = scene_carry_take();
	assert_int_equal(run->task.attempt, 1);
	outcome_succeed(&run->outcome, "");
	scene_carry_end(run);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
}

static void
test_busy_and_broken_stores_are_told_apart(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	scene_open_queue(scene, scene_usual);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_BUSY, 1);
	assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_STORE_BUSY);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_IO, 1);
	assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_IO);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_UNKNOWN, 1);
	assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_UNKNOWN);
	assert_int_equal(atomic_load(&scene->fatal), 1);
}

static void
test_a_claim_that_fails_is_tried_again(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	scene_set_gate(true);
	scene_put_waiter(scene, "{}", id);
	fake_store_fail(scene->fake, FAKE_CLAIM, STATUS_FULL, 3);
	scene_open_queue(scene, scene_usual);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
}

static void
test_a_completion_waits_for_disk_space(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	scene_set_gate(true);
	fake_store_fail(scene->fake, FAKE_COMPLETE, STATUS_FULL, 4);
	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &work_kind, id);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
	assert_true(fake_store_calls(scene->fake, FAKE_COMPLETE) >= 5);
}

static void
test_a_result_that_cannot_be_stored_fails_its_task(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	scene_set_gate(true);
	/* The batch, then the task by itself five times; the sixth stores the failure. */
	fake_store_fail(scene->fake, FAKE_COMPLETE, STATUS_IO, 6);
	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &work_kind, id);
	scene_assert_failed(scene, id, FAILURE_STORAGE);
}

/* Nobody but the finisher knows by then that the task does not run any more. */
static void
test_a_store_that_fails_for_longer_leaves_no_task_running(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];
	scene_set_gate(true);
	/* As above; then the failure by itself, and once more a while later. */
	fake_store_fail(scene->fake, FAKE_COMPLETE, STATUS_IO, 8);
	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &work_kind, id);
	fake_store_await_calls(scene->fake, FAKE_COMPLETE, 7);
	scene_submit_ok(scene, &work_kind, other);
	scene_assert_failed(scene, id, FAILURE_STORAGE);
	assert_int_equal(scene_await_final(scene, other).state, TASK_SUCCEEDED);
}

static void
test_the_end_does_not_wait_for_what_cannot_be_written(void **state)
{
	struct scene *scene = *state;
	struct task_status status;
	char id[UUID_TEXT_SIZE];
	scene_set_gate(true);
	fake_store_fail(scene->fake, FAKE_COMPLETE, STATUS_IO, 1000);
	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &work_kind, id);
	fake_store_await_calls(scene->fake, FAKE_COMPLETE, 2);
	queue_drain(scene->queue, clock_mono_ms());
	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_RUNNING);
	assert_true(fake_store_calls(scene->fake, FAKE_COMPLETE) < 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_a_full_disk_refuses_and_stores_nothing_and_recovers),
		SCENE_TEST(test_a_run_without_space_for_its_output_is_run_again),
		SCENE_TEST(test_busy_and_broken_stores_are_told_apart),
		SCENE_TEST(test_a_claim_that_fails_is_tried_again),
		SCENE_TEST(test_a_completion_waits_for_disk_space),
		SCENE_TEST(test_a_result_that_cannot_be_stored_fails_its_task),
		SCENE_TEST(test_a_store_that_fails_for_longer_leaves_no_task_running),
		SCENE_TEST(test_the_end_does_not_wait_for_what_cannot_be_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
