/* SPDX-License-Identifier: MIT */
/*
 * The queue over the fake store: execution, admission, what is read from memory, figures, draining.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "queue/waiters.h"
#include "queue_scene.h"

static void
test_a_submitted_task_is_executed_and_its_result_readable(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	struct task_result result;
	scene_set_gate(true);
	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &work_kind, id);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
	assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.bytes, 4);
	assert_memory_equal(result.data, "done", 4);
	assert_string_equal(result.media_type, "text/plain");
	task_result_done(&result);
}

static void
test_a_task_of_an_unknown_kind_fails(void **state)
{
	struct scene *scene = *state;
	static const char id[UUID_TEXT_SIZE] = "018f0000-0000-7000-8000-000000000001";
	struct task_new task = { .type = "older",
		.lane = LANE_CPU,
		.args = "{}",
		.args_size = 2,
		.terms.max_attempts = 3,
		.created_at_ms = 1 };
	memcpy(task.id, id, sizeof(id));
	assert_int_equal(store_submit(scene->store, &task, 1, NULL, NULL, NULL), STATUS_OK);
	scene_open_queue(scene, scene_usual);
	scene_assert_failed(scene, id, FAILURE_INVALID_ARGUMENT);
}

static void
test_submissions_are_refused_past_the_depth_of_their_lane_only(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	conf.waiting_max = 4;
	scene_put_waiter(scene, "{}", id);
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	for (int i = 0; i < 3; i++)
		scene_submit_ok(scene, &work_kind, id);
	assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_QUEUE_FULL);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_QUEUE_FULL);
	scene_submit_ok(scene, &carry_kind, id);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 5);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

static void
test_tasks_that_waited_before_the_start_count_and_are_executed(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char first[UUID_TEXT_SIZE];
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	conf.waiting_max = 1;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &work_kind, first);
	scene_await(&scene_shared.inside, 1);
	queue_close(scene->queue); /* hands it back */
	scene->queue = NULL;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_QUEUE_FULL);
	scene_set_gate(true);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	struct task_status status = scene_await_final(scene, first);
	assert_int_equal(status.state, TASK_SUCCEEDED);
	assert_int_equal(status.attempt, 1); /* handing back did not cost an attempt */
}

static void
test_a_refused_submission_gives_its_place_back(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	conf.waiting_max = 1;
	scene_open_queue(scene, conf);
	for (int i = 0; i < 5; i++) {
		fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_IO, 1);
		assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_IO);
	}
	scene_submit_ok(scene, &work_kind, id);
}

/* Lets what runs finish, and be committed. */
static void
drain_all(struct scene *scene)
{
	queue_drain(scene->queue, clock_mono_ms() + 100 * 1000);
}

/* Ends the run that is in the engine of "carry" with this result. */
static void
finish_carried(const char *content, const char *response)
{
	scene_await(&scene_shared.carried, 1);
	struct run *run = scene_carry_take();
	assert_int_equal(output_write(&run->output, content, strlen(content), NULL), STATUS_OK);
	outcome_succeed(&run->outcome, "text/plain");
	run->outcome.response = strdup(response);
	scene_carry_end(run);
}

static void
assert_carried(struct scene *scene, const char *id, const char *content, const char *response)
{
	struct task_status status;
	struct task_result result;
	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_SUCCEEDED);
	assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_OK);
	assert_memory_equal(&result.status, &status, sizeof(status));
	assert_string_equal(result.media_type, "text/plain");
	assert_string_equal(result.response, response);
	assert_int_equal(result.bytes, strlen(content));
	assert_string_equal(result.data, content);
	task_result_done(&result);
}

static void
test_what_has_ended_is_read_without_the_store(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char id[UUID_TEXT_SIZE];
	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, id);
	finish_carried("content", "{\"status\":200}");
	drain_all(scene);
	for (int i = 0; i < 3; i++)
		assert_carried(scene, id, "content", "{\"status\":200}");
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_STATUS), 0);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_RESULT), 0);
}

/* Waits for a task to end in a thread of its own, and then looks what became of it. */
struct watcher {
	struct queue *queue;
	struct waiter waiter;
	pthread_t thread;
	struct task_status seen;
	enum status status;
};

static void *
watcher_main(void *arg)
{
	struct watcher *watcher = arg;
	(void)waiters_wait(&watcher->waiter, WAITER_ENDED, clock_mono_ms() + 60 * 1000);
	watcher->status =
	    queue_read_status(watcher->queue, watcher->waiter.id, &watcher->seen, NULL);
	return NULL;
}

