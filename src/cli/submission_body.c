/* SPDX-License-Identifier: MIT */
/* The body of a submission; see submission_body.h. Pure, any thread. */
#include "cli/submission_body.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/compiler.h"

#define KEY_MAX_BYTES 128

/* Where a number of the command line goes. */
struct member {
	size_t offset;      /* in struct options */
	const char *object; /* the member that it stands in; NULL: the task itself */
	const char *name;
	const char *option;
	bool is_time;
	bool is_of_fetch;
};

#define OFFSET(field) offsetof(struct options, field)

static const struct member members[] = {
	{ OFFSET(priority), NULL, "priority", "--priority", false, false },
	{ OFFSET(run_at_ms), NULL, "run_at", "--run-at", true, false },
	{ OFFSET(delay_ms), NULL, "delay_ms", "--delay", false, false },
	{ OFFSET(expires_at_ms), NULL, "expires_at", "--expires-at", true, false },
	{ OFFSET(ttl_ms), NULL, "ttl_ms", "--ttl", false, false },
	{ OFFSET(timeout_ms), NULL, "timeout_ms", "--timeout", false, false },
	{ OFFSET(attempts), "retry", "max_attempts", "--attempts", false, false },
	{ OFFSET(backoff_ms), "retry", "backoff_ms", "--backoff", false, false },
	{ OFFSET(max_backoff_ms), "retry", "max_backoff_ms", "--max-backoff", false, false },
	{ OFFSET(max_bytes), "args", "max_bytes", "--max-bytes", false, true },
	{ OFFSET(max_redirects), "args", "max_redirects", "--max-redirects", false, true },
};

static const struct {
	const char *pointer;
	const char *place;
} more_places[] = {
	{ "/args/n", "the number" },
	{ "/args/url", "the URL" },
	{ "/args/headers", "--header" },
};

static const struct {
	const char *word, *type;
} types[] = {
	{ "factorial", "factorial" },
	{ "fetch", "http-fetch" },
	{ "http-fetch", "http-fetch" },
};

const char *
submission_type(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(word, types[i].word) == 0)
			return types[i].type;
	return NULL;
}

/* Whether a pointer is that of a member, "/retry/backoff_ms". */
static bool
is_pointer_of(const char *pointer, const struct member *member)
{
	size_t size = member->object != NULL ? strlen(member->object) : 0;

	if (member->object != NULL) {
		if (*pointer++ != '/' || strncmp(pointer, member->object, size) != 0)
			return false;
		pointer += size;
	}
	return *pointer == '/' && strcmp(pointer + 1, member->name) == 0;
}

const char *
submission_place(const char *pointer)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (is_pointer_of(pointer, &members[i]))
			return members[i].option;
	for (size_t i = 0; i < ARRAY_SIZE(more_places); i++) {
		size_t size = strlen(more_places[i].pointer);

		/* A header of its own is below --header. */
		if (strncmp(pointer, more_places[i].pointer, size) == 0 &&
		    (pointer[size] == '\0' || pointer[size] == '/'))
			return more_places[i].place;
	}
	return pointer;
}

/* Puts one number where it belongs; false without memory. */
static bool
put_member(json_t *task, const struct member *member, int64_t value)
{
	char time[CLOCK_RFC3339_SIZE];
	json_t *object = task;

	if (member->object != NULL) {
		object = json_object_get(task, member->object);
		if (object == NULL) {
			object = json_object();
			if (json_object_set_new(task, member->object, object) != 0)
				return false;
		}
	}
	if (!member->is_time)
		return json_object_set_new(object, member->name, json_integer(value)) == 0;
	clock_format_rfc3339(value, time);
	return json_object_set_new(object, member->name, json_string(time)) == 0;
}

static enum status
put_members(json_t *task, const struct options *options, bool is_fetch, struct error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		int64_t value;

		memcpy(&value, (const char *)options + members[i].offset, sizeof(value));
		if (value == OPTION_UNSET)
			continue;
		if (members[i].is_of_fetch && !is_fetch)
			return error_set(
			    error, STATUS_INVALID, "%s is for a fetch", members[i].option);
		if (!put_member(task, &members[i], value))
			return error_set(error, STATUS_NOMEM, "no memory for the task");
	}
	return STATUS_OK;
}

