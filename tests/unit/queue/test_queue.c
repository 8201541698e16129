/* SPDX-License-Identifier: MIT */
/*
 * The queue over the fake store with kinds of our own: admission, execution, what store failures
 * do, isolation after crashes, draining. Waits are on conditions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sync.h"
#include "fake_store.h"
#include "kinds/kind_settings.h"
#include "queue/queue.h"

/* --- Kinds: "work" runs in the CPU lane and stands at a gate; "carry" is an IO kind. --- */

static struct {
	struct lock lock;
	struct cond changed;
	int inside; /* runs of "work" that are executing */
	int inside_most;
	bool gate_open;
	int carried; /* runs in the engine of "carry" */
	int carried_most;
	struct run *carrying;
	bool engine_open;
	void (*carry_finished)(void *context, struct run *run);
	void *carry_context;
} shared;

static bool
run_is_stopped(const struct run *run)
{
	return atomic_load(run->stop);
}

/* A task with the argument "{}" stands at the gate; one with "{\"quick\":1}" does not. */
static void
work_run(const struct kind_settings *settings, struct run *run)
{
	(void)settings;
	if (run->task.args_size > 2) {
		char bulk[2000] = ""; /* over the scene's inline limit: a spill file */
		if (strstr(run->task.args, "bulky") != NULL)
			assert_int_equal(
			    output_write(&run->output, bulk, sizeof(bulk), NULL), STATUS_OK);
		outcome_succeed(&run->outcome, "");
		return;
	}
	lock_acquire(&shared.lock);
	shared.inside++;
	if (shared.inside > shared.inside_most)
		shared.inside_most = shared.inside;
	cond_broadcast(&shared.changed);
	while (!shared.gate_open && !run_is_stopped(run))
		cond_wait_until(&shared.changed, &shared.lock, clock_mono_ms() + 20);
	bool stopped = !shared.gate_open;
	shared.inside--;
	cond_broadcast(&shared.changed);
	lock_release(&shared.lock);
	if (stopped) {
		run->outcome.verdict = VERDICT_RELEASED;
		return;
	}
	assert_int_equal(output_write(&run->output, "done", 4, NULL), STATUS_OK);
	outcome_succeed(&run->outcome, "text/plain");
}

struct engine {
	int unused;
};

static struct engine the_engine;

static enum status
carry_open(const struct kind_settings *settings, void (*finished)(void *context, struct run *run),
    void *context, struct engine **ret_engine, struct error *error)
{
	(void)settings;
	(void)error;
	shared.carry_finished = finished;
	shared.carry_context = context;
	shared.engine_open = true;
	*ret_engine = &the_engine;
	return STATUS_OK;
}

static void
carry_add(struct engine *engine, struct run *run)
{
	(void)engine;
	lock_acquire(&shared.lock);
	run->next = shared.carrying;
	shared.carrying = run;
	shared.carried++;
	if (shared.carried > shared.carried_most)
		shared.carried_most = shared.carried;
	cond_broadcast(&shared.changed);
	lock_release(&shared.lock);
}

static struct run *
carry_take(void)
{
	lock_acquire(&shared.lock);
	struct run *run = shared.carrying;
	if (run != NULL) {
		shared.carrying = run->next;
		shared.carried--;
	}
	lock_release(&shared.lock);
	return run;
}

static void
carry_abort(struct engine *engine)
{
	(void)engine;
}

static void
carry_close(struct engine *engine)
{
	(void)engine;
	struct run *run;
	while ((run = carry_take()) != NULL) {
		run->outcome.verdict = VERDICT_RELEASED;
		shared.carry_finished(shared.carry_context, run);
	}
	shared.engine_open = false;
}

static const struct engine_ops carry_engine = { carry_open, carry_add, carry_abort, carry_close };
static const struct kind work_kind = { .type = "work", .lane = LANE_CPU, .run = work_run };
static const struct kind carry_kind = { .type = "carry", .lane = LANE_IO, .engine = &carry_engine };
static const struct kind *const kinds[] = { &work_kind, &carry_kind };

