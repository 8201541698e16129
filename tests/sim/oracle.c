/* SPDX-License-Identifier: MIT */
/* The table of tasks, what is told of a failure, and how tasks come; see oracle.h. */
#include "oracle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"

static void *
must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

/* FNV-1a. */
uint64_t
oracle_hash(const void *data, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)data)[i]) * 0x100000001b3U;
	return hash;
}

static size_t
bucket_of(const struct oracle *oracle, const char *id)
{
	return oracle_hash(id, UUID_TEXT_LENGTH) % ARRAY_SIZE(oracle->buckets);
}

void
oracle_init(struct oracle *oracle, struct sim *sim)
{
	*oracle = (struct oracle){ .sim = sim, .looked_ms = INT64_MIN };
}

static void
task_free(struct oracle_task *task)
{
	for (size_t i = 0; i < task->past_count; i++)
		free(task->past[i].response);
	free(task->response);
	free(task->args);
	free(task);
}

void
oracle_done(struct oracle *oracle)
{
	for (size_t i = 0; i < oracle->count; i++)
		task_free(oracle->tasks[i]);
	for (size_t i = 0; i < ORACLE_KEYS; i++)
		free(oracle->keys[i].ids);
	free(oracle->tasks);
}

struct oracle_task *
oracle_find(const struct oracle *oracle, const char *id)
{
	struct oracle_task *task = oracle->buckets[bucket_of(oracle, id)];

	while (task != NULL && strcmp(task->id, id) != 0)
		task = task->next;
	return task;
}

void
oracle_unlink(struct oracle *oracle, struct oracle_task *task)
{
	struct oracle_task **link = &oracle->buckets[bucket_of(oracle, task->id)];

	while (*link != task)
		link = &(*link)->next;
	*link = task->next;
	task_free(task);
}

bool
oracle_is_new(const struct oracle_task *task)
{
	return task->state == TASK_QUEUED && task->attempt == 0;
}

void
oracle_note(struct oracle *oracle, struct oracle_task *task, int64_t now_ms, const char *fmt, ...)
{
	struct oracle_note *note = &task->notes[task->note_count++ % ORACLE_NOTES];
	va_list ap;

	note->step = oracle->sim->step;
	note->now_ms = now_ms;
	va_start(ap, fmt);
	(void)vsnprintf(note->text, sizeof(note->text), fmt, ap);
	va_end(ap);
}

static void
tell_task(const struct oracle_task *task)
{
	unsigned kept = task->note_count < ORACLE_NOTES ? task->note_count : ORACLE_NOTES;

	fprintf(stderr,
	    "task %s, seq %lld: %s, attempt %d of %d, lease %lld, held until %lld%s%s%s%s, priority "
	    "%d, expires at %lld, created at %lld; its last operations:\n",
	    task->id, (long long)task->seq, task_state_name(task->state), task->attempt,
	    task->terms.max_attempts, (long long)task->lease, (long long)task->held_until_ms,
	    task->deferred_for[0] != '\0' ? ", deferred for " : "", task->deferred_for,
	    task->is_isolated ? ", isolated" : "", task->is_cancelled ? ", cancelled" : "",
	    task->terms.priority, (long long)task->terms.expires_at_ms,
	    (long long)task->created_at_ms);
	for (unsigned i = task->note_count - kept; i < task->note_count; i++) {
		const struct oracle_note *note = &task->notes[i % ORACLE_NOTES];

		fprintf(stderr, "  step %llu, at %lld: %s\n", (unsigned long long)note->step,
		    (long long)note->now_ms, note->text);
	}
}

void
oracle_fail(const struct oracle *oracle, const struct oracle_task *task, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (task != NULL)
		tell_task(task);
	sim_fail(oracle->sim, "%s", text);
}

void
oracle_report(const struct oracle *oracle)
{
	const struct {
		const char *what;
		uint64_t count;
	} figures[] = {
		{ "submitted", oracle->submitted },
		{ "claimed", oracle->claimed },
		{ "of these isolated", oracle->isolated },
		{ "succeeded", oracle->succeeded },
		{ "failed", oracle->failed },
		{ "of these exhausted", oracle->exhausted },
		{ "rejected", oracle->rejected },
		{ "of these expired", oracle->expired },
		{ "cancelled", oracle->cancelled },
		{ "retried", oracle->retried },
		{ "released", oracle->released },
		{ "made ready", oracle->readied },
		{ "superseded", oracle->superseded },
		{ "purged", oracle->purged },
		{ "replayed", oracle->replayed },
		{ "restarts", oracle->crashed },
		{ "faults", oracle->refused },
		{ "full slices", oracle->full_slices },
		{ "deferred", oracle->deferred },
		{ "recalled", oracle->recalled },
	};

	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		printf("%s %" PRIu64 " %s", i == 0 ? "#" : ",", figures[i].count, figures[i].what);
	printf("\n");
}

