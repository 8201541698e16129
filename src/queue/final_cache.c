/* SPDX-License-Identifier: MIT */
/*
 * A set-associative table: an id names a set of few entries, and the oldest of a full set makes
 * room. So its size is fixed, and nothing is ever moved or scanned. The sets are divided into
 * shards, each with a lock and a ring for its entries' results. An entry may outlive its result,
 * which the ring has overwritten then; the store has it.
 */
#include "queue/final_cache.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/sync.h"

enum {
	WAYS = 4,
	SHARDS_MAX = 64, /* a power of two */
	RING_BYTES_PER_TASK = 512,
	RING_BYTES_MIN = 4 * RESULT_RING_RECORD_MAX_BYTES,
};

struct entry {
	struct task_status status;
	int64_t kept_at_mono_ms;
	uint64_t position; /* in the shard's ring; RESULT_RING_NONE: not known, or too large */
};

_Static_assert(sizeof(struct entry) <= 160, "an entry is larger than the header says");

struct set {
	struct entry entries[WAYS];
	uint64_t forgotten; /* the number of the latest task of this set that was */
};

/* The lock guards the ring and the entries of every set whose index modulo shard_count is the
 * shard's own. */
struct shard {
	struct lock lock;
	struct result_ring ring;
};

struct final_cache {
	struct shard shards[SHARDS_MAX];
	size_t shard_count; /* those with a ring: as many as sets, SHARDS_MAX at most */
	size_t set_count;   /* a power of two, or 0 */
	struct set *sets;
	char *rings;                    /* the memory of all rings, one behind the other */
	atomic_uint_fast64_t forgotten; /* tasks so far, which are numbered by it */
};

/* The sets and the rings, each in one block of zeroed pages that the system gives when they are
 * touched. Returns false when there is no memory. */
static bool
tables_allocate(struct final_cache *cache, size_t tasks)
{
	size_t set_count = 1;
	size_t shard_count;
	size_t ring_bytes;

	while (set_count * WAYS < tasks)
		set_count *= 2;
	shard_count = set_count < SHARDS_MAX ? set_count : SHARDS_MAX;
	ring_bytes = set_count / shard_count * WAYS * RING_BYTES_PER_TASK;
	if (ring_bytes < RING_BYTES_MIN)
		ring_bytes = RING_BYTES_MIN;
	cache->sets = calloc(set_count, sizeof(cache->sets[0]));
	cache->rings = calloc(shard_count, ring_bytes);
	if (cache->sets == NULL || cache->rings == NULL)
		return false;
	for (size_t i = 0; i < shard_count; i++)
		result_ring_init(&cache->shards[i].ring, cache->rings + i * ring_bytes, ring_bytes);
	cache->shard_count = shard_count;
	cache->set_count = set_count;
	return true;
}

enum status
final_cache_new(size_t tasks, struct final_cache **ret_cache, struct error *error)
{
	struct final_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the cache");
	for (size_t i = 0; i < SHARDS_MAX; i++)
		lock_init(&cache->shards[i].lock, LOCK_RANK_LEAF);
	if (tasks > 0 && !tables_allocate(cache, tasks)) {
		final_cache_free(cache);
		return error_set(error, STATUS_NOMEM, "no memory for a cache of %zu tasks", tasks);
	}
	*ret_cache = cache;
	return STATUS_OK;
}

void
final_cache_free(struct final_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < SHARDS_MAX; i++)
		lock_done(&cache->shards[i].lock);
	free(cache->rings);
	free(cache->sets);
	free(cache);
}

/* Ids share their beginning, the time, and differ in their end, which is random: FNV-1a over all.
 */
static size_t
set_of(const struct final_cache *cache, const char *id)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < UUID_TEXT_LENGTH; i++)
		hash = (hash ^ (unsigned char)id[i]) * 0x100000001b3;
	return (size_t)(hash ^ hash >> 32) & (cache->set_count - 1);
}

static struct shard *
shard_of(struct final_cache *cache, size_t index)
{
	return &cache->shards[index % cache->shard_count];
}

