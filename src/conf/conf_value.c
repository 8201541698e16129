/* SPDX-License-Identifier: MIT */
/*
 * One value of one setting, checked against the table and put into its field, and the life of a
 * struct conf. Main thread only. It must not know where a value came from beyond its origin: the
 * sources add the place to the message.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "conf/conf_table.h"

enum {
	SEEN_NOT,
	SEEN_GIVEN,
	SEEN_EMPTIED
};

static void *
field_of(struct conf *conf, const struct conf_setting *setting)
{
	return (char *)conf + setting->offset;
}

static char *
copy_text(const char *text, size_t size)
{
	char *copy = malloc(size + 1);

	if (copy != NULL) {
		memcpy(copy, text, size);
		copy[size] = '\0';
	}
	return copy;
}

/* "a|b|c" as "a, b or c". */
static void
describe_words(const char *words, char *ret_text, size_t size)
{
	size_t at = 0;

	for (; *words != '\0' && at + 5 < size; words++) {
		if (*words != '|') {
			ret_text[at++] = *words;
			continue;
		}
		const char *joint = strchr(words + 1, '|') != NULL ? ", " : " or ";

		memcpy(ret_text + at, joint, strlen(joint));
		at += strlen(joint);
	}
	ret_text[at] = '\0';
}

void
conf_value_describe(const struct conf_setting *setting, char *ret_text, size_t size)
{
	switch (setting->type) {
	case CONF_TYPE_INT:
		snprintf(ret_text, size, "%" PRId64 " to %" PRId64 " %s", setting->min,
		    setting->max, setting->unit);
		break;
	case CONF_TYPE_TEXT:
		snprintf(ret_text, size, "1 to %" PRId64 " bytes without control characters",
		    setting->max);
		break;
	case CONF_TYPE_LIST:
		snprintf(ret_text, size, "at most %" PRId64 " items", setting->max);
		break;
	case CONF_TYPE_BOOL:
		snprintf(ret_text, size, "yes or no");
		break;
	case CONF_TYPE_WORD:
		describe_words(setting->words, ret_text, size);
		break;
	}
}

static enum status
refuse(const struct conf_setting *setting, const char *text, size_t size, struct error *error)
{
	char found[CONF_QUOTE_SIZE];
	char expected[96];

	conf_quote(text, size, found);
	conf_value_describe(setting, expected, sizeof(expected));
	return error_set(error, STATUS_INVALID, "found '%s', expected %s%s", found,
	    setting->type == CONF_TYPE_INT ? "a decimal integer, " : "", expected);
}

static bool
has_control(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte < 0x20 || byte == 0x7f)
			return true;
	}
	return false;
}

static enum status
set_int(int64_t *field, const struct conf_setting *setting, const char *text, size_t size,
    struct error *error)
{
	int64_t value;

	if (num_parse_i64(text, size, &value) != STATUS_OK || value < setting->min ||
	    value > setting->max)
		return refuse(setting, text, size, error);
	*field = value;
	return STATUS_OK;
}

static enum status
set_text(char **field, const char *text, size_t size, struct error *error)
{
	char *copy = copy_text(text, size);

	if (copy == NULL)
		return error_set(error, STATUS_NOMEM, "out of memory");
	free(*field);
	*field = copy;
	return STATUS_OK;
}

static bool
is_one_of(const char *words, const char *text, size_t size)
{
	for (;;) {
		size_t word_size = strcspn(words, "|");

		if (word_size == size && memcmp(words, text, size) == 0)
			return true;
		if (words[word_size] == '\0')
			return false;
		words += word_size + 1;
	}
}

static void
empty_list(struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	list->items = NULL;
	list->count = 0;
}

static enum status
append_item(struct conf_list *list, const struct conf_setting *setting, const char *text,
    size_t size, struct error *error)
{
	char found[CONF_QUOTE_SIZE];
	char **items;
	char *copy;

	if (list->count >= (size_t)setting->max)
		return error_set(error, STATUS_INVALID,
		    "found more than %" PRId64 " items, expected at most that many", setting->max);
	for (size_t i = 0; i < size; i++) {
		if (text[i] != ',' && text[i] != ' ')
			continue;
		conf_quote(text, size, found);
		return error_set(error, STATUS_INVALID,
		    "found '%s', expected one item without blanks and commas", found);
	}
	if (size == 0 || size > CONF_ITEM_MAX_BYTES || has_control(text, size)) {
		conf_quote(text, size, found);
		return error_set(error, STATUS_INVALID,
		    "found item '%s', expected 1 to %d bytes without control characters", found,
		    CONF_ITEM_MAX_BYTES);
	}
	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (items == NULL)
		return error_set(error, STATUS_NOMEM, "out of memory");
	list->items = items;
	copy = copy_text(text, size);
	if (copy == NULL)
		return error_set(error, STATUS_NOMEM, "out of memory");
	list->items[list->count++] = copy;
	return STATUS_OK;
}

