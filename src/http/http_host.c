/* SPDX-License-Identifier: MIT */
/* Judges the Host field. Pure, any thread. */
#include "http/http_host.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/num.h"
#include "http/http_field.h"

static bool
is_address(int family, struct span span)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];

	if (span.size >= sizeof(text))
		return false;
	memcpy(text, span.data, span.size);
	text[span.size] = '\0';
	return inet_pton(family, text, address) == 1;
}

/* ":" and a number up to 65535; nothing at all; or the bare colon that RFC 3986 allows. */
static bool
is_port(struct span span)
{
	uint64_t port;

	if (span.size == 0)
		return true;
	if (span.data[0] != ':' || span.size > 6)
		return false;
	return span.size == 1 ||
	       (num_parse_u64(span.data + 1, span.size - 1, &port) == STATUS_OK && port <= 65535);
}

/* Letters, digits and what host names have in practice; escapes and the like are nobody's. */
static bool
is_name(struct span span)
{
	for (size_t i = 0; i < span.size; i++) {
		char c = span.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '.' || c == '_'))
			return false;
	}
	return span.size > 0;
}

static enum host_verdict
check_bracketed(struct span text)
{
	const char *end = memchr(text.data, ']', text.size);
	size_t length;

	if (end == NULL)
		return HOST_INVALID;
	length = (size_t)(end - text.data);
	if (!is_address(AF_INET6, (struct span){ text.data + 1, length - 1 }) ||
	    !is_port((struct span){ end + 1, text.size - length - 1 }))
		return HOST_INVALID;
	return HOST_OURS;
}

enum host_verdict
host_check(const char *value, const char *const *names, size_t name_count)
{
	struct span text = field_text(value);
	struct span name = { text.data, 0 };

	if (text.size > 0 && text.data[0] == '[')
		return check_bracketed(text);
	while (name.size < text.size && text.data[name.size] != ':')
		name.size++;
	if (!is_name(name) ||
	    !is_port((struct span){ text.data + name.size, text.size - name.size }))
		return HOST_INVALID;
	if (field_span_is(name, "localhost") || is_address(AF_INET, name))
		return HOST_OURS;
	for (size_t i = 0; i < name_count; i++)
		if (field_span_is(name, names[i]))
			return HOST_OURS;
	return HOST_FOREIGN;
}