static void
watcher_start(struct watcher *watcher, struct queue *queue, const char *id)
{
	watcher->queue = queue;
	waiters_add(queue_waiters(queue), &watcher->waiter, id, WAITER_ENDED);
	assert_int_equal(
	    thread_start(&watcher->thread, "watcher", 0, watcher_main, watcher, NULL), STATUS_OK);
}

static void
watcher_end(struct watcher *watcher)
{
	thread_join(watcher->thread);
	waiters_remove(&watcher->waiter);
	assert_int_equal(watcher->status, STATUS_OK);
}

/* Ends the run that the engine gives next. Returns which of the ids it was. */
static int
end_next(char ids[3][UUID_TEXT_SIZE], bool succeeds)
{
	struct run *run = scene_carry_take();
	int which = 0;
	while (which < 2 && strcmp(run->task.id, ids[which]) != 0)
		which++;
	if (succeeds)
		outcome_succeed(&run->outcome, "");
	else
		outcome_fail(&run->outcome, FAILURE_TLS, "no");
	scene_carry_end(run);
	return which;
}

static void
test_who_waits_for_a_task_goes_on_when_its_end_can_be_read(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct watcher watchers[3];
	char ids[3][UUID_TEXT_SIZE];
	conf.io_slots = 3;
	scene_open_queue(scene, conf);
	for (int i = 0; i < 3; i++) {
		scene_submit_ok(scene, &carry_kind, ids[i]);
		watcher_start(&watchers[i], scene->queue, ids[i]);
	}
	scene_await(&scene_shared.carried, 3);
	int succeeded = end_next(ids, true);
	watcher_end(&watchers[succeeded]);
	assert_int_equal(watchers[succeeded].seen.state, TASK_SUCCEEDED);
	int failed = end_next(ids, false);
	watcher_end(&watchers[failed]);
	assert_int_equal(watchers[failed].seen.state, TASK_FAILED);
	/* The third has not ended: who waits for it goes on only because the service ends. */
	int left = 3 - succeeded - failed;
	queue_refuse(scene->queue);
	watcher_end(&watchers[left]);
	assert_int_equal(watchers[left].seen.state, TASK_RUNNING);
}

static void
test_without_recent_tasks_every_read_asks_the_store(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char id[UUID_TEXT_SIZE];
	conf.recent_tasks = 0;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, id);
	finish_carried("content", "{\"status\":200}");
	drain_all(scene);
	for (int i = 0; i < 3; i++)
		assert_carried(scene, id, "content", "{\"status\":200}");
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_STATUS), 3);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_RESULT), 3);
}

static void
test_a_large_result_is_read_from_the_store_and_its_state_from_memory(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char id[UUID_TEXT_SIZE];
	struct task_status status;
	struct task_result result;
	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
	scene_submit_work(scene, "{\"bulky\":1}", id);
	drain_all(scene);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
		assert_int_equal(status.state, TASK_SUCCEEDED);
		assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_OK);
		assert_int_equal(result.bytes, 2000);
		assert_true(result.fd >= 0);
		task_result_done(&result);
	}
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_STATUS), 0);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_RESULT), 2);
}

static void
test_what_ended_before_the_start_is_read_from_the_store_once(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char id[UUID_TEXT_SIZE];
	struct task_status status;
	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, id);
	finish_carried("content", "{}");
	drain_all(scene);
	queue_close(scene->queue);
	scene_open_queue(scene, conf);
	for (int i = 0; i < 3; i++)
		assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_STATUS), 1);
	for (int i = 0; i < 3; i++)
		assert_carried(scene, id, "content", "{}");
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_STATUS), 1);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_RESULT), 1);
}

static void
test_a_task_that_has_not_ended_is_read_from_the_store_every_time(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char id[UUID_TEXT_SIZE];
	struct task_status status;
	struct task_result result;
	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, id);
	scene_await(&scene_shared.carried, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
		assert_int_equal(status.state, TASK_RUNNING);
		assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_OK);
		assert_int_equal(result.status.state, TASK_RUNNING);
		task_result_done(&result);
	}
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_STATUS), 2);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_RESULT), 2);
	finish_carried("content", "{}");
	drain_all(scene);
	assert_carried(scene, id, "content", "{}");
}

