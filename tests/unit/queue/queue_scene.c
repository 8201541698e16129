/* SPDX-License-Identifier: MIT */
/*
 * The scene of the queue's tests; see queue_scene.h. The kinds' runs are on the queue's threads,
 * everything else on the test's.
 */
#include "queue_scene.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/uuid.h"
#include "kinds/kind_settings.h"

struct scene_shared scene_shared;

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
	lock_acquire(&scene_shared.lock);
	scene_shared.inside++;
	if (scene_shared.inside > scene_shared.inside_most)
		scene_shared.inside_most = scene_shared.inside;
	cond_broadcast(&scene_shared.changed);
	while (!scene_shared.gate_open && run_word(run) == RUN_GO_ON)
		cond_wait_until(&scene_shared.changed, &scene_shared.lock, clock_mono_ms() + 20);
	bool stopped = !scene_shared.gate_open;
	scene_shared.inside--;
	cond_broadcast(&scene_shared.changed);
	lock_release(&scene_shared.lock);
	if (stopped) {
		run_end_early(run, run_word(run));
		return;
	}
	assert_int_equal(output_write(&run->output, "done", 4, NULL), STATUS_OK);
	outcome_succeed(&run->outcome, "text/plain");
}

/* What answers and runs of "prompt" give, as far as its size goes. */
static char prompt_content[4096];

size_t
scene_prompt_size(const char *args)
{
	const char *size = strstr(args, "\"size\":");
	return size != NULL ? strtoul(size + strlen("\"size\":"), NULL, 10) : 4;
}

static bool
prompt_answer(const struct kind_settings *settings, const char *args, size_t args_size,
    struct task_ended *ret_ended)
{
	size_t size = scene_prompt_size(args);
	assert_non_null(settings);
	assert_int_equal(args_size, strlen(args));
	lock_acquire(&scene_shared.lock);
	scene_shared.asked++;
	lock_release(&scene_shared.lock);
	if (strstr(args, "later") != NULL)
		return false;
	assert_true(size <= sizeof(prompt_content));
	*ret_ended = (struct task_ended){
		.media_type = "text/plain",
		.content = prompt_content,
		.content_size = size,
		.is_utf8 = true,
	};
	return true;
}

static void
prompt_run(const struct kind_settings *settings, struct run *run)
{
	assert_non_null(settings);
	lock_acquire(&scene_shared.lock);
	if (scene_shared.prompted < SCENE_PROMPTS_MAX)
		memcpy(scene_shared.prompts[scene_shared.prompted], run->task.id, UUID_TEXT_SIZE);
	scene_shared.prompted++;
	cond_broadcast(&scene_shared.changed);
	lock_release(&scene_shared.lock);
	size_t size = scene_prompt_size(run->task.args);
	assert_true(size <= sizeof(prompt_content));
	assert_int_equal(output_write(&run->output, prompt_content, size, NULL), STATUS_OK);
	outcome_succeed(&run->outcome, "text/plain");
}

struct engine {
	int unused;
};

static struct engine the_engine;

static enum status
carry_open(const struct kind_settings *settings, void (*finished)(void *context, struct run *run),
    void *context, struct pulse *pulse, struct engine **ret_engine, struct error *error)
{
	(void)settings;
	(void)pulse;
	(void)error;
	scene_shared.carry_finished = finished;
	scene_shared.carry_context = context;
	scene_shared.engine_open = true;
	*ret_engine = &the_engine;
	return STATUS_OK;
}

static void
carry_add(struct engine *engine, struct run *run)
{
	(void)engine;
	lock_acquire(&scene_shared.lock);
	run->next = scene_shared.carrying;
	scene_shared.carrying = run;
	scene_shared.carried++;
	if (scene_shared.carried > scene_shared.carried_most)
		scene_shared.carried_most = scene_shared.carried;
	cond_broadcast(&scene_shared.changed);
	lock_release(&scene_shared.lock);
}

struct run *
scene_carry_take(void)
{
	lock_acquire(&scene_shared.lock);
	struct run *run = scene_shared.carrying;
	if (run != NULL) {
		scene_shared.carrying = run->next;
		scene_shared.carried--;
	}
	lock_release(&scene_shared.lock);
	return run;
}

void
scene_carry_end(struct run *run)
{
	scene_shared.carry_finished(scene_shared.carry_context, run);
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
	while ((run = scene_carry_take()) != NULL) {
		run->outcome.verdict = VERDICT_RELEASED;
		scene_carry_end(run);
	}
	scene_shared.engine_open = false;
}

/* What stands between the quotes after "host":. */
static bool
carry_host_of(const char *args, size_t args_size, char ret_host[TASK_HOST_SIZE])
{
	static const char begin[] = "{\"host\":\"";
	assert_int_equal(args_size, strlen(args));
	if (strncmp(args, begin, strlen(begin)) != 0)
		return false;
	size_t size = strcspn(args + strlen(begin), "\"");
	assert_true(size < TASK_HOST_SIZE);
	memcpy(ret_host, args + strlen(begin), size);
	ret_host[size] = '\0';
	return true;
}

static const struct engine_ops carry_engine = { carry_open, carry_add, carry_abort, carry_close };
const struct kind work_kind = { .type = "work", .lane = LANE_CPU, .run = work_run };
const struct kind carry_kind = {
	.type = "carry", .lane = LANE_IO, .host_of = carry_host_of, .engine = &carry_engine
};
const struct kind prompt_kind = {
	.type = "prompt", .lane = LANE_CPU, .run = prompt_run, .answer = prompt_answer
};
static const struct kind *const kinds[] = { &work_kind, &carry_kind, &prompt_kind };

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

