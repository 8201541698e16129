/* SPDX-License-Identifier: MIT */
/*
 * What a store owes, as a model of its own: each function is told of one call of store.h, with what
 * went in and what came out, in the order of the commits; it says whether that may be and takes
 * note of what it has changed. What is wrong ends the process with the last operations on the task
 * that it concerns. One thread.
 *
 * It knows nothing of how a store does it: a table of tasks that is searched from end to end.
 */
#ifndef TASKQ_TESTS_ORACLE_H
#define TASKQ_TESTS_ORACLE_H

#include "sim.h"
#include "store/store.h"
#include "store/store_oldest.h"

#define ORACLE_NOTES    16 /* operations on a task that are kept */
#define ORACLE_ATTEMPTS 16 /* that a task may have at most */
#define ORACLE_GONE     1024
#define ORACLE_KEYS     64

struct oracle_content {
	bool exists;
	bool is_utf8;
	uint64_t bytes;
	uint64_t hash;
	char media_type[TASK_MEDIA_TYPE_SIZE];
};

struct oracle_attempt {
	int64_t started_at_ms;
	int64_t ended_at_ms;
	enum attempt_outcome outcome;
	enum failure failure;
	char *response; /* or NULL */
};

struct oracle_note {
	uint64_t step;
	int64_t now_ms;
	char text[72];
};

struct oracle_task {
	struct oracle_task *next; /* in its bucket */
	char id[UUID_TEXT_SIZE];
	char type[TASK_TYPE_SIZE];
	enum lane lane;
	char *args;
	char retry_of[UUID_TEXT_SIZE];
	struct task_terms terms;
	int64_t created_at_ms;

	int64_t seq; /* 0 until it has been told */
	enum task_state state;
	int attempt;
	int64_t lease;
	int64_t held_until_ms;             /* 0: it is not held */
	char deferred_for[TASK_HOST_SIZE]; /* "": it is not deferred */
	uint64_t looked_at;                /* in which look of a claim */
	bool is_recalled;                  /* and was neither claimed nor deferred since */
	bool is_isolated;
	bool is_cancelled; /* while it runs */
	int64_t started_at_ms;
	int64_t finished_at_ms;
	bool is_hidden;    /* it ended behind what had been looked at for its age */
	int64_t moved_us;  /* when it was moved, or cancelled, by the simulation's clock */
	uint64_t executed; /* for the simulation of the queue: a bit for each lease */
	enum failure failure;
	int message_bytes; /* -1: the store has chosen the words, and nobody has read them yet */
	char *response;
	struct oracle_content content;
	struct oracle_attempt past[ORACLE_ATTEMPTS]; /* attempts that were followed by another */
	size_t past_count;

	struct oracle_note notes[ORACLE_NOTES];
	unsigned note_count; /* so far; the latest are kept */
};

struct oracle_key {
	char key[IDEMPOTENCY_KEY_MAX + 1]; /* "": none */
	unsigned char fingerprint[IDEMPOTENCY_FINGERPRINT_BYTES];
	int64_t created_at_ms;
	char (*ids)[UUID_TEXT_SIZE];
	size_t count;
	bool may_be_gone; /* it was too old at some time */
};

/* What a gate has said in the look of a claim that counts, task by task. */
struct oracle_judged {
	uint64_t args_hash;
	enum store_gate_word word;
	char host[TASK_HOST_SIZE]; /* on DEFER */
};

struct oracle_look {
	const struct store_gate *gate;
	const struct oracle_judged *judged;
	size_t count;
};

struct oracle {
	struct sim *sim;
	int64_t (*now_us)(void); /* NULL: no clock */
	/* As a kind has it, and whether calls are made promptly and do not fail. NULL: nobody knows
	   whom tasks ask, and their turns are not looked at. */
	bool (*host_of)(const char *args, size_t args_size, char ret_host[TASK_HOST_SIZE]);
	bool (*is_calm)(void);
	uint64_t looks;             /* of claims so far */
	struct oracle_task **tasks; /* in the order of their submission */
	size_t count;
	size_t capacity;
	struct oracle_task *buckets[4096]; /* by id */
	struct store_counts counts;
	char gone[ORACLE_GONE][UUID_TEXT_SIZE]; /* purged, the latest */
	size_t gone_count;                      /* so far */
	int64_t looked_ms; /* what ended before has been looked at for its age, since the start */
	size_t unread;     /* tasks whose words nobody has read */
	struct oracle_key keys[ORACLE_KEYS];
	/* What has happened, for the report. */
	uint64_t submitted, claimed, succeeded, failed, rejected, retried, released, crashed,
	    superseded, cancelled, expired, readied, purged, replayed, refused, exhausted, isolated,
	    full_slices, deferred, recalled;
};

void oracle_init(struct oracle *oracle, struct sim *sim);
void oracle_done(struct oracle *oracle);

