/* SPDX-License-Identifier: MIT */
/*
 * How an attempt ended, as whoever made it notes it. Data, and the functions that keep it
 * consistent; one thread at a time for each.
 */
#ifndef TASKQ_TASK_OUTCOME_H
#define TASKQ_TASK_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "task/failure.h"

#define TASK_MEDIA_TYPE_SIZE 128 /* media type with its NUL; longer ones are dropped, not cut */
#define TASK_MESSAGE_SIZE    256

/* How an attempt ended. */
enum verdict {
	VERDICT_RELEASED, /* not finished, hand it back: the service is going down, or there
			     is no disk space for the output */
	VERDICT_DEFERRED, /* not begun: whom it would ask has no place for it */
	VERDICT_SUCCEEDED,
	VERDICT_FAILED,
};

struct outcome {
	enum verdict verdict;
	enum failure failure;                  /* FAILURE_NONE unless failed */
	char message[TASK_MESSAGE_SIZE];       /* for people; "" unless failed; valid UTF-8 */
	char media_type[TASK_MEDIA_TYPE_SIZE]; /* of the output; "" when unknown */
	char *response;     /* JSON object text with what a kind reports beside the result, or NULL;
			       owned */
	bool may_be_mended; /* a failure that another attempt can mend */
	int64_t retry_after_ms; /* ...but not sooner, as somebody else said; 0: nobody did */
	int64_t pause_ms;       /* who was asked wants to be left alone for so long; 0: not */
	char *pause_host;       /* and so does this one; NULL: nobody else; owned */
};

/* outcome_done frees what it owns; NULL and zeroed ones are fine. */
void outcome_init(struct outcome *outcome);
void outcome_done(struct outcome *outcome);

/**
 * outcome_succeed - note success with a media type ("" or NULL when unknown)
 */
void outcome_succeed(struct outcome *outcome, const char *media_type);

/**
 * outcome_fail - note failure, and whether another attempt can mend it as failure_may_be_mended has
 * it; a kind that knows better says so afterwards
 * @fmt: sentence for people, capitalised as existing clients know it ("Connection refused")
 */
void outcome_fail(struct outcome *outcome, enum failure failure, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
