/* SPDX-License-Identifier: MIT */
/*
 * Commands that wait to be taken, and where their callers wait: those of commands that will be
 * taken together wait at one bell, so that one call of the kernel wakes these and no others. Each
 * by itself, every third of those who were woken took the processor of the committer away.
 *
 * One thread at a time, by the committer's lock; the bells are waited at and rung without it.
 */
#ifndef TASKQ_STORE_SQLITE_GATHERING_H
#define TASKQ_STORE_SQLITE_GATHERING_H

#include <stddef.h>

#include "base/sync.h"
#include "store/sqlite/command_list.h"

/*
 * Bounds of what is taken together, in commands (a submission of several tasks counts as so many)
 * and in bytes; a command is taken while neither is reached, however large it is itself. Smaller
 * groups let the callers of one group work while the next one is committed, and give claims and
 * completions their turn among many submitters: with 1,000 of them and groups of 1,024, two
 * executors complete 16,000 tasks a second, with groups of 256, 62,000.
 */
#define GATHERING_MAX       256
#define GATHERING_MAX_BYTES ((size_t)8 * 1024 * 1024)

/* More than groups that wait at a time, as a rule: where two share a bell, callers are woken in
   vain. */
#define GATHERING_BELLS 32

struct gathering {
	struct command_list list;
	size_t shares; /* of those that will be taken together with the one that comes next */
	unsigned bell; /* at which their callers wait */
	struct bell bells[GATHERING_BELLS];
};

void gathering_init(struct gathering *gathering);

/**
 * gathering_add - add a command at the end, and say at which bell its caller is to wait
 */
void gathering_add(struct gathering *gathering, struct command *command);

/**
 * gathering_take - take from the front as much as goes together
 * @group:        what is taken is added to it
 * @weight_bytes: what the group weighs already, and what it weighs then
 * Returns how many commands were taken. Where bytes are the bound, those who are left are woken in
 * vain beside those who were taken.
 */
size_t gathering_take(
    struct gathering *gathering, struct command_list *group, size_t *weight_bytes);

#endif
