/* SPDX-License-Identifier: MIT */
/*
 * What the terms of a task and a cancel come to: tasks wait for their time, expire, are tried
 * again, and end when somebody wants it, wherever they are; and nobody else is held up by them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/service_clock.h"
#include "queue/waiters.h"
#include "queue_scene.h"

#define FAR_MS (INT64_C(3600) * 1000)

static enum status
submit(struct scene *scene, const struct kind *kind, const char *args, struct task_terms terms,
    char ret_id[UUID_TEXT_SIZE], enum refusal *ret_refusal)
{
	const struct queue_task task = { kind, args, strlen(args), &terms, 0, NULL };
	unsigned retry_after_s;

	*ret_refusal = REFUSAL_NONE;
	return queue_submit(scene->queue, &task, NULL, ret_id, ret_refusal, &retry_after_s, NULL);
}

static void
submit_ok(struct scene *scene, const struct kind *kind, const char *args, struct task_terms terms,
    char ret_id[UUID_TEXT_SIZE])
{
	enum refusal refusal;

	if (terms.max_attempts == 0)
		terms.max_attempts = 3;
	assert_int_equal(submit(scene, kind, args, terms, ret_id, &refusal), STATUS_OK);
}

static struct task_status
status_of(struct scene *scene, const char *id)
{
	struct task_status status;

	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	return status;
}

static void
assert_waiting(struct scene *scene, enum lane lane, int64_t queued, int64_t scheduled)
{
	struct queue_stats stats;

	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.lanes[lane].queued, queued);
	assert_int_equal(stats.lanes[lane].scheduled, scheduled);
}

static struct store_cancelled
cancel(struct scene *scene, const char *id)
{
	struct store_cancelled cancelled;

	assert_int_equal(queue_cancel(scene->queue, id, &cancelled, NULL), STATUS_OK);
	return cancelled;
}

static struct run *
take_run(void)
{
	struct run *run;

	scene_await(&scene_shared.carried, 1);
	run = scene_carry_take();
	assert_non_null(run);
	return run;
}

static void
fail_run(struct run *run, enum failure failure, int64_t retry_after_ms)
{
	outcome_fail(&run->outcome, failure, "Told to fail");
	run->outcome.retry_after_ms = retry_after_ms;
	scene_carry_end(run);
}

static void
test_a_task_runs_at_its_time_and_not_before(void **state)
{
	struct scene *scene = *state;
	int64_t at_ms = service_clock_ms() + 150;
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	submit_ok(
	    scene, &work_kind, "{\"quick\":1}", (struct task_terms){ .run_at_ms = at_ms }, id);
	status = scene_await_final(scene, id);
	assert_int_equal(status.state, TASK_SUCCEEDED);
	assert_true(status.started_at_ms >= at_ms);
	assert_waiting(scene, LANE_CPU, 0, 0);
}

static void
test_a_nearer_time_wakes_the_timekeeper(void **state)
{
	struct scene *scene = *state;
	struct task_terms far = { .run_at_ms = service_clock_ms() + FAR_MS };
	struct task_terms near = { .run_at_ms = service_clock_ms() + 50 };
	char far_id[UUID_TEXT_SIZE], near_id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	submit_ok(scene, &work_kind, "{\"quick\":1}", far, far_id);
	fake_store_await_calls(scene->fake, FAKE_ADVANCE, 1);
	submit_ok(scene, &work_kind, "{\"quick\":1}", near, near_id);
	assert_int_equal(scene_await_final(scene, near_id).state, TASK_SUCCEEDED);
	assert_int_equal(status_of(scene, far_id).state, TASK_QUEUED);
	assert_waiting(scene, LANE_CPU, 0, 1);
}

static void
test_what_is_at_hand_waits_for_its_time_too(void **state)
{
	struct scene *scene = *state;
	struct task_terms terms = { .run_at_ms = service_clock_ms() + 100 };
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	submit_ok(scene, &prompt_kind, "{}", terms, id);
	assert_int_equal(status_of(scene, id).state, TASK_QUEUED);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
}

static void
test_those_with_a_far_time_stand_in_nobodys_way(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct task_terms far = { .max_attempts = 3, .run_at_ms = service_clock_ms() + FAR_MS };
	enum refusal refusal;
	char id[UUID_TEXT_SIZE];

	conf.waiting_max = 1;
	conf.held_max = 5;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	for (int i = 0; i < 5; i++)
		submit_ok(scene, &work_kind, "{\"quick\":1}", far, id);
	assert_int_equal(submit(scene, &work_kind, "{}", far, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_SCHEDULE_FULL);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_NONE);
	/* It starts with its submission: nobody waits for the lane. */
	submit_ok(scene, &work_kind, "{\"quick\":1}", (struct task_terms){ 0 }, id);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
	assert_waiting(scene, LANE_CPU, 0, 5);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

