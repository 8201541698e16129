/* SPDX-License-Identifier: MIT */
/* Reads the query of a list; see list_query.h. Pure, any thread. Knows no kind by name. */
#include "http/list_query.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/utf8.h"
#include "http/http_target.h"
#include "http/list_cursor.h"

/* Of a URL prefix whose every byte is escaped, with room. */
#define ARGS_PREFIX_MAX ((size_t)8 * LIST_URL_PREFIX_MAX)

/* Each reads one value. Returns OK; NOMEM; INVALID, with what is expected in the error. */

static enum status
read_status_words(struct list_query *query, const char *value, struct error *error)
{
	bool has_more = true;

	while (has_more) {
		size_t length = strcspn(value, ",");
		enum task_state state = TASK_QUEUED;
		char word[16];

		has_more = value[length] == ',';
		if (length < sizeof(word)) {
			memcpy(word, value, length);
			word[length] = '\0';
		}
		if (length >= sizeof(word) || !task_state_parse(word, &state))
			return error_set(error, STATUS_INVALID,
			    "takes words of QUEUED, RUNNING, SUCCEEDED, FAILED and REJECTED, with "
			    "commas between them");
		query->store.states |= 1u << state;
		value += length + has_more;
	}
	return STATUS_OK;
}

static enum status
read_type(struct list_query *query, const char *value, struct error *error)
{
	const struct kind *kind = kinds_find(value);

	if (kind == NULL)
		return error_set(error, STATUS_INVALID, "takes the word of a known type");
	query->store.type = kind->type;
	return STATUS_OK;
}

static enum status
read_time(const char *value, int64_t *ret_ms, struct error *error)
{
	if (clock_parse_rfc3339(value, strlen(value), ret_ms) != STATUS_OK)
		return error_set(
		    error, STATUS_INVALID, "takes a time of RFC 3339, like 2026-01-02T03:04:05Z");
	return STATUS_OK;
}

static enum status
read_created_after(struct list_query *query, const char *value, struct error *error)
{
	return read_time(value, &query->store.created_from_ms, error);
}

static enum status
read_created_before(struct list_query *query, const char *value, struct error *error)
{
	return read_time(value, &query->store.created_before_ms, error);
}

static const struct kind *
kind_with_url(void)
{
	size_t count;
	const struct kind *const *kinds = kinds_table(&count);

	for (size_t i = 0; i < count; i++) {
		if (kinds[i]->args_prefix_of_url != NULL)
			return kinds[i];
	}
	return NULL;
}

static enum status
read_url_prefix(struct list_query *query, const char *value, struct error *error)
{
	const struct kind *kind = kind_with_url();
	size_t size = strlen(value);

	if (kind == NULL || size == 0 || size > LIST_URL_PREFIX_MAX || !utf8_is_valid(value, size))
		return error_set(error, STATUS_INVALID,
		    "takes the beginning of a URL, 1 to %d bytes of UTF-8", LIST_URL_PREFIX_MAX);
	query->url_kind = kind;
	kind->args_prefix_of_url(value, &query->args_prefix);
	query->store.args_prefix = query->args_prefix.data;
	query->store.args_prefix_size = query->args_prefix.size;
	return buf_status(&query->args_prefix);
}

static enum status
read_limit(struct list_query *query, const char *value, struct error *error)
{
	uint64_t limit = 0;

	if (num_parse_u64(value, strlen(value), &limit) != STATUS_OK || limit < 1 ||
	    limit > LIST_LIMIT_MAX)
		return error_set(
		    error, STATUS_INVALID, "takes a whole number, 1 to %d", LIST_LIMIT_MAX);
	query->store.tasks_max = (size_t)limit;
	return STATUS_OK;
}

static enum status
read_cursor(struct list_query *query, const char *value, struct error *error)
{
	if (!list_cursor_read(value, query->before_id))
		return error_set(
		    error, STATUS_INVALID, "takes the next_cursor of a page, as it was given");
	query->store.before_id = query->before_id;
	return STATUS_OK;
}

static const struct parameter {
	const char *name;
	enum status (*read)(struct list_query *query, const char *value, struct error *error);
} parameters[] = {
	{ "status", read_status_words },
	{ "type", read_type },
	{ "created_after", read_created_after },
	{ "created_before", read_created_before },
	{ "url_prefix", read_url_prefix },
	{ "limit", read_limit },
	{ "cursor", read_cursor },
};

/* The index of a parameter, or the number of them. */
static size_t
find(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(parameters) && strcmp(parameters[i].name, name) != 0)
		i++;
	return i;
}

/* What no parameter tells alone: a prefix of URLs is about the tasks that have them. */
static enum status
join(struct list_query *query, struct error *error)
{
	const struct kind *kind = query->url_kind;

	if (kind == NULL)
		return STATUS_OK;
	if (query->store.type != NULL && strcmp(query->store.type, kind->type) != 0)
		return error_set(error, STATUS_INVALID,
		    "The query parameter \"url_prefix\" goes with the type %s alone.", kind->type);
	query->store.type = kind->type;
	return STATUS_OK;
}

/* Reads the parameter of one name, not seen before. */
static enum status
read_one(struct list_query *query, const char *name, const char *value, unsigned *seen,
    enum problem *ret_problem, struct error *error)
{
	size_t index = find(name);
	struct error expected;
	enum status status;

	if (index == ARRAY_SIZE(parameters)) {
		*ret_problem = PROBLEM_UNKNOWN_PARAMETER;
		return error_set(
		    error, STATUS_INVALID, "The query parameter \"%s\" is not known here.", name);
	}
	if ((*seen & 1u << index) != 0)
		return error_set(
		    error, STATUS_INVALID, "The query parameter \"%s\" may be given once.", name);
	*seen |= 1u << index;
	status = parameters[index].read(query, value, &expected);
	if (status == STATUS_INVALID)
		return error_set(
		    error, status, "The query parameter \"%s\" %s.", name, expected.text);
	return status == STATUS_OK ? status : error_set(error, status, "no memory for a query");
}

enum status
list_query_read(
    const char *query, struct list_query *ret_query, enum problem *ret_problem, struct error *error)
{
	struct query_walk walk = { query };
	char name[TARGET_NAME_SIZE], value[TARGET_VALUE_SIZE];
	enum status status = STATUS_OK;
	unsigned seen = 0;

	*ret_query = (struct list_query){
		.store = { .created_before_ms = INT64_MAX,
		    .tasks_max = LIST_LIMIT_DEFAULT,
		    .looks_max = LIST_LOOKS_MAX },
	};
	buf_init(&ret_query->args_prefix, ARGS_PREFIX_MAX);
	*ret_problem = PROBLEM_INVALID_PARAMETER;
	while (status == STATUS_OK && query_next(&walk, name, value))
		status = read_one(ret_query, name, value, &seen, ret_problem, error);
	return status == STATUS_OK ? join(ret_query, error) : status;
}

void
list_query_done(struct list_query *query)
{
	buf_done(&query->args_prefix);
}
