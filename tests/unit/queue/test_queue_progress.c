/* SPDX-License-Identifier: MIT */
/*
 * Following a task under way: how far it is, and that those who want to hear of it are told of
 * every change of its status once that can be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "queue/waiters.h"
#include "queue_scene.h"

static struct task_status
status_of(struct scene *scene, const char *id)
{
	struct task_status status;

	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	return status;
}

static int
progress_of(struct scene *scene, const char *id)
{
	struct task_status status = status_of(scene, id);

	return queue_progress(scene->queue, &status);
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

/* Follows from one state to another; what lies between them may have become one with either. */
static struct task_status
follow(struct scene *scene, struct waiter *waiter, enum task_state state, int attempt)
{
	int64_t until_ms = clock_mono_ms() + 60 * 1000;
	struct task_status status = status_of(scene, waiter->id);

	while (status.state != state || status.attempt != attempt) {
		assert_int_not_equal(
		    waiters_wait(waiter, WAITER_ENDED | WAITER_CHANGED, until_ms), 0);
		status = status_of(scene, waiter->id);
	}
	return status;
}

static void
listen_to(struct scene *scene, struct waiter *waiter, const char *id)
{
	waiters_add(queue_waiters(scene->queue), waiter, id,
	    WAITER_ENDED | WAITER_CHANGED | WAITER_PROGRESSED);
}

static void
test_progress_is_that_of_the_running_attempt(void **state)
{
	struct scene *scene = *state;
	struct task_status first;
	struct waiter waiter;
	struct run *run;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &carry_kind, id);
	listen_to(scene, &waiter, id);
	run = take_run();
	first = status_of(scene, id);
	assert_int_equal(first.state, TASK_RUNNING);
	assert_int_equal(queue_progress(scene->queue, &first), QUEUE_PROGRESS_UNKNOWN);
	run_progress(run, 1, 8);
	assert_int_equal(waiters_wait(&waiter, WAITER_PROGRESSED, 0), WAITER_PROGRESSED);
	assert_int_equal(queue_progress(scene->queue, &first), 125);
	assert_int_equal(queue_await_progress(scene->queue, &first, 125), 125);
	run_progress(run, 7, 8);
	assert_int_equal(waiters_wait(&waiter, WAITER_PROGRESSED, 0), WAITER_PROGRESSED);
	assert_int_equal(queue_await_progress(scene->queue, &first, 125), 875);
	/* Another attempt begins anew. */
	outcome_fail(&run->outcome, FAILURE_CONNECT, "Told to fail");
	scene_carry_end(run);
	run = take_run();
	(void)follow(scene, &waiter, TASK_RUNNING, 2);
	assert_int_equal(progress_of(scene, id), QUEUE_PROGRESS_UNKNOWN);
	assert_int_equal(queue_progress(scene->queue, &first), QUEUE_PROGRESS_UNKNOWN);
	run_progress(run, 1, 2);
	assert_int_equal(progress_of(scene, id), 500);
	outcome_succeed(&run->outcome, "");
	scene_carry_end(run);
	(void)follow(scene, &waiter, TASK_SUCCEEDED, 2);
	assert_int_equal(progress_of(scene, id), QUEUE_PROGRESS_WHOLE);
	waiters_remove(&waiter);
}

static void
test_what_waits_or_has_failed_has_no_progress(void **state)
{
	static const struct task_terms terms = { .max_attempts = 1 };
	struct scene *scene = *state;
	const struct queue_task task = { &carry_kind, "{}", 2, &terms, 0, NULL };
	struct queue_conf conf = scene_usual;
	enum refusal refusal;
	unsigned retry_after_s;
	struct run *run;
	char id[UUID_TEXT_SIZE], waits[UUID_TEXT_SIZE];

	conf.io_slots = 1;
	scene_open_queue(scene, conf);
	assert_int_equal(
	    queue_submit(scene->queue, &task, NULL, id, &refusal, &retry_after_s, NULL), STATUS_OK);
	run = take_run();
	scene_submit_ok(scene, &carry_kind, waits);
	assert_int_equal(status_of(scene, waits).state, TASK_QUEUED);
	assert_int_equal(progress_of(scene, waits), QUEUE_PROGRESS_UNKNOWN);
	run_progress(run, 1, 2);
	outcome_fail(&run->outcome, FAILURE_CONNECT, "Told to fail");
	scene_carry_end(run);
	scene_assert_failed(scene, id, FAILURE_CONNECT);
	assert_int_equal(progress_of(scene, id), QUEUE_PROGRESS_UNKNOWN);
	/* The other one goes with the queue: its progress, too. */
	run = take_run();
	run_progress(run, 1, 2);
	run->outcome.verdict = VERDICT_RELEASED;
	scene_carry_end(run);
}

