/* SPDX-License-Identifier: MIT */
/*
 * The inside of the fake store, shared by fake_store.c (failures and gates), fake_store_ops.c and
 * fake_store_reads.c (the back end), fake_store_claim.c, fake_store_idempotency.c (its keys),
 * fake_store_purge.c and fake_store_figures.c. For those alone.
 */
#ifndef TASKQ_TESTS_FAKE_STORE_PARTS_H
#define TASKQ_TESTS_FAKE_STORE_PARTS_H

#include "base/sync.h"
#include "fake_store.h"
#include "store/store_backend.h"

struct fake_task {
	int64_t seq;
	struct task_status status;
	enum lane lane;
	char *args;
	size_t args_size;
	int64_t lease;
	struct task_terms terms;
	int64_t held_until_ms;  /* 0: it is not held */
	char *deferred_for;     /* NULL: it is not deferred */
	int64_t waits_since_ms; /* while it is ready */
	unsigned looked_at;     /* in which look of a claim */
	bool isolated;
	bool is_cancelled;          /* while it runs */
	struct store_attempts past; /* attempts that were followed by another */

	struct outcome outcome; /* once final */
	bool has_content;
	bool is_utf8;
	bool is_file;
	uint64_t bytes;
	char *data;
};

/* What stands under the key of a submission. */
struct fake_key {
	char key[IDEMPOTENCY_KEY_MAX + 1];
	unsigned char fingerprint[IDEMPOTENCY_FINGERPRINT_BYTES];
	int64_t created_at_ms;
	char (*ids)[UUID_TEXT_SIZE];
	size_t count;
};

struct fake_fault {
	enum status status;
	unsigned times;
};

struct fake_gate {
	bool is_closed;
	unsigned waiting;
	unsigned passes; /* calls that may go through although it is closed */
};

struct fake_store {
	struct lock lock;
	struct cond changed;
	struct fake_task *tasks; /* by seq */
	size_t count;
	size_t capacity;
	int64_t last_seq; /* that was given; none is given twice */
	struct fake_key *keys;
	size_t key_count;
	struct fake_fault faults[FAKE_OP_COUNT];
	struct fake_gate gates[FAKE_OP_COUNT];
	struct fake_gate exits[FAKE_OP_COUNT]; /* through which nobody passes one by one */
	unsigned looks;                        /* of claims so far */
	bool claims_twice;                     /* each claim comes to nothing first */
	unsigned begun[FAKE_OP_COUNT];
	unsigned ended[FAKE_OP_COUNT];
	struct store_histograms histograms;             /* each commit takes a microsecond */
	struct store_type_stats types[STORE_TYPES_MAX]; /* what has happened since it was opened */
	size_t type_count;
	bool is_open;
	bool is_dead;

	void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count);
	void *started_context;

	char *spill_dir;
	struct output_conf output_conf;
	void (*fatal)(void *context, const char *why);
	void *context;
};

/* Aborts where memory is gone. */
void *fake_must(void *memory);

/**
 * fake_op_begin - count the call, wait at the gate, say how the call is to fail; takes the lock if
 * OK
 * fake_op_end   - wait at the exit, give the lock back; returns the status
 */
enum status fake_op_begin(struct fake_store *fake, enum fake_op op, struct error *error);
enum status fake_op_end(struct fake_store *fake, enum fake_op op, enum status status);

/**
 * fake_key_find  - set the ret_ members, which are reset
 * fake_key_keep  - put tasks under a key
 * fake_keys_free - at the end
 */
void fake_key_find(struct fake_store *fake, struct idempotency *idempotency, int64_t now_ms);
void fake_key_keep(struct fake_store *fake, const struct idempotency *idempotency,
    const struct task_new *tasks, size_t count);
void fake_keys_free(struct fake_store *fake);

/* What a task counts for: 0 unless it is completed. */
int64_t fake_kept_bytes(const struct fake_task *task);

enum status fake_purge(void *db, const struct store_retention *retention, int64_t now_ms,
    struct store_purged *ret_purged, struct error *error);

/**
 * fake_task_wait    - what a QUEUED task waits for; another number for one that is not QUEUED
 * fake_task_undefer - it is not deferred any more
 */
#define FAKE_WAIT_FOR_NOTHING ((enum task_wait) - 1)
enum task_wait fake_task_wait(const struct fake_task *task);
void fake_task_undefer(struct fake_task *task);

/* The claim and the release, as struct store_backend has them. */
enum status fake_claim(void *db, struct store_gate *gate, enum lane lane, bool isolated, size_t max,
    int64_t now_ms, struct task *ret_tasks, size_t *ret_count, struct error *error);
enum status fake_release(void *db, const struct task *tasks, const char *const *hosts, size_t count,
    int64_t now_ms, size_t *ret_queued, struct error *error);
enum status fake_next_host(
    void *db, const char *after, char ret_host[TASK_HOST_SIZE], struct error *error);

/* The task of a claim if its lease still holds, or NULL. */
struct fake_task *fake_find_claimed(struct fake_store *fake, const struct task *task);

/* Ends a task that somebody has cancelled while it ran. */
void fake_end_cancelled(struct fake_store *fake, struct fake_task *task, int64_t now_ms);

/* The figures, as struct store_backend has them. */
enum status fake_oldest_waiting(void *db, int64_t ret_since_ms[LANE_COUNT], struct error *error);
enum status fake_counts(void *db, struct store_counts *ret_counts, struct error *error);
void fake_stats(void *db, struct store_stats *ret_stats);

/**
 * fake_note_commit - a call that changed something is one command in a commit of its own
 * fake_events      - what has happened to the tasks of a task's type, to be counted on
 * fake_note_end    - count that a task has ended, as its record says
 */
void fake_note_commit(struct fake_store *fake, bool wrote);
struct store_type_stats *fake_events(struct fake_store *fake, const struct fake_task *task);
void fake_note_end(struct fake_store *fake, const struct fake_task *task);

/* The task of an id, or NULL. */
struct fake_task *fake_find(struct fake_store *fake, const char *id);

/* The name of the file with a task's content. */
void fake_file_name(const struct task_status *status, int64_t lease, char *ret_name, size_t size);

/* The reads, as struct store_backend has them. */
enum status fake_read_status(
    void *db, const char *id, struct task_status *ret_status, struct error *error);
enum status fake_read_result(
    void *db, const char *id, struct task_result *ret_result, struct error *error);
enum status fake_list(void *db, const struct store_list_query *query, struct store_list *ret_list,
    struct error *error);
enum status fake_read_submission(
    void *db, const char *id, struct store_submission *ret_submission, struct error *error);
enum status fake_read_attempts(
    void *db, const char *id, struct store_attempts *ret_attempts, struct error *error);

/* Frees what a task holds. */
void fake_task_done(struct fake_task *task);

#endif