enum task_wait
oracle_wait(const struct oracle_task *task)
{
	if (task->deferred_for[0] != '\0')
		return WAIT_FOR_HOST;
	return task->held_until_ms != 0 ? WAIT_FOR_TIME : WAIT_FOR_LANE;
}

static void
count(struct oracle *oracle, const struct oracle_task *task, int by)
{
	struct store_counts *counts = &oracle->counts;

	counts->by_state[task->state] += by;
	if (task->state == TASK_RUNNING)
		counts->running_by_lane[task->lane] += by;
	if (task->state != TASK_QUEUED)
		return;
	switch (oracle_wait(task)) {
	case WAIT_FOR_LANE:
		counts->queued_by_lane[task->lane] += by;
		break;
	case WAIT_FOR_TIME:
		counts->held_by_lane[task->lane] += by;
		break;
	case WAIT_FOR_HOST:
		counts->deferred_by_lane[task->lane] += by;
		break;
	}
}

void
oracle_touch(const struct oracle *oracle, struct oracle_task *task)
{
	if (oracle->now_us != NULL)
		task->moved_us = oracle->now_us();
}

void
oracle_move(
    struct oracle *oracle, struct oracle_task *task, enum task_state state, int64_t held_until_ms)
{
	count(oracle, task, -1);
	task->state = state;
	task->held_until_ms = held_until_ms;
	task->deferred_for[0] = '\0';
	count(oracle, task, 1);
	oracle_touch(oracle, task);
}

void
oracle_defer(struct oracle *oracle, struct oracle_task *task, const char *host)
{
	if (task->state != TASK_QUEUED)
		oracle_fail(oracle, task, "it was deferred, and is not QUEUED");
	count(oracle, task, -1);
	task->held_until_ms = 0;
	memcpy(task->deferred_for, host, strlen(host) + 1);
	task->is_recalled = false;
	count(oracle, task, 1);
	oracle_touch(oracle, task);
	oracle->deferred++;
}

void
oracle_counted(const struct oracle *oracle, const struct store_counts *counts)
{
	if (memcmp(counts, &oracle->counts, sizeof(*counts)) == 0)
		return;
	for (int state = 0; state < TASK_STATE_COUNT; state++)
		fprintf(stderr, "%s: %lld, should be %lld\n",
		    task_state_name((enum task_state)state), (long long)counts->by_state[state],
		    (long long)oracle->counts.by_state[state]);
	fprintf(stderr, "bytes: %lld, should be %lld\n", (long long)counts->kept_bytes,
	    (long long)oracle->counts.kept_bytes);
	for (int lane = 0; lane < LANE_COUNT; lane++)
		fprintf(stderr,
		    "lane %d: queued %lld, should be %lld; held %lld, should be %lld; deferred "
		    "%lld, should be %lld; running %lld, should be %lld\n",
		    lane, (long long)counts->queued_by_lane[lane],
		    (long long)oracle->counts.queued_by_lane[lane],
		    (long long)counts->held_by_lane[lane],
		    (long long)oracle->counts.held_by_lane[lane],
		    (long long)counts->deferred_by_lane[lane],
		    (long long)oracle->counts.deferred_by_lane[lane],
		    (long long)counts->running_by_lane[lane],
		    (long long)oracle->counts.running_by_lane[lane]);
	oracle_fail(oracle, NULL, "the counters do not tell how many tasks there are");
}

int64_t
oracle_kept_bytes(const struct oracle_task *task)
{
	const struct store_kept kept = {
		.args = strlen(task->args),
		.message = (size_t)task->message_bytes,
		.response = task->response != NULL ? strlen(task->response) : 0,
		.content = task->content.exists ? task->content.bytes : 0,
		.attempts = task->attempt,
	};

	return store_kept_bytes(&kept);
}

