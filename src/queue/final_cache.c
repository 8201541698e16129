/* SPDX-License-Identifier: MIT */
/*
 * A set-associative table: an id names a set of few entries, and the oldest of a full set makes
 * room. So its size is fixed, and nothing is ever moved or scanned. Some locks are shared by many
 * sets each; they guard the entries alone.
 */
#include "queue/final_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/sync.h"

enum {
	WAYS = 4,
	LOCKS = 64, /* a power of two */
};

/* A small result: texts and content one after the other, each with a NUL behind it. */
struct kept_result {
	enum failure failure;
	bool has_content;
	bool is_utf8;
	bool has_response;
	size_t media_type_size;
	size_t message_size;
	size_t response_size;
	size_t content_size;
	char bytes[];
};

struct entry {
	struct task_status status;
	int64_t kept_at_mono_ms;
	struct kept_result *result; /* NULL: not known, or too large */
};

struct set {
	struct entry entries[WAYS];
};

struct final_cache {
	struct lock locks[LOCKS];
	size_t set_count; /* a power of two, or 0 */
	struct set *sets;
};

/* The parts of a result, borrowed, from whichever record it comes. */
struct parts {
	enum failure failure;
	bool has_content;
	bool is_utf8;
	const char *media_type;
	const char *message;
	const char *response;
	const char *content;
	size_t content_size;
};

enum status
final_cache_new(size_t tasks, struct final_cache **ret_cache, struct error *error)
{
	struct final_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the cache");
	if (tasks > 0) {
		cache->set_count = 1;
		while (cache->set_count * WAYS < tasks)
			cache->set_count *= 2;
		cache->sets = calloc(cache->set_count, sizeof(cache->sets[0]));
	}
	if (tasks > 0 && cache->sets == NULL) {
		free(cache);
		return error_set(error, STATUS_NOMEM, "no memory for a cache of %zu tasks", tasks);
	}
	for (size_t i = 0; i < LOCKS; i++)
		lock_init(&cache->locks[i], LOCK_RANK_LEAF);
	*ret_cache = cache;
	return STATUS_OK;
}

void
final_cache_free(struct final_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < cache->set_count; i++) {
		for (size_t way = 0; way < WAYS; way++)
			free(cache->sets[i].entries[way].result);
	}
	for (size_t i = 0; i < LOCKS; i++)
		lock_done(&cache->locks[i]);
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

static void
put(struct final_cache *cache, const struct task_status *status, struct kept_result *result,
    int64_t now_mono_ms)
{
	size_t index = set_of(cache, status->id);
	struct lock *lock = &cache->locks[index % LOCKS];
	struct kept_result *old;
	struct entry *entry;

	lock_acquire(lock);
	entry = entry_for(&cache->sets[index], status->id);
	old = entry->result;
	if (result == NULL && memcmp(entry->status.id, status->id, UUID_TEXT_LENGTH) == 0) {
		/* A state read again; the result that goes with it is the same as ever. */
		result = old;
		old = NULL;
	}
	*entry = (struct entry){
		.status = *status,
		.kept_at_mono_ms = now_mono_ms,
		.result = result,
	};
	lock_release(lock);
	free(old);
}

static char *
keep_bytes(char *at, const char *data, size_t size)
{
	if (size > 0)
		memcpy(at, data, size);
	at[size] = '\0';
	return at + size + 1;
}