static void
test_a_result_that_was_superseded_is_not_remembered(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char id[UUID_TEXT_SIZE];
	struct task_status status;
	struct task held = { .lane = LANE_IO, .lease = 1, .attempt = 1, .terms.max_attempts = 3 };
	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, id);
	scene_await(&scene_shared.carried, 1);
	/* As if somebody had taken the task away meanwhile. */
	held.seq = 1;
	memcpy(held.id, id, sizeof(held.id));
	strcpy(held.type, "carry");
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	size_t queued;
	assert_int_equal(store_release(scene->store, &held, 1, 0, &queued, NULL), STATUS_OK);
	finish_carried("content", "{}");
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	queue_drain(scene->queue, 0);
	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
}

static void
test_drain_refuses_finishes_what_runs_and_hands_back_the_rest(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char running[UUID_TEXT_SIZE];
	char stuck[UUID_TEXT_SIZE];
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	struct task_status status;
	conf.cpu_executors = 1;
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &work_kind, running);
	scene_submit_ok(scene, &carry_kind, stuck);
	scene_await(&scene_shared.inside, 1);
	scene_await(&scene_shared.carried, 1);
	scene_set_gate(true);
	queue_drain(scene->queue, clock_mono_ms() + 200);
	assert_int_equal(scene_await_final(scene, running).state, TASK_SUCCEEDED);
	assert_int_equal(queue_read_status(scene->queue, stuck, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 0);
	assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_DRAINING);
}

static void
test_figures_follow_tasks_and_outlive_the_store(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct queue_stats stats = { 0 };
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	conf.waiting_max = 2;
	conf.cpu_executors = 1;
	conf.io_slots = 3;
	scene_put_waiter(scene, "{}", id);
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	scene_submit_ok(scene, &carry_kind, id);
	for (; stats.lanes[LANE_IO].running != 1; scene_nap())
		queue_stats(scene->queue, &stats);
	assert_int_equal(stats.waiting_max, 2);
	assert_int_equal(stats.lanes[LANE_CPU].slots, 1);
	assert_int_equal(stats.lanes[LANE_IO].slots, 3);
	assert_int_equal(stats.lanes[LANE_CPU].running, 0);
	fake_store_await_gate(scene->fake, FAKE_CLAIM, 1);
	scene_submit_ok(scene, &work_kind, id);
	for (int i = 0; i < 4; i++)
		assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_BUSY, 1);
	assert_int_equal(scene_submit(scene, &carry_kind, id, &refusal), STATUS_BUSY);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.lanes[LANE_CPU].queued, 2);
	assert_int_equal(stats.admission, REFUSAL_QUEUE_FULL);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 4);
	assert_int_equal(stats.refused[REFUSAL_STORE_BUSY], 1);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_UNKNOWN, 1);
	assert_int_equal(scene_submit(scene, &carry_kind, id, &refusal), STATUS_UNKNOWN);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	queue_drain(scene->queue, 0);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.admission, REFUSAL_DRAINING);
	assert_int_equal(stats.lanes[LANE_CPU].queued, 2); /* as far as anybody knows */
	assert_int_equal(stats.lanes[LANE_IO].running, 1);
}

static void
test_refuse_turns_readiness_off(void **state)
{
	struct scene *scene = *state;
	scene_open_queue(scene, scene_usual);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_NONE);
	queue_refuse(scene->queue);
	queue_refuse(scene->queue);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_DRAINING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_a_submitted_task_is_executed_and_its_result_readable),
		SCENE_TEST(test_a_task_of_an_unknown_kind_fails),
		SCENE_TEST(test_submissions_are_refused_past_the_depth_of_their_lane_only),
		SCENE_TEST(test_tasks_that_waited_before_the_start_count_and_are_executed),
		SCENE_TEST(test_a_refused_submission_gives_its_place_back),
		SCENE_TEST(test_what_has_ended_is_read_without_the_store),
		SCENE_TEST(test_without_recent_tasks_every_read_asks_the_store),
		SCENE_TEST(test_who_waits_for_a_task_goes_on_when_its_end_can_be_read),
		SCENE_TEST(test_a_large_result_is_read_from_the_store_and_its_state_from_memory),
		SCENE_TEST(test_what_ended_before_the_start_is_read_from_the_store_once),
		SCENE_TEST(test_a_task_that_has_not_ended_is_read_from_the_store_every_time),
		SCENE_TEST(test_a_result_that_was_superseded_is_not_remembered),
		SCENE_TEST(test_drain_refuses_finishes_what_runs_and_hands_back_the_rest),
		SCENE_TEST(test_figures_follow_tasks_and_outlive_the_store),
		SCENE_TEST(test_refuse_turns_readiness_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