const struct kind *
kinds_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i]->type, type) == 0)
			return kinds[i];
	}
	return NULL;
}

const struct kind *const *
kinds_table(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(kinds);
	return kinds;
}

/* --- The scene. --- */

struct scene {
	char dir[64];
	struct fake_store *fake;
	struct store_conf store_conf;
	struct store *store;
	struct queue *queue;
	atomic_int fatal;
};

static void
on_fatal(void *context, const char *why)
{
	struct scene *scene = context;
	assert_non_null(why);
	atomic_fetch_add(&scene->fatal, 1);
}

static void
open_store(struct scene *scene)
{
	struct store_recovery recovery;
	assert_int_equal(fake_store_open(scene->fake, &scene->store_conf, clock_wall_ms(),
			     &scene->store, &recovery, NULL),
	    STATUS_OK);
}

static void
open_queue_with(struct scene *scene, struct queue_conf conf)
{
	static const struct kind_settings settings;
	conf.data_dir = scene->dir;
	conf.kinds = &settings;
	assert_int_equal(queue_open(&conf, scene->store, &scene->queue, NULL), STATUS_OK);
}

static const struct queue_conf usual = {
	.waiting_max = 1000,
	.cpu_executors = 2,
	.io_slots = 2,
	.attempts_max = 3,
};

static int
setup(void **state)
{
	memset(&shared, 0, sizeof(shared));
	lock_init(&shared.lock, LOCK_RANK_LEAF);
	cond_init(&shared.changed);
	struct scene *scene = calloc(1, sizeof(*scene));
	assert_non_null(scene);
	strcpy(scene->dir, "/tmp/test_queue.XXXXXX");
	assert_non_null(mkdtemp(scene->dir));
	scene->store_conf = (struct store_conf){
		.data_dir = scene->dir,
		.inline_max_bytes = 1024,
		.wal_max_bytes = 1 << 20,
		.readers = 1,
		.fatal = on_fatal,
		.context = scene,
	};
	scene->fake = fake_store_new();
	open_store(scene);
	*state = scene;
	return 0;
}

static void
remove_files(const char *path)
{
	DIR *dir = opendir(path);
	if (dir == NULL)
		return;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

static int
teardown(void **state)
{
	struct scene *scene = *state;
	queue_close(scene->queue);
	assert_false(shared.engine_open);
	store_close(scene->store);
	fake_store_free(scene->fake);
	char results[80];
	snprintf(results, sizeof(results), "%s/results", scene->dir);
	remove_files(results);
	rmdir(results);
	assert_int_equal(rmdir(scene->dir), 0);
	free(scene);
	cond_done(&shared.changed);
	lock_done(&shared.lock);
	return 0;
}

static enum status
submit(struct scene *scene, const struct kind *kind, char ret_id[UUID_TEXT_SIZE],
    enum refusal *ret_refusal)
{
	unsigned retry_after_s = 0;
	enum refusal refusal = REFUSAL_NONE;
	struct error error = { "" };
	enum status status =
	    queue_submit(scene->queue, kind, "{}", 2, ret_id, &refusal, &retry_after_s, &error);
	if (status == STATUS_BUSY)
		assert_in_range(retry_after_s, 1, 300);
	*ret_refusal = refusal;
	return status;
}

static void
submit_ok(struct scene *scene, const struct kind *kind, char ret_id[UUID_TEXT_SIZE])
{
	enum refusal refusal;
	assert_int_equal(submit(scene, kind, ret_id, &refusal), STATUS_OK);
}

static void
submit_with(struct scene *scene, const char *args, char ret_id[UUID_TEXT_SIZE])
{
	enum refusal refusal;
	unsigned retry_after_s;
	assert_int_equal(queue_submit(scene->queue, &work_kind, args, strlen(args), ret_id,
			     &refusal, &retry_after_s, NULL),
	    STATUS_OK);
}

/*
 * A task that waits in the store before the queue is opened; with the claims' gate closed it goes
 * on waiting, so that what is submitted after it has to wait, too.
 */
static void
put_waiter(struct scene *scene, const char *args, char ret_id[UUID_TEXT_SIZE])
{
	struct task_new task = {
		.type = "work",
		.lane = LANE_CPU,
		.args = args,
		.args_size = strlen(args),
		.max_attempts = 3,
		.created_at_ms = 1,
	};
	assert_int_equal(uuid_v7(1, task.id, NULL), STATUS_OK);
	assert_int_equal(store_submit(scene->store, &task, NULL, NULL), STATUS_OK);
	memcpy(ret_id, task.id, UUID_TEXT_SIZE);
}

static void
set_gate(bool open)
{
	lock_acquire(&shared.lock);
	shared.gate_open = open;
	cond_broadcast(&shared.changed);
	lock_release(&shared.lock);
}

static void
await(const int *counter, int value)
{
	lock_acquire(&shared.lock);
	while (*counter != value)
		cond_wait(&shared.changed, &shared.lock);
	lock_release(&shared.lock);
}

/* For what no condition tells of: a look at the world every few milliseconds. */
static void
cond_nap(void)
{
	lock_acquire(&shared.lock);
	cond_wait_until(&shared.changed, &shared.lock, clock_mono_ms() + 10);
	lock_release(&shared.lock);
}

static struct task_status
await_final(struct scene *scene, const char *id)
{
	struct task_status status;
	for (;;) {
		assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
		if (task_state_is_final(status.state))
			return status;
		cond_nap();
	}
}

static void
assert_failed_with(struct scene *scene, const char *id, enum failure failure)
{
	struct task_result result;
	assert_int_equal(await_final(scene, id).state, TASK_FAILED);
	assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.failure, failure);
	task_result_done(&result);
}

