/* SPDX-License-Identifier: MIT */
/*
 * What taskqd does beside serving: the commands of operators, one per file verb_*.c. Each runs in a
 * process of its own, in its main thread, whether a service is running or not.
 */
#ifndef TASKQ_APP_VERB_H
#define TASKQ_APP_VERB_H

#include <stdio.h>

#include "base/status.h"
#include "conf/conf.h"

/* How a command ended; main.c knows the exit statuses. */
enum verb_end {
	VERB_DONE,
	VERB_FAILED,  /* could not be done, or the answer is no */
	VERB_REFUSED, /* wrong usage or settings */
	VERB_DAMAGED, /* done, or not: data are damaged or lost */
};

struct verb {
	const char *name;
	const char *operand; /* what stands behind the name, for people; NULL: nothing does */
	const char *help;
	enum verb_end (*run)(const struct conf *conf, const char *operand, struct error *error);
};

/**
 * verb_parse - the command at the beginning of a command line, and its operand
 * @argv:      its first element is the program's name
 * @ret_verb:  NULL where there is none, but options or nothing
 * @ret_words: elements that it takes, for the rest to begin after
 * Returns OK; INVALID for a word that is no command, and for an operand that is missing.
 */
enum status verb_parse(int argc, char *const *argv, const struct verb **ret_verb,
    const char **ret_operand, int *ret_words, struct error *error) NODISCARD;

/**
 * verb_print_usage - how the program is called, a line each
 */
void verb_print_usage(FILE *stream);

/**
 * verb_check - tell of everything that can be told about the settings and the data directory
 * verb_backup - copy the data directory into a new one
 * verb_restore - put a backup where there is no data
 * verb_healthcheck - ask the service whether it is ready
 * Results go to standard output, what went wrong into the error.
 */
enum verb_end verb_check(const struct conf *conf, const char *operand, struct error *error);
enum verb_end verb_backup(const struct conf *conf, const char *operand, struct error *error);
enum verb_end verb_restore(const struct conf *conf, const char *operand, struct error *error);
enum verb_end verb_healthcheck(const struct conf *conf, const char *operand, struct error *error);

#endif
