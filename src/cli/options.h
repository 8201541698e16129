/* SPDX-License-Identifier: MIT */
/*
 * The command line of taskq as data: options.def makes the fields below, the table that the parser
 * and help walk, and nothing else. Main thread.
 */
#ifndef TASKQ_CLI_OPTIONS_H
#define TASKQ_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define OPTION_LIST_MAX 64
#define OPTION_UNSET    INT64_MIN /* of a number, duration, size or time that was not given */

/* Which verbs take an option: each verb names its groups. */
enum option_group {
	OPTION_COMMON = 1 << 0,
	OPTION_WAIT = 1 << 1,    /* verbs that may wait for a task */
	OPTION_WAITING = 1 << 2, /* the verb that does */
	OPTION_CONTENT = 1 << 3, /* verbs that bring a result */
	OPTION_TERMS = 1 << 4,   /* of a submission */
	OPTION_KEY = 1 << 5,
	OPTION_LISTING = 1 << 6,
	OPTION_WATCHING = 1 << 7,
	OPTION_BATCH = 1 << 8,
};

enum option_type {
	OPTION_TYPE_FLAG,
	OPTION_TYPE_TEXT,
	OPTION_TYPE_LIST,
	OPTION_TYPE_NUMBER,
	OPTION_TYPE_DURATION,
	OPTION_TYPE_SIZE,
	OPTION_TYPE_AHEAD,
	OPTION_TYPE_BACK,
};

struct option_list {
	const char *items[OPTION_LIST_MAX]; /* borrowed from the command line */
	size_t count;
};

#define OPTION_FIELD_FLAG     bool
#define OPTION_FIELD_TEXT     const char * /* NULL: not given; borrowed from the command line */
#define OPTION_FIELD_LIST     struct option_list
#define OPTION_FIELD_NUMBER   int64_t
#define OPTION_FIELD_DURATION int64_t
#define OPTION_FIELD_SIZE     int64_t
#define OPTION_FIELD_AHEAD    int64_t
#define OPTION_FIELD_BACK     int64_t

struct options {
#define OPTION(field, type, groups, letter, name, value, help) OPTION_FIELD_##type field;
#include "cli/options.def"
#undef OPTION
	const char *const *arguments; /* what is no option, behind the verb; borrowed */
	size_t argument_count;
};

struct option {
	const char *name;
	char letter;
	enum option_type type;
	unsigned groups;
	size_t offset; /* in struct options */
	const char *value;
	const char *help;
};

extern const struct option option_table[];
extern const size_t option_count;

/**
 * options_init - nothing given
 */
void options_init(struct options *options);

/**
 * options_parse - take the options out of a command line
 * @groups: those that the verb takes; what others take is refused with a word about it
 * @words:  behind the verb. The arguments are moved to its front, in order, and options->arguments
 *          points there
 * @now_wall_ms: what times are relative to
 * Options may stand among the arguments; "--" ends them. "-" is an argument. May be called twice,
 * for what stands before the verb and behind it. Returns OK, or INVALID with the option, what was
 * found and what is expected.
 */
enum status options_parse(struct options *options, unsigned groups, const char **words,
    size_t count, int64_t now_wall_ms, struct error *error) NODISCARD;

/**
 * options_skip - how many words at the front of a command line are options with their values
 * For the verb is the first word behind them.
 */
size_t options_skip(const char *const *words, size_t count);

#endif
