/* SPDX-License-Identifier: MIT */
/*
 * The clients of the simulation of a store: they submit, cancel and read; and what the queue does
 * for time: it lets tasks go on, has them expire and be forgotten.
 */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "store_scene.h"

enum {
	ARGS_SIZE = 48,
};

static struct task_new
new_task(struct scene *scene, char args[ARGS_SIZE])
{
	static const int attempts[] = { 1, 2, 3, 3, 3, 6 };
	bool is_fetch = scene_chance(scene, 400);
	struct task_new task = {
		.type = is_fetch ? "http-fetch" : "factorial",
		.lane = is_fetch ? LANE_IO : LANE_CPU,
		.args = args,
		.terms = {
			.priority = scene_chance(scene, 300) ? (int)scene_below(scene, 10) : TASK_PRIORITY_DEFAULT,
			.max_attempts = attempts[scene_below(scene, ARRAY_SIZE(attempts))],
			.timeout_ms = scene_chance(scene, 100) ? scene_below(scene, 5000) : 0,
			.backoff_ms = scene_chance(scene, 700) ? scene_below(scene, 2000) : 0,
		},
		.created_at_ms = scene->now_ms,
	};

	if (scene->oracle.gone_count > 0 && scene_chance(scene, 30))
		task.retry_of =
		    scene->oracle.gone[0]; /* whether it is there is nobody's business */
	task.terms.max_backoff_ms = task.terms.backoff_ms * (int64_t)(1 + scene_below(scene, 8));
	if (scene_chance(scene, 250))
		task.terms.run_at_ms = scene->now_ms + scene_time_ms(scene) - 3;
	if (scene_chance(scene, 250))
		task.terms.expires_at_ms = scene->now_ms + scene_time_ms(scene) - 3;
	task.args_size = (size_t)snprintf(args, ARGS_SIZE, "{\"n\":\"%u\"}", scene->submitted);
	store_env_id(scene->submitted++, task.id);
	return task;
}

/* A key of a few, so that they come again; with the same body or with another. */
static struct idempotency *
some_key(struct scene *scene, struct idempotency *key)
{
	if (!scene_chance(scene, 200))
		return NULL;
	*key = (struct idempotency){ .keep_ms = KEEP_MS };
	(void)snprintf(key->key, sizeof(key->key), "key-%u", scene_below(scene, KEYS));
	memset(key->fingerprint, scene_chance(scene, 200) ? 'x' : 'y', sizeof(key->fingerprint));
	return key;
}

static void
submit(struct scene *scene, struct task_new *tasks, size_t count, struct task_start *start)
{
	struct idempotency buffer, *key = some_key(scene, &buffer);
	enum status status = store_submit(scene->store, tasks, count, start, key, NULL);

	if (status != STATUS_CONFLICT)
		scene_require(scene, "submit", status);
	if (start != NULL && status == STATUS_OK && !idempotency_is_known(key) &&
	    scene->claim_count < CLAIMS_MAX) {
		struct task *task = &scene->claims[scene->claim_count++];

		*task = (struct task){
			.seq = start->seq,
			.lane = tasks->lane,
			.args = strdup(tasks->args),
			.args_size = tasks->args_size,
			.lease = 1,
			.attempt = 1,
			.terms = tasks->terms,
			.created_at_ms = tasks->created_at_ms,
			.started_at_ms = tasks->created_at_ms,
		};
		memcpy(task->id, tasks->id, sizeof(task->id));
		memcpy(task->type, tasks->type, strlen(tasks->type) + 1);
	}
	idempotency_reset(key);
}

void
step_submit(struct scene *scene)
{
	static const char digits[] = "3041409320171337804361260816606476884437764156896051";
	char args[ARGS_SIZE];
	struct task_new task = new_task(scene, args);
	struct task_start start;
	const struct task_ended ended = {
		.finished_at_ms = scene->now_ms + scene_below(scene, 3),
		.media_type = "text/plain",
		.content = digits,
		.content_size = scene_below(scene, sizeof(digits)),
		.is_utf8 = true,
	};
	bool passes = scene_chance(scene, 400);

	if (passes)
		task.terms.run_at_ms = 0;
	if (passes && scene_chance(scene, 300))
		task.ended = &ended;
	/* Now and then one whose id is taken. */
	if (scene->oracle.count > 0 && scene_chance(scene, 10))
		memcpy(task.id,
		    scene->oracle.tasks[scene_below(scene, (unsigned)scene->oracle.count)]->id,
		    sizeof(task.id));
	submit(scene, &task, 1, passes && task.ended == NULL ? &start : NULL);
}

static void
be_due_together(struct scene *scene, struct task_new *tasks, size_t count)
{
	bool expire = scene_chance(scene, 500);

	for (size_t i = 0; i < count; i++) {
		tasks[i].terms.run_at_ms = expire ? 0 : scene->now_ms + 1 + scene_below(scene, 20);
		tasks[i].terms.expires_at_ms =
		    expire ? scene->now_ms + 1 + scene_below(scene, 20) : 0;
	}
}

