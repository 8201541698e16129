/* SPDX-License-Identifier: MIT */
/*
 * Tasks whose result is at hand: they have ended when their submission returns, by one call of the
 * store, without an executor and without a place, whatever else waits.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/sync.h"
#include "queue_scene.h"

#define MANY 3000 /* more than a lane ever has places for */

static enum status
submit(
    struct scene *scene, const char *args, char ret_id[UUID_TEXT_SIZE], enum refusal *ret_refusal)
{
	unsigned retry_after_s = 0;
	enum status status;

	*ret_refusal = REFUSAL_NONE;
	status = queue_submit(scene->queue,
	    &(struct queue_task){ &prompt_kind, args, strlen(args), NULL, 0, NULL }, NULL, ret_id,
	    ret_refusal, &retry_after_s, NULL);
	if (status == STATUS_BUSY)
		assert_in_range(retry_after_s, 1, 300);
	return status;
}

static void
submit_ok(struct scene *scene, const char *args, char ret_id[UUID_TEXT_SIZE])
{
	enum refusal refusal;

	assert_int_equal(submit(scene, args, ret_id, &refusal), STATUS_OK);
}

static enum task_state
state_of(struct scene *scene, const char *id)
{
	struct task_status status;

	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	return status.state;
}

static int
look(const int *counter)
{
	int value;

	lock_acquire(&scene_shared.lock);
	value = *counter;
	lock_release(&scene_shared.lock);
	return value;
}

/* A task of "prompt" with these arguments has its result, by whatever way. */
static void
assert_result(struct scene *scene, const char *id, const char *args)
{
	char content[4096] = "", expected[4096];
	size_t size = scene_prompt_size(args);
	struct task_result result;

	assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.status.state, TASK_SUCCEEDED);
	assert_string_equal(result.status.id, id);
	assert_string_equal(result.status.type, "prompt");
	assert_int_equal(result.status.attempt, 1);
	assert_string_equal(result.media_type, "text/plain");
	assert_int_equal(result.failure, FAILURE_NONE);
	assert_true(result.has_content);
	assert_true(result.is_utf8);
	assert_int_equal(result.bytes, size);
	memset(expected, SCENE_PROMPT_BYTE, size);
	if (result.fd >= 0)
		assert_int_equal(pread(result.fd, content, sizeof(content), 0), size);
	else
		memcpy(content, result.data, size);
	assert_memory_equal(content, expected, size);
	task_result_done(&result);
}

static void
test_it_has_ended_when_its_submission_returns(void **state)
{
	struct scene *scene = *state;
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	submit_ok(scene, "{}", id);
	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_SUCCEEDED);
	assert_int_equal(status.attempt, 1);
	assert_int_equal(status.started_at_ms, status.created_at_ms);
	assert_true(status.finished_at_ms >= status.created_at_ms);
	assert_result(scene, id, "{}");
	submit_ok(scene, "{\"size\":0}", id);
	assert_int_equal(state_of(scene, id), TASK_SUCCEEDED);
	assert_result(scene, id, "{\"size\":0}");
	assert_int_equal(look(&scene_shared.asked), 2);
	assert_int_equal(look(&scene_shared.prompted), 0);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 2);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_COMPLETE), 0);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_RELEASE), 0);
}

static void
test_it_takes_no_place(void **state)
{
	struct scene *scene = *state;
	struct store_counts counts;
	struct queue_stats stats;
	char id[UUID_TEXT_SIZE];
	int64_t began_ms;

	scene_open_queue(scene, scene_usual);
	for (int i = 0; i < MANY; i++) {
		submit_ok(scene, "{}", id);
		assert_int_equal(state_of(scene, id), TASK_SUCCEEDED);
	}
	assert_int_equal(look(&scene_shared.prompted), 0);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), MANY);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_COMPLETE), 0);
	assert_int_equal(store_counts(scene->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.by_state[TASK_SUCCEEDED], MANY);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.lanes[LANE_CPU].queued, 0);
	assert_int_equal(stats.lanes[LANE_CPU].running, 0);
	/* It would wait for them until the deadline. */
	began_ms = clock_mono_ms();
	queue_drain(scene->queue, began_ms + 100 * 1000);
	assert_true(clock_mono_ms() - began_ms < 50 * 1000);
}