/* --- Tests. --- */

static void
test_a_submitted_task_is_executed_and_its_result_readable(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	struct task_result result;
	set_gate(true);
	open_queue_with(scene, usual);
	submit_ok(scene, &work_kind, id);
	assert_int_equal(await_final(scene, id).state, TASK_SUCCEEDED);
	assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.bytes, 4);
	assert_memory_equal(result.data, "done", 4);
	assert_string_equal(result.media_type, "text/plain");
	task_result_done(&result);
}

static void
test_submissions_are_refused_past_the_depth_of_their_lane_only(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = usual;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	conf.waiting_max = 4;
	put_waiter(scene, "{}", id);
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	open_queue_with(scene, conf);
	for (int i = 0; i < 3; i++)
		submit_ok(scene, &work_kind, id);
	assert_int_equal(submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_QUEUE_FULL);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_QUEUE_FULL);
	submit_ok(scene, &carry_kind, id);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_SUBMIT), 5);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

static void
test_tasks_that_waited_before_the_start_count_and_are_executed(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = usual;
	char first[UUID_TEXT_SIZE];
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	conf.waiting_max = 1;
	open_queue_with(scene, conf);
	submit_ok(scene, &work_kind, first);
	await(&shared.inside, 1);
	queue_close(scene->queue); /* hands it back */
	scene->queue = NULL;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	open_queue_with(scene, conf);
	assert_int_equal(submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_QUEUE_FULL);
	set_gate(true);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	struct task_status status = await_final(scene, first);
	assert_int_equal(status.state, TASK_SUCCEEDED);
	assert_int_equal(status.attempt, 1); /* handing back did not cost an attempt */
}

static void
test_a_full_disk_refuses_and_stores_nothing_and_recovers(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	set_gate(true);
	open_queue_with(scene, usual);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_FULL, 1);
	assert_int_equal(submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_DISK_LOW);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_DISK_LOW);
	/* The next look at the disk finds space. */
	while (queue_readiness(scene->queue) != REFUSAL_NONE)
		fake_store_await_calls(
		    scene->fake, FAKE_MAINTAIN, fake_store_calls(scene->fake, FAKE_MAINTAIN) + 1);
	submit_ok(scene, &work_kind, id);
	assert_int_equal(await_final(scene, id).state, TASK_SUCCEEDED);
}

