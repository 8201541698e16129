/* SPDX-License-Identifier: MIT */
/*
 * The door to the store: checks what callers owe once, for every back end, and hands on. Any
 * thread. Must not know a back end beyond its table of operations; the default one is named here.
 */
#include "store/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "store/store_backend.h"

struct store {
	const struct store_backend *backend;
	void *db;
};

/* Microseconds. From a flush that costs nothing (memory, a cache with a battery) to a disk in
   trouble. */
static const int64_t commit_bounds_us[] = { 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000,
	100000, 200000, 500000, 1000000, 2000000, 5000000 };
static const int64_t commands_bounds[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256 };

void
store_histograms_init(struct store_histograms *histograms)
{
	histogram_init(&histograms->commit_us, commit_bounds_us, ARRAY_SIZE(commit_bounds_us));
	histogram_init(&histograms->commit_commands, commands_bounds, ARRAY_SIZE(commands_bounds));
	histogram_init(&histograms->checkpoint_us, commit_bounds_us, ARRAY_SIZE(commit_bounds_us));
}

void
store_histograms_read(const struct store_histograms *histograms, struct store_stats *stats)
{
	histogram_read(&histograms->commit_us, &stats->commit_us);
	histogram_read(&histograms->commit_commands, &stats->commit_commands);
	histogram_read(&histograms->checkpoint_us, &stats->checkpoint_us);
}

enum status
store_open(const struct store_conf *conf, int64_t now_ms, struct store **ret_store,
    struct store_recovery *ret_recovery, struct error *error)
{
	return store_open_with(&store_backend_sqlite, conf, now_ms, ret_store, ret_recovery, error);
}

enum status
store_open_with(const struct store_backend *backend, const struct store_conf *conf, int64_t now_ms,
    struct store **ret_store, struct store_recovery *ret_recovery, struct error *error)
{
	struct store_recovery recovery = { 0 };
	struct store *store;
	enum status status;

	assert(conf->data_dir != NULL && conf->data_dir[0] != '\0');
	assert(conf->readers >= 1);
	assert(conf->fatal != NULL);
	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the store");
	store->backend = backend;
	status = backend->open(conf, now_ms, &store->db, &recovery, error);
	if (status != STATUS_OK) {
		free(store);
		return status;
	}
	*ret_store = store;
	*ret_recovery = recovery;
	return STATUS_OK;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	store->backend->close(store->db);
	free(store);
}

const struct output_conf *
store_output_conf(const struct store *store)
{
	return store->backend->output_conf(store->db);
}

bool
completion_has_content(const struct completion *completion)
{
	return completion->outcome->verdict == VERDICT_SUCCEEDED ||
	       (completion->output->bytes > 0 && !completion->is_retried);
}

bool
completion_is_kept(const struct completion *completion)
{
	enum task_state state =
	    completion->outcome->verdict == VERDICT_SUCCEEDED ? TASK_SUCCEEDED : TASK_FAILED;

	return completion->ret_status == STATUS_OK &&
	       completion->ret_state == (completion->is_retried ? TASK_QUEUED : state);
}

/* Whether a field of fixed size holds text that ends within it and is not empty. */
static bool
is_word(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	return length > 0 && length < size;
}

static bool
lane_is_known(enum lane lane)
{
	return lane == LANE_CPU || lane == LANE_IO;
}

void
store_on_start(struct store *store,
    void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count),
    void *context)
{
	store->backend->on_start(store->db, started, context);
}

static void
assert_terms(const struct task_terms *terms)
{
	assert(terms->priority >= 0 && terms->priority <= TASK_PRIORITY_LAST);
	assert(terms->run_at_ms >= 0 && terms->expires_at_ms >= 0 && terms->timeout_ms >= 0);
	assert(terms->max_attempts >= 1);
	assert(terms->backoff_ms >= 0 && terms->max_backoff_ms >= 0);
	(void)terms;
}

static void
assert_idempotency(const struct idempotency *idempotency)
{
	assert(is_word(idempotency->key, sizeof(idempotency->key)));
	assert(idempotency->keep_ms > 0);
	(void)idempotency;
}