static void
test_what_is_held_is_known_after_a_restart(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct task_terms terms = { .max_attempts = 3, .run_at_ms = service_clock_ms() + 300 };
	enum refusal refusal;
	char ids[2][UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];

	conf.held_max = 2;
	scene_open_queue(scene, conf);
	for (int i = 0; i < 2; i++)
		submit_ok(scene, &work_kind, "{\"quick\":1}", terms, ids[i]);
	queue_close(scene->queue);
	scene->queue = NULL;
	store_close(scene->store);
	scene_open_store(scene);
	scene_open_queue(scene, conf);
	terms.run_at_ms += FAR_MS;
	assert_int_equal(submit(scene, &work_kind, "{}", terms, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_SCHEDULE_FULL);
	for (int i = 0; i < 2; i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	/* Their places are free again. */
	for (int i = 0; i < 2; i++)
		submit_ok(scene, &work_kind, "{}", terms, id);
}

static void
test_those_that_come_first_run_first(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	static const int priorities[] = { 9, 5, 0, 5, 0 };
	static const int order[] = { 2, 4, 1, 3, 0 };
	char waiter[UUID_TEXT_SIZE], ids[ARRAY_SIZE(order)][UUID_TEXT_SIZE];

	conf.cpu_executors = 1;
	scene_put_waiter(scene, "{}", waiter);
	scene_open_queue(scene, conf);
	scene_await(&scene_shared.inside, 1);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		submit_ok(scene, &prompt_kind, "{\"later\":1}",
		    (struct task_terms){ .priority = priorities[i] }, ids[i]);
	scene_set_gate(true);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_string_equal(scene_shared.prompts[i], ids[order[i]]);
}

static void
test_a_task_that_waits_too_long_expires_and_whoever_waits_is_told(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct task_result result;
	struct waiter waiter;
	char busy[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];

	conf.io_slots = 1;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, busy);
	scene_await(&scene_shared.carried, 1);
	submit_ok(scene, &carry_kind, "{}",
	    (struct task_terms){ .expires_at_ms = service_clock_ms() + 100 }, id);
	waiters_add(queue_waiters(scene->queue), &waiter, id, WAITER_ENDED);
	(void)waiters_wait(&waiter, WAITER_ENDED, clock_mono_ms() + 100 * 1000);
	assert_int_equal(status_of(scene, id).state, TASK_REJECTED);
	waiters_remove(&waiter);
	assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.failure, FAILURE_EXPIRED);
	task_result_done(&result);
	assert_waiting(scene, LANE_IO, 0, 0);
	outcome_succeed(&scene_shared.carrying->outcome, "");
	scene_carry_end(take_run());
	assert_int_equal(scene_await_final(scene, busy).state, TASK_SUCCEEDED);
}

static void
test_what_is_handed_back_too_late_expires(void **state)
{
	struct scene *scene = *state;
	int64_t expiry_ms = service_clock_ms() + 50;
	struct run *run;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	submit_ok(scene, &carry_kind, "{}", (struct task_terms){ .expires_at_ms = expiry_ms }, id);
	run = take_run();
	while (service_clock_ms() <= expiry_ms)
		scene_nap();
	assert_int_equal(status_of(scene, id).state, TASK_RUNNING);
	run->outcome.verdict = VERDICT_RELEASED; /* there was no space for its output */
	scene_carry_end(run);
	assert_int_equal(scene_await_final(scene, id).state, TASK_REJECTED);
	assert_waiting(scene, LANE_IO, 0, 0);
}

static void
test_a_failure_that_can_be_mended_is_tried_again_up_to_the_last_attempt(void **state)
{
	struct scene *scene = *state;
	struct task_terms terms = { .max_attempts = 3, .backoff_ms = 20, .max_backoff_ms = 20 };
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	submit_ok(scene, &carry_kind, "{}", terms, id);
	for (int attempt = 1; attempt <= 3; attempt++) {
		struct run *run = take_run();

		assert_int_equal(run->task.attempt, attempt);
		fail_run(run, FAILURE_CONNECT, 0);
	}
	status = scene_await_final(scene, id);
	assert_int_equal(status.state, TASK_FAILED);
	assert_int_equal(status.attempt, 3);
	assert_waiting(scene, LANE_IO, 0, 0);
	scene_assert_failed(scene, id, FAILURE_CONNECT);
}

