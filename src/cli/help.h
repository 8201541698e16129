/* SPDX-License-Identifier: MIT */
/*
 * What taskq tells about itself, all of it from the tables of verbs and options. Main thread.
 */
#ifndef TASKQ_CLI_HELP_H
#define TASKQ_CLI_HELP_H

#include <stdio.h>

#include "cli/verbs.h"

/**
 * help_overview - the verbs, the options that all of them take, and the exit statuses
 */
void help_overview(FILE *stream);

/**
 * help_usage - the line that says how a verb is called
 */
void help_usage(const struct verb *verb, FILE *stream);

/**
 * help_verb - everything about one
 */
void help_verb(const struct verb *verb, FILE *stream);

#endif