static void
test_it_is_read_from_memory_afterwards(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char ids[3][UUID_TEXT_SIZE];
	static const char *const args[] = { "{}", "{\"size\":0}", "{\"size\":1024}" };
	struct task_status status, stored;

	conf.recent_tasks = 100;
	scene_open_queue(scene, conf);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		submit_ok(scene, args[i], ids[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_result(scene, ids[i], args[i]);
	assert_int_equal(queue_read_status(scene->queue, ids[0], &status, NULL), STATUS_OK);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_STATUS), 0);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_RESULT), 0);
	/* Memory and store say the same. */
	assert_int_equal(store_read_status(scene->store, ids[0], &stored, NULL), STATUS_OK);
	assert_string_equal(status.id, stored.id);
	assert_string_equal(status.type, stored.type);
	assert_int_equal(status.state, stored.state);
	assert_int_equal(status.attempt, stored.attempt);
	assert_int_equal(status.created_at_ms, stored.created_at_ms);
	assert_int_equal(status.started_at_ms, stored.started_at_ms);
	assert_int_equal(status.finished_at_ms, stored.finished_at_ms);
}

static void
test_it_is_stored_as_it_is_read_from_memory(void **state)
{
	struct scene *scene = *state;
	char ids[2][UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual); /* no final task is kept in memory */
	submit_ok(scene, "{\"size\":1000}", ids[0]);
	submit_ok(scene, "{\"size\":0}", ids[1]);
	queue_close(scene->queue);
	scene->queue = NULL;
	store_close(scene->store);
	scene_open_store(scene);
	scene_open_queue(scene, scene_usual);
	assert_result(scene, ids[0], "{\"size\":1000}");
	assert_result(scene, ids[1], "{\"size\":0}");
	assert_int_equal(look(&scene_shared.prompted), 0);
}

/* Submits so many: they have ended, whatever else waits. */
static void
assert_answered(struct scene *scene, int count)
{
	char id[UUID_TEXT_SIZE];
	int asked = look(&scene_shared.asked);

	for (int i = 0; i < count; i++) {
		submit_ok(scene, "{}", id);
		assert_int_equal(state_of(scene, id), TASK_SUCCEEDED);
		assert_result(scene, id, "{}");
	}
	assert_int_equal(look(&scene_shared.asked), asked + count);
	assert_int_equal(look(&scene_shared.prompted), 0);
}

static void
test_what_waits_is_no_reason_to_wait(void **state)
{
	struct scene *scene = *state;
	char waiter[UUID_TEXT_SIZE];

	scene_put_waiter(scene, "{\"quick\":1}", waiter);
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, scene_usual);
	assert_answered(scene, 20);
	assert_int_equal(state_of(scene, waiter), TASK_QUEUED);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	assert_int_equal(scene_await_final(scene, waiter).state, TASK_SUCCEEDED);
}

static void
test_a_full_lane_and_a_full_queue_are_no_reason_to_wait(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct queue_stats stats;
	enum refusal refusal;
	char id[UUID_TEXT_SIZE];

	conf.cpu_executors = 1;
	conf.waiting_max = 2;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	while (scene_submit(scene, &work_kind, id, &refusal) == STATUS_OK)
		;
	assert_int_equal(refusal, REFUSAL_QUEUE_FULL);
	assert_answered(scene, 20);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.lanes[LANE_CPU].queued, 2);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 1);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	scene_set_gate(true);
}

static void
test_what_is_not_at_hand_starts_as_ever(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];

	fake_store_close_gate(scene->fake, FAKE_CLAIM); /* only a start can bring it to run */
	scene_open_queue(scene, scene_usual);
	submit_ok(scene, "{\"later\":1,\"size\":17}", id);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
	assert_result(scene, id, "{\"later\":1,\"size\":17}");
	assert_int_equal(look(&scene_shared.asked), 1);
	assert_int_equal(look(&scene_shared.prompted), 1);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 1);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_COMPLETE), 1);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

/* Submits "prompt" tasks with these arguments together. */
static enum status
submit_batch(struct scene *scene, const char *const *args, size_t count,
    char (*ret_ids)[UUID_TEXT_SIZE], enum refusal *ret_refusal)
{
	struct queue_task tasks[8];
	unsigned retry_after_s;

	assert_in_range(count, 1, ARRAY_SIZE(tasks));
	for (size_t i = 0; i < count; i++)
		tasks[i] =
		    (struct queue_task){ &prompt_kind, args[i], strlen(args[i]), NULL, 0, NULL };
	return queue_submit_batch(
	    scene->queue, tasks, count, NULL, ret_ids, ret_refusal, &retry_after_s, NULL);
}