/* NULL where it is too large or there is no memory: then it is not kept. */
static struct kept_result *
keep(const struct parts *parts)
{
	size_t media_type_size = strlen(parts->media_type);
	size_t message_size = strlen(parts->message);
	size_t response_size = parts->response != NULL ? strlen(parts->response) : 0;
	size_t size;
	struct kept_result *kept;
	char *at;

	if (parts->content_size > FINAL_CACHE_RESULT_MAX_BYTES ||
	    response_size > FINAL_CACHE_RESULT_MAX_BYTES)
		return NULL;
	size = message_size + response_size + parts->content_size;
	if (size > FINAL_CACHE_RESULT_MAX_BYTES)
		return NULL;
	kept = malloc(sizeof(*kept) + size + media_type_size + 4);
	if (kept == NULL)
		return NULL;
	*kept = (struct kept_result){
		.failure = parts->failure,
		.has_content = parts->has_content,
		.is_utf8 = parts->is_utf8,
		.has_response = parts->response != NULL,
		.media_type_size = media_type_size,
		.message_size = message_size,
		.response_size = response_size,
		.content_size = parts->content_size,
	};
	at = keep_bytes(kept->bytes, parts->media_type, media_type_size);
	at = keep_bytes(at, parts->message, message_size);
	at = keep_bytes(at, parts->response, response_size);
	(void)keep_bytes(at, parts->content, parts->content_size);
	return kept;
}

void
final_cache_put_status(
    struct final_cache *cache, const struct task_status *status, int64_t now_mono_ms)
{
	if (cache->set_count > 0 && task_state_is_final(status->state))
		put(cache, status, NULL, now_mono_ms);
}

void
final_cache_put_result(
    struct final_cache *cache, const struct task_result *result, int64_t now_mono_ms)
{
	struct parts parts = {
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
		put(cache, &result->status, in_memory ? keep(&parts) : NULL, now_mono_ms);
}

void
final_cache_put_completion(
    struct final_cache *cache, const struct completion *completion, int64_t now_mono_ms)
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
	struct parts parts = {
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
	if (output_is_spilled(output)) {
		put(cache, &status, NULL, now_mono_ms);
		return;
	}
	if (!parts.has_content)
		parts.media_type = "";
	parts.is_utf8 = parts.has_content && output_is_utf8(output);
	put(cache, &status, keep(&parts), now_mono_ms);
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

bool
final_cache_get_status(
    struct final_cache *cache, const char *id, int64_t now_mono_ms, struct task_status *ret_status)
{
	const struct entry *entry;
	struct lock *lock;
	size_t index;

	if (cache->set_count == 0)
		return false;
	index = set_of(cache, id);
	lock = &cache->locks[index % LOCKS];
	lock_acquire(lock);
	entry = entry_serving(&cache->sets[index], id, now_mono_ms);
	if (entry != NULL)
		*ret_status = entry->status;
	lock_release(lock);
	return entry != NULL;
}

/* Copies the texts and the content; false when there is no memory. */
static bool
kept_copy(const struct kept_result *kept, struct task_result *result)
{
	const char *at = kept->bytes;

	result->failure = kept->failure;
	result->is_utf8 = kept->is_utf8;
	memcpy(result->media_type, at, kept->media_type_size + 1);
	at += kept->media_type_size + 1;
	memcpy(result->message, at, kept->message_size + 1);
	at += kept->message_size + 1;
	if (kept->has_response) {
		result->response = malloc(kept->response_size + 1);
		if (result->response == NULL)
			return false;
		memcpy(result->response, at, kept->response_size + 1);
	}
	at += kept->response_size + 1;
	if (kept->has_content) {
		result->data = malloc(kept->content_size + 1);
		if (result->data == NULL)
			return false;
		memcpy(result->data, at, kept->content_size + 1);
		result->has_content = true;
		result->bytes = kept->content_size;
	}
	return true;
}

bool
final_cache_get_result(
    struct final_cache *cache, const char *id, int64_t now_mono_ms, struct task_result *ret_result)
{
	const struct entry *entry;
	struct task_result result;
	struct lock *lock;
	bool found = false;
	size_t index;

	if (cache->set_count == 0)
		return false;
	task_result_init(&result);
	index = set_of(cache, id);
	lock = &cache->locks[index % LOCKS];
	lock_acquire(lock);
	entry = entry_serving(&cache->sets[index], id, now_mono_ms);
	if (entry != NULL && entry->result != NULL) {
		result.status = entry->status;
		found = kept_copy(entry->result, &result);
	}
	lock_release(lock);
	if (found)
		*ret_result = result;
	else
		task_result_done(&result);
	return found;
}
