/* SPDX-License-Identifier: MIT */
/*
 * The tasks that a verb is about: ids on the command line, or - for lines of standard input. Main
 * thread.
 */
#ifndef TASKQ_CLI_IDS_H
#define TASKQ_CLI_IDS_H

#include "base/uuid.h"
#include "cli/cli.h"

/* What is done with each. `order` is which of several it is, "2 of 5"; "" for one alone. */
typedef enum exit_status ids_action(struct cli *cli, const char *id, const char *order);

/**
 * ids_each - do it with each, in order
 * All that stand on the command line are checked before anything is done. Standard input is taken
 * line by line, as it comes; blanks around an id and what follows a tab behind it are fine, so that
 * what other verbs print can be given to it.
 * Returns the exit status of the first that is not OK. Goes on after what concerns one task alone;
 * the service being away, faults on this side and a stop end it.
 */
enum exit_status ids_each(struct cli *cli, ids_action *action) NODISCARD;

/**
 * ids_one - the only id that the verb takes, checked; explains what is wrong with it
 */
enum exit_status ids_one(struct cli *cli, char ret_id[UUID_TEXT_SIZE]) NODISCARD;

#endif
