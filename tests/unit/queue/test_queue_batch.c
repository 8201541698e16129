/* SPDX-License-Identifier: MIT */
/*
 * Several tasks in one submission: admitted and stored all or none, waiting and executed in their
 * order, and every place given back on every way that fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "queue_scene.h"

#define MOST 1000

/* The next allocation of so many elements fails; 0: none does. */
static atomic_size_t refused_count;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
	size_t refused = count;

	if (count != 0 && atomic_compare_exchange_strong(&refused_count, &refused, 0))
		return NULL;
	return __real_calloc(count, size);
}

/* Submits so many of "work", then of "carry", with arguments that do not stand at the gate. */
static enum status
submit_batch(struct scene *scene, size_t work, size_t carry, char (*ret_ids)[UUID_TEXT_SIZE],
    enum refusal *ret_refusal)
{
	struct queue_task tasks[MOST];
	unsigned retry_after_s = 0;
	enum status status;

	assert_true(work + carry <= MOST);
	*ret_refusal = REFUSAL_NONE;
	for (size_t i = 0; i < work + carry; i++)
		tasks[i] = (struct queue_task){
			.kind = i < work ? &work_kind : &carry_kind,
			.args = "{\"quick\":1}",
			.args_size = strlen("{\"quick\":1}"),
		};
	status = queue_submit_batch(
	    scene->queue, tasks, work + carry, NULL, ret_ids, ret_refusal, &retry_after_s, NULL);
	if (status == STATUS_BUSY)
		assert_in_range(retry_after_s, 1, 300);
	return status;
}

