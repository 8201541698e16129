/* SPDX-License-Identifier: MIT */
/*
 * conf.def as data, and how one value gets into a struct conf. Private to src/conf. Main thread
 * only.
 */
#ifndef TASKQ_CONF_CONF_TABLE_H
#define TASKQ_CONF_CONF_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "conf/conf.h"

#define CONF_FILE_MAX_BYTES  ((size_t)1048576)
#define CONF_VALUE_MAX_BYTES 2047 /* of any single value, before the setting's own limit */
#define CONF_ITEM_MAX_BYTES  255  /* of one item of a list */
#define CONF_ENV_PREFIX      "TASKQD_"
#define CONF_ENV_NAME_SIZE   64
#define CONF_QUOTE_SIZE      56 /* a found text as messages show it */

enum conf_index {
#define CONF_INT(field, name, min, max, def, unit, help) CONF_INDEX_##field,
#define CONF_TEXT(field, name, max_bytes, def, help)     CONF_INDEX_##field,
#define CONF_LIST(field, name, max_items, help)          CONF_INDEX_##field,
#define CONF_BOOL(field, name, def, help)                CONF_INDEX_##field,
#define CONF_WORD(field, name, words, def, help)         CONF_INDEX_##field,
#include "conf/conf.def"
#undef CONF_INT
#undef CONF_TEXT
#undef CONF_LIST
#undef CONF_BOOL
#undef CONF_WORD
	CONF_SETTING_COUNT,
};

enum conf_type {
	CONF_TYPE_INT,
	CONF_TYPE_TEXT,
	CONF_TYPE_LIST,
	CONF_TYPE_BOOL,
	CONF_TYPE_WORD,
};

struct conf_setting {
	const char *name;
	enum conf_type type;
	size_t offset;            /* of the field in struct conf */
	int64_t min;              /* INT */
	int64_t max;              /* INT: largest value; TEXT: bytes; LIST: items */
	int64_t default_number;   /* INT, BOOL */
	const char *default_text; /* TEXT, WORD */
	const char *words;        /* WORD: "a|b|c" */
	const char *unit;         /* INT */
	const char *help;
};

/* In the order of conf.def; CONF_SETTING_COUNT of them. */
extern const struct conf_setting conf_settings[];

/* One source of settings while it is applied. Start it with the origin set and the rest zero. */
struct conf_source {
	enum conf_origin origin;
	unsigned char
	    seen[CONF_SETTING_COUNT]; /* 0: not yet; 1: given; 2: given as an empty list */
};

/**
 * conf_table_find - index of the setting with exactly this name, or CONF_SETTING_COUNT
 */
size_t conf_table_find(const char *name, size_t size);

/**
 * conf_table_suggest - the name among the settings and `more` that is at most two edits away
 * @more: further names, ends with NULL; may be NULL
 * Returns NULL when none is that close. Static storage, or an element of `more`.
 */
const char *conf_table_suggest(const char *name, size_t size, const char *const *more);

/**
 * conf_table_env_name - TASKQD_NAME of a setting's name
 */
void conf_table_env_name(const char *name, char ret_name[CONF_ENV_NAME_SIZE]);

/**
 * conf_quote - a found text for a message: cut, and anything but printable ASCII as '?'
 */
void conf_quote(const char *text, size_t size, char ret_text[CONF_QUOTE_SIZE]);

/**
 * conf_value_apply - check one value and put it into the field
 * @text: in a list one item, from the environment all items separated by commas; empty: no items
 * A list's first value from a source replaces what earlier sources gave, further ones are appended.
 * Another setting may be given again on the command line alone, where the last one counts.
 * Returns OK; INVALID with found and expected, without the place; NOMEM. The conf stays valid.
 */
enum status conf_value_apply(struct conf *conf, struct conf_source *source, size_t index,
    const char *text, size_t size, struct error *error) NODISCARD;

/**
 * conf_value_describe - "1 to 100 attempts", "yes or no", ..: what conf_value_apply expects
 */
void conf_value_describe(const struct conf_setting *setting, char *ret_text, size_t size);

#endif