static void
test_a_run_without_space_for_its_output_is_run_again(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	open_queue_with(scene, usual);
	submit_ok(scene, &carry_kind, id);
	await(&shared.carried, 1);
	struct run *run = carry_take();
	run->outcome.verdict = VERDICT_RELEASED; /* as kinds do when output_write finds no space */
	shared.carry_finished(shared.carry_context, run);
	/* Refused and not claimed again before the next look at the disk, which finds space. */
	await(&shared.carried, 1);
	assert_true(fake_store_calls(scene->fake, FAKE_RELEASE) == 1);
	run = carry_take();
	assert_int_equal(run->task.attempt, 1);
	outcome_succeed(&run->outcome, "");
	shared.carry_finished(shared.carry_context, run);
	assert_int_equal(await_final(scene, id).state, TASK_SUCCEEDED);
}

static void
test_busy_and_broken_stores_are_told_apart(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	open_queue_with(scene, usual);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_BUSY, 1);
	assert_int_equal(submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_STORE_BUSY);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_IO, 1);
	assert_int_equal(submit(scene, &work_kind, id, &refusal), STATUS_IO);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_UNKNOWN, 1);
	assert_int_equal(submit(scene, &work_kind, id, &refusal), STATUS_UNKNOWN);
	assert_int_equal(atomic_load(&scene->fatal), 1);
}

static void
test_a_refused_submission_gives_its_place_back(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = usual;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	conf.waiting_max = 1;
	open_queue_with(scene, conf);
	for (int i = 0; i < 5; i++) {
		fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_IO, 1);
		assert_int_equal(submit(scene, &work_kind, id, &refusal), STATUS_IO);
	}
	submit_ok(scene, &work_kind, id);
}

static void
test_a_claim_that_fails_is_tried_again(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	set_gate(true);
	put_waiter(scene, "{}", id);
	fake_store_fail(scene->fake, FAKE_CLAIM, STATUS_FULL, 3);
	open_queue_with(scene, usual);
	assert_int_equal(await_final(scene, id).state, TASK_SUCCEEDED);
}

static void
test_a_completion_waits_for_disk_space(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	set_gate(true);
	fake_store_fail(scene->fake, FAKE_COMPLETE, STATUS_FULL, 4);
	open_queue_with(scene, usual);
	submit_ok(scene, &work_kind, id);
	assert_int_equal(await_final(scene, id).state, TASK_SUCCEEDED);
	assert_true(fake_store_calls(scene->fake, FAKE_COMPLETE) >= 5);
}

static void
test_a_result_that_cannot_be_stored_fails_its_task(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	set_gate(true);
	/* The batch, then the task by itself five times; the sixth stores the failure. */
	fake_store_fail(scene->fake, FAKE_COMPLETE, STATUS_IO, 6);
	open_queue_with(scene, usual);
	submit_ok(scene, &work_kind, id);
	assert_failed_with(scene, id, FAILURE_STORAGE);
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
		.max_attempts = 3,
		.created_at_ms = 1 };
	memcpy(task.id, id, sizeof(id));
	assert_int_equal(store_submit(scene->store, &task, NULL, NULL), STATUS_OK);
	open_queue_with(scene, usual);
	assert_failed_with(scene, id, FAILURE_INVALID_ARGUMENT);
}