static void
assert_refused(struct scene *scene, size_t work, size_t carry, enum refusal expected)
{
	char ids[MOST][UUID_TEXT_SIZE] = { "untouched" };
	enum refusal refusal;

	assert_int_equal(submit_batch(scene, work, carry, ids, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, expected);
	assert_string_equal(ids[0], "untouched");
}

static void
assert_accepted(struct scene *scene, size_t work, size_t carry, char (*ret_ids)[UUID_TEXT_SIZE])
{
	enum refusal refusal;

	assert_int_equal(submit_batch(scene, work, carry, ret_ids, &refusal), STATUS_OK);
}

static void
assert_queued(struct scene *scene, int64_t work, int64_t carry)
{
	struct store_counts counts;

	assert_int_equal(store_counts(scene->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.queued_by_lane[LANE_CPU], work);
	assert_int_equal(counts.queued_by_lane[LANE_IO], carry);
}

/* A queue in which nothing is claimed, and so many may wait. */
static void
open_still(struct scene *scene, int64_t waiting_max)
{
	struct queue_conf conf = scene_usual;

	conf.waiting_max = waiting_max;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
}

static void
test_a_batch_is_stored_in_one_call_and_executed_in_both_lanes(void **state)
{
	static char ids[MOST][UUID_TEXT_SIZE];
	struct scene *scene = *state;

	scene_open_queue(scene, scene_usual);
	assert_accepted(scene, MOST - 2, 2, ids);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 1);
	for (size_t i = 1; i < MOST; i++)
		assert_true(strcmp(ids[i - 1], ids[i]) < 0);
	for (size_t i = 0; i < MOST - 2; i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	for (int left = 2; left > 0; left--) {
		scene_await(&scene_shared.carried, left);
		struct run *run = scene_carry_take();
		outcome_succeed(&run->outcome, "");
		scene_carry_end(run);
	}
	for (size_t i = MOST - 2; i < MOST; i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
}

static void
test_its_tasks_run_in_its_order(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char ids[30][UUID_TEXT_SIZE];

	conf.io_slots = 1;
	scene_open_queue(scene, conf);
	assert_accepted(scene, 0, ARRAY_SIZE(ids), ids);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		scene_await(&scene_shared.carried, 1);
		struct run *run = scene_carry_take();
		assert_string_equal(run->task.id, ids[i]);
		assert_string_equal(run->task.args, "{\"quick\":1}");
		assert_int_equal(run->task.terms.max_attempts, conf.default_terms.max_attempts);
		outcome_succeed(&run->outcome, "");
		scene_carry_end(run);
	}
	scene_await_final(scene, ids[ARRAY_SIZE(ids) - 1]);
}

static void
test_its_tasks_wait_and_nobody_overtakes_them(void **state)
{
	struct scene *scene = *state;
	char ids[2][UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
	struct task_status status;

	scene_set_gate(true);
	open_still(scene, 10);
	assert_accepted(scene, 2, 0, ids);
	scene_submit_ok(scene, &work_kind, id);
	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_queued(scene, 3, 0);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
}

static void
test_a_batch_that_just_fits_is_admitted_and_one_more_task_is_not(void **state)
{
	struct scene *scene = *state;
	char ids[10][UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
	enum refusal refusal;

	scene_put_waiter(scene, "{}", id);
	open_still(scene, 4);
	assert_refused(scene, 4, 0, REFUSAL_QUEUE_FULL);
	assert_refused(scene, 4, 4, REFUSAL_QUEUE_FULL);
	assert_queued(scene, 1, 0);
	assert_accepted(scene, 3, 4, ids);
	assert_queued(scene, 4, 4);
	assert_refused(scene, 1, 0, REFUSAL_QUEUE_FULL);
	assert_refused(scene, 0, 1, REFUSAL_QUEUE_FULL);
	assert_int_equal(scene_submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 2);
}

/* Waiting would not help, so it is no refusal for load; nor does it depend on what waits. */
static void
test_a_batch_that_could_never_be_admitted_is_invalid(void **state)
{
	struct scene *scene = *state;
	const struct task_terms far = { .run_at_ms = INT64_MAX, .max_attempts = 1 };
	struct queue_conf conf = scene_usual;
	struct queue_task tasks[3];
	struct queue_stats stats;
	struct error error = { "" };
	char ids[10][UUID_TEXT_SIZE];
	enum refusal refusal;
	unsigned retry_after_s;

	conf.waiting_max = 4;
	conf.held_max = 2;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	assert_int_equal(submit_batch(scene, 5, 0, ids, &refusal), STATUS_INVALID);
	assert_int_equal(submit_batch(scene, 1, 5, ids, &refusal), STATUS_INVALID);
	assert_int_equal(refusal, REFUSAL_NONE);
	for (size_t i = 0; i < 3; i++)
		tasks[i] = (struct queue_task){
			.kind = &carry_kind,
			.args = "{}",
			.args_size = 2,
			.terms = &far,
		};
	assert_int_equal(
	    queue_submit_batch(scene->queue, tasks, 3, NULL, ids, &refusal, &retry_after_s, &error),
	    STATUS_INVALID);
	assert_string_equal(
	    error.text, "has 3 to wait for a time, where at most 2 may ever wait (scheduled-max)");
	assert_int_equal(
	    queue_submit_batch(scene->queue, tasks, 2, NULL, ids, &refusal, &retry_after_s, &error),
	    STATUS_OK);
	assert_accepted(scene, 4, 4, ids);
	assert_int_equal(submit_batch(scene, 5, 0, ids, &refusal), STATUS_INVALID);
	assert_refused(scene, 4, 0, REFUSAL_QUEUE_FULL);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 1);
	assert_int_equal(stats.refused[REFUSAL_SCHEDULE_FULL], 0);
}

static void
test_a_single_task_that_could_never_be_admitted_is_invalid(void **state)
{
	struct scene *scene = *state;
	const struct task_terms far = { .run_at_ms = INT64_MAX, .max_attempts = 1 };
	const struct queue_task task = {
		.kind = &work_kind, .args = "{}", .args_size = 2, .terms = &far
	};
	struct queue_conf conf = scene_usual;
	struct error error = { "" };
	char id[UUID_TEXT_SIZE];
	enum refusal refusal = REFUSAL_NONE;
	unsigned retry_after_s;

	conf.held_max = 0;
	scene_open_queue(scene, conf);
	assert_int_equal(
	    queue_submit(scene->queue, &task, NULL, id, &refusal, &retry_after_s, &error),
	    STATUS_INVALID);
	assert_string_equal(
	    error.text, "has 1 to wait for a time, where at most 0 may ever wait (scheduled-max)");
	assert_int_equal(refusal, REFUSAL_NONE);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 0);
}

static void
test_what_is_not_stored_gives_every_place_back(void **state)
{
	static const struct {
		enum status failure, told;
		enum refusal refusal;
	} cases[] = {
		{ STATUS_IO, STATUS_IO, REFUSAL_NONE },
		{ STATUS_NOMEM, STATUS_NOMEM, REFUSAL_NONE },
		{ STATUS_INTERNAL, STATUS_INTERNAL, REFUSAL_NONE },
		{ STATUS_CONFLICT, STATUS_CONFLICT, REFUSAL_NONE },
		{ STATUS_BUSY, STATUS_BUSY, REFUSAL_STORE_BUSY },
		{ STATUS_FULL, STATUS_BUSY, REFUSAL_DISK_LOW },
	};
	struct scene *scene = *state;
	char ids[10][UUID_TEXT_SIZE];
	struct queue_stats stats;
	enum refusal refusal;

	open_still(scene, 5);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_store_fail(scene->fake, FAKE_SUBMIT, cases[i].failure, 1);
		assert_int_equal(submit_batch(scene, 5, 5, ids, &refusal), cases[i].told);
		assert_int_equal(refusal, cases[i].refusal);
	}
	/* Until somebody has looked at the disk. */
	while (queue_readiness(scene->queue) != REFUSAL_NONE)
		scene_nap();
	assert_accepted(scene, 5, 5, ids);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.refused[REFUSAL_STORE_BUSY], 1);
	assert_int_equal(stats.refused[REFUSAL_DISK_LOW], 1);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 0);
}