enum status
store_submit(struct store *store, const struct task_new *tasks, size_t count,
    struct task_start *start, struct idempotency *idempotency, struct error *error)
{
	assert(count == 1 || (count > 1 && start == NULL));
	if (idempotency != NULL) {
		assert_idempotency(idempotency);
		idempotency_reset(idempotency);
	}
	for (size_t i = 0; i < count; i++) {
		assert(strnlen(tasks[i].id, UUID_TEXT_SIZE) == UUID_TEXT_LENGTH);
		assert(is_word(tasks[i].type, TASK_TYPE_SIZE));
		assert(lane_is_known(tasks[i].lane));
		assert(tasks[i].args != NULL);
		assert_terms(&tasks[i].terms);
		assert(tasks[i].retry_of == NULL ||
		       strnlen(tasks[i].retry_of, UUID_TEXT_SIZE) == UUID_TEXT_LENGTH);
		assert(tasks[i].ended == NULL || start == NULL);
		assert((tasks[i].ended == NULL && start == NULL) ||
		       tasks[i].terms.run_at_ms <= tasks[i].created_at_ms);
	}
	return store->backend->submit(store->db, tasks, count, start, idempotency, error);
}

enum status
store_claim(struct store *store, enum lane lane, bool isolated, size_t max, int64_t now_ms,
    struct task *ret_tasks, size_t *ret_count, struct error *error)
{
	assert(lane_is_known(lane));
	assert(max >= 1);
	return store->backend->claim(
	    store->db, NULL, lane, isolated, max, now_ms, ret_tasks, ret_count, error);
}

enum status
store_claim_through(struct store *store, struct store_gate *gate, enum lane lane, bool isolated,
    size_t max, int64_t now_ms, struct task *ret_tasks, size_t *ret_count, struct error *error)
{
	assert(lane_is_known(lane));
	assert(max >= 1);
	for (size_t i = 0; i < gate->recall_count; i++) {
		assert(is_word(gate->recalls[i].host, TASK_HOST_SIZE));
		assert(gate->recalls[i].max >= 1);
	}
	return store->backend->claim(
	    store->db, gate, lane, isolated, max, now_ms, ret_tasks, ret_count, error);
}

static void
assert_claimed(const struct task *task)
{
	assert(task->seq > 0 && task->lease > 0);
	assert(strnlen(task->id, UUID_TEXT_SIZE) == UUID_TEXT_LENGTH);
	assert(is_word(task->type, TASK_TYPE_SIZE));
	assert(lane_is_known(task->lane));
	(void)task;
}

enum status
store_complete(
    struct store *store, struct completion *completions, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct outcome *outcome = completions[i].outcome;

		assert_claimed(completions[i].task);
		assert(outcome->verdict == VERDICT_SUCCEEDED || outcome->verdict == VERDICT_FAILED);
		assert((outcome->verdict == VERDICT_FAILED) == (outcome->failure != FAILURE_NONE));
		assert(strnlen(outcome->message, TASK_MESSAGE_SIZE) < TASK_MESSAGE_SIZE);
		assert(strnlen(outcome->media_type, TASK_MEDIA_TYPE_SIZE) < TASK_MEDIA_TYPE_SIZE);
		assert(completions[i].output != NULL);
		assert(!completions[i].is_retried || outcome->verdict == VERDICT_FAILED);
		(void)outcome;
	}
	if (count == 0)
		return STATUS_OK;
	return store->backend->complete(store->db, completions, count, error);
}

enum status
store_release(struct store *store, const struct task *tasks, size_t count, int64_t now_ms,
    size_t *ret_queued, struct error *error)
{
	for (size_t i = 0; i < count; i++)
		assert_claimed(&tasks[i]);
	*ret_queued = 0;
	if (count == 0)
		return STATUS_OK;
	return store->backend->release(store->db, tasks, NULL, count, now_ms, ret_queued, error);
}