static void
test_of_a_batch_only_the_others_wait(void **state)
{
	static const char *const args[] = { "{\"later\":1}", "{}", "{\"size\":0}",
		"{\"later\":2,\"size\":9}", "{\"size\":1000}" };
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char ids[ARRAY_SIZE(args)][UUID_TEXT_SIZE];
	enum refusal refusal;

	conf.recent_tasks = 100;
	conf.waiting_max = 2; /* as many as are to run */
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	assert_int_equal(submit_batch(scene, args, ARRAY_SIZE(args), ids, &refusal), STATUS_OK);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 1);
	for (size_t i = 0; i < ARRAY_SIZE(args); i++) {
		bool waits = strstr(args[i], "later") != NULL;

		assert_int_equal(state_of(scene, ids[i]), waits ? TASK_QUEUED : TASK_SUCCEEDED);
		if (!waits)
			assert_result(scene, ids[i], args[i]);
		if (i > 0)
			assert_true(strcmp(ids[i - 1], ids[i]) < 0);
	}
	/* The results were in memory. */
	assert_int_equal(fake_store_calls(scene->fake, FAKE_READ_RESULT), 0);
	assert_int_equal(submit_batch(scene, args, ARRAY_SIZE(args), ids, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_QUEUE_FULL);
	assert_int_equal(submit_batch(scene, &args[1], 2, ids, &refusal), STATUS_OK);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	while (look(&scene_shared.prompted) < 2)
		scene_nap();
}

static void
test_what_is_not_stored_says_why(void **state)
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
	};
	struct scene *scene = *state;
	struct store_counts counts, none = { 0 };
	struct queue_stats stats;
	enum refusal refusal;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, scene_usual);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_store_fail(scene->fake, FAKE_SUBMIT, cases[i].failure, MANY);
		for (int j = 0; j < MANY; j++) {
			strcpy(id, "untouched");
			assert_int_equal(submit(scene, "{}", id, &refusal), cases[i].told);
			assert_int_equal(refusal, cases[i].refusal);
			assert_string_equal(id, "untouched");
		}
	}
	assert_int_equal(store_counts(scene->store, &counts, NULL), STATUS_OK);
	assert_memory_equal(&counts, &none, sizeof(counts));
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.refused[REFUSAL_STORE_BUSY], MANY);
	submit_ok(scene, "{}", id);
	assert_int_equal(state_of(scene, id), TASK_SUCCEEDED);
	queue_drain(scene->queue, clock_mono_ms() + 100 * 1000);
}

static void
test_an_unknown_outcome_is_told_as_such(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;

	scene_open_queue(scene, scene_usual);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_UNKNOWN, 1);
	assert_int_equal(submit(scene, "{}", id, &refusal), STATUS_UNKNOWN);
	assert_int_equal(refusal, REFUSAL_NONE);
	assert_int_equal(atomic_load(&scene->fatal), 1);
}

static void
test_a_full_disk_refuses_it_until_somebody_has_looked(void **state)
{
	struct scene *scene = *state;
	struct queue_stats stats;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;

	fake_store_close_gate(scene->fake, FAKE_MAINTAIN); /* nobody looks at the disk */
	scene_open_queue(scene, scene_usual);
	fake_store_await_gate(scene->fake, FAKE_MAINTAIN, 1);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_FULL, 1);
	assert_int_equal(submit(scene, "{}", id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_DISK_LOW);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_DISK_LOW);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(submit(scene, "{}", id, &refusal), STATUS_BUSY);
		assert_int_equal(refusal, REFUSAL_DISK_LOW);
	}
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 1);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.refused[REFUSAL_DISK_LOW], 6);
	fake_store_open_gate(scene->fake, FAKE_MAINTAIN);
	while (queue_readiness(scene->queue) != REFUSAL_NONE)
		scene_nap();
	submit_ok(scene, "{}", id);
	assert_int_equal(state_of(scene, id), TASK_SUCCEEDED);
}

static void
test_a_queue_that_drains_refuses_it(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;

	scene_open_queue(scene, scene_usual);
	queue_refuse(scene->queue);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(submit(scene, "{}", id, &refusal), STATUS_BUSY);
		assert_int_equal(refusal, REFUSAL_DRAINING);
	}
	queue_drain(scene->queue, clock_mono_ms() + 100 * 1000);
	assert_int_equal(submit(scene, "{}", id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_DRAINING);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 0);
}

struct submitter {
	struct scene *scene;
	pthread_t thread;
	int count;
	char (*ids)[UUID_TEXT_SIZE];
	int failed;
};

static void *
submitter_main(void *arg)
{
	struct submitter *submitter = arg;

	for (int i = 0; i < submitter->count; i++) {
		enum refusal refusal;

		submitter->failed +=
		    submit(submitter->scene, "{}", submitter->ids[i], &refusal) != STATUS_OK;
	}
	return NULL;
}

static void
start_submitter(struct scene *scene, int count, struct submitter *ret)
{
	*ret = (struct submitter){ .scene = scene, .count = count };
	ret->ids = calloc((size_t)count, sizeof(*ret->ids));
	assert_non_null(ret->ids);
	assert_int_equal(
	    thread_start(&ret->thread, "submitter", 0, submitter_main, ret, NULL), STATUS_OK);
}

static void *
drain_main(void *arg)
{
	struct scene *scene = arg;

	queue_drain(scene->queue, 0);
	return NULL;
}

