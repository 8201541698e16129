/* SPDX-License-Identifier: MIT */
/* The terms of a task: what a submission may ask beside what is to be done. Data only. */
#ifndef TASKQ_TASK_TASK_TERMS_H
#define TASKQ_TASK_TASK_TERMS_H

#include <stdint.h>

#define TASK_PRIORITY_DEFAULT 5
#define TASK_PRIORITY_LAST    9

/* When and how often a task is to run, as its submission asked and settings filled in. */
struct task_terms {
	int priority;          /* 0 is first, TASK_PRIORITY_LAST last */
	int64_t run_at_ms;     /* not before then; 0: at once */
	int64_t expires_at_ms; /* REJECTED where it has not started by then; 0: never */
	int64_t timeout_ms;    /* of one attempt; 0: only what its kind allows */
	int max_attempts;
	int64_t backoff_ms; /* before the second attempt at most; doubled for each later one... */
	int64_t max_backoff_ms; /* ...up to this */
};

#endif
