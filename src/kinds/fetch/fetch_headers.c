/* SPDX-License-Identifier: MIT */
/* Header fields of a submission; see fetch_headers.h. Grammar: RFC 9110, sections 5.1 and 5.5. */
#include "kinds/fetch/fetch_headers.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "kinds/kind.h"

/* Ours, the connection's, or of a request with a body, which this is not. */
static const char *const reserved[] = {
	"Connection",
	"Content-Length",
	"Expect",
	"Host",
	"HTTP2-Settings",
	"Keep-Alive",
	"TE",
	"Trailer",
	"Transfer-Encoding",
	"Upgrade",
};

static bool
is_reserved(const char *name)
{
	if (strncasecmp(name, "Proxy-", strlen("Proxy-")) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (strcasecmp(name, reserved[i]) == 0)
			return true;
	return false;
}

static bool
is_token(const char *name)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	if (*name == '\0')
		return false;
	for (; *name != '\0'; name++) {
		bool is_digit = *name >= '0' && *name <= '9';
		bool is_letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');

		if (!is_digit && !is_letter && strchr(marks, *name) == NULL)
			return false;
	}
	return true;
}

/* An empty value would make libcurl leave a field out that it sends otherwise. */
static const char *
fault_of_value(const char *value, size_t size)
{
	if (size == 0)
		return "is empty";
	if (value[0] == ' ' || value[size - 1] == ' ')
		return "begins or ends with a blank";
	for (size_t i = 0; i < size; i++)
		if (value[i] < 0x20 || value[i] > 0x7e)
			return "has a character that is not printable ASCII";
	return NULL;
}

/* Names are told apart without regard to case, which a JSON object does not do. */
static bool
is_repeated(json_t *headers, const char *name)
{
	const char *other;
	json_t *value;

	json_object_foreach(headers, other, value) if (strcasecmp(name, other) == 0) return strcmp(
	    name, other) != 0;
	return false;
}

static void
check_field(json_t *headers, const char *name, const json_t *value, struct faults *faults)
{
	const char *fault;

	if (!is_token(name))
		fault = "is no name of a header field";
	else if (is_reserved(name))
		fault = "is not for a submission to set";
	else if (is_repeated(headers, name))
		fault = "is there twice, capitals aside";
	else if (!json_is_string(value)) {
		faults_add(faults, "/args/headers", name, "is %s, expected a string",
		    kinds_json_type_name(value));
		return;
	} else
		fault = fault_of_value(json_string_value(value), json_string_length(value));
	if (fault != NULL)
		faults_add(faults, "/args/headers", name, "%s", fault);
}

void
fetch_headers_check(json_t *headers, struct faults *faults)
{
	size_t bytes = 0;
	const char *name;
	json_t *value;

	if (!json_is_object(headers)) {
		faults_add(faults, "/args", "headers", "is %s, expected an object",
		    kinds_json_type_name(headers));
		return;
	}
	if (json_object_size(headers) > FETCH_HEADERS_MAX) {
		faults_add(faults, "/args", "headers", "has %zu members; expected at most %d",
		    json_object_size(headers), FETCH_HEADERS_MAX);
		return;
	}
	json_object_foreach(headers, name, value)
	{
		check_field(headers, name, value, faults);
		bytes += strlen(name) + json_string_length(value);
	}
	if (bytes > FETCH_HEADERS_TOTAL_MAX_BYTES)
		faults_add(faults, "/args", "headers", "come to %zu bytes; expected at most %d",
		    bytes, FETCH_HEADERS_TOTAL_MAX_BYTES);
}

enum status
fetch_headers_list(json_t *headers, struct curl_slist **ret_list)
{
	char line[FETCH_HEADERS_TOTAL_MAX_BYTES + sizeof(": ")];
	struct curl_slist *list = NULL;
	const char *name;
	json_t *value;

	json_object_foreach(headers, name, value)
	{
		struct curl_slist *longer;

		(void)snprintf(line, sizeof(line), "%s: %s", name, json_string_value(value));
		longer = curl_slist_append(list, line);
		if (longer == NULL) {
			curl_slist_free_all(list);
			return STATUS_NOMEM;
		}
		list = longer;
	}
	*ret_list = list;
	return STATUS_OK;
}