static void
test_a_later_attempt_may_succeed(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct run *run;
	char id[UUID_TEXT_SIZE];

	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
	submit_ok(scene, &carry_kind, "{}", (struct task_terms){ 0 }, id); /* no pause */
	fail_run(take_run(), FAILURE_CONNECTION_LOST, 0);
	run = take_run();
	outcome_succeed(&run->outcome, "");
	scene_carry_end(run);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
	assert_int_equal(status_of(scene, id).attempt, 2);
}

static void
test_a_failure_that_cannot_be_mended_is_final(void **state)
{
	struct scene *scene = *state;
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	submit_ok(scene, &carry_kind, "{}", (struct task_terms){ 0 }, id);
	fail_run(take_run(), FAILURE_DESTINATION_DENIED, 0);
	status = scene_await_final(scene, id);
	assert_int_equal(status.state, TASK_FAILED);
	assert_int_equal(status.attempt, 1);
}

static void
test_the_next_attempt_comes_no_sooner_than_was_asked(void **state)
{
	struct scene *scene = *state;
	int64_t asked_ms;
	struct run *run;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	submit_ok(scene, &carry_kind, "{}", (struct task_terms){ 0 }, id);
	run = take_run();
	asked_ms = service_clock_ms() + 200;
	fail_run(run, FAILURE_TIMEOUT, 200);
	run = take_run();
	assert_int_equal(run->task.attempt, 2);
	assert_true(run->task.started_at_ms >= asked_ms);
	outcome_succeed(&run->outcome, "");
	scene_carry_end(run);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
}

static void
test_a_cancel_ends_what_waits_at_once(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char busy[UUID_TEXT_SIZE], waits[UUID_TEXT_SIZE], held[UUID_TEXT_SIZE];
	struct task_terms far = { .run_at_ms = service_clock_ms() + FAR_MS };
	struct waiter waiter;

	conf.io_slots = 1;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, busy);
	scene_await(&scene_shared.carried, 1);
	scene_submit_ok(scene, &carry_kind, waits);
	submit_ok(scene, &carry_kind, "{}", far, held);
	assert_waiting(scene, LANE_IO, 1, 1);
	waiters_add(queue_waiters(scene->queue), &waiter, waits, WAITER_ENDED);
	assert_int_equal(cancel(scene, waits).what, STORE_CANCEL_REJECTED);
	(void)waiters_wait(&waiter, WAITER_ENDED, clock_mono_ms() + 100 * 1000);
	waiters_remove(&waiter);
	assert_int_equal(cancel(scene, held).what, STORE_CANCEL_REJECTED);
	assert_waiting(scene, LANE_IO, 0, 0);
	assert_int_equal(status_of(scene, waits).state, TASK_REJECTED);
	assert_int_equal(cancel(scene, waits).what, STORE_CANCEL_BEFORE);
	/* Nobody waits any more: the next one starts with its submission. */
	outcome_succeed(&scene_shared.carrying->outcome, "");
	scene_carry_end(take_run());
	assert_int_equal(scene_await_final(scene, busy).state, TASK_SUCCEEDED);
	assert_int_equal(cancel(scene, busy).what, STORE_CANCEL_TOO_LATE);
}

static void
test_a_cancel_tells_a_running_attempt(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct run *run;
	char id[UUID_TEXT_SIZE];

	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, id);
	run = take_run();
	assert_int_equal(run_word(run), RUN_GO_ON);
	assert_int_equal(cancel(scene, id).what, STORE_CANCEL_REQUESTED);
	assert_int_equal(run_word(run), RUN_CANCELLED);
	/* It had succeeded before it heard of it. */
	outcome_succeed(&run->outcome, "");
	scene_carry_end(run);
	scene_await_final(scene, id);
	scene_assert_failed(scene, id, FAILURE_CANCELLED);
	assert_int_equal(cancel(scene, id).what, STORE_CANCEL_BEFORE);
}