static void
test_an_unknown_outcome_is_told_as_such(void **state)
{
	struct scene *scene = *state;
	char ids[2][UUID_TEXT_SIZE];
	enum refusal refusal;

	open_still(scene, 5);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_UNKNOWN, 1);
	assert_int_equal(submit_batch(scene, 1, 1, ids, &refusal), STATUS_UNKNOWN);
	assert_int_equal(refusal, REFUSAL_NONE);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

static void
test_without_memory_nothing_is_admitted(void **state)
{
	struct scene *scene = *state;
	char ids[77][UUID_TEXT_SIZE];
	enum refusal refusal;

	open_still(scene, 77);
	atomic_store(&refused_count, 77);
	assert_int_equal(submit_batch(scene, 77, 0, ids, &refusal), STATUS_NOMEM);
	assert_int_equal(atomic_load(&refused_count), 0);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 0);
	assert_accepted(scene, 77, 0, ids);
}

static void
test_a_queue_that_drains_refuses_a_batch(void **state)
{
	struct scene *scene = *state;

	scene_open_queue(scene, scene_usual);
	queue_refuse(scene->queue);
	assert_refused(scene, 1, 1, REFUSAL_DRAINING);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 0);
}

struct submitter {
	struct scene *scene;
	pthread_t thread;
	unsigned accepted;
};

static void *
submitter_main(void *arg)
{
	struct submitter *submitter = arg;
	char ids[7][UUID_TEXT_SIZE];
	enum refusal refusal;

	for (int i = 0; i < 5; i++)
		submitter->accepted +=
		    submit_batch(submitter->scene, 7, 0, ids, &refusal) == STATUS_OK;
	return NULL;
}

static void
test_batches_at_once_fill_the_queue_to_its_limit_and_no_further(void **state)
{
	struct scene *scene = *state;
	struct submitter submitters[8];
	unsigned accepted = 0;

	open_still(scene, 50);
	for (size_t i = 0; i < ARRAY_SIZE(submitters); i++) {
		submitters[i] = (struct submitter){ .scene = scene };
		assert_int_equal(thread_start(&submitters[i].thread, "submitter", 0, submitter_main,
				     &submitters[i], NULL),
		    STATUS_OK);
	}
	for (size_t i = 0; i < ARRAY_SIZE(submitters); i++) {
		thread_join(submitters[i].thread);
		accepted += submitters[i].accepted;
	}
	assert_int_equal(accepted, 7);
	assert_queued(scene, 49, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_a_batch_is_stored_in_one_call_and_executed_in_both_lanes),
		SCENE_TEST(test_its_tasks_run_in_its_order),
		SCENE_TEST(test_its_tasks_wait_and_nobody_overtakes_them),
		SCENE_TEST(test_a_batch_that_just_fits_is_admitted_and_one_more_task_is_not),
		SCENE_TEST(test_a_batch_that_could_never_be_admitted_is_invalid),
		SCENE_TEST(test_a_single_task_that_could_never_be_admitted_is_invalid),
		SCENE_TEST(test_what_is_not_stored_gives_every_place_back),
		SCENE_TEST(test_an_unknown_outcome_is_told_as_such),
		SCENE_TEST(test_without_memory_nothing_is_admitted),
		SCENE_TEST(test_a_queue_that_drains_refuses_a_batch),
		SCENE_TEST(test_batches_at_once_fill_the_queue_to_its_limit_and_no_further),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
