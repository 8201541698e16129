/* SPDX-License-Identifier: MIT */
/* Byte ranges and entity tags. Pure, any thread. What is malformed is ignored, as RFC 9110 asks. */
#include "http/http_range.h"

#include <string.h>
#include <strings.h>

#include "http/http_field.h"

/* Digits as a number; too large ones become UINT64_MAX, which no content reaches. */
static bool
position_parse(struct span text, uint64_t *ret_position)
{
	uint64_t value = 0;

	if (text.size == 0)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';

		if (digit > 9)
			return false;
		if (value > (UINT64_MAX - digit) / 10)
			value = UINT64_MAX;
		else
			value = value * 10 + digit;
	}
	*ret_position = value;
	return true;
}

/* "-N": the last N bytes. */
static enum range_verdict
suffix_range(struct span text, uint64_t size, uint64_t *ret_first, uint64_t *ret_length)
{
	uint64_t count;

	if (!position_parse(text, &count))
		return RANGE_WHOLE;
	if (count == 0 || size == 0)
		return RANGE_UNSATISFIABLE;
	if (count > size)
		count = size;
	*ret_first = size - count;
	*ret_length = count;
	return RANGE_PART;
}

enum range_verdict
range_parse(const char *value, uint64_t size, uint64_t *ret_first, uint64_t *ret_length)
{
	struct span text = field_text(value);
	struct span first_text, last_text;
	uint64_t first, last = UINT64_MAX;
	const char *dash;

	if (text.size < 6 || strncasecmp(text.data, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	text = field_trim((struct span){ text.data + 6, text.size - 6 });
	dash = memchr(text.data, '-', text.size);
	if (dash == NULL)
		return RANGE_WHOLE;
	first_text = (struct span){ text.data, (size_t)(dash - text.data) };
	last_text = (struct span){ dash + 1, text.size - first_text.size - 1 };
	if (first_text.size == 0)
		return suffix_range(last_text, size, ret_first, ret_length);
	if (!position_parse(first_text, &first) ||
	    (last_text.size > 0 && !position_parse(last_text, &last)) || last < first)
		return RANGE_WHOLE;
	if (first >= size)
		return RANGE_UNSATISFIABLE;
	if (last >= size)
		last = size - 1;
	*ret_first = first;
	*ret_length = last - first + 1;
	return RANGE_PART;
}

static bool
span_equals(struct span span, const char *text)
{
	return span.size == strlen(text) && memcmp(span.data, text, span.size) == 0;
}

bool
etag_list_has(const char *value, const char *etag)
{
	struct span rest = field_text(value);
	struct span element;

	if (span_equals(rest, "*"))
		return true;
	while (field_next(&rest, ',', &element)) {
		if (element.size > 2 && memcmp(element.data, "W/", 2) == 0) {
			element.data += 2;
			element.size -= 2;
		}
		if (span_equals(element, etag))
			return true;
	}
	return false;
}

bool
etag_is_kept(const char *const *values, unsigned count, const char *etag)
{
	for (unsigned i = 0; i < count; i++)
		if (etag_list_has(values[i], etag))
			return true;
	return false;
}

bool
etag_is_wanted(const char *const *values, unsigned count, const char *etag)
{
	for (unsigned i = 0; i < count; i++) {
		struct span rest = field_text(values[i]);
		struct span element;

		if (span_equals(rest, "*"))
			return true;
		while (field_next(&rest, ',', &element))
			if (span_equals(element, etag))
				return true;
	}
	return count == 0;
}

bool
if_range_holds(const char *value, const char *etag)
{
	return span_equals(field_text(value), etag);
}