enum status
store_defer(struct store *store, const struct task *tasks, const char *const *hosts, size_t count,
    int64_t now_ms, size_t *ret_queued, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		assert_claimed(&tasks[i]);
		assert(is_word(hosts[i], TASK_HOST_SIZE));
	}
	*ret_queued = 0;
	if (count == 0)
		return STATUS_OK;
	return store->backend->release(store->db, tasks, hosts, count, now_ms, ret_queued, error);
}

enum status
store_next_host(
    struct store *store, const char *after, char ret_host[TASK_HOST_SIZE], struct error *error)
{
	assert(strnlen(after, TASK_HOST_SIZE) < TASK_HOST_SIZE);
	return store->backend->next_host(store->db, after, ret_host, error);
}

enum status
store_cancel(struct store *store, const char *id, int64_t now_ms,
    struct store_cancelled *ret_cancelled, struct error *error)
{
	assert(strnlen(id, UUID_TEXT_SIZE) == UUID_TEXT_LENGTH);
	return store->backend->cancel(store->db, id, now_ms, ret_cancelled, error);
}

enum status
store_advance(
    struct store *store, int64_t now_ms, struct store_advance *ret_advance, struct error *error)
{
	return store->backend->advance(store->db, now_ms, ret_advance, error);
}

enum status
store_purge(struct store *store, const struct store_retention *retention, int64_t now_ms,
    struct store_purged *ret_purged, struct error *error)
{
	assert(retention->succeeded_ms >= 0 && retention->failed_ms >= 0);
	assert(retention->tasks_max >= 0 && retention->bytes_max >= 0);
	return store->backend->purge(store->db, retention, now_ms, ret_purged, error);
}

enum status
store_read_status(
    struct store *store, const char *id, struct task_status *ret_status, struct error *error)
{
	assert(strnlen(id, UUID_TEXT_SIZE) == UUID_TEXT_LENGTH);
	return store->backend->read_status(store->db, id, ret_status, error);
}

enum status
store_read_result(
    struct store *store, const char *id, struct task_result *ret_result, struct error *error)
{
	assert(strnlen(id, UUID_TEXT_SIZE) == UUID_TEXT_LENGTH);
	return store->backend->read_result(store->db, id, ret_result, error);
}

enum status
store_read_idempotency(
    struct store *store, struct idempotency *idempotency, int64_t now_ms, struct error *error)
{
	assert_idempotency(idempotency);
	idempotency_reset(idempotency);
	return store->backend->read_idempotency(store->db, idempotency, now_ms, error);
}

enum status
store_list(struct store *store, const struct store_list_query *query, struct store_list *ret_list,
    struct error *error)
{
	assert(query->states < 1u << TASK_STATE_COUNT);
	assert(query->created_from_ms >= 0 && query->created_before_ms >= 0);
	assert(query->before_id == NULL ||
	       strnlen(query->before_id, UUID_TEXT_SIZE) == UUID_TEXT_LENGTH);
	assert(query->tasks_max >= 1 && query->looks_max >= 1);
	return store->backend->list(store->db, query, ret_list, error);
}

enum status
store_read_submission(struct store *store, const char *id, struct store_submission *ret_submission,
    struct error *error)
{
	assert(strnlen(id, UUID_TEXT_SIZE) == UUID_TEXT_LENGTH);
	return store->backend->read_submission(store->db, id, ret_submission, error);
}

enum status
store_read_attempts(
    struct store *store, const char *id, struct store_attempts *ret_attempts, struct error *error)
{
	assert(strnlen(id, UUID_TEXT_SIZE) == UUID_TEXT_LENGTH);
	return store->backend->read_attempts(store->db, id, ret_attempts, error);
}

enum status
store_oldest_waiting(struct store *store, int64_t ret_since_ms[LANE_COUNT], struct error *error)
{
	return store->backend->oldest_waiting(store->db, ret_since_ms, error);
}

enum status
store_counts(struct store *store, struct store_counts *ret_counts, struct error *error)
{
	return store->backend->counts(store->db, ret_counts, error);
}

void
store_stats(struct store *store, struct store_stats *ret_stats)
{
	store->backend->stats(store->db, ret_stats);
}

enum status
store_maintain(struct store *store, struct error *error)
{
	return store->backend->maintain(store->db, error);
}