void
oracle_learn(struct oracle *oracle, struct store *store)
{
	for (size_t i = 0; i < oracle->count && oracle->unread > 0; i++) {
		struct oracle_task *task = oracle->tasks[i];
		struct task_result result;

		if (task->message_bytes >= 0)
			continue;
		task_result_init(&result);
		if (store_read_result(store, task->id, &result, NULL) != STATUS_OK)
			oracle_fail(oracle, task, "it has ended, and cannot be read");
		task->message_bytes = (int)strlen(result.message);
		task_result_done(&result);
		oracle->counts.kept_bytes += oracle_kept_bytes(task);
		oracle->unread--;
	}
}

struct oracle_content
oracle_content_of(const struct output *output, const char *media_type)
{
	struct oracle_content content = {
		.exists = true, .is_utf8 = output_is_utf8(output), .bytes = output->bytes
	};

	memcpy(content.media_type, media_type, strlen(media_type) + 1);
	if (!output_is_spilled(output)) {
		content.hash = oracle_hash(output->memory.data, output->memory.size);
	} else {
		char *data = must(malloc(output->bytes));

		if (pread(output->fd, data, output->bytes, 0) != (ssize_t)output->bytes)
			abort();
		content.hash = oracle_hash(data, output->bytes);
		free(data);
	}
	return content;
}

static struct oracle_task *
add(struct oracle *oracle, const struct task_new *new)
{
	struct oracle_task *task = must(calloc(1, sizeof(*task)));
	struct oracle_task **bucket = &oracle->buckets[bucket_of(oracle, new->id)];

	if (oracle->count == oracle->capacity) {
		oracle->capacity = oracle->capacity == 0 ? 1024 : 2 * oracle->capacity;
		oracle->tasks =
		    must(realloc(oracle->tasks, oracle->capacity * sizeof(oracle->tasks[0])));
	}
	oracle->tasks[oracle->count++] = task;
	task->next = *bucket;
	*bucket = task;
	memcpy(task->id, new->id, sizeof(task->id));
	memcpy(task->type, new->type, strlen(new->type) + 1);
	task->lane = new->lane;
	task->args = must(strndup(new->args, new->args_size));
	task->terms = new->terms;
	if (new->retry_of != NULL)
		memcpy(task->retry_of, new->retry_of, sizeof(task->retry_of));
	task->created_at_ms = new->created_at_ms;
	if (new->terms.run_at_ms > new->created_at_ms)
		task->held_until_ms = new->terms.run_at_ms;
	count(oracle, task, 1);
	oracle_touch(oracle, task);
	oracle->submitted++;
	return task;
}

static void
begin_first(struct oracle *oracle, struct oracle_task *task)
{
	oracle_move(oracle, task, TASK_RUNNING, 0);
	task->attempt = 1;
	task->lease = 1;
	task->started_at_ms = task->created_at_ms;
}

static void
add_ended(struct oracle *oracle, struct oracle_task *task, const struct task_ended *ended)
{
	begin_first(oracle, task);
	oracle_move(oracle, task, TASK_SUCCEEDED, 0);
	task->finished_at_ms = ended->finished_at_ms;
	task->is_hidden = task->finished_at_ms < oracle->looked_ms;
	task->content = (struct oracle_content){
		.exists = true,
		.is_utf8 = ended->is_utf8,
		.bytes = ended->content_size,
		.hash = oracle_hash(ended->content, ended->content_size),
	};
	memcpy(task->content.media_type, ended->media_type, strlen(ended->media_type) + 1);
	oracle->counts.kept_bytes += oracle_kept_bytes(task);
	oracle->succeeded++;
}

static struct oracle_key *
find_key(struct oracle *oracle, const char *key)
{
	for (size_t i = 0; i < ORACLE_KEYS; i++) {
		if (strcmp(oracle->keys[i].key, key) == 0)
			return &oracle->keys[i];
	}
	return NULL;
}

/* What has to stand under a key; *ret_either: or nothing, because it was too old at some time and
   the clock has gone back since. */
static enum idempotency_verdict
expected_verdict(struct oracle *oracle, const struct idempotency *idempotency, int64_t now_ms,
    struct oracle_key **ret_key, bool *ret_either)
{
	struct oracle_key *key = find_key(oracle, idempotency->key);

	*ret_key = key;
	*ret_either = key != NULL && key->may_be_gone;
	if (key == NULL || key->created_at_ms <= now_ms - idempotency->keep_ms)
		return IDEMPOTENCY_FRESH;
	if (memcmp(key->fingerprint, idempotency->fingerprint, sizeof(key->fingerprint)) != 0)
		return IDEMPOTENCY_MISMATCH;
	return IDEMPOTENCY_REPLAYED;
}

