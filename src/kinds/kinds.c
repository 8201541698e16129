/* SPDX-License-Identifier: MIT */
/*
 * The table of kinds, and what every kind's check of arguments needs. Any thread once kinds_setup
 * has run. The only place that names kinds: adding one is an include and a line of the table.
 */
#include "kinds/kind.h"

#include <string.h>

#include "base/compiler.h"
#include "base/scratch.h"
#include "kinds/factorial/factorial_kind.h"
#include "kinds/fetch/fetch_kind.h"

static const struct kind *const table[] = {
	&kind_factorial,
	&kind_fetch,
};

const struct kind *
kinds_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(table[i]->type, type) == 0)
			return table[i];
	}
	return NULL;
}

const struct kind *const *
kinds_table(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(table);
	return table;
}

enum status
kinds_setup(struct error *error)
{
	enum status status = factorial_setup(error);

	/* A small document is two dozen objects for malloc, made and freed at every submission. */
	json_set_alloc_funcs(scratch_malloc, scratch_free);
	return status == STATUS_OK ? fetch_setup(error) : status;
}

enum status
kinds_check_settings(const struct kind_settings *settings, struct error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum status status;

		if (table[i]->check_settings == NULL)
			continue;
		status = table[i]->check_settings(settings, error);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

uint64_t
kinds_memory_bytes(const struct kind_settings *settings)
{
	uint64_t most = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t bytes =
		    table[i]->memory_bytes != NULL ? table[i]->memory_bytes(settings, NULL, 0) : 0;

		most = bytes > most ? bytes : most;
	}
	return most;
}

static bool
is_allowed(const char *name, const char *const *allowed, size_t allowed_count)
{
	for (size_t i = 0; i < allowed_count; i++) {
		if (strcmp(allowed[i], name) == 0)
			return true;
	}
	return false;
}

void
kinds_check_member_names(const json_t *object, const char *base, const char *const *allowed,
    size_t allowed_count, struct faults *faults)
{
	/* jansson's iteration takes the object without const, though it only reads. */
	union {
		const json_t *fixed;
		json_t *loose;
	} members = { .fixed = object };

	for (void *at = json_object_iter(members.loose); at != NULL;
	     at = json_object_iter_next(members.loose, at)) {
		const char *name = json_object_iter_key(at);

		if (!is_allowed(name, allowed, allowed_count))
			faults_add(faults, base, name, "unknown member");
	}
}

const char *
kinds_json_type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number with a fraction or an exponent";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	}
	return "a value of an unknown type";
}
