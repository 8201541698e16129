/* SPDX-License-Identifier: MIT */
/*
 * The task record as it moves between http, queue, kinds and store. Data only: who may call what on
 * it stands in the headers of those modules.
 */
#ifndef TASKQ_TASK_TASK_H
#define TASKQ_TASK_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "task/failure.h"
#include "task/outcome.h"
#include "task/output.h"
#include "task/task_state.h"
#include "task/task_terms.h"

#define TASK_TYPE_SIZE 32  /* name of a kind with its NUL */
#define TASK_HOST_SIZE 264 /* whom a task asks: "host:port" with its NUL */

/* Which pool of executors runs a task. The numbers stand in the database: append only. */
enum lane {
	LANE_CPU = 0, /* factorials: one per core at a time */
	LANE_IO = 1,  /* fetches: hundreds at a time in one thread */
};

#define LANE_COUNT 2

/* lane_word - the word in /stats and the log; static storage */
const char *lane_word(enum lane lane);

/* How a task has ended that ended before it is stored: it SUCCEEDED in its first attempt. */
struct task_ended {
	int64_t finished_at_ms;
	const char *media_type; /* of the content; "" when unknown */
	const void *content;    /* may be NULL where it has 0 bytes */
	size_t content_size;
	bool is_utf8;
};

/* A validated submission on its way into the store. */
struct task_new {
	char id[UUID_TEXT_SIZE];
	const char *type; /* kind name */
	enum lane lane;
	const char *args; /* JSON object text as normalised by the kind */
	size_t args_size;
	struct task_terms terms;
	int64_t created_at_ms;
	const struct task_ended *ended; /* NULL: it is to run */
	const char *retry_of;           /* id of the task that it runs again; NULL: none */
};

/* A submission that starts at once, on its way through the store: its owner embeds this. */
struct task_start {
	int64_t seq; /* set by the store */
	struct task_start *next;
};

/* A claimed task on its way through an executor. */
struct task {
	int64_t seq; /* the store's key; never leaves the process */
	char id[UUID_TEXT_SIZE];
	char retry_of[UUID_TEXT_SIZE]; /* "": none */
	char type[TASK_TYPE_SIZE];
	enum lane lane;
	char *args; /* JSON object text, owned by the task */
	size_t args_size;
	int64_t lease;           /* raised by every claim; every later write names it */
	int attempt;             /* 1 for the first */
	struct task_terms terms; /* what an attempt needs: all but run_at and expires_at */
	bool is_isolated;        /* runs alone; see store_claim */
	int64_t created_at_ms;
	int64_t waits_since_ms; /* before it was started: see store_oldest_waiting */
	int64_t started_at_ms;
};

/* What a status answer is made of. */
struct task_status {
	char id[UUID_TEXT_SIZE];
	char retry_of[UUID_TEXT_SIZE]; /* the task that this one runs again; "": none */
	char type[TASK_TYPE_SIZE];
	enum task_state state;
	int attempt; /* attempts begun so far */
	int64_t created_at_ms;
	int64_t started_at_ms;  /* of the latest attempt; 0 when not started */
	int64_t finished_at_ms; /* 0 when not finished */
};

/* What a result answer is made of. Exactly one of `data` and `fd` holds the content when there is
 * one. */
struct task_result {
	struct task_status status;
	enum failure failure;
	char message[TASK_MESSAGE_SIZE];
	char media_type[TASK_MEDIA_TYPE_SIZE];
	char *response; /* JSON object text or NULL; owned */
	bool has_content;
	bool is_utf8;
	uint64_t bytes; /* of the content */
	char *data;     /* owned; NULL when the content is in a file or there is none */
	int fd;         /* open for reading at offset 0, owned; -1 otherwise */
};

/* Frees what a record owns; NULL and zeroed records are fine (a zeroed task_result's fd is not
   closed because `bytes`/`has_content` say that there is none: task_result_init sets it to -1). */
void task_done(struct task *task);
void task_result_init(struct task_result *result);
void task_result_done(struct task_result *result);

/* Whether a task has to wait for its time. */
bool task_new_is_held(const struct task_new *task);

#endif