void
oracle_read_idempotency(
    struct oracle *oracle, const struct idempotency *idempotency, int64_t now_ms)
{
	struct oracle_key *key;
	bool either;
	enum idempotency_verdict verdict =
	    expected_verdict(oracle, idempotency, now_ms, &key, &either);

	if (either && idempotency->ret_verdict == IDEMPOTENCY_FRESH)
		return;
	if (idempotency->ret_verdict != verdict)
		oracle_fail(oracle, NULL, "key %s: verdict %d, should be %d", idempotency->key,
		    (int)idempotency->ret_verdict, (int)verdict);
	if (verdict != IDEMPOTENCY_REPLAYED)
		return;
	oracle->replayed++;
	if (idempotency->ret_count != key->count ||
	    memcmp(idempotency->ret_ids, key->ids, key->count * sizeof(key->ids[0])) != 0)
		oracle_fail(oracle, NULL, "key %s: it stands for other tasks than before",
		    idempotency->key);
}

/* After a submission at this time keys that are too old may have been forgotten. */
static void
age_keys(struct oracle *oracle, int64_t now_ms, int64_t keep_ms)
{
	for (size_t i = 0; i < ORACLE_KEYS; i++) {
		if (oracle->keys[i].created_at_ms <= now_ms - keep_ms)
			oracle->keys[i].may_be_gone = true;
	}
}

static void
keep_key(struct oracle *oracle, const struct idempotency *idempotency, const struct task_new *tasks,
    size_t task_count)
{
	struct oracle_key *key = find_key(oracle, idempotency->key);

	if (key == NULL)
		key = find_key(oracle, "");
	if (key == NULL)
		oracle_fail(oracle, NULL, "the simulation uses too many keys");
	free(key->ids);
	*key = (struct oracle_key){ .created_at_ms = tasks[0].created_at_ms,
		.ids = must(calloc(task_count, sizeof(key->ids[0]))),
		.count = task_count };
	memcpy(key->key, idempotency->key, sizeof(key->key));
	memcpy(key->fingerprint, idempotency->fingerprint, sizeof(key->fingerprint));
	for (size_t i = 0; i < task_count; i++)
		memcpy(key->ids[i], tasks[i].id, UUID_TEXT_SIZE);
}

/* Whether an id of these is taken, or stands among them twice. */
static bool
is_conflict(const struct oracle *oracle, const struct task_new *tasks, size_t task_count)
{
	for (size_t i = 0; i < task_count; i++) {
		if (oracle_find(oracle, tasks[i].id) != NULL)
			return true;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(tasks[i].id, tasks[j].id) == 0)
				return true;
		}
	}
	return false;
}

void
oracle_submitted(struct oracle *oracle, const struct task_new *tasks, size_t task_count,
    const struct task_start *start, const struct idempotency *idempotency, enum status status)
{
	int64_t now_ms = tasks[0].created_at_ms;

	if (idempotency != NULL && status == STATUS_OK) {
		oracle_read_idempotency(oracle, idempotency, now_ms);
		if (idempotency->ret_verdict != IDEMPOTENCY_FRESH)
			return;
	}
	if ((status == STATUS_CONFLICT) != is_conflict(oracle, tasks, task_count))
		oracle_fail(oracle, oracle_find(oracle, tasks[0].id),
		    "a submission of %zu tasks from %s on was answered with %s", task_count,
		    tasks[0].id, status_name(status));
	if (status == STATUS_CONFLICT)
		return;
	if (idempotency != NULL) {
		age_keys(oracle, now_ms, idempotency->keep_ms);
		keep_key(oracle, idempotency, tasks, task_count);
	}
	for (size_t i = 0; i < task_count; i++) {
		struct oracle_task *task = add(oracle, &tasks[i]);

		if (tasks[i].ended != NULL)
			add_ended(oracle, task, tasks[i].ended);
		if (start != NULL) {
			begin_first(oracle, task);
			oracle_check_turn(oracle, task);
			task->seq = start->seq;
			oracle->claimed++;
		}
		oracle_note(oracle, task, now_ms, "submitted, %zu of %zu%s%s", i + 1, task_count,
		    start != NULL ? ", started" : "", tasks[i].ended != NULL ? ", ended" : "");
	}
}
