/* SPDX-License-Identifier: MIT */
/* The shared grammar of header fields. Pure, any thread. Every loop ends with its input. */
#include "http/http_field.h"

#include <string.h>
#include <strings.h>

static bool
is_tchar(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool
field_is_token(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!is_tchar((unsigned char)text[i]))
			return false;
	return size > 0;
}

bool
field_span_is(struct span span, const char *word)
{
	return span.size == strlen(word) && strncasecmp(span.data, word, span.size) == 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct span
field_trim(struct span span)
{
	while (span.size > 0 && is_blank(span.data[0])) {
		span.data++;
		span.size--;
	}
	while (span.size > 0 && is_blank(span.data[span.size - 1]))
		span.size--;
	return span;
}

struct span
field_text(const char *value)
{
	return field_trim((struct span){ value, strlen(value) });
}

/* The length up to the separator or the end, quoted strings taken whole. */
static size_t
element_length(struct span rest, char separator)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < rest.size; i++) {
		char c = rest.data[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == separator && !quoted)
			break;
	}
	return i < rest.size ? i : rest.size;
}

bool
field_next(struct span *rest, char separator, struct span *ret_element)
{
	while (rest->size > 0) {
		size_t length = element_length(*rest, separator);
		size_t used = length < rest->size ? length + 1 : length;
		struct span element = field_trim((struct span){ rest->data, length });

		rest->data += used;
		rest->size -= used;
		if (element.size > 0) {
			*ret_element = element;
			return true;
		}
	}
	return false;
}

bool
field_quality(struct span text, unsigned *ret_quality)
{
	unsigned quality = 0;
	unsigned unit = FIELD_QUALITY_MAX;
	size_t at = 0;

	if (at < text.size && (text.data[at] == '0' || text.data[at] == '1'))
		quality = (unsigned)(text.data[at++] - '0') * unit;
	if (at < text.size && text.data[at] == '.') {
		for (at++; at < text.size && unit > 1; at++) {
			if (text.data[at] < '0' || text.data[at] > '9')
				return false;
			unit /= 10;
			quality += (unsigned)(text.data[at] - '0') * unit;
		}
	}
	if (text.size == 0 || at != text.size || quality > FIELD_QUALITY_MAX)
		return false;
	*ret_quality = quality;
	return true;
}
