/* SPDX-License-Identifier: MIT */
/*
 * The parser of the command line; see options.h. Main thread. It knows no option by name: all of
 * that stands in options.def.
 */
#include "cli/options.h"

#include <assert.h>
#include <string.h>

#include "base/compiler.h"
#include "base/nearest.h"
#include "cli/option_value.h"

/* Groups as options.def writes them, which is without the prefix of the enum. */
enum {
	COMMON = OPTION_COMMON,
	WAIT = OPTION_WAIT,
	WAITING = OPTION_WAITING,
	CONTENT = OPTION_CONTENT,
	TERMS = OPTION_TERMS,
	KEY = OPTION_KEY,
	LISTING = OPTION_LISTING,
	WATCHING = OPTION_WATCHING,
	BATCH = OPTION_BATCH,
};

const struct option option_table[] = {
#define OPTION(field, type, groups, letter, name, value, help) \
	{ name, letter, OPTION_TYPE_##type, groups, offsetof(struct options, field), value, help },
#include "cli/options.def"
#undef OPTION
};

const size_t option_count = ARRAY_SIZE(option_table);

/* A command line as it is walked. */
struct walk {
	const char *const *words;
	size_t count;
	size_t at;
	const char *letters; /* the rest of a word of short options; NULL outside of one */
};

/* One option as it was found. */
struct found {
	const struct option *option;
	const char *value; /* NULL for a FLAG */
	char shown[64];    /* how it was written, for messages */
};

void
options_init(struct options *options)
{
	*options = (struct options){ .arguments = NULL };
	for (size_t i = 0; i < option_count; i++) {
		void *field = (char *)options + option_table[i].offset;

		switch (option_table[i].type) {
		case OPTION_TYPE_NUMBER:
		case OPTION_TYPE_DURATION:
		case OPTION_TYPE_SIZE:
		case OPTION_TYPE_AHEAD:
		case OPTION_TYPE_BACK:
			*(int64_t *)field = OPTION_UNSET;
			break;
		case OPTION_TYPE_FLAG:
		case OPTION_TYPE_TEXT:
		case OPTION_TYPE_LIST:
			break;
		}
	}
}

static const struct option *
find_name(const char *name, size_t size)
{
	for (size_t i = 0; i < option_count; i++)
		if (strlen(option_table[i].name) == size &&
		    memcmp(option_table[i].name, name, size) == 0)
			return &option_table[i];
	return NULL;
}

static const struct option *
find_letter(char letter)
{
	for (size_t i = 0; i < option_count; i++)
		if (letter != '\0' && option_table[i].letter == letter)
			return &option_table[i];
	return NULL;
}

static enum status
refuse_unknown(const char *name, size_t size, unsigned groups, struct error *error)
{
	struct nearest nearest;

	nearest_begin(&nearest, name, size);
	for (size_t i = 0; i < option_count; i++)
		if ((option_table[i].groups & groups) != 0)
			nearest_offer(&nearest, option_table[i].name);
	if (nearest.best != NULL)
		return error_set(error, STATUS_INVALID,
		    "there is no option '--%.*s'; did you mean '--%s'?", (int)size, name,
		    nearest.best);
	return error_set(error, STATUS_INVALID, "there is no option '--%.*s'", (int)size, name);
}

/* The value of an option, from what stands behind it in its own word or from the next one. */
static enum status
take_value(struct walk *walk, const char *attached, struct found *found, struct error *error)
{
	if (found->option->type == OPTION_TYPE_FLAG) {
		if (attached != NULL)
			return error_set(error, STATUS_INVALID, "%s: found a value, expected none",
			    found->shown);
		return STATUS_OK;
	}
	if (attached != NULL) {
		found->value = attached;
		return STATUS_OK;
	}
	if (walk->at == walk->count)
		return error_set(error, STATUS_INVALID, "%s: found nothing behind it, expected %s",
		    found->shown, found->option->value);
	if (strncmp(walk->words[walk->at], "--", 2) == 0)
		return error_set(error, STATUS_INVALID,
		    "%s: found '%.60s', expected %s (write %s=VALUE for one that begins with --)",
		    found->shown, walk->words[walk->at], found->option->value, found->shown);
	found->value = walk->words[walk->at++];
	return STATUS_OK;
}

static void
show(struct found *found, const char *prefix, const char *name, size_t size)
{
	size_t prefix_size = strlen(prefix);

	if (size > sizeof(found->shown) - prefix_size - 1)
		size = sizeof(found->shown) - prefix_size - 1;
	memcpy(found->shown, prefix, prefix_size);
	memcpy(found->shown + prefix_size, name, size);
	found->shown[prefix_size + size] = '\0';
}

/* The next of the letters in a word such as -jo FILE. */
static enum status
next_letter(struct walk *walk, struct found *ret_found, struct error *error)
{
	const char *letter = walk->letters;
	const char *attached = NULL;

	walk->letters = letter[1] != '\0' ? letter + 1 : NULL;
	show(ret_found, "-", letter, 1);
	ret_found->option = find_letter(*letter);
	if (ret_found->option == NULL)
		return error_set(error, STATUS_INVALID, "there is no option '-%c'", *letter);
	if (ret_found->option->type != OPTION_TYPE_FLAG) {
		attached = walk->letters;
		walk->letters = NULL;
	}
	return take_value(walk, attached, ret_found, error);
}

/* The option that a word begins. */
static enum status
next_option(struct walk *walk, const char *word, unsigned groups, struct found *ret_found,
    struct error *error)
{
	*ret_found = (struct found){ .option = NULL };
	if (walk->letters != NULL)
		return next_letter(walk, ret_found, error);
	assert(word != NULL);
	if (word[1] != '-') {
		walk->letters = word + 1;
		return next_letter(walk, ret_found, error);
	}
	const char *name = word + 2;
	size_t size = strcspn(name, "=");

	show(ret_found, "--", name, size);
	ret_found->option = find_name(name, size);
	if (ret_found->option == NULL)
		return refuse_unknown(name, size, groups, error);
	return take_value(walk, name[size] == '=' ? name + size + 1 : NULL, ret_found, error);
}

static bool
is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

static enum status
add_to_list(struct option_list *list, const char *value, struct error *error)
{
	if (list->count == OPTION_LIST_MAX)
		return error_set(error, STATUS_INVALID, "found more than %d of them, expected less",
		    OPTION_LIST_MAX);
	list->items[list->count++] = value;
	return STATUS_OK;
}

/* The value into its field. A later one replaces an earlier one, except in a list. */
static enum status
apply(struct options *options, const struct found *found, int64_t now_wall_ms, struct error *error)
{
	void *field = (char *)options + found->option->offset;
	const char *value = found->value;

	switch (found->option->type) {
	case OPTION_TYPE_FLAG:
		*(bool *)field = true;
		return STATUS_OK;
	case OPTION_TYPE_TEXT:
		*(const char **)field = value;
		return STATUS_OK;
	case OPTION_TYPE_LIST:
		return add_to_list(field, value, error);
	case OPTION_TYPE_NUMBER:
		return option_value_number(value, field, error);
	case OPTION_TYPE_DURATION:
		return option_value_duration(value, field, error);
	case OPTION_TYPE_SIZE:
		return option_value_size(value, field, error);
	case OPTION_TYPE_AHEAD:
		return option_value_time(value, TIME_AHEAD, now_wall_ms, field, error);
	case OPTION_TYPE_BACK:
		return option_value_time(value, TIME_BACK, now_wall_ms, field, error);
	}
	return STATUS_INTERNAL;
}

enum status
options_parse(struct options *options, unsigned groups, const char **words, size_t count,
    int64_t now_wall_ms, struct error *error)
{
	struct walk walk = { .words = words, .count = count };
	bool is_open = true; /* no -- so far */
	size_t kept = 0;

	options->arguments = words;
	while (walk.letters != NULL || walk.at < walk.count) {
		const char *word = walk.letters != NULL ? NULL : words[walk.at++];
		struct found found;
		enum status status;

		if (word != NULL && (!is_open || !is_option(word))) {
			words[kept++] = word;
			continue;
		}
		if (word != NULL && strcmp(word, "--") == 0) {
			is_open = false;
			continue;
		}
		status = next_option(&walk, word, groups, &found, error);
		if (status != STATUS_OK)
			return status;
		if ((found.option->groups & groups) == 0)
			return error_set(
			    error, STATUS_INVALID, "%s means nothing here", found.shown);
		status = apply(options, &found, now_wall_ms, error);
		if (status != STATUS_OK) {
			error_prefix(error, "%s", found.shown);
			return status;
		}
	}
	options->argument_count = kept;
	return STATUS_OK;
}

size_t
options_skip(const char *const *words, size_t count)
{
	struct walk walk = { .words = words, .count = count };
	struct found found;

	while (walk.letters != NULL || (walk.at < walk.count && is_option(words[walk.at]))) {
		const char *word = walk.letters != NULL ? NULL : words[walk.at++];

		/* What is wrong there is found again, and told, by options_parse. */
		if (next_option(&walk, word, 0, &found, NULL) != STATUS_OK)
			return count;
	}
	return walk.at;
}
