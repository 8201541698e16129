/* SPDX-License-Identifier: MIT */
/*
 * The configuration file's syntax: lines of `name = value`, blank lines, comments from a '#' that
 * starts a line or follows a blank. A value with a '#' or outer blanks is written in double quotes,
 * where \" and \\ stand for the two. Main thread only. It works on text in memory and must not open
 * anything; a line ends with LF or CRLF.
 */
#include <string.h>

#include "conf/conf_table.h"

struct value {
	const char *text;
	size_t size;
	char unquoted[CONF_VALUE_MAX_BYTES];
};

static bool
is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

static size_t
skip_blanks(const char *text, size_t size, size_t at)
{
	while (at < size && is_blank(text[at]))
		at++;
	return at;
}

/* Whether nothing but blanks and a comment that stands apart follows. */
static bool
is_rest_empty(const char *text, size_t size, size_t at)
{
	size_t next = skip_blanks(text, size, at);

	return next == size || (text[next] == '#' && next > at);
}

/* @text starts behind the opening quote. */
static enum status
read_quoted(const char *text, size_t size, struct value *value, struct error *error)
{
	size_t at = 0;
	size_t length = 0;

	while (at < size && text[at] != '"') {
		char byte = text[at++];

		if (byte == '\\') {
			if (at == size || (text[at] != '"' && text[at] != '\\'))
				return error_set(error, STATUS_INVALID,
				    "found a lone backslash in quotes, expected \\\\ or \\\"");
			byte = text[at++];
		}
		if (length == sizeof(value->unquoted))
			return error_set(error, STATUS_INVALID,
			    "found a value over %d bytes, expected a shorter one",
			    CONF_VALUE_MAX_BYTES);
		value->unquoted[length++] = byte;
	}
	if (at == size)
		return error_set(
		    error, STATUS_INVALID, "found no closing quote, expected one on the same line");
	if (!is_rest_empty(text, size, at + 1))
		return error_set(error, STATUS_INVALID,
		    "found text behind the closing quote, expected a comment or nothing");
	value->text = value->unquoted;
	value->size = length;
	return STATUS_OK;
}

static enum status
read_value(const char *text, size_t size, struct value *value, struct error *error)
{
	size_t begin = skip_blanks(text, size, 0);
	size_t end;

	if (begin < size && text[begin] == '"')
		return read_quoted(text + begin + 1, size - begin - 1, value, error);
	for (end = begin; end < size; end++) {
		if (text[end] == '#' && (end == begin || is_blank(text[end - 1])))
			break;
	}
	while (end > begin && is_blank(text[end - 1]))
		end--;
	value->text = text + begin;
	value->size = end - begin;
	return STATUS_OK;
}

static enum status
refuse_name(const char *name, size_t size, struct error *error)
{
	const char *near = conf_table_suggest(name, size, NULL);
	char found[CONF_QUOTE_SIZE];

	conf_quote(name, size, found);
	if (near != NULL)
		return error_set(error, STATUS_INVALID,
		    "found unknown setting '%s', did you mean '%s'?", found, near);
	return error_set(error, STATUS_INVALID,
	    "found unknown setting '%s', expected one that --help lists", found);
}

static enum status
apply_line(struct conf *conf, struct conf_source *source, const char *line, size_t size,
    struct error *error)
{
	size_t begin = skip_blanks(line, size, 0);
	char found[CONF_QUOTE_SIZE];
	struct value value;
	const char *equals;
	size_t name_end;
	size_t index;
	enum status status;

	if (begin == size || line[begin] == '#')
		return STATUS_OK;
	equals = memchr(line + begin, '=', size - begin);
	if (equals == NULL) {
		conf_quote(line + begin, size - begin, found);
		return error_set(error, STATUS_INVALID, "found '%s', expected NAME = VALUE", found);
	}
	name_end = (size_t)(equals - line);
	while (name_end > begin && is_blank(line[name_end - 1]))
		name_end--;
	index = conf_table_find(line + begin, name_end - begin);
	if (index == CONF_SETTING_COUNT)
		return refuse_name(line + begin, name_end - begin, error);
	status = read_value(equals + 1, size - (size_t)(equals - line) - 1, &value, error);
	if (status == STATUS_OK)
		status = conf_value_apply(conf, source, index, value.text, value.size, error);
	if (status != STATUS_OK)
		error_prefix(error, "%s", conf_settings[index].name);
	return status;
}

/* "path:line"; a long path keeps its end, so that the line number is never cut off. */
static void
add_place(struct error *error, const char *path, size_t line_number)
{
	size_t size = strlen(path);
	size_t shown = size < CONF_QUOTE_SIZE ? size : CONF_QUOTE_SIZE - 1;
	char text[CONF_QUOTE_SIZE];

	conf_quote(path + size - shown, shown, text);
	error_prefix(error, "%s%s:%zu", shown < size ? "..." : "", text, line_number);
}

enum status
conf_parse_file(
    struct conf *conf, const char *path, const char *text, size_t size, struct error *error)
{
	struct conf_source source = { .origin = CONF_FROM_FILE };
	size_t line_number = 1;

	if (size > CONF_FILE_MAX_BYTES) {
		enum status status = error_set(error, STATUS_INVALID,
		    "found more than %zu bytes, expected at most that many", CONF_FILE_MAX_BYTES);

		add_place(error, path, 1);
		return status;
	}
	for (size_t at = 0; at < size; line_number++) {
		const char *line = text + at;
		const char *newline = memchr(line, '\n', size - at);
		size_t line_size = newline != NULL ? (size_t)(newline - line) : size - at;
		enum status status;

		at += line_size + 1;
		if (line_size > 0 && line[line_size - 1] == '\r')
			line_size--;
		if (memchr(line, '\0', line_size) != NULL)
			status = error_set(
			    error, STATUS_INVALID, "found a NUL byte, expected a text file");
		else
			status = apply_line(conf, &source, line, line_size, error);
		if (status != STATUS_OK) {
			add_place(error, path, line_number);
			return status;
		}
	}
	return STATUS_OK;
}
