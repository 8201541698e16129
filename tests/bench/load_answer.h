/* SPDX-License-Identifier: MIT */
/*
 * One HTTP answer as it arrives: head and beginning of the body are kept, the rest of a large body
 * is counted and dropped by the kernel, so that the generator does not pay for copying it.
 */
#ifndef TASKQ_TESTS_BENCH_LOAD_ANSWER_H
#define TASKQ_TESTS_BENCH_LOAD_ANSWER_H

#include <stddef.h>

#define LOAD_ANSWER_MAX 16384 /* of head and kept body */

enum load_progress {
	LOAD_PART,   /* more is to come */
	LOAD_WHOLE,  /* status, head and body are complete */
	LOAD_BROKEN, /* closed, reset, or not an answer with a Content-Length */
};

struct load_answer {
	int status;
	size_t head_bytes; /* 0 until the head is complete */
	size_t body_bytes; /* by Content-Length */
	size_t got;        /* head and body */
	char buffer[LOAD_ANSWER_MAX];
};

void load_answer_reset(struct load_answer *answer);

/* Reads what the socket has without blocking. */
enum load_progress load_answer_read(struct load_answer *answer, int fd);

/* The kept part of the body; NUL-terminated. */
const char *load_answer_body(const struct load_answer *answer);

#endif