static void
test_an_engine_never_holds_more_than_the_slots(void **state)
{
	struct scene *scene = *state;
	char ids[7][UUID_TEXT_SIZE];
	open_queue_with(scene, usual);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		submit_ok(scene, &carry_kind, ids[i]);
	for (int left = (int)ARRAY_SIZE(ids); left > 0; left--) {
		await(&shared.carried, left < 2 ? left : 2);
		struct run *run = carry_take();
		outcome_succeed(&run->outcome, "");
		shared.carry_finished(shared.carry_context, run);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	assert_int_equal(shared.carried_most, 2);
}

static void
test_long_runs_leave_the_other_executors_to_short_ones(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = usual;
	char ids[9][UUID_TEXT_SIZE];
	char long_id[UUID_TEXT_SIZE];
	conf.cpu_executors = 5;
	open_queue_with(scene, conf);
	for (int i = 0; i < 4; i++)
		submit_ok(scene, &work_kind, long_id);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		submit_with(scene, "{\"quick\":1}", ids[i]);
	await(&shared.inside, 4);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	assert_int_equal(shared.inside, 4);
	set_gate(true);
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
	open_queue_with(scene, usual);
	fake_store_close_gate(scene->fake, FAKE_COMPLETE);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		submit_with(scene, "{\"bulky\":1}", ids[i]);
	/* 64 spill files are the bound, and one in the hands of each executor. */
	while (count_spill_files(scene) < 64)
		cond_nap();
	fake_store_await_gate(scene->fake, FAKE_COMPLETE, 1);
	unsigned ticks = fake_store_calls(scene->fake, FAKE_MAINTAIN);
	fake_store_await_calls(scene->fake, FAKE_MAINTAIN, ticks + 1);
	assert_in_range(count_spill_files(scene), 64, 66);
	fake_store_open_gate(scene->fake, FAKE_COMPLETE);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(await_final(scene, ids[i]).state, TASK_SUCCEEDED);
}

static void
test_a_finished_transfer_keeps_its_place_until_it_is_written(void **state)
{
	struct scene *scene = *state;
	char ids[3][UUID_TEXT_SIZE];
	open_queue_with(scene, usual);
	fake_store_close_gate(scene->fake, FAKE_COMPLETE);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		submit_ok(scene, &carry_kind, ids[i]);
	await(&shared.carried, 2);
	struct run *run = carry_take();
	outcome_succeed(&run->outcome, "");
	shared.carry_finished(shared.carry_context, run);
	fake_store_await_gate(scene->fake, FAKE_COMPLETE, 1);
	unsigned ticks = fake_store_calls(scene->fake, FAKE_MAINTAIN);
	fake_store_await_calls(scene->fake, FAKE_MAINTAIN, ticks + 2);
	assert_int_equal(shared.carried, 1);
	fake_store_open_gate(scene->fake, FAKE_COMPLETE);
	await(&shared.carried, 2);
}

static void
test_tasks_on_their_last_attempt_after_crashes_run_one_at_a_time(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = usual;
	char ids[13][UUID_TEXT_SIZE]; /* twelve that crash, and one more */
	struct task tasks[12];
	size_t count = 0;
	conf.cpu_executors = 4;
	conf.attempts_max = 2;
	open_queue_with(scene, conf);
	for (int i = 0; i < 12; i++)
		submit_ok(scene, &work_kind, ids[i]);
	await(&shared.inside, 4);
	/* A crash while all twelve ran: the store is reopened over tasks that were claimed. */
	queue_close(scene->queue);
	scene->queue = NULL;
	assert_int_equal(
	    store_claim(scene->store, LANE_CPU, false, 12, 1, tasks, &count, NULL), STATUS_OK);
	assert_int_equal(count, 12);
	for (size_t i = 0; i < count; i++)
		task_done(&tasks[i]);
	store_close(scene->store);
	open_store(scene);
	shared.inside_most = 0;
	open_queue_with(scene, conf);
	submit_ok(scene, &work_kind, ids[12]);
	await(&shared.inside, 2); /* one of the twelve, and the new one beside it */
	unsigned ticks = fake_store_calls(scene->fake, FAKE_MAINTAIN);
	set_gate(true);
	for (int i = 0; i < 13; i++)
		assert_int_equal(await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	assert_int_equal(shared.inside_most, 2);
	/* One follows the other at once: eleven polls would see eleven ticks of the same length. */
	assert_true(fake_store_calls(scene->fake, FAKE_MAINTAIN) <= ticks + 5);
}

static void
test_drain_refuses_finishes_what_runs_and_hands_back_the_rest(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = usual;
	char running[UUID_TEXT_SIZE];
	char stuck[UUID_TEXT_SIZE];
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	struct task_status status;
	conf.cpu_executors = 1;
	open_queue_with(scene, conf);
	submit_ok(scene, &work_kind, running);
	submit_ok(scene, &carry_kind, stuck);
	await(&shared.inside, 1);
	await(&shared.carried, 1);
	set_gate(true);
	queue_drain(scene->queue, clock_mono_ms() + 200);
	assert_int_equal(await_final(scene, running).state, TASK_SUCCEEDED);
	assert_int_equal(queue_read_status(scene->queue, stuck, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 0);
	assert_int_equal(submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_DRAINING);
}

static void
test_figures_follow_tasks_and_outlive_the_store(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = usual;
	struct queue_stats stats = { 0 };
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	conf.waiting_max = 2;
	conf.cpu_executors = 1;
	conf.io_slots = 3;
	put_waiter(scene, "{}", id);
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	open_queue_with(scene, conf);
	submit_ok(scene, &carry_kind, id);
	for (; stats.lanes[LANE_IO].running != 1; cond_nap())
		queue_stats(scene->queue, &stats);
	assert_int_equal(stats.waiting_max, 2);
	assert_int_equal(stats.lanes[LANE_CPU].slots, 1);
	assert_int_equal(stats.lanes[LANE_IO].slots, 3);
	assert_int_equal(stats.lanes[LANE_CPU].running, 0);
	fake_store_await_gate(scene->fake, FAKE_CLAIM, 1);
	submit_ok(scene, &work_kind, id);
	for (int i = 0; i < 4; i++)
		assert_int_equal(submit(scene, &work_kind, id, &refusal), STATUS_BUSY);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_BUSY, 1);
	assert_int_equal(submit(scene, &carry_kind, id, &refusal), STATUS_BUSY);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.lanes[LANE_CPU].queued, 2);
	assert_int_equal(stats.admission, REFUSAL_QUEUE_FULL);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 4);
	assert_int_equal(stats.refused[REFUSAL_STORE_BUSY], 1);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_UNKNOWN, 1);
	assert_int_equal(submit(scene, &carry_kind, id, &refusal), STATUS_UNKNOWN);
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
	open_queue_with(scene, usual);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_NONE);
	queue_refuse(scene->queue);
	queue_refuse(scene->queue);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_DRAINING);
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_a_submitted_task_is_executed_and_its_result_readable),
		SCENE_TEST(test_submissions_are_refused_past_the_depth_of_their_lane_only),
		SCENE_TEST(test_tasks_that_waited_before_the_start_count_and_are_executed),
		SCENE_TEST(test_a_full_disk_refuses_and_stores_nothing_and_recovers),
		SCENE_TEST(test_a_run_without_space_for_its_output_is_run_again),
		SCENE_TEST(test_busy_and_broken_stores_are_told_apart),
		SCENE_TEST(test_a_refused_submission_gives_its_place_back),
		SCENE_TEST(test_a_claim_that_fails_is_tried_again),
		SCENE_TEST(test_a_completion_waits_for_disk_space),
		SCENE_TEST(test_a_result_that_cannot_be_stored_fails_its_task),
		SCENE_TEST(test_a_task_of_an_unknown_kind_fails),
		SCENE_TEST(test_an_engine_never_holds_more_than_the_slots),
		SCENE_TEST(test_long_runs_leave_the_other_executors_to_short_ones),
		SCENE_TEST(test_results_that_wait_for_the_store_are_bounded),
		SCENE_TEST(test_a_finished_transfer_keeps_its_place_until_it_is_written),
		SCENE_TEST(test_tasks_on_their_last_attempt_after_crashes_run_one_at_a_time),
		SCENE_TEST(test_drain_refuses_finishes_what_runs_and_hands_back_the_rest),
		SCENE_TEST(test_figures_follow_tasks_and_outlive_the_store),
		SCENE_TEST(test_refuse_turns_readiness_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