/* One "NAME: VALUE". The service judges whether it may be sent. */
static enum status
put_header(json_t *headers, const char *header, struct error *error)
{
	size_t name_size = strcspn(header, ":");
	const char *value = header + name_size;
	size_t value_size;
	const char *other;
	json_t *ignored;

	if (name_size == 0 || *value == '\0')
		return error_set(error, STATUS_INVALID,
		    "--header: found '%.60s', expected 'NAME: VALUE'", header);
	value += 1 + strspn(value + 1, " \t");
	value_size = strlen(value);
	while (value_size > 0 && strchr(" \t", value[value_size - 1]) != NULL)
		value_size--;
	json_object_foreach(headers, other,
	    ignored) if (strlen(other) == name_size &&
			 strncasecmp(other, header, name_size) == 0) return error_set(error,
	    STATUS_INVALID, "--header: found %s twice, expected it once", other);
	if (json_object_setn_new(headers, header, name_size, json_stringn(value, value_size)) != 0)
		return error_set(error, STATUS_INVALID,
		    "--header: found '%.60s', expected text in UTF-8", header);
	return STATUS_OK;
}

static enum status
put_headers(json_t *task, const struct options *options, bool is_fetch, struct error *error)
{
	const struct option_list *list = &options->headers;
	json_t *headers;
	enum status status = STATUS_OK;

	if (list->count == 0)
		return STATUS_OK;
	if (!is_fetch)
		return error_set(error, STATUS_INVALID, "--header is for a fetch");
	headers = json_object();
	if (json_object_set_new(json_object_get(task, "args"), "headers", headers) != 0)
		return error_set(error, STATUS_NOMEM, "no memory for the task");
	for (size_t i = 0; i < list->count && status == STATUS_OK; i++)
		status = put_header(headers, list->items[i], error);
	return status;
}

enum status
submission_body(const struct options *options, const char *type, const char *subject,
    char **ret_text, struct error *error)
{
	const char *called = submission_type(type);
	bool is_fetch = called != NULL && strcmp(called, "http-fetch") == 0;
	enum status status;
	json_t *task;

	if (called == NULL)
		return error_set(error, STATUS_INVALID,
		    "there is no type of task '%.60s'; there are factorial and fetch", type);
	task = json_pack("{s:s, s:{s:s}}", "type", called, "args", is_fetch ? "url" : "n", subject);
	if (task == NULL)
		return error_set(
		    error, STATUS_INVALID, "found '%.60s', which is no text in UTF-8", subject);
	status = put_members(task, options, is_fetch, error);
	if (status == STATUS_OK)
		status = put_headers(task, options, is_fetch, error);
	if (status == STATUS_OK) {
		*ret_text = json_dumps(task, JSON_COMPACT);
		if (*ret_text == NULL)
			status = error_set(error, STATUS_NOMEM, "no memory for the task");
	}
	json_decref(task);
	return status;
}

enum status
submission_key(const char *key, char ret_field[SUBMISSION_KEY_SIZE], struct error *error)
{
	size_t size = strlen(key), at = 0;

	if (size == 0 || size > KEY_MAX_BYTES)
		return error_set(error, STATUS_INVALID,
		    "--idempotency-key: found %zu bytes, expected 1 to %d", size, KEY_MAX_BYTES);
	ret_field[at++] = '"';
	for (size_t i = 0; i < size; i++) {
		if (key[i] < ' ' || key[i] > '~')
			return error_set(error, STATUS_INVALID,
			    "--idempotency-key: found a character that is not printable ASCII");
		if (key[i] == '"' || key[i] == '\\')
			ret_field[at++] = '\\';
		ret_field[at++] = key[i];
	}
	ret_field[at++] = '"';
	ret_field[at] = '\0';
	return STATUS_OK;
}
