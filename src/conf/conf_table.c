/* SPDX-License-Identifier: MIT */
/*
 * The table of settings as data, its names and the nearest of them to a misspelt one. Pure but for
 * its outputs; any thread, though only the main thread needs it. It must not know what a setting
 * means: that stands in conf.def and in the modules that use it.
 */
#include "conf/conf_table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

#define NAME_MAX_BYTES (NEAREST_NAME_MAX + 1) /* with its NUL: every name may be suggested */

#define CONF_INT(field, name, min, max, def, unit, help)                                      \
	{ name, CONF_TYPE_INT, offsetof(struct conf, field), min, max, def, NULL, NULL, unit, \
		help },
#define CONF_TEXT(field, name, max_bytes, def, help)                                            \
	{ name, CONF_TYPE_TEXT, offsetof(struct conf, field), 1, max_bytes, 0, def, NULL, NULL, \
		help },
#define CONF_LIST(field, name, max_items, help)                                                  \
	{ name, CONF_TYPE_LIST, offsetof(struct conf, field), 0, max_items, 0, NULL, NULL, NULL, \
		help },
#define CONF_BOOL(field, name, def, help) \
	{ name, CONF_TYPE_BOOL, offsetof(struct conf, field), 0, 1, def, NULL, NULL, NULL, help },
#define CONF_WORD(field, name, words, def, help) \
	{ name, CONF_TYPE_WORD, offsetof(struct conf, field), 0, 0, 0, def, words, NULL, help },

const struct conf_setting conf_settings[] = {
#include "conf/conf.def"
};

#undef CONF_INT
#undef CONF_TEXT
#undef CONF_LIST
#undef CONF_BOOL
#undef CONF_WORD

/* What the code below and the sources rely on, checked where the table is compiled. */
#define CONF_INT(field, name, min, max, def, unit, help)                 \
	_Static_assert(sizeof(name) <= NAME_MAX_BYTES, "name too long"); \
	_Static_assert((min) <= (def) && (def) <= (max), "default of " name " out of range");
#define CONF_TEXT(field, name, max_bytes, def, help)                     \
	_Static_assert(sizeof(name) <= NAME_MAX_BYTES, "name too long"); \
	_Static_assert((max_bytes) <= CONF_VALUE_MAX_BYTES, "limit of " name " too large");
#define CONF_LIST(field, name, max_items, help) \
	_Static_assert(sizeof(name) <= NAME_MAX_BYTES, "name too long");
#define CONF_BOOL(field, name, def, help) \
	_Static_assert(sizeof(name) <= NAME_MAX_BYTES, "name too long");
#define CONF_WORD(field, name, words, def, help) \
	_Static_assert(sizeof(name) <= NAME_MAX_BYTES, "name too long");
#include "conf/conf.def"
_Static_assert(
    sizeof(CONF_ENV_PREFIX) + NAME_MAX_BYTES <= CONF_ENV_NAME_SIZE, "environment name too long");

size_t
conf_table_find(const char *name, size_t size)
{
	size_t i;

	for (i = 0; i < CONF_SETTING_COUNT; i++) {
		if (strlen(conf_settings[i].name) == size &&
		    memcmp(conf_settings[i].name, name, size) == 0)
			break;
	}
	return i;
}

const char *
conf_table_suggest(const char *name, size_t size, const char *const *more)
{
	struct nearest nearest;

	nearest_begin(&nearest, name, size);
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++)
		nearest_offer(&nearest, conf_settings[i].name);
	for (size_t i = 0; more != NULL && more[i] != NULL; i++)
		nearest_offer(&nearest, more[i]);
	return nearest.best;
}

void
conf_table_env_name(const char *name, char ret_name[CONF_ENV_NAME_SIZE])
{
	size_t at = sizeof(CONF_ENV_PREFIX) - 1;

	memcpy(ret_name, CONF_ENV_PREFIX, at);
	for (; *name != '\0' && at < CONF_ENV_NAME_SIZE - 1; name++)
		ret_name[at++] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
	ret_name[at] = '\0';
}

void
conf_quote(const char *text, size_t size, char ret_text[CONF_QUOTE_SIZE])
{
	size_t room = CONF_QUOTE_SIZE - 1 - 3; /* three for the dots of a cut text */
	size_t kept = size <= CONF_QUOTE_SIZE - 1 ? size : room;

	for (size_t i = 0; i < kept; i++)
		ret_text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	if (kept < size) {
		memcpy(ret_text + kept, "...", 3);
		kept += 3;
	}
	ret_text[kept] = '\0';
}
