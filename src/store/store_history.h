/* SPDX-License-Identifier: MIT */
/*
 * The part of the store that looks back: pages of tasks, what one was submitted as, and its
 * attempts. Operations of the store like those of store.h, which includes this; what holds for them
 * holds here.
 */
#ifndef TASKQ_STORE_STORE_HISTORY_H
#define TASKQ_STORE_STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "task/task.h"

struct store;

/* Bytes of arguments from which a page takes no further task. */
#define STORE_LIST_ARGS_MAX ((size_t)256 << 10)

/* Which tasks a page holds: those for which all of this is so. */
struct store_list_query {
	unsigned states;           /* a bit, 1 << state, for each; 0: any */
	const char *type;          /* NULL: any */
	const char *args_prefix;   /* bytes that the stored arguments begin with... */
	size_t args_prefix_size;   /* ...0: whatever they begin with */
	int64_t created_from_ms;   /* created then or later... */
	int64_t created_before_ms; /* ...and before this; INT64_MAX: whenever */
	const char *before_id;     /* only ids below it; NULL: any */
	size_t tasks_max;          /* in the page, 1 or more */
	size_t looks_max;          /* tasks that are looked at for it, 1 or more */
};

struct store_list_task {
	struct task_status status;
	int priority;
	enum failure failure;
	int64_t run_at_ms;     /* as submitted; 0: at once */
	int64_t expires_at_ms; /* as submitted; 0: never */
	char *args;            /* JSON object text, NUL-terminated; the page's */
	size_t args_size;
};

struct store_list {
	struct store_list_task *tasks; /* by descending id */
	size_t count;
	bool has_more;                /* there may be further tasks, on a page... */
	char next_id[UUID_TEXT_SIZE]; /* ...whose before_id this is */
};

/**
 * store_list - a page of tasks, newest first: by descending id
 * The page ends with the range that the query names, or earlier, with has_more: where it has
 * tasks_max, where looks_max were looked at, or where the arguments come to STORE_LIST_ARGS_MAX. So
 * it may be short, and even empty, without being the last. A walk over all pages meets each id
 * once, and every task that was there when it began and is as asked for when its page is made. What
 * a page costs depends on looks_max and on how many tasks are RUNNING, or up to a bound QUEUED; not
 * on where it begins, nor on how many tasks there are.
 * Bounds of time go by the time within the ids as well, which uuid_v7 put there: who submits owes
 * ids of created_at_ms, or a page with such bounds may lack the task.
 * @ret_list: the caller's to store_list_done
 */
enum status store_list(struct store *store, const struct store_list_query *query,
    struct store_list *ret_list, struct error *error) NODISCARD;

/* store_list_done - free what a page owns; zeroed ones are fine */
void store_list_done(struct store_list *list);

/* What a task was submitted as, and what has become of it. */
struct store_submission {
	char type[TASK_TYPE_SIZE];
	enum task_state state;
	struct task_terms terms;
	char *args; /* JSON object text, NUL-terminated; owned */
	size_t args_size;
};

/**
 * store_read_submission - read what is needed to submit the same task again
 * @id:             lower-case canonical UUID
 * @ret_submission: the caller's to store_submission_done
 * Returns OK, NOT_FOUND.
 */
enum status store_read_submission(struct store *store, const char *id,
    struct store_submission *ret_submission, struct error *error) NODISCARD;

/* store_submission_done - free what it owns; zeroed ones are fine */
void store_submission_done(struct store_submission *submission);

/* How an attempt ended, if it did. */
enum attempt_outcome {
	ATTEMPT_RUNNING,
	ATTEMPT_SUCCEEDED,
	ATTEMPT_FAILED,
	ATTEMPT_CANCELLED, /* somebody cancelled the task while it ran */
	ATTEMPT_CRASHED,   /* the service went down */
};

#define ATTEMPT_OUTCOME_COUNT 5

struct store_attempt {
	int attempt; /* 1 for the first */
	int64_t started_at_ms;
	int64_t ended_at_ms; /* 0 while it runs */
	enum attempt_outcome outcome;
	enum failure failure; /* NONE where it runs, succeeded, or crashed before others */
	char message[TASK_MESSAGE_SIZE]; /* for people; may be "" */
	char *response;                  /* JSON object text or NULL; owned by the list */
};

struct store_attempts {
	struct store_attempt *list;
	size_t count;
};

/**
 * store_read_attempts - all attempts of a task that count, the first one first
 * @id:           lower-case canonical UUID
 * @ret_attempts: none where the task has never been started; the caller's to store_attempts_done
 * Returns OK, NOT_FOUND.
 */
enum status store_read_attempts(struct store *store, const char *id,
    struct store_attempts *ret_attempts, struct error *error) NODISCARD;

/* store_attempts_done - free what a list owns; zeroed ones are fine */
void store_attempts_done(struct store_attempts *attempts);

/**
 * attempt_outcome_name / attempt_outcome_parse - the word on the wire and in the database; static
 * storage; false for any other word
 */
const char *attempt_outcome_name(enum attempt_outcome outcome);
bool attempt_outcome_parse(const char *word, enum attempt_outcome *ret_outcome);

#endif
