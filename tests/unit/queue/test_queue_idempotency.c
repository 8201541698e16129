/* SPDX-License-Identifier: MIT */
/*
 * Submissions with a key: what is known under it is told whatever would refuse a new one, makes no
 * second task, and leaves no place and no start taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "queue_scene.h"

#define QUICK "{\"quick\":1}"
#define KNOWN 5 /* how often a submission comes again: more than there are places of any kind */

static struct idempotency
key_of(const char *name, unsigned char what)
{
	struct idempotency key = { .fingerprint = { what } };

	strcpy(key.key, name);
	return key;
}

/* Submits one task under a key. */
static enum status
submit(struct scene *scene, const struct queue_task *task, struct idempotency *key,
    char ret_id[UUID_TEXT_SIZE], enum refusal *ret_refusal)
{
	unsigned retry_after_s = 0;
	enum status status;

	*ret_refusal = REFUSAL_NONE;
	status = queue_submit(scene->queue, task, key, ret_id, ret_refusal, &retry_after_s, NULL);
	if (status == STATUS_BUSY)
		assert_in_range(retry_after_s, 1, 300);
	return status;
}

static void
submit_fresh(struct scene *scene, const struct queue_task *task, const char *name,
    char ret_id[UUID_TEXT_SIZE])
{
	struct idempotency key = key_of(name, 1);
	enum refusal refusal;

	assert_int_equal(submit(scene, task, &key, ret_id, &refusal), STATUS_OK);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
}

/* Submits it again and again, and something else with the key in between. */
static void
submit_known(struct scene *scene, const struct queue_task *task, const char *name, const char *id)
{
	for (int i = 0; i < KNOWN; i++) {
		struct idempotency key = key_of(name, 1), other = key_of(name, 2);
		char untouched[UUID_TEXT_SIZE] = "untouched";
		enum refusal refusal;

		assert_int_equal(submit(scene, task, &key, untouched, &refusal), STATUS_OK);
		assert_int_equal(key.ret_verdict, IDEMPOTENCY_REPLAYED);
		assert_int_equal(key.ret_count, 1);
		assert_string_equal(key.ret_ids[0], id);
		assert_int_equal(submit(scene, task, &other, untouched, &refusal), STATUS_OK);
		assert_int_equal(other.ret_verdict, IDEMPOTENCY_MISMATCH);
		assert_string_equal(untouched, "untouched");
		idempotency_reset(&key);
	}
}

static void
assert_read(struct scene *scene, const char *name, const char *id)
{
	struct idempotency key = key_of(name, 1), other = key_of(name, 2);

	assert_int_equal(queue_read_idempotency(scene->queue, &key, NULL), STATUS_OK);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_REPLAYED);
	assert_string_equal(key.ret_ids[0], id);
	idempotency_reset(&key);
	assert_int_equal(queue_read_idempotency(scene->queue, &other, NULL), STATUS_OK);
	assert_int_equal(other.ret_verdict, IDEMPOTENCY_MISMATCH);
}

static int64_t
count_tasks(struct scene *scene)
{
	struct store_counts counts;
	int64_t sum = 0;

	assert_int_equal(store_counts(scene->store, &counts, NULL), STATUS_OK);
	for (int i = 0; i < TASK_STATE_COUNT; i++)
		sum += counts.by_state[i];
	return sum;
}

static void
test_a_start_that_is_not_needed_is_given_back(void **state)
{
	const struct queue_task task = { &work_kind, QUICK, strlen(QUICK), NULL, 0, NULL };
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	submit_fresh(scene, &task, "a", id);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
	submit_known(scene, &task, "a", id);
	assert_int_equal(count_tasks(scene), 1);
	/* All places are free: as many as there are executors start at once. */
	for (int i = 0; i < 2; i++) {
		struct task_status status;

		scene_submit_ok(scene, &work_kind, other);
		assert_int_equal(queue_read_status(scene->queue, other, &status, NULL), STATUS_OK);
		assert_int_equal(status.state, TASK_RUNNING);
	}
	scene_await(&scene_shared.inside, 2);
	scene_set_gate(true);
	scene_await_final(scene, other);
}