static enum status
append_all(struct conf_list *list, const struct conf_setting *setting, const char *text,
    size_t size, struct error *error)
{
	enum status status = STATUS_OK;

	while (status == STATUS_OK) {
		const char *comma = memchr(text, ',', size);
		size_t item_size = comma != NULL ? (size_t)(comma - text) : size;

		status = append_item(list, setting, text, item_size, error);
		if (comma == NULL)
			break;
		text += item_size + 1;
		size -= item_size + 1;
	}
	return status;
}

static enum status
set_list(struct conf_list *list, const struct conf_setting *setting, struct conf_source *source,
    unsigned char *seen, const char *text, size_t size, struct error *error)
{
	if (*seen != SEEN_NOT && source->origin == CONF_FROM_ENVIRONMENT)
		return error_set(error, STATUS_INVALID, "found a second time, expected once");
	if (*seen == SEEN_EMPTIED || (*seen == SEEN_GIVEN && size == 0))
		return error_set(error, STATUS_INVALID,
		    "found an empty value beside another one, which would mean no items");
	if (*seen == SEEN_NOT)
		empty_list(list);
	if (size == 0) {
		*seen = SEEN_EMPTIED;
		return STATUS_OK;
	}
	*seen = SEEN_GIVEN;
	if (source->origin == CONF_FROM_ENVIRONMENT)
		return append_all(list, setting, text, size, error);
	return append_item(list, setting, text, size, error);
}

static enum status
set_value(struct conf *conf, struct conf_source *source, size_t index, const char *text,
    size_t size, struct error *error)
{
	const struct conf_setting *setting = &conf_settings[index];
	void *field = field_of(conf, setting);
	unsigned char *seen = &source->seen[index];

	if (setting->type == CONF_TYPE_LIST)
		return set_list(field, setting, source, seen, text, size, error);
	if (*seen != SEEN_NOT && source->origin != CONF_FROM_COMMAND_LINE)
		return error_set(error, STATUS_INVALID, "found a second time, expected once");
	*seen = SEEN_GIVEN;
	switch (setting->type) {
	case CONF_TYPE_INT:
		return set_int(field, setting, text, size, error);
	case CONF_TYPE_TEXT:
		if (size == 0 || size > (size_t)setting->max || has_control(text, size))
			return refuse(setting, text, size, error);
		return set_text(field, text, size, error);
	case CONF_TYPE_BOOL:
		if (!is_one_of("yes|no", text, size))
			return refuse(setting, text, size, error);
		*(bool *)field = size == 3;
		return STATUS_OK;
	case CONF_TYPE_WORD:
		if (!is_one_of(setting->words, text, size))
			return refuse(setting, text, size, error);
		return set_text(field, text, size, error);
	case CONF_TYPE_LIST:
		break;
	}
	return error_set(error, STATUS_INTERNAL, "setting of no known type");
}

enum status
conf_value_apply(struct conf *conf, struct conf_source *source, size_t index, const char *text,
    size_t size, struct error *error)
{
	enum status status = set_value(conf, source, index, text, size, error);

	if (status == STATUS_OK)
		conf->origins[index] = source->origin;
	return status;
}

enum status
conf_init(struct conf *conf, struct error *error)
{
	struct conf made = { 0 };
	enum status status = STATUS_OK;

	made.origins = calloc(CONF_SETTING_COUNT, sizeof(*made.origins));
	if (made.origins == NULL)
		return error_set(error, STATUS_NOMEM, "out of memory");
	for (size_t i = 0; i < CONF_SETTING_COUNT && status == STATUS_OK; i++) {
		const struct conf_setting *setting = &conf_settings[i];
		void *field = field_of(&made, setting);

		made.origins[i] = CONF_FROM_DEFAULT;
		switch (setting->type) {
		case CONF_TYPE_INT:
			*(int64_t *)field = setting->default_number;
			break;
		case CONF_TYPE_BOOL:
			*(bool *)field = setting->default_number != 0;
			break;
		case CONF_TYPE_TEXT:
		case CONF_TYPE_WORD:
			status = set_text(
			    field, setting->default_text, strlen(setting->default_text), error);
			break;
		case CONF_TYPE_LIST:
			break;
		}
	}
	if (status == STATUS_OK)
		*conf = made;
	else
		conf_done(&made);
	return status;
}

void
conf_done(struct conf *conf)
{
	if (conf == NULL)
		return;
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
		void *field = field_of(conf, &conf_settings[i]);

		switch (conf_settings[i].type) {
		case CONF_TYPE_TEXT:
		case CONF_TYPE_WORD:
			free(*(char **)field);
			break;
		case CONF_TYPE_LIST:
			empty_list(field);
			break;
		case CONF_TYPE_INT:
		case CONF_TYPE_BOOL:
			break;
		}
	}
	free(conf->origins);
	*conf = (struct conf){ 0 };
}
