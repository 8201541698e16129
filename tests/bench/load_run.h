/* SPDX-License-Identifier: MIT */
/*
 * The load generator's parts: what is to be done (struct load_conf, read-only while threads run)
 * and what came of it (struct load_counts, one per thread).
 */
#ifndef TASKQ_TESTS_BENCH_LOAD_RUN_H
#define TASKQ_TESTS_BENCH_LOAD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load_histogram.h"

#define LOAD_ID_LENGTH 36

enum load_mode {
	LOAD_GET,     /* GET of a path */
	LOAD_STATUS,  /* GET /tasks/submissions/{id}, which must be SUCCEEDED */
	LOAD_RESULT,  /* GET /tasks/{id} */
	LOAD_CONTENT, /* GET /tasks/{id}/result */
	LOAD_POST,    /* POST of a factorial with n from 0 to 100 */
	LOAD_CYCLE,   /* POST, status until final, result */
	LOAD_WAIT,    /* GET /tasks/submissions/{id}?wait=30, once for each connection */
};

/* A task that is there to be read. */
struct load_target {
	char id[LOAD_ID_LENGTH + 1];
	size_t content_bytes; /* of its result; 0: not known */
};

struct load_conf {
	enum load_mode mode;
	uint16_t port;
	size_t connections; /* of all threads */
	unsigned threads;
	double warmup_s; /* what ends in this time is not counted */
	double seconds;
	double rate;          /* operations a second of all threads, open loop; 0: closed loop */
	bool new_connections; /* each request over a connection of its own */
	const char *path;     /* for LOAD_GET */
	size_t content_bytes; /* of the answer to LOAD_GET; 0: any */
	struct load_target *targets;
	size_t target_count;
};

struct load_counts {
	uint64_t done;      /* operations that ended within the counted time */
	uint64_t errors;    /* at any time */
	uint64_t submitted; /* submissions answered with 202, at any time */
	uint64_t polls;     /* status answers of cycles that were not final */
	uint64_t behind;    /* operations that were due and not begun when the time was over */
	double seconds;     /* the counted time: as configured, or a multiple if nothing ended */
	double per_s;       /* done in a second; of several threads, their sum */
	double cpu_s;       /* the thread's, over all its time */
	double wall_s;      /* the thread's */
	char first_error[200];
	struct load_histogram latency;
};

int64_t load_now_ns(void);

/* load_counts_tell - keep what is wrong with an answer, to be told */
struct load_client;
void load_counts_tell(
    struct load_counts *counts, const char *what, const struct load_client *client);

/**
 * load_run - connect a thread's share of the connections, put load on them, wait for what is under
 * way
 * @index: which thread, from 0
 * Returns false, having said why, when it could not begin.
 */
bool load_run(const struct load_conf *conf, unsigned index, struct load_counts *ret_counts);

/**
 * load_wait - as load_run for LOAD_WAIT: each connection waits for one task, those of the file in
 * turns, and latency counts from the end of the task. Ends when all are answered, or after
 * conf->seconds
 */
bool load_wait(const struct load_conf *conf, unsigned index, struct load_counts *ret_counts);

#endif