/* A queue in which nothing is claimed, and two may wait for a lane. */
static void
open_still(struct scene *scene)
{
	struct queue_conf conf = scene_usual;

	conf.waiting_max = 2;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
}

static void
test_a_place_among_those_that_wait_for_a_time_is_given_back(void **state)
{
	struct task_terms terms = scene_usual.default_terms;
	const struct queue_task task = { &work_kind, QUICK, strlen(QUICK), &terms, 0, NULL };
	struct queue_conf conf = scene_usual;
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];
	enum refusal refusal;

	terms.run_at_ms = clock_wall_ms() + 3600000;
	conf.held_max = 2;
	scene_open_queue(scene, conf);
	submit_fresh(scene, &task, "a", id);
	submit_known(scene, &task, "a", id);
	submit_fresh(scene, &task, "b", other);
	assert_int_equal(submit(scene, &task, NULL, other, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_SCHEDULE_FULL);
	assert_read(scene, "a", id);
	assert_int_equal(count_tasks(scene), 2);
}

static void
test_what_is_known_is_told_although_the_queue_is_full_or_drains(void **state)
{
	const struct queue_task task = { &work_kind, QUICK, strlen(QUICK), NULL, 0, NULL };
	struct scene *scene = *state;
	struct idempotency fresh = key_of("fresh", 1);
	char waiter[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE], none[UUID_TEXT_SIZE];
	enum refusal refusal;

	scene_put_waiter(scene, "{}", waiter);
	open_still(scene);
	submit_fresh(scene, &task, "a", id);
	for (int drains = 0; drains < 2; drains++) {
		assert_int_equal(submit(scene, &task, &fresh, none, &refusal), STATUS_BUSY);
		assert_int_equal(refusal, drains ? REFUSAL_DRAINING : REFUSAL_QUEUE_FULL);
		assert_read(scene, "a", id);
		assert_int_equal(queue_read_idempotency(scene->queue, &fresh, NULL), STATUS_OK);
		assert_int_equal(fresh.ret_verdict, IDEMPOTENCY_FRESH);
		queue_refuse(scene->queue);
	}
	assert_int_equal(count_tasks(scene), 2);
	scene_set_gate(true);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

/* The second has been admitted when the first commits. */
static void
test_a_waiting_place_goes_back_where_another_was_faster(void **state)
{
	const struct queue_task task = { &work_kind, QUICK, strlen(QUICK), NULL, 0, NULL };
	struct scene *scene = *state;
	char waiter[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE], last[UUID_TEXT_SIZE];
	struct queue_conf conf = scene_usual;

	conf.waiting_max = 3;
	scene_put_waiter(scene, "{}", waiter);
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	submit_fresh(scene, &task, "a", id);
	submit_known(scene, &task, "a", id);
	submit_fresh(scene, &task, "b", last);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_QUEUE_FULL);
	assert_int_equal(count_tasks(scene), 3);
	scene_set_gate(true);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	scene_await_final(scene, last);
}

static void
test_a_result_at_hand_is_told_once(void **state)
{
	const struct queue_task task = { &prompt_kind, "{}", 2, NULL, 0, NULL };
	struct queue_conf conf = scene_usual;
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];

	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
	submit_fresh(scene, &task, "a", id);
	submit_known(scene, &task, "a", id);
	assert_int_equal(count_tasks(scene), 1);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
}

static enum status
submit_batch(struct scene *scene, size_t count, struct idempotency *key,
    char (*ret_ids)[UUID_TEXT_SIZE], enum refusal *ret_refusal)
{
	const struct kind *const kinds[] = { &work_kind, &carry_kind, &prompt_kind };
	struct queue_task tasks[3];
	unsigned retry_after_s;

	assert_in_range(count, 1, ARRAY_SIZE(tasks));
	for (size_t i = 0; i < count; i++)
		tasks[i] = (struct queue_task){ kinds[i], QUICK, strlen(QUICK), NULL, 0, NULL };
	*ret_refusal = REFUSAL_NONE;
	return queue_submit_batch(
	    scene->queue, tasks, count, key, ret_ids, ret_refusal, &retry_after_s, NULL);
}