static struct entry *
entry_find(struct set *set, const char *id)
{
	for (size_t way = 0; way < WAYS; way++) {
		if (memcmp(set->entries[way].status.id, id, UUID_TEXT_LENGTH) == 0)
			return &set->entries[way];
	}
	return NULL;
}

/* The entry that an id has, or else the one that it may take: unused, or the oldest. */
static struct entry *
entry_for(struct set *set, const char *id)
{
	struct entry *oldest = entry_find(set, id);

	if (oldest != NULL)
		return oldest;
	oldest = &set->entries[0];
	for (size_t way = 0; way < WAYS; way++) {
		struct entry *entry = &set->entries[way];

		if (entry->status.id[0] == '\0')
			return entry;
		if (entry->kept_at_mono_ms < oldest->kept_at_mono_ms)
			oldest = entry;
	}
	return oldest;
}

struct final_cache_moment
final_cache_moment(const struct final_cache *cache, int64_t now_mono_ms)
{
	return (struct final_cache_moment){
		.forgotten = atomic_load_explicit(&cache->forgotten, memory_order_acquire),
		.mono_ms = now_mono_ms,
	};
}

static void
put_locked(struct final_cache *cache, struct shard *shard, size_t index,
    const struct task_status *status, const struct result_parts *parts, int64_t mono_ms)
    REQUIRES(shard->lock)
{
	struct entry *entry = entry_for(&cache->sets[index], status->id);
	uint64_t position = RESULT_RING_NONE;

	if (parts != NULL)
		position = result_ring_put(&shard->ring, parts);
	/* A state read again; the result that goes with it is the same as ever. */
	if (position == RESULT_RING_NONE &&
	    memcmp(entry->status.id, status->id, UUID_TEXT_LENGTH) == 0)
		position = entry->position;
	*entry = (struct entry){
		.status = *status,
		.kept_at_mono_ms = mono_ms,
		.position = position,
	};
}

/*
 * Without parts the result is not known, or too large for memory. Where a task of the same set was
 * forgotten since the moment, it may have been this one: what is not put is read from the store.
 */
static void
put(struct final_cache *cache, const struct task_status *status, const struct result_parts *parts,
    struct final_cache_moment moment)
{
	size_t index = set_of(cache, status->id);
	struct shard *shard = shard_of(cache, index);

	lock_acquire(&shard->lock);
	if (cache->sets[index].forgotten <= moment.forgotten)
		put_locked(cache, shard, index, status, parts, moment.mono_ms);
	lock_release(&shard->lock);
}

void
final_cache_put_status(
    struct final_cache *cache, const struct task_status *status, struct final_cache_moment moment)
{
	if (cache->set_count > 0 && task_state_is_final(status->state))
		put(cache, status, NULL, moment);
}

void
final_cache_put_result(
    struct final_cache *cache, const struct task_result *result, struct final_cache_moment moment)
{
	struct result_parts parts = {
		.failure = result->failure,
		.has_content = result->has_content,
		.is_utf8 = result->is_utf8,
		.media_type = result->media_type,
		.message = result->message,
		.response = result->response,
		.content = result->data,
		.content_size = (size_t)result->bytes,
	};
	bool in_memory = !result->has_content || result->data != NULL;

	if (cache->set_count > 0 && task_state_is_final(result->status.state))
		put(cache, &result->status, in_memory ? &parts : NULL, moment);
}

void
final_cache_put_completion(struct final_cache *cache, const struct completion *completion,
    struct final_cache_moment moment)
{
	const struct task *task = completion->task;
	const struct outcome *outcome = completion->outcome;
	struct output *output = completion->output;
	bool failed = outcome->verdict == VERDICT_FAILED;
	struct task_status status = {
		.state = failed ? TASK_FAILED : TASK_SUCCEEDED,
		.attempt = task->attempt,
		.created_at_ms = task->created_at_ms,
		.started_at_ms = task->started_at_ms,
		.finished_at_ms = completion->finished_at_ms,
	};
	struct result_parts parts = {
		.failure = outcome->failure,
		.has_content = completion_has_content(completion),
		.media_type = outcome->media_type,
		.message = failed ? outcome->message : "",
		.response = outcome->response,
		.content = output->memory.data,
		.content_size = output->memory.size,
	};