static void
on_fatal(void *context, const char *why)
{
	struct scene *scene = context;
	assert_non_null(why);
	atomic_fetch_add(&scene->fatal, 1);
}

void
scene_open_store(struct scene *scene)
{
	struct store_recovery recovery;
	assert_int_equal(fake_store_open(scene->fake, &scene->store_conf, clock_wall_ms(),
			     &scene->store, &recovery, NULL),
	    STATUS_OK);
}

void
scene_open_queue(struct scene *scene, struct queue_conf conf)
{
	static const struct kind_settings settings;
	conf.data_dir = scene->dir;
	conf.kinds = &settings;
	assert_int_equal(queue_open(&conf, scene->store, &scene->queue, NULL), STATUS_OK);
}

const struct queue_conf scene_usual = {
	.waiting_max = 1000,
	.cpu_executors = 2,
	.io_slots = 2,
	.host_places = 1,
	.held_max = 1000,
	.idempotency_keep_ms = 3600000,
	.default_terms = { .priority = TASK_PRIORITY_DEFAULT, .max_attempts = 3 },
};

int
scene_setup(void **state)
{
	memset(&scene_shared, 0, sizeof(scene_shared));
	memset(prompt_content, SCENE_PROMPT_BYTE, sizeof(prompt_content));
	lock_init(&scene_shared.lock, LOCK_RANK_LEAF);
	cond_init(&scene_shared.changed);
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
	scene_open_store(scene);
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

int
scene_teardown(void **state)
{
	struct scene *scene = *state;
	/* A test that has failed may have left some closed. */
	for (int op = 0; op < FAKE_OP_COUNT; op++)
		fake_store_open_gate(scene->fake, (enum fake_op)op);
	queue_close(scene->queue);
	assert_false(scene_shared.engine_open);
	store_close(scene->store);
	fake_store_free(scene->fake);
	char results[80];
	snprintf(results, sizeof(results), "%s/results", scene->dir);
	remove_files(results);
	rmdir(results);
	assert_int_equal(rmdir(scene->dir), 0);
	free(scene);
	cond_done(&scene_shared.changed);
	lock_done(&scene_shared.lock);
	return 0;
}

enum status
scene_submit(struct scene *scene, const struct kind *kind, char ret_id[UUID_TEXT_SIZE],
    enum refusal *ret_refusal)
{
	unsigned retry_after_s = 0;
	enum refusal refusal = REFUSAL_NONE;
	struct error error = { "" };
	enum status status =
	    queue_submit(scene->queue, &(struct queue_task){ kind, "{}", 2, NULL, 0, NULL }, NULL,
		ret_id, &refusal, &retry_after_s, &error);
	if (status == STATUS_BUSY)
		assert_in_range(retry_after_s, 1, 300);
	*ret_refusal = refusal;
	return status;
}

void
scene_submit_ok(struct scene *scene, const struct kind *kind, char ret_id[UUID_TEXT_SIZE])
{
	enum refusal refusal;
	assert_int_equal(scene_submit(scene, kind, ret_id, &refusal), STATUS_OK);
}

void
scene_submit_work(struct scene *scene, const char *args, char ret_id[UUID_TEXT_SIZE])
{
	enum refusal refusal;
	unsigned retry_after_s;
	const struct queue_task task = { &work_kind, args, strlen(args), NULL, 0, NULL };
	assert_int_equal(
	    queue_submit(scene->queue, &task, NULL, ret_id, &refusal, &retry_after_s, NULL),
	    STATUS_OK);
}

void
scene_put_waiter(struct scene *scene, const char *args, char ret_id[UUID_TEXT_SIZE])
{
	struct task_new task = {
		.type = "work",
		.lane = LANE_CPU,
		.args = args,
		.args_size = strlen(args),
		.terms.max_attempts = 3,
		.created_at_ms = 1,
	};
	assert_int_equal(uuid_v7(1, task.id, NULL), STATUS_OK);
	assert_int_equal(store_submit(scene->store, &task, 1, NULL, NULL, NULL), STATUS_OK);
	memcpy(ret_id, task.id, UUID_TEXT_SIZE);
}

void
scene_set_gate(bool open)
{
	lock_acquire(&scene_shared.lock);
	scene_shared.gate_open = open;
	cond_broadcast(&scene_shared.changed);
	lock_release(&scene_shared.lock);
}

void
scene_await(const int *counter, int value)
{
	lock_acquire(&scene_shared.lock);
	while (*counter != value)
		cond_wait(&scene_shared.changed, &scene_shared.lock);
	lock_release(&scene_shared.lock);
}

void
scene_nap(void)
{
	lock_acquire(&scene_shared.lock);
	cond_wait_until(&scene_shared.changed, &scene_shared.lock, clock_mono_ms() + 10);
	lock_release(&scene_shared.lock);
}

struct task_status
scene_await_final(struct scene *scene, const char *id)
{
	struct task_status status;
	for (;;) {
		assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
		if (task_state_is_final(status.state))
			return status;
		scene_nap();
	}
}

void
scene_assert_failed(struct scene *scene, const char *id, enum failure failure)
{
	struct task_result result;
	assert_int_equal(scene_await_final(scene, id).state, TASK_FAILED);
	assert_int_equal(queue_read_result(scene->queue, id, &result, NULL), STATUS_OK);
	assert_int_equal(result.failure, failure);
	task_result_done(&result);
}