static void
test_a_batch_is_stored_once_and_its_places_go_back(void **state)
{
	struct scene *scene = *state;
	char ids[3][UUID_TEXT_SIZE], more[3][UUID_TEXT_SIZE];
	struct idempotency key = key_of("batch", 1);
	enum refusal refusal;

	open_still(scene);
	assert_int_equal(submit_batch(scene, 3, &key, ids, &refusal), STATUS_OK);
	assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
	for (int i = 0; i < KNOWN; i++) {
		struct idempotency other = key_of("batch", 2);

		assert_int_equal(submit_batch(scene, 3, &key, more, &refusal), STATUS_OK);
		assert_int_equal(key.ret_verdict, IDEMPOTENCY_REPLAYED);
		assert_int_equal(key.ret_count, 3);
		assert_memory_equal(key.ret_ids, ids, sizeof(ids));
		assert_int_equal(submit_batch(scene, 2, &other, more, &refusal), STATUS_OK);
		assert_int_equal(other.ret_verdict, IDEMPOTENCY_MISMATCH);
	}
	idempotency_reset(&key);
	assert_int_equal(count_tasks(scene), 3);
	assert_read(scene, "batch", ids[0]);
	/* The second place of either lane is free, and there is no third. */
	assert_int_equal(submit_batch(scene, 2, NULL, more, &refusal), STATUS_OK);
	assert_int_equal(submit_batch(scene, 2, NULL, more, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_QUEUE_FULL);
}

static void
test_what_is_not_stored_leaves_its_key_free(void **state)
{
	const struct queue_task task = { &work_kind, QUICK, strlen(QUICK), NULL, 0, NULL };

	static const enum status failures[] = { STATUS_IO, STATUS_FULL, STATUS_BUSY };
	struct scene *scene = *state;
	struct idempotency key = key_of("a", 1);
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;

	scene_open_queue(scene, scene_usual);
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		while (queue_readiness(scene->queue) != REFUSAL_NONE)
			scene_nap();
		fake_store_fail(scene->fake, FAKE_SUBMIT, failures[i], 1);
		assert_int_not_equal(submit(scene, &task, &key, id, &refusal), STATUS_OK);
		assert_int_equal(queue_read_idempotency(scene->queue, &key, NULL), STATUS_OK);
		assert_int_equal(key.ret_verdict, IDEMPOTENCY_FRESH);
	}
	submit_fresh(scene, &task, "a", id);
	scene_await_final(scene, id);
}

static void
test_how_long_a_key_holds_is_the_queues_to_say(void **state)
{
	const struct queue_task task = { &work_kind, QUICK, strlen(QUICK), NULL, 0, NULL };
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct idempotency key = key_of("a", 1), batch = key_of("b", 1);
	char id[UUID_TEXT_SIZE], ids[1][UUID_TEXT_SIZE];
	enum refusal refusal;

	conf.idempotency_keep_ms = 4711000;
	scene_open_queue(scene, conf);
	assert_int_equal(queue_read_idempotency(scene->queue, &key, NULL), STATUS_OK);
	assert_int_equal(key.keep_ms, 4711000);
	key.keep_ms = 0;
	assert_int_equal(submit(scene, &task, &key, id, &refusal), STATUS_OK);
	assert_int_equal(key.keep_ms, 4711000);
	assert_int_equal(submit_batch(scene, 1, &batch, ids, &refusal), STATUS_OK);
	assert_int_equal(batch.keep_ms, 4711000);
	fake_store_fail(scene->fake, FAKE_READ_IDEMPOTENCY, STATUS_IO, 1);
	assert_int_equal(queue_read_idempotency(scene->queue, &key, NULL), STATUS_IO);
	scene_await_final(scene, id);
	scene_await_final(scene, ids[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_a_start_that_is_not_needed_is_given_back),
		SCENE_TEST(test_a_place_among_those_that_wait_for_a_time_is_given_back),
		SCENE_TEST(test_what_is_known_is_told_although_the_queue_is_full_or_drains),
		SCENE_TEST(test_a_waiting_place_goes_back_where_another_was_faster),
		SCENE_TEST(test_a_result_at_hand_is_told_once),
		SCENE_TEST(test_a_batch_is_stored_once_and_its_places_go_back),
		SCENE_TEST(test_what_is_not_stored_leaves_its_key_free),
		SCENE_TEST(test_how_long_a_key_holds_is_the_queues_to_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
