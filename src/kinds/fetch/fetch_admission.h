/* SPDX-License-Identifier: MIT */
/*
 * Who may start next. Fetches wait here, first in first out within one host and port, hosts taking
 * turns, so that one slow host never holds up others. Admission is ours and comes before libcurl
 * sees a transfer, because time spent in libcurl's own queues counts against a transfer's timeout.
 *
 * Names: libcurl does not share a lookup between transfers that want the same name. So while a
 * host's name is not known, one fetch goes ahead and the others wait for what it finds; later ones
 * hit libcurl's DNS cache.
 *
 * A data structure without locks: the engine's thread alone. No I/O, no clock of its own.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_ADMISSION_H
#define TASKQ_KINDS_FETCH_FETCH_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/status.h"
#include "kinds/fetch/fetch_args.h"

struct run;
struct fetch_host;
struct fetch_transfer;

/* One run in the engine's hands. */
struct fetch_job {
	struct run *run;
	struct fetch_args args;
	struct fetch_host *host;         /* the admission's; NULL before it is added */
	struct fetch_transfer *transfer; /* the engine's; NULL while the job waits */
	bool is_admitted;
	bool is_looking_up;            /* goes ahead of its host's other jobs */
	TAILQ_ENTRY(fetch_job) link;   /* among its host's waiting jobs */
	TAILQ_ENTRY(fetch_job) in_all; /* the engine's list */
};

TAILQ_HEAD(fetch_jobs, fetch_job);
TAILQ_HEAD(fetch_hosts, fetch_host);

struct fetch_admission {
	unsigned per_host_max;
	void *tree;                 /* hosts by authority, tsearch(3) */
	struct fetch_hosts known;   /* hosts with a job that may start at once */
	struct fetch_hosts unknown; /* the same, but a name has to be looked up first */
	bool unknown_is_next;       /* the two take turns as well */
};

void fetch_admission_init(struct fetch_admission *admission, unsigned per_host_max);

/**
 * fetch_admission_add - let a job wait
 * @job: borrowed until fetch_admission_end
 * Returns OK, or NOMEM: the job is then not added.
 */
enum status fetch_admission_add(struct fetch_admission *admission, struct fetch_job *job,
    int64_t now_mono_ms, struct error *error) NODISCARD;

/**
 * fetch_admission_next - the next job that may start now, admitted, or NULL
 * @may_look_up: false: only jobs that need no lookup
 */
struct fetch_job *fetch_admission_next(
    struct fetch_admission *admission, bool may_look_up, int64_t now_mono_ms);

/**
 * fetch_admission_looked_up - the name of an admitted job's host is known; idempotent
 */
void fetch_admission_looked_up(
    struct fetch_admission *admission, struct fetch_job *job, int64_t now_mono_ms);

/**
 * fetch_admission_fellow - a job that waits for what `job` looks up: the one after `after`, the
 * first where that is NULL; or NULL
 */
struct fetch_job *fetch_admission_fellow(
    const struct fetch_job *job, const struct fetch_job *after);

/**
 * fetch_admission_end - forget a job, waiting or admitted; one that was never added is fine
 */
void fetch_admission_end(
    struct fetch_admission *admission, struct fetch_job *job, int64_t now_mono_ms);

#endif
