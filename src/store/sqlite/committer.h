/* SPDX-License-Identifier: MIT */
/*
 * The committer: the one thread that writes. Callers hang their commands on its lists and wait; it
 * takes everything that waits, within bounds, applies it in one transaction, commits, and wakes
 * all. While it flushes, the next group gathers by itself.
 */
#ifndef TASKQ_STORE_SQLITE_COMMITTER_H
#define TASKQ_STORE_SQLITE_COMMITTER_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/sqlite/command.h"
#include "store/sqlite/gathering.h"

struct committer {
	struct writer *writer; /* borrowed; only the thread uses it while it runs */
	void (*died)(void *context, const char *why);
	void *context;
	const atomic_bool *is_dead; /* set by `died` or by others: refuse everything */

	struct lock lock;
	struct cond wake;
	/* Guarded by lock. Claims, completions and releases go before submissions: they are few,
	   and they free what submissions fill. */
	struct gathering urgent;
	struct gathering submits;
	/* Guarded by lock until the first submission; see committer_on_start. */
	void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count);
	void *started_context;
	bool is_sleeping;
	bool is_stopping;

	pthread_t thread;
};

/**
 * committer_start - start the thread
 * @writer:  open; belongs to the committer until committer_stop
 * @died:    a commit's outcome is unknown or the file is damaged; sets *is_dead; must not block
 * long Returns OK or NOMEM.
 */
enum status committer_start(struct committer *committer, struct writer *writer,
    const atomic_bool *is_dead, void (*died)(void *context, const char *why), void *context,
    struct error *error) NODISCARD;

/**
 * committer_stop - apply what waits, then end the thread; nobody may call committer_run any more
 */
void committer_stop(struct committer *committer);

/**
 * committer_on_start - see store_on_start
 */
void committer_on_start(struct committer *committer,
    void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count),
    void *context);

/**
 * committer_run - have a command applied and wait until it is committed; any thread
 * Returns the command's status: OK when its transaction was committed; UNKNOWN when the store is
 * dead; otherwise nothing of it was stored.
 */
enum status committer_run(struct committer *committer, struct command *command);

#endif
