/* SPDX-License-Identifier: MIT */
/*
 * Settings: command line > environment > file > default. The table is conf.def; nothing else in the
 * program knows a setting's name, range or default. Loaded once by the main thread, immutable
 * after.
 */
#ifndef TASKQ_CONF_CONF_H
#define TASKQ_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

struct conf_list {
	char **items; /* owned */
	size_t count;
};

enum conf_origin {
	CONF_FROM_DEFAULT,
	CONF_FROM_FILE,
	CONF_FROM_ENVIRONMENT,
	CONF_FROM_COMMAND_LINE,
};

struct conf {
#define CONF_INT(field, name, min, max, def, unit, help) int64_t field;
#define CONF_TEXT(field, name, max_bytes, def, help)     char *field;
#define CONF_LIST(field, name, max_items, help)          struct conf_list field;
#define CONF_BOOL(field, name, def, help)                bool field;
#define CONF_WORD(field, name, words, def, help)         char *field;
#include "conf/conf.def"
#undef CONF_INT
#undef CONF_TEXT
#undef CONF_LIST
#undef CONF_BOOL
#undef CONF_WORD
	enum conf_origin *origins; /* per setting in the table's order; owned */
};

/* What the command line asks for beside settings. */
enum conf_action {
	CONF_ACTION_RUN,
	CONF_ACTION_HELP,
	CONF_ACTION_VERSION,
	CONF_ACTION_CHECK, /* --check-config */
	CONF_ACTION_PRINT, /* --print-config */
};

/**
 * conf_load - defaults, then the file named by --config FILE or TASKQD_CONFIG, then the
 * environment, then the command line (--name VALUE or --name=VALUE; long options only)
 * @environ: NULL-terminated "NAME=VALUE" array. An unknown TASKQD_* variable is an error.
 * @error:   names the place (file:line, variable or option), what was found and what is expected
 * Returns OK; INVALID; NOMEM; IO when the file cannot be read. ret_conf is for conf_done on OK.
 */
enum status conf_load(int argc, char *const *argv, char *const *environ, struct conf *ret_conf,
    enum conf_action *ret_action, struct error *error) NODISCARD;

/**
 * conf_parse_file - apply the text of a configuration file; `#` starts a comment line
 * Exposed for the fuzz target. @path is for messages alone.
 * Returns OK; INVALID with file:line; NOMEM. After a failure the lines before it stay applied.
 */
enum status conf_parse_file(struct conf *conf, const char *path, const char *text, size_t size,
    struct error *error) NODISCARD;

/**
 * conf_init - every setting at its default
 */
enum status conf_init(struct conf *conf, struct error *error) NODISCARD;

void conf_done(struct conf *conf);

/**
 * conf_print_help / conf_print - usage, or every value with its origin, in the file's own syntax
 */
void conf_print_help(FILE *stream);
void conf_print(const struct conf *conf, FILE *stream);

#endif
