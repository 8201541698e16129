/* SPDX-License-Identifier: MIT */
/*
 * What has to be well for submissions to be accepted and executed, check by check. Judged from
 * figures alone: pure, any thread.
 */
#ifndef TASKQ_QUEUE_QUEUE_CHECKS_H
#define TASKQ_QUEUE_QUEUE_CHECKS_H

#include <stddef.h>
#include <stdint.h>

#include "queue/queue_figures.h"

#define QUEUE_CHECK_DETAIL_SIZE 128

/* A commit that failed counts for so long: who was refused by it does not try again at once. */
#define QUEUE_CHECK_FAILURE_MS 5000

/* A thread that has been at one thing for so long is stuck. */
#define QUEUE_CHECK_STALLED_MS 10000

enum queue_check_name {
	QUEUE_CHECK_SHUTDOWN,
	QUEUE_CHECK_DISK,
	QUEUE_CHECK_ADMISSION,
	QUEUE_CHECK_STORE,
	QUEUE_CHECK_COMMITTER,
	QUEUE_CHECK_FETCH_ENGINE,
};

#define QUEUE_CHECK_COUNT 6

struct queue_check {
	const char *name;                     /* a word; static storage */
	const char *reason;                   /* a word; NULL: it is well */
	char detail[QUEUE_CHECK_DETAIL_SIZE]; /* for people; may be "" */
};

/**
 * queue_checks - judge all of them
 * @ret_checks: by enum queue_check_name
 */
void queue_checks(const struct queue_stats *stats, int64_t now_mono_ms,
    struct queue_check ret_checks[QUEUE_CHECK_COUNT]);

#endif