/* oracle_find - the task of an id, or NULL: there is none, or it was purged */
struct oracle_task *oracle_find(const struct oracle *oracle, const char *id);

/* oracle_is_new - whether a task waits that has not been started: it can expire */
bool oracle_is_new(const struct oracle_task *task);

/* oracle_note - take note of an operation on a task, for the report of a failure */
void oracle_note(struct oracle *oracle, struct oracle_task *task, int64_t now_ms, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/* oracle_fail - report; task may be NULL */
_Noreturn void oracle_fail(const struct oracle *oracle, const struct oracle_task *task,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* oracle_unlink - take a task that is gone out of the table by id, and free it */
void oracle_unlink(struct oracle *oracle, struct oracle_task *task);

/* oracle_report - what has happened, as a line */
void oracle_report(const struct oracle *oracle);

/* oracle_touch - note when something happens to a task */
void oracle_touch(const struct oracle *oracle, struct oracle_task *task);

/**
 * oracle_move  - change a task's state, and the counters with it; it is not deferred any more
 * oracle_defer - the same for a QUEUED one that is deferred from now on
 * oracle_wait  - what a QUEUED task waits for
 */
void oracle_move(
    struct oracle *oracle, struct oracle_task *task, enum task_state state, int64_t held_until_ms);
void oracle_defer(struct oracle *oracle, struct oracle_task *task, const char *host);
enum task_wait oracle_wait(const struct oracle_task *task);

uint64_t oracle_hash(const void *data, size_t size);

/* oracle_content_of - what an output holds, before the store takes it over */
struct oracle_content oracle_content_of(const struct output *output, const char *media_type);

/*
 * The calls, as store.h has them. A status other than those that the operation has in itself must
 * not be given here: nothing has been done then.
 */
void oracle_submitted(struct oracle *oracle, const struct task_new *tasks, size_t count,
    const struct task_start *start, const struct idempotency *idempotency, enum status status);
void oracle_claimed(struct oracle *oracle, enum lane lane, bool isolated, size_t max,
    int64_t now_ms, const struct oracle_look *look, const struct task *tasks,
    size_t count); /* look: NULL where there was no gate */
void oracle_completed(struct oracle *oracle, const struct completion *completions, size_t count,
    const struct oracle_content *contents);
void oracle_released(struct oracle *oracle, const struct task *tasks, const char *const *hosts,
    size_t count, int64_t now_ms, size_t queued); /* hosts: NULL where none is deferred */
/**
 * oracle_check_turn - nobody is let go to a host before one that has waited for it for long; those
 * that run alone stand apart
 */
void oracle_check_turn(const struct oracle *oracle, const struct oracle_task *task);

/**
 * oracle_lost_recall - whether a task was recalled for a host of late and has ended since without
 * having been claimed: for a second somebody may count on it
 */
bool oracle_lost_recall(const struct oracle *oracle, const char *host);
void oracle_next_host(
    const struct oracle *oracle, const char *after, const char *host, enum status status);
void oracle_cancelled(struct oracle *oracle, const char *id, int64_t now_ms,
    const struct store_cancelled *cancelled, enum status status);
void oracle_advanced(struct oracle *oracle, int64_t now_ms, const struct store_advance *advance);
void oracle_purged(struct oracle *oracle, const struct store_retention *retention, int64_t now_ms,
    const struct store_purged *purged);
/**
 * oracle_purge_settled - after as many calls as it takes for two that find nothing: whether all is
 * gone that had to go
 */
void oracle_purge_settled(
    const struct oracle *oracle, const struct store_retention *retention, int64_t now_ms);
void oracle_recovered(struct oracle *oracle, int64_t now_ms, const struct store_recovery *recovery);
/* oracle_kept_bytes - what a completed task counts for */
int64_t oracle_kept_bytes(const struct oracle_task *task);

/* oracle_learn - read the words that the store has chosen, which count among the bytes */
void oracle_learn(struct oracle *oracle, struct store *store);
/* oracle_oldest_waiting - somebody has waited where tasks wait, and nobody elsewhere; since when is
   not looked at */
void oracle_oldest_waiting(const struct oracle *oracle, const int64_t since_ms[LANE_COUNT]);
void oracle_counted(const struct oracle *oracle, const struct store_counts *counts);
void oracle_read_status(const struct oracle *oracle, const char *id, const struct task_status *told,
    enum status status);
void oracle_read_submission(const struct oracle *oracle, const char *id,
    const struct store_submission *told, enum status status);
void oracle_read_result(const struct oracle *oracle, const char *id, const struct task_result *told,
    enum status status);
void oracle_read_attempts(const struct oracle *oracle, const char *id,
    const struct store_attempts *told, enum status status);
void oracle_read_idempotency(
    struct oracle *oracle, const struct idempotency *idempotency, int64_t now_ms);
void oracle_listed(const struct oracle *oracle, const struct store_list_query *query,
    const struct store_list *list);

#endif
