/* SPDX-License-Identifier: MIT */
/*
 * A task that is purged is unknown from then on, also where a reader, or the thread that has ended
 * it, was on its way from the store with it. The test stands in for the maintenance thread, whose
 * retention keeps everything here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "queue/queue_parts.h"
#include "queue_scene.h"

/* Deletes whatever is completed, as the maintenance thread does it. */
static void
purge_all(struct scene *scene)
{
	static struct store_purged purged;
	const struct store_retention shortly = { .succeeded_ms = 1, .failed_ms = 1 };
	/* Long after everything that ends now. */
	int64_t now_ms = clock_wall_ms() + INT64_C(1000000);

	assert_int_equal(store_purge(scene->store, &shortly, now_ms, &purged, NULL), STATUS_OK);
	assert_int_equal(purged.count, 1);
	for (size_t i = 0; i < purged.count; i++)
		final_cache_forget(scene->queue->recent, purged.ids[i]);
}

static void
open_with_cache(struct scene *scene)
{
	struct queue_conf conf = scene_usual;

	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
}

/* A call on its way, in a thread of its own. */
struct call {
	struct scene *scene;
	char id[UUID_TEXT_SIZE];
	enum status status;
	pthread_t thread;
};

static void *
read_status_main(void *arg)
{
	struct call *call = arg;
	struct task_status status;

	call->status = queue_read_status(call->scene->queue, call->id, &status, NULL);
	return NULL;
}

static void *
read_result_main(void *arg)
{
	struct call *call = arg;
	struct task_result result;

	call->status = queue_read_result(call->scene->queue, call->id, &result, NULL);
	if (call->status == STATUS_OK)
		task_result_done(&result);
	return NULL;
}

static void *
submit_main(void *arg)
{
	struct call *call = arg;
	enum refusal refusal;

	call->status = scene_submit(call->scene, &prompt_kind, call->id, &refusal);
	return NULL;
}

static void *
submit_batch_main(void *arg)
{
	struct call *call = arg;
	const struct queue_task task = { &prompt_kind, "{}", 2, NULL, 0, NULL };
	char ids[1][UUID_TEXT_SIZE];
	enum refusal refusal;
	unsigned retry_after_s;

	call->status = queue_submit_batch(
	    call->scene->queue, &task, 1, NULL, ids, &refusal, &retry_after_s, NULL);
	memcpy(call->id, ids[0], sizeof(call->id));
	return NULL;
}

static void
assert_unknown(struct scene *scene, const char *id)
{
	struct task_status status;
	struct task_result result;

	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_NOT_FOUND);
	assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_NOT_FOUND);
}

/* Lets a call go as far as the way out of the store, purges the task, and lets the call end. */
static void
purge_behind(struct scene *scene, struct call *call, void *(*main)(void *), enum fake_op op)
{
	call->scene = scene;
	fake_store_close_exit(scene->fake, op);
	assert_int_equal(thread_start(&call->thread, "call", 0, main, call, NULL), STATUS_OK);
	fake_store_await_exit(scene->fake, op, 1);
	purge_all(scene);
	fake_store_open_exit(scene->fake, op);
	thread_join(call->thread);
	assert_int_equal(call->status, STATUS_OK);
	assert_unknown(scene, call->id);
}

/* A task that has ended, and is in the store alone. */
static void
put_ended(struct scene *scene, char ret_id[UUID_TEXT_SIZE])
{
	const struct task_ended ended = { .finished_at_ms = clock_wall_ms(),
		.media_type = "text/plain",
		.content = "x",
		.content_size = 1,
		.is_utf8 = true };
	struct task_new task = { .type = "prompt",
		.args = "{}",
		.args_size = 2,
		.terms.max_attempts = 1,
		.created_at_ms = ended.finished_at_ms,
		.ended = &ended };

	assert_int_equal(uuid_v7(task.created_at_ms, task.id, NULL), STATUS_OK);
	assert_int_equal(store_submit(scene->store, &task, 1, NULL, NULL, NULL), STATUS_OK);
	memcpy(ret_id, task.id, UUID_TEXT_SIZE);
}

static void
test_a_reader_that_comes_late_does_not_bring_a_status_back(void **state)
{
	struct scene *scene = *state;
	struct call call;

	put_ended(scene, call.id);
	open_with_cache(scene);
	purge_behind(scene, &call, read_status_main, FAKE_READ_STATUS);
}

static void
test_a_reader_that_comes_late_does_not_bring_a_result_back(void **state)
{
	struct scene *scene = *state;
	struct call call;

	put_ended(scene, call.id);
	open_with_cache(scene);
	purge_behind(scene, &call, read_result_main, FAKE_READ_RESULT);
}

static void
test_a_submission_that_comes_late_does_not_bring_its_ended_task_back(void **state)
{
	struct scene *scene = *state;
	struct call call;

	open_with_cache(scene);
	purge_behind(scene, &call, submit_main, FAKE_SUBMIT);
	purge_behind(scene, &call, submit_batch_main, FAKE_SUBMIT);
}

static void
test_a_finisher_that_comes_late_does_not_bring_its_task_back(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE], later[UUID_TEXT_SIZE];

	open_with_cache(scene);
	fake_store_close_exit(scene->fake, FAKE_COMPLETE);
	scene_submit_work(scene, "{\"quick\":1}", id);
	fake_store_await_exit(scene->fake, FAKE_COMPLETE, 1);
	purge_all(scene);
	fake_store_open_exit(scene->fake, FAKE_COMPLETE);
	/* One finisher: what it finishes next is told of after what it has finished before. */
	scene_submit_work(scene, "{\"quick\":2}", later);
	(void)scene_await_final(scene, later);
	assert_unknown(scene, id);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		SCENE_TEST(test_a_reader_that_comes_late_does_not_bring_a_status_back),
		SCENE_TEST(test_a_reader_that_comes_late_does_not_bring_a_result_back),
		SCENE_TEST(test_a_submission_that_comes_late_does_not_bring_its_ended_task_back),
		SCENE_TEST(test_a_finisher_that_comes_late_does_not_bring_its_task_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