static void
test_a_cancel_ends_factorials_where_they_are(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char runs[UUID_TEXT_SIZE], waits[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];

	/* One executor, and more claimed than it can run: the cost of short runs is known. */
	conf.cpu_executors = 1;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	scene_submit_work(scene, "{\"quick\":1}", runs);
	scene_await_final(scene, runs);
	scene_submit_ok(scene, &work_kind, runs);
	scene_await(&scene_shared.inside, 1);
	do
		scene_submit_ok(scene, &work_kind, waits);
	while (status_of(scene, waits).state != TASK_RUNNING);
	scene_submit_work(scene, "{\"quick\":1}", other);
	assert_int_equal(status_of(scene, waits).state, TASK_RUNNING);
	/* It ends although the executor stands at the gate. */
	assert_int_equal(cancel(scene, waits).what, STORE_CANCEL_REQUESTED);
	scene_await_final(scene, waits);
	scene_assert_failed(scene, waits, FAILURE_CANCELLED);
	assert_int_equal(scene_shared.inside, 1);
	assert_int_equal(cancel(scene, runs).what, STORE_CANCEL_REQUESTED);
	scene_await_final(scene, runs);
	scene_assert_failed(scene, runs, FAILURE_CANCELLED);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	scene_set_gate(true);
	assert_int_equal(scene_await_final(scene, other).state, TASK_SUCCEEDED);
}

static void
test_a_cancelled_task_is_not_tried_again(void **state)
{
	struct scene *scene = *state;
	struct run *run;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &carry_kind, id);
	run = take_run();
	(void)cancel(scene, id);
	fail_run(run, FAILURE_CONNECT, 0);
	scene_await_final(scene, id);
	scene_assert_failed(scene, id, FAILURE_CANCELLED);
	assert_waiting(scene, LANE_IO, 0, 0);
}

static void
test_an_unknown_task_cannot_be_cancelled(void **state)
{
	struct scene *scene = *state;
	struct store_cancelled cancelled;

	scene_open_queue(scene, scene_usual);
	assert_int_equal(
	    queue_cancel(scene->queue, "018f0000-0000-7000-8000-000000000000", &cancelled, NULL),
	    STATUS_NOT_FOUND);
}

static void
test_the_timekeeper_goes_on_after_a_store_that_failed(void **state)
{
	struct scene *scene = *state;
	struct task_terms terms = { .run_at_ms = service_clock_ms() + 20 };
	char id[UUID_TEXT_SIZE];

	fake_store_fail(scene->fake, FAKE_ADVANCE, STATUS_IO, 2);
	scene_open_queue(scene, scene_usual);
	submit_ok(scene, &work_kind, "{\"quick\":1}", terms, id);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
	/* Where its time had come before it was submitted, it waited for no timekeeper. */
	fake_store_await_calls(scene->fake, FAKE_ADVANCE, 3);
}

static void
test_nothing_is_asked_of_the_store_while_nothing_is_due(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	fake_store_await_calls(scene->fake, FAKE_ADVANCE, 1);
	for (int i = 0; i < 50; i++) {
		scene_submit_work(scene, "{\"quick\":1}", id);
		scene_await_final(scene, id);
	}
	assert_int_equal(fake_store_calls(scene->fake, FAKE_ADVANCE), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_a_task_runs_at_its_time_and_not_before),
		SCENE_TEST(test_a_nearer_time_wakes_the_timekeeper),
		SCENE_TEST(test_what_is_at_hand_waits_for_its_time_too),
		SCENE_TEST(test_those_with_a_far_time_stand_in_nobodys_way),
		SCENE_TEST(test_what_is_held_is_known_after_a_restart),
		SCENE_TEST(test_those_that_come_first_run_first),
		SCENE_TEST(test_a_task_that_waits_too_long_expires_and_whoever_waits_is_told),
		SCENE_TEST(test_what_is_handed_back_too_late_expires),
		SCENE_TEST(test_a_failure_that_can_be_mended_is_tried_again_up_to_the_last_attempt),
		SCENE_TEST(test_a_later_attempt_may_succeed),
		SCENE_TEST(test_a_failure_that_cannot_be_mended_is_final),
		SCENE_TEST(test_the_next_attempt_comes_no_sooner_than_was_asked),
		SCENE_TEST(test_a_cancel_ends_what_waits_at_once),
		SCENE_TEST(test_a_cancel_tells_a_running_attempt),
		SCENE_TEST(test_a_cancel_ends_factorials_where_they_are),
		SCENE_TEST(test_a_cancelled_task_is_not_tried_again),
		SCENE_TEST(test_an_unknown_task_cannot_be_cancelled),
		SCENE_TEST(test_the_timekeeper_goes_on_after_a_store_that_failed),
		SCENE_TEST(test_nothing_is_asked_of_the_store_while_nothing_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
