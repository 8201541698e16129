/* SPDX-License-Identifier: MIT */
/*
 * What a back end of the store implements: store.h operation by operation, same contracts. store.c
 * checks preconditions once and dispatches. For back ends and their tests only.
 */
#ifndef TASKQ_STORE_STORE_BACKEND_H
#define TASKQ_STORE_STORE_BACKEND_H

#include "store/store.h"
#include "store/store_oldest.h"
#include "store/store_upkeep.h"

struct store_backend {
	const char *name;
	enum status (*open)(const struct store_conf *conf, int64_t now_ms, void **ret_db,
	    struct store_recovery *ret_recovery, struct error *error);
	void (*close)(void *db);
	const struct output_conf *(*output_conf)(const void *db);
	void (*on_start)(void *db,
	    void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count),
	    void *context);
	enum status (*submit)(void *db, const struct task_new *tasks, size_t count,
	    struct task_start *start, struct idempotency *idempotency, struct error *error);
	enum status (*claim)(void *db, struct store_gate *gate, enum lane lane, bool isolated,
	    size_t max, int64_t now_ms, struct task *ret_tasks, size_t *ret_count,
	    struct error *error); /* gate: may be NULL */
	enum status (*complete)(
	    void *db, struct completion *completions, size_t count, struct error *error);
	enum status (*release)(void *db, const struct task *tasks, const char *const *hosts,
	    size_t count, int64_t now_ms, size_t *ret_queued,
	    struct error *error); /* hosts: NULL where none is deferred */
	enum status (*next_host)(
	    void *db, const char *after, char ret_host[TASK_HOST_SIZE], struct error *error);
	enum status (*cancel)(void *db, const char *id, int64_t now_ms,
	    struct store_cancelled *ret_cancelled, struct error *error);
	enum status (*advance)(
	    void *db, int64_t now_ms, struct store_advance *ret_advance, struct error *error);
	enum status (*purge)(void *db, const struct store_retention *retention, int64_t now_ms,
	    struct store_purged *ret_purged, struct error *error);
	enum status (*read_status)(
	    void *db, const char *id, struct task_status *ret_status, struct error *error);
	enum status (*read_result)(
	    void *db, const char *id, struct task_result *ret_result, struct error *error);
	enum status (*read_idempotency)(
	    void *db, struct idempotency *idempotency, int64_t now_ms, struct error *error);
	enum status (*list)(void *db, const struct store_list_query *query,
	    struct store_list *ret_list, struct error *error);
	enum status (*read_submission)(
	    void *db, const char *id, struct store_submission *ret_submission, struct error *error);
	enum status (*read_attempts)(
	    void *db, const char *id, struct store_attempts *ret_attempts, struct error *error);
	enum status (*oldest_waiting)(
	    void *db, int64_t ret_since_ms[LANE_COUNT], struct error *error);
	enum status (*counts)(void *db, struct store_counts *ret_counts, struct error *error);
	void (*stats)(void *db, struct store_stats *ret_stats);
	enum status (*maintain)(void *db, struct error *error);

	/* Of store_upkeep.h; NULL where nothing is on disk. */
	enum status (*audit)(
	    const char *data_dir, struct store_report *ret_report, struct error *error);
	enum status (*backup)(const struct store_copy_conf *conf, struct store_copied *ret_copied,
	    struct error *error);
	enum status (*restore)(const struct store_copy_conf *conf, struct store_copied *ret_copied,
	    struct error *error);
};

extern const struct store_backend store_backend_sqlite;

/* The histograms of store_stats, which every back end keeps. */
struct store_histograms {
	struct histogram commit_us;
	struct histogram commit_commands;
	struct histogram checkpoint_us;
};

/**
 * store_histograms_init / store_histograms_read - empty; what they hold now, to where it belongs
 */
void store_histograms_init(struct store_histograms *histograms);
void store_histograms_read(const struct store_histograms *histograms, struct store_stats *stats);

/* A page of store_list in the making. */
struct store_list_page {
	const struct store_list_query *query;
	struct store_list list;
	size_t looks;      /* tasks that were looked at */
	size_t args_bytes; /* of the arguments in it */
};

enum list_offer {
	LIST_OFFER_NEXT, /* taken, or passed over; offer the next one */
	LIST_OFFER_FULL, /* the page has ended before it */
	LIST_OFFER_NOMEM,
};

/**
 * store_list_range - the ids that a query can be about: at or above one, and below the other
 */
void store_list_range(const struct store_list_query *query, char ret_from_id[UUID_TEXT_SIZE],
    char ret_before_id[UUID_TEXT_SIZE]);

/**
 * store_list_begin - an empty page; its list is for store_list_done, whatever follows
 * store_list_offer - judge the task with the next lower id in the range, which keeps its arguments
 */
enum status store_list_begin(const struct store_list_query *query, struct store_list_page *ret_page,
    struct error *error) NODISCARD;
enum list_offer store_list_offer(
    struct store_list_page *page, const struct store_list_task *task) NODISCARD;

/**
 * attempt_outcome_of_task - how a task's latest attempt ended, which has not been followed by
 * another
 */
enum attempt_outcome attempt_outcome_of_task(enum task_state state, enum failure failure);

/**
 * store_open_with - as store_open with a given back end (the tests' fake one, for example)
 */
enum status store_open_with(const struct store_backend *backend, const struct store_conf *conf,
    int64_t now_ms, struct store **ret_store, struct store_recovery *ret_recovery,
    struct error *error) NODISCARD;

#endif