void
step_batch(struct scene *scene)
{
	static char args[BATCH_MAX][ARGS_SIZE];
	static struct task_new tasks[BATCH_MAX];
	size_t count = 1 + scene_below(scene, scene_chance(scene, 20) ? BATCH_MAX : 12);

	for (size_t i = 0; i < count; i++)
		tasks[i] = new_task(scene, args[i]);
	/* Many that are due at about the same time are more than one call takes up. */
	if (count > STORE_ADVANCE_MAX)
		be_due_together(scene, tasks, count);
	if (scene_chance(scene, 30))
		memcpy(tasks[count - 1].id, tasks[0].id, sizeof(tasks[0].id));
	submit(scene, tasks, count, NULL);
}

/* A task that there is, was, or never was. */
static void
some_id(struct scene *scene, char ret_id[UUID_TEXT_SIZE])
{
	const struct oracle *oracle = &scene->oracle;
	size_t gone = oracle->gone_count < ORACLE_GONE ? oracle->gone_count : ORACLE_GONE;

	if (gone > 0 && scene_chance(scene, 100))
		memcpy(ret_id, oracle->gone[scene_below(scene, (unsigned)gone)], UUID_TEXT_SIZE);
	else if (oracle->count > 0 && scene_chance(scene, 980))
		memcpy(ret_id, oracle->tasks[scene_below(scene, (unsigned)oracle->count)]->id,
		    UUID_TEXT_SIZE);
	else
		store_env_id(0xf0000000, ret_id);
}

void
step_cancel(struct scene *scene)
{
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];

	some_id(scene, id);
	scene_require_answer(
	    scene, "cancel", store_cancel(scene->store, id, scene->now_ms, &cancelled, NULL));
}

void
step_advance(struct scene *scene)
{
	struct store_advance advance;

	scene_require(scene, "advance", store_advance(scene->store, scene->now_ms, &advance, NULL));
}

void
step_purge(struct scene *scene)
{
	static struct store_purged purged;

	scene_require(scene, "purge",
	    store_purge(scene->store, &scene->retention, scene->now_ms, &purged, NULL));
}

/* Until nothing more goes: one that finds nothing may be followed by one that does, but not by many
   more than it takes to look at every task. */
void
step_purge_all(struct scene *scene)
{
	static struct store_purged purged;

	for (int idle = 0; idle < 30;) {
		enum status status =
		    store_purge(scene->store, &scene->retention, scene->now_ms, &purged, NULL);

		scene_require(scene, "purge", status);
		if (status == STATUS_OK)
			idle = purged.count == 0 ? idle + 1 : 0;
	}
	oracle_purge_settled(&scene->oracle, &scene->retention, scene->now_ms);
}

void
step_read(struct scene *scene)
{
	struct store_attempts attempts = { 0 };
	struct store_submission submission = { 0 };
	struct task_result result;
	struct task_status task;
	char id[UUID_TEXT_SIZE];

	some_id(scene, id);
	scene_require_answer(
	    scene, "read_status", store_read_status(scene->store, id, &task, NULL));
	scene_require_answer(
	    scene, "read_submission", store_read_submission(scene->store, id, &submission, NULL));
	store_submission_done(&submission);
	task_result_init(&result);
	scene_require_answer(
	    scene, "read_result", store_read_result(scene->store, id, &result, NULL));
	task_result_done(&result);
	scene_require_answer(
	    scene, "read_attempts", store_read_attempts(scene->store, id, &attempts, NULL));
	store_attempts_done(&attempts);
}

void
step_list(struct scene *scene)
{
	struct store_list_query query = {
		.states = scene_chance(scene, 600) ? scene_below(scene, 32) : 0,
		.type = scene_chance(scene, 200) ? "factorial" : NULL,
		.created_before_ms = INT64_MAX,
		.tasks_max = 1 + scene_below(scene, 40),
		.looks_max = 1 + scene_below(scene, 100),
	};
	struct store_list list = { 0 };
	char id[UUID_TEXT_SIZE];

	if (scene_chance(scene, 500)) {
		some_id(scene, id);
		query.before_id = id;
	}
	if (scene_chance(scene, 200)) {
		query.args_prefix = "{\"n\":\"1";
		query.args_prefix_size = strlen(query.args_prefix);
	}
	scene_require(scene, "list", store_list(scene->store, &query, &list, NULL));
	store_list_done(&list);
}

void
step_look(struct scene *scene)
{
	struct idempotency buffer, *key = some_key(scene, &buffer);
	static const char *const after[] = { "", "a.example:80", "a.example:9", "z" };
	int64_t since_ms[LANE_COUNT];
	struct store_counts counts;
	char host[TASK_HOST_SIZE];

	scene_require(scene, "oldest_waiting", store_oldest_waiting(scene->store, since_ms, NULL));
	scene_require_answer(scene, "next_host",
	    store_next_host(
		scene->store, after[scene_below(scene, ARRAY_SIZE(after))], host, NULL));
	scene_require(scene, "counts", store_counts(scene->store, &counts, NULL));
	if (key != NULL)
		scene_require(scene, "read_idempotency",
		    store_read_idempotency(scene->store, key, scene->now_ms, NULL));
	idempotency_reset(key);
	if (scene_chance(scene, 100) && store_maintain(scene->store, NULL) == STATUS_CORRUPT)
		oracle_fail(&scene->oracle, NULL, "maintain: corrupt");
}
