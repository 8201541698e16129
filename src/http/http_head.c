/* SPDX-License-Identifier: MIT */
/* Reduces a request's header to the fields that we act on. Pure; the connection's own thread. */
#include "http/http_head.h"

#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "http/http_field.h"

enum method
method_parse(const char *word)
{
	static const struct {
		const char *word;
		enum method method;
	} methods[] = {
		{ "GET", METHOD_GET },
		{ "POST", METHOD_POST },
		{ "HEAD", METHOD_HEAD },
		{ "OPTIONS", METHOD_OPTIONS },
		{ "PUT", METHOD_OTHER },
		{ "DELETE", METHOD_DELETE },
		{ "PATCH", METHOD_OTHER },
		{ "TRACE", METHOD_OTHER },
		{ "CONNECT", METHOD_OTHER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(word, methods[i].word) == 0)
			return methods[i].method;
	return METHOD_UNKNOWN;
}

static bool
name_is(const char *name, size_t size, const char *wanted)
{
	return size == strlen(wanted) && strncasecmp(name, wanted, size) == 0;
}

/* A field that may stand once. Two of them are as one without a value, which is none that anything
   takes: whichever was meant, the other must not stand for it. */
static void
take_once(const char **field, const char *value)
{
	*field = *field == NULL ? value : "";
}

/* The fields that frame the request; where one stands twice, that alone is a fault. */
static bool
head_add_framing(struct request_head *head, const char *name, size_t size, const char *value)
{
	if (name_is(name, size, "Host")) {
		head->host = value;
		head->host_count++;
	} else if (name_is(name, size, "Content-Length")) {
		head->content_length = value;
		head->content_length_count++;
	} else if (name_is(name, size, "Transfer-Encoding")) {
		head->transfer_encoding = value;
		head->transfer_encoding_count++;
	} else if (name_is(name, size, "Content-Type")) {
		head->content_type = value;
		head->content_type_count++;
	} else if (name_is(name, size, "Content-Encoding")) {
		take_once(&head->content_encoding, value);
	} else {
		return false;
	}
	return true;
}

void
head_add(struct request_head *head, const char *name, size_t name_size, const char *value)
{
	if (value == NULL)
		value = "";
	if (!field_is_token(name, name_size)) {
		head->has_bad_name = true;
	} else if (head_add_framing(head, name, name_size, value)) {
		return;
	} else if (name_is(name, name_size, "Accept")) {
		if (head->accept_count < REQUEST_ACCEPT_MAX)
			head->accept[head->accept_count] = value;
		head->accept_count++;
	} else if (name_is(name, name_size, "Prefer")) {
		if (head->prefer_count < REQUEST_PREFER_MAX)
			head->prefer[head->prefer_count++] = value;
	} else if (name_is(name, name_size, "Accept-Encoding")) {
		if (head->accept_encoding_count < REQUEST_CODINGS_MAX)
			head->accept_encoding[head->accept_encoding_count++] = value;
	} else if (name_is(name, name_size, "Expect")) {
		take_once(&head->expect, value);
	} else if (name_is(name, name_size, "X-Request-Id")) {
		take_once(&head->request_id, value);
	} else if (name_is(name, name_size, "Range")) {
		take_once(&head->range, value);
	} else if (name_is(name, name_size, "If-Range")) {
		take_once(&head->if_range, value);
	} else if (name_is(name, name_size, "Idempotency-Key")) {
		head->idempotency_key = value;
		head->idempotency_key_count++;
	} else if (name_is(name, name_size, "Last-Event-ID")) {
		head->last_event_id = value;
		head->last_event_id_count++;
	} else if (name_is(name, name_size, "If-Match")) {
		if (head->if_match_count < ARRAY_SIZE(head->if_match))
			head->if_match[head->if_match_count++] = value;
	} else if (name_is(name, name_size, "If-None-Match")) {
		if (head->if_none_match_count < ARRAY_SIZE(head->if_none_match))
			head->if_none_match[head->if_none_match_count++] = value;
	}
}
