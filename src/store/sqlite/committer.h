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

/*
 * Bounds of one transaction, in commands (a submission of several tasks counts as so many) and in
 * bytes; a command is taken while neither is reached, however large it is itself. Smaller groups
 * let the callers of one group work while the next one is committed, and give claims and
 * completions their turn among many submitters: with 1,000 of them and groups of 1,024, two
 * executors complete 16,000 tasks a second, with groups of 256, 62,000.
 */
#define COMMITTER_GROUP_MAX       256
#define COMMITTER_GROUP_MAX_BYTES ((size_t)8 * 1024 * 1024)

/* A list that is added to at its end and taken from at its front. */
struct command_list {
	struct command *first;
	struct command **end;
};

struct committer {
	struct writer *writer; /* borrowed; only the thread uses it while it runs */
	void (*died)(void *context, const char *why);
	void *context;
	const atomic_bool *is_dead; /* set by `died` or by others: refuse everything */

	struct lock lock;
	struct cond wake;
	/* Guarded by lock. Claims, completions and releases go before submissions: they are few,
	   and they free what submissions fill. */
	struct command_list urgent;
	struct command_list submits;
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
