/* SPDX-License-Identifier: MIT */
/*
 * Loads JSON bodies with jansson. Pure, any thread. jansson recurses with the nesting (2,048 levels
 * need 192 KiB of stack) and takes a hundred bytes for a value of two; our threads are small and
 * many, so depth and number are checked first.
 */
#include "http/json_body.h"

#include "base/utf8.h"
#include "http/json_place.h"

#define POINTER_SIZE 128

/* Line and column of an offset, both from 1; the column counts bytes. */
static void
line_and_column(const char *text, size_t position, size_t *ret_line, size_t *ret_column)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < position; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

static enum status
too_deep(const char *text, size_t position, struct faults *faults, struct error *error)
{
	size_t line, column;

	line_and_column(text, position, &line, &column);
	faults_add(faults, "", NULL, "is nested deeper than %d levels at line %zu, column %zu",
	    JSON_BODY_DEPTH_MAX, line, column);
	return error_set(error, STATUS_INVALID,
	    "The body is nested deeper than %d levels at line %zu, column %zu.",
	    JSON_BODY_DEPTH_MAX, line, column);
}

static enum status
not_json(const char *text, size_t size, const json_error_t *found, struct faults *faults,
    struct error *error)
{
	char pointer[POINTER_SIZE];
	size_t position = found->position > 0 ? (size_t)found->position : 0;

	json_place_pointer(text, size, position, pointer, sizeof(pointer));
	utf8_scrub(pointer);
	faults_add(faults, pointer, NULL, "%s", found->text);
	return error_set(error, STATUS_INVALID,
	    "The body is not acceptable JSON at line %d, column %d: %s", found->line, found->column,
	    found->text);
}

enum status
json_body_load(const char *text, size_t size, size_t values_max, json_t **ret_value,
    struct faults *faults, struct error *error)
{
	size_t position = 0;
	json_error_t found;
	json_t *value;

	if (size == 0) {
		faults_add(faults, "", NULL, "is empty; expected an object");
		return error_set(error, STATUS_INVALID, "The body is empty.");
	}
	if (json_place_depth(text, size, JSON_BODY_DEPTH_MAX, &position) > JSON_BODY_DEPTH_MAX)
		return too_deep(text, position, faults, error);
	if (json_place_values(text, size) > values_max) {
		faults_add(faults, "", NULL, "has more than %zu values in all", values_max);
		return error_set(
		    error, STATUS_INVALID, "The body has more than %zu values.", values_max);
	}
	value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &found);
	if (value == NULL && json_error_code(&found) == json_error_out_of_memory)
		return error_set(error, STATUS_NOMEM, "no memory to parse a body");
	if (value == NULL)
		return not_json(text, size, &found, faults, error);
	*ret_value = value;
	return STATUS_OK;
}