static void
test_what_is_being_stored_when_the_queue_drains_is_stored(void **state)
{
	struct scene *scene = *state;
	struct submitter late;
	pthread_t drain;

	scene_open_queue(scene, scene_usual);
	fake_store_close_gate(scene->fake, FAKE_SUBMIT);
	start_submitter(scene, 1, &late);
	fake_store_await_gate(scene->fake, FAKE_SUBMIT, 1);
	assert_int_equal(thread_start(&drain, "drain", 0, drain_main, scene, NULL), STATUS_OK);
	while (queue_readiness(scene->queue) != REFUSAL_DRAINING)
		scene_nap();
	fake_store_open_gate(scene->fake, FAKE_SUBMIT);
	thread_join(late.thread);
	thread_join(drain);
	assert_int_equal(late.failed, 0);
	assert_int_equal(state_of(scene, late.ids[0]), TASK_SUCCEEDED);
	free(late.ids);
}

static void
test_many_submitters_at_once_have_each_task_ended_once(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	struct submitter submitters[8];
	struct store_counts counts;

	conf.recent_tasks = 100;
	conf.waiting_max = 100000;
	scene_open_queue(scene, conf);
	for (size_t i = 0; i < ARRAY_SIZE(submitters); i++)
		start_submitter(scene, 300, &submitters[i]);
	for (size_t i = 0; i < ARRAY_SIZE(submitters); i++) {
		thread_join(submitters[i].thread);
		assert_int_equal(submitters[i].failed, 0);
		for (int j = 0; j < submitters[i].count; j++) {
			scene_await_final(scene, submitters[i].ids[j]);
			assert_result(scene, submitters[i].ids[j], "{}");
		}
		free(submitters[i].ids);
	}
	assert_int_equal(store_counts(scene->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.by_state[TASK_SUCCEEDED], 8 * 300);
	queue_drain(scene->queue, clock_mono_ms() + 100 * 1000);
}

/* How many files of results there are, and of them temporary ones. */
static int
count_files(const struct scene *scene, int *ret_temporary)
{
	char path[96];
	DIR *dir;
	int count = 0;

	*ret_temporary = 0;
	(void)snprintf(path, sizeof(path), "%s/results", scene->dir);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		count += entry->d_name[0] != '.';
		*ret_temporary += strncmp(entry->d_name, "tmp-", 4) == 0;
	}
	closedir(dir);
	return count;
}

/* Opens the store anew, with another bound on what stays in memory. */
static void
keep_inline(struct scene *scene, size_t max_bytes)
{
	store_close(scene->store);
	scene->store_conf.inline_max_bytes = max_bytes;
	scene_open_store(scene);
	scene_open_queue(scene, scene_usual);
}

static void
test_what_stays_in_the_database_is_answered(void **state)
{
	static const char args[] = "{\"size\":1024}";
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	int temporary;

	keep_inline(scene, 1024);
	submit_ok(scene, args, id);
	assert_int_equal(state_of(scene, id), TASK_SUCCEEDED);
	assert_result(scene, id, args);
	assert_int_equal(look(&scene_shared.prompted), 0);
	assert_int_equal(count_files(scene, &temporary), 0);
}

static void
test_what_belongs_into_a_file_gets_there_by_a_run(void **state)
{
	static const char args[] = "{\"size\":1024}";
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	int temporary;

	keep_inline(scene, 1023);
	submit_ok(scene, args, id);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
	assert_result(scene, id, args);
	assert_int_equal(count_files(scene, &temporary), 1);
	assert_int_equal(temporary, 0);
	assert_int_equal(look(&scene_shared.prompted), 1);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_COMPLETE), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_it_has_ended_when_its_submission_returns),
		SCENE_TEST(test_it_takes_no_place),
		SCENE_TEST(test_it_is_read_from_memory_afterwards),
		SCENE_TEST(test_it_is_stored_as_it_is_read_from_memory),
		SCENE_TEST(test_what_waits_is_no_reason_to_wait),
		SCENE_TEST(test_a_full_lane_and_a_full_queue_are_no_reason_to_wait),
		SCENE_TEST(test_what_is_not_at_hand_starts_as_ever),
		SCENE_TEST(test_of_a_batch_only_the_others_wait),
		SCENE_TEST(test_what_is_not_stored_says_why),
		SCENE_TEST(test_an_unknown_outcome_is_told_as_such),
		SCENE_TEST(test_a_full_disk_refuses_it_until_somebody_has_looked),
		SCENE_TEST(test_a_queue_that_drains_refuses_it),
		SCENE_TEST(test_what_is_being_stored_when_the_queue_drains_is_stored),
		SCENE_TEST(test_many_submitters_at_once_have_each_task_ended_once),
		SCENE_TEST(test_what_stays_in_the_database_is_answered),
		SCENE_TEST(test_what_belongs_into_a_file_gets_there_by_a_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
