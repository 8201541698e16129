/* SPDX-License-Identifier: MIT */
/*
 * What goes into the store and comes out of it beside tasks (task/task.h) and figures
 * (store_figures.h). Data only; what is done with it stands in store.h.
 */
#ifndef TASKQ_STORE_STORE_RECORDS_H
#define TASKQ_STORE_STORE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "task/task.h"

struct store_conf {
	const char *data_dir;    /* existing directory; the store's files live below it */
	size_t inline_max_bytes; /* larger results become files */
	uint64_t wal_max_bytes;  /* log size from which a full checkpoint is forced */
	unsigned readers;        /* read connections, 1 or more */
	void (*fatal)(
	    void *context, const char *why); /* see UNKNOWN; called once, from any thread */
	void *context;
};

/* What was found and mended when the store was opened. */
struct store_recovery {
	int64_t requeued;  /* tasks that ran when the service died and go back to the queue */
	int64_t exhausted; /* tasks that had no attempt left and are FAILED now */
	int64_t cancelled; /* tasks that had been cancelled while they ran and are FAILED now */
	int64_t orphans;   /* result files without a task, removed */
};

/* One finished attempt. The store reads its parts and persists a spilled output. */
struct completion {
	const struct task *task;
	const struct outcome *outcome; /* SUCCEEDED or FAILED */
	struct output *output;
	int64_t finished_at_ms;
	bool is_retried;     /* FAILED, and another attempt is to follow... */
	int64_t retry_at_ms; /* ...then, or at once where that is not after finished_at_ms */

	enum status ret_status;    /* OK; CONFLICT: superseded or final, the result was dropped */
	enum task_state ret_state; /* on OK: what became of the task. FAILED instead of SUCCEEDED
				      or QUEUED: it had been cancelled, the result was dropped */
};

/* A success always has content, be it empty; a failure has one when its attempt left bytes and is
   the last. */
bool completion_has_content(const struct completion *completion);

/* By the ret_ members: whether the outcome stands in the store as the completion has it. */
bool completion_is_kept(const struct completion *completion);

/* Tasks of a kind that one store_advance takes up at most. */
#define STORE_ADVANCE_MAX 256

/* What the passing of time has brought about. */
struct store_advance {
	int64_t readied[LANE_COUNT];          /* tasks that were held and wait for their lane now */
	size_t expired_count;                 /* tasks that are REJECTED now... */
	int64_t expired_ready[LANE_COUNT];    /* ...of those, how many waited for their lane... */
	int64_t expired_deferred[LANE_COUNT]; /* ...and for their host; the others for a time */
	char expired_ids[STORE_ADVANCE_MAX][UUID_TEXT_SIZE];
	int64_t next_at_ms; /* when there is something to do again; INT64_MAX: nothing known of */
};

/* What a QUEUED task waits for. */
enum task_wait {
	WAIT_FOR_LANE, /* it is ready */
	WAIT_FOR_TIME, /* it is held */
	WAIT_FOR_HOST, /* it is deferred; see store_claim.h */
};

/* What a cancel found, and made of it. */
enum store_cancel {
	STORE_CANCEL_REJECTED,  /* it was QUEUED */
	STORE_CANCEL_REQUESTED, /* it is RUNNING and will be FAILED, now or after the next start */
	STORE_CANCEL_BEFORE,    /* it has ended by an earlier cancel */
	STORE_CANCEL_TOO_LATE,  /* it has ended otherwise */
};

struct store_cancelled {
	enum store_cancel what;
	enum lane lane;
	enum task_wait waited; /* REJECTED: what it waited for */
	enum task_state state;
};

#endif