static void
test_a_claim_a_retry_and_an_end_are_told(void **state)
{
	static const struct task_terms terms = {
		.max_attempts = 2, .backoff_ms = 30, .max_backoff_ms = 30
	};
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	const struct queue_task task = { &carry_kind, "{}", 2, &terms, 0, NULL };
	enum refusal refusal;
	unsigned retry_after_s;
	struct waiter waiter;
	struct run *busy, *run;
	char id[UUID_TEXT_SIZE];

	conf.io_slots = 1;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, id);
	busy = take_run();
	assert_int_equal(
	    queue_submit(scene->queue, &task, NULL, id, &refusal, &retry_after_s, NULL), STATUS_OK);
	listen_to(scene, &waiter, id);
	assert_int_equal(status_of(scene, id).state, TASK_QUEUED);
	assert_int_equal(waiters_wait(&waiter, WAITER_CHANGED, 0), 0);
	outcome_succeed(&busy->outcome, "");
	scene_carry_end(busy);
	(void)follow(scene, &waiter, TASK_RUNNING, 1);
	run = take_run();
	outcome_fail(&run->outcome, FAILURE_CONNECT, "Told to fail");
	scene_carry_end(run);
	/* It waits for a time now, or does so no more: the pause is random and may be none. */
	(void)follow(scene, &waiter, TASK_RUNNING, 2);
	run = take_run();
	outcome_fail(&run->outcome, FAILURE_CONNECT, "Told to fail");
	scene_carry_end(run);
	(void)follow(scene, &waiter, TASK_FAILED, 2);
	waiters_remove(&waiter);
}

static void
test_what_is_handed_back_is_told(void **state)
{
	struct scene *scene = *state;
	struct waiter waiter;
	struct run *run;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &carry_kind, id);
	listen_to(scene, &waiter, id);
	run = take_run();
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	run->outcome.verdict = VERDICT_RELEASED; /* there was no space for its output */
	scene_carry_end(run);
	(void)follow(scene, &waiter, TASK_QUEUED, 0);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	(void)follow(scene, &waiter, TASK_RUNNING, 1);
	/* Cancelled, it ends by being handed back; who waits for the end alone is told as well. */
	struct waiter for_the_end;
	struct store_cancelled cancelled;
	waiters_add(queue_waiters(scene->queue), &for_the_end, id, WAITER_ENDED);
	run = take_run();
	assert_int_equal(queue_cancel(scene->queue, id, &cancelled, NULL), STATUS_OK);
	assert_int_equal(cancelled.what, STORE_CANCEL_REQUESTED);
	run->outcome.verdict = VERDICT_RELEASED;
	scene_carry_end(run);
	assert_int_equal(
	    waiters_wait(&for_the_end, WAITER_ENDED, clock_mono_ms() + 60 * 1000), WAITER_ENDED);
	assert_int_equal(status_of(scene, id).state, TASK_FAILED);
	(void)follow(scene, &waiter, TASK_FAILED, 1);
	waiters_remove(&for_the_end);
	waiters_remove(&waiter);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		SCENE_TEST(test_progress_is_that_of_the_running_attempt),
		SCENE_TEST(test_what_waits_or_has_failed_has_no_progress),
		SCENE_TEST(test_a_claim_a_retry_and_an_end_are_told),
		SCENE_TEST(test_what_is_handed_back_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