	if (cache->set_count == 0)
		return;
	memcpy(status.id, task->id, sizeof(status.id));
	memcpy(status.type, task->type, sizeof(status.type));
	memcpy(status.retry_of, task->retry_of, sizeof(status.retry_of));
	if (output_is_spilled(output)) {
		put(cache, &status, NULL, moment);
		return;
	}
	if (!parts.has_content)
		parts.media_type = "";
	parts.is_utf8 = parts.has_content && output_is_utf8(output);
	put(cache, &status, &parts, moment);
}

void
final_cache_put_ended(
    struct final_cache *cache, const struct task_new *task, struct final_cache_moment moment)
{
	const struct task_ended *ended = task->ended;
	struct task_status status = {
		.state = TASK_SUCCEEDED,
		.attempt = 1,
		.created_at_ms = task->created_at_ms,
		.started_at_ms = task->created_at_ms,
		.finished_at_ms = ended->finished_at_ms,
	};
	struct result_parts parts = {
		.has_content = true,
		.is_utf8 = ended->is_utf8,
		.media_type = ended->media_type,
		.message = "",
		.content = ended->content,
		.content_size = ended->content_size,
	};

	if (cache->set_count == 0)
		return;
	memcpy(status.id, task->id, sizeof(status.id));
	memcpy(status.type, task->type, strlen(task->type) + 1);
	if (task->retry_of != NULL)
		memcpy(status.retry_of, task->retry_of, sizeof(status.retry_of));
	put(cache, &status, &parts, moment);
}

/* The entry of an id, as far as it still serves. */
static const struct entry *
entry_serving(struct set *set, const char *id, int64_t now_mono_ms)
{
	const struct entry *entry = entry_find(set, id);

	if (entry != NULL && now_mono_ms - entry->kept_at_mono_ms > FINAL_CACHE_AGE_MAX_MS)
		return NULL;
	return entry;
}

void
final_cache_forget(struct final_cache *cache, const char *id)
{
	size_t index;
	struct shard *shard;
	struct entry *entry;
	struct set *set;

	if (cache->set_count == 0)
		return;
	index = set_of(cache, id);
	set = &cache->sets[index];
	shard = shard_of(cache, index);
	lock_acquire(&shard->lock);
	entry = entry_find(set, id);
	if (entry != NULL)
		*entry = (struct entry){ .position = RESULT_RING_NONE };
	/* Whoever sees this number, or a later one, in its moment finds the task deleted. */
	set->forgotten = atomic_fetch_add_explicit(&cache->forgotten, 1, memory_order_acq_rel) + 1;
	lock_release(&shard->lock);
}

bool
final_cache_get_status(
    struct final_cache *cache, const char *id, int64_t now_mono_ms, struct task_status *ret_status)
{
	const struct entry *entry;
	struct shard *shard;
	size_t index;

	if (cache->set_count == 0)
		return false;
	index = set_of(cache, id);
	shard = shard_of(cache, index);
	lock_acquire(&shard->lock);
	entry = entry_serving(&cache->sets[index], id, now_mono_ms);
	if (entry != NULL)
		*ret_status = entry->status;
	lock_release(&shard->lock);
	return entry != NULL;
}

bool
final_cache_get_result(
    struct final_cache *cache, const char *id, int64_t now_mono_ms, struct task_result *ret_result)
{
	const struct entry *entry;
	struct task_result result;
	struct shard *shard;
	bool found = false;
	size_t index;

	if (cache->set_count == 0)
		return false;
	task_result_init(&result);
	index = set_of(cache, id);
	shard = shard_of(cache, index);
	lock_acquire(&shard->lock);
	entry = entry_serving(&cache->sets[index], id, now_mono_ms);
	if (entry != NULL) {
		result.status = entry->status;
		found = result_ring_get(&shard->ring, entry->position, &result);
	}
	lock_release(&shard->lock);
	if (found)
		*ret_result = result;
	else
		task_result_done(&result);
	return found;
}
