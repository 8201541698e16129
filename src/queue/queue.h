/* SPDX-License-Identifier: MIT */
/*
 * The queue: the only door to the store and to execution. http/ submits and reads through it; lanes
 * of executors behind it claim, run and complete. Safe from any thread where nothing else is said.
 */
#ifndef TASKQ_QUEUE_QUEUE_H
#define TASKQ_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kinds/kind.h"
#include "queue/queue_figures.h"
#include "queue/queue_progress.h"
#include "store/store.h"
#include "task/task.h"

struct queue;

struct queue_conf {
	int64_t waiting_max; /* tasks that wait for their lane before submissions are refused */
	int64_t wait_max_s;  /* predicted wait in a lane from which they are refused; 0: any */
	int64_t held_max;    /* tasks that wait for a time before others like them are refused */
	uint64_t disk_free_min_bytes; /* below this submissions are refused */
	const char *data_dir;         /* whose file system is watched; borrowed */
	unsigned cpu_executors;       /* threads of the CPU lane */
	unsigned io_slots;            /* runs at once in the IO lane */
	unsigned host_places;         /* ...of them, at one host */
	int64_t host_pause_max_ms;    /* longest pause that a host may ask for; 0: none */
	size_t recent_tasks;          /* final tasks that are kept in memory for readers */
	struct store_retention retention;
	int64_t idempotency_keep_ms;     /* how long the key of a submission holds */
	struct task_terms default_terms; /* of tasks that are submitted without */
	const struct kind_settings *kinds;
};

/**
 * queue_open - take over an open store and start executing what waits in it
 * @store: borrowed; must outlive the queue
 */
enum status queue_open(const struct queue_conf *conf, struct store *store, struct queue **ret_queue,
    struct error *error) NODISCARD;

/* A validated task that is submitted. */
struct queue_task {
	const struct kind *kind;
	const char *args; /* normalised arguments as the kind's check_args wrote them */
	size_t args_size;
	const struct task_terms *terms; /* NULL: the defaults */
	int64_t created_at_ms;          /* by service_clock_ms; 0: now */
	const char *retry_of;           /* id of the task that it runs again; NULL: none */
};

/**
 * queue_submit - admit and store one task; blocks for one commit
 * A task whose kind has the result at hand has SUCCEEDED when this returns, whatever else waits.
 * @key:               NULL, or what may keep it from being stored, as for store_submit; the status
 *                     is OK then. keep_ms is the queue's
 * @ret_id:            set on OK, but where something is known under the key
 * @ret_refusal:       set on BUSY: why
 * @ret_retry_after_s: set on BUSY: 1 to 300, from the measured drain rate
 * Returns OK (durable); BUSY (refused for load, nothing stored); INVALID (it could never be
 * admitted, whatever else waits: the text names the limit, as a fragment); UNKNOWN (do not answer:
 * nobody can say whether it is stored); IO, NOMEM, INTERNAL (nothing stored).
 */
enum status queue_submit(struct queue *queue, const struct queue_task *task,
    struct idempotency *key, char ret_id[UUID_TEXT_SIZE], enum refusal *ret_refusal,
    unsigned *ret_retry_after_s, struct error *error) NODISCARD;

/**
 * queue_submit_batch - as queue_submit for several tasks: admitted and stored all or none
 * Those that are to run wait in the order of the array or for their time, and none starts at once;
 * the ids of all grow in that order. A batch of which more tasks are to run in one lane than may
 * ever wait there is INVALID.
 * @count:   1 or more; what is stored in one commit is for the caller to bound
 * @ret_ids: array of `count`; worth nothing unless OK, and where something is known under the key
 */
enum status queue_submit_batch(struct queue *queue, const struct queue_task *tasks, size_t count,
    struct idempotency *key, char (*ret_ids)[UUID_TEXT_SIZE], enum refusal *ret_refusal,
    unsigned *ret_retry_after_s, struct error *error) NODISCARD;

/**
 * queue_read_idempotency - what is known under a key now; keep_ms is the queue's. Whatever would
 * refuse a submission does not refuse this
 */
enum status queue_read_idempotency(
    struct queue *queue, struct idempotency *key, struct error *error) NODISCARD;

/**
 * queue_cancel - as store_cancel, and a running attempt is told to end
 */
enum status queue_cancel(struct queue *queue, const char *id, struct store_cancelled *ret_cancelled,
    struct error *error) NODISCARD;

/**
 * queue_read_status / queue_read_result - as store_read_status / store_read_result
 */
enum status queue_read_status(struct queue *queue, const char *id, struct task_status *ret_status,
    struct error *error) NODISCARD;
enum status queue_read_result(struct queue *queue, const char *id, struct task_result *ret_result,
    struct error *error) NODISCARD;

/* queue_list / queue_read_submission / queue_read_attempts - as those of the store */
enum status queue_list(struct queue *queue, const struct store_list_query *query,
    struct store_list *ret_list, struct error *error) NODISCARD;
enum status queue_read_submission(struct queue *queue, const char *id,
    struct store_submission *ret_submission, struct error *error) NODISCARD;
enum status queue_read_attempts(struct queue *queue, const char *id,
    struct store_attempts *ret_attempts, struct error *error) NODISCARD;

/**
 * queue_readiness - whether a submission of any kind would be admitted now; does not touch the disk
 */
enum refusal queue_readiness(struct queue *queue);

/**
 * queue_stats - figures of this run; does not block, also when draining or with a dead store
 */
void queue_stats(struct queue *queue, struct queue_stats *ret_stats);

/**
 * queue_kind_settings - the limits that check_args needs
 * queue_default_terms - the terms of a task as far as its submission does not name them
 */
const struct kind_settings *queue_kind_settings(const struct queue *queue);
const struct task_terms *queue_default_terms(const struct queue *queue);

/**
 * queue_refuse - from now on refuse submissions with REFUSAL_DRAINING, and let those who wait for
 * tasks go on; idempotent
 */
void queue_refuse(struct queue *queue);

/**
 * queue_drain - refuse, claim no more, let what runs finish until the deadline, hand the rest back
 * Blocks at most until shortly after the deadline. Reads go on being answered.
 */
void queue_drain(struct queue *queue, int64_t deadline_mono_ms);

/* queue_close - drain without waiting, join all threads, free; NULL is fine */
void queue_close(struct queue *queue);

#endif
