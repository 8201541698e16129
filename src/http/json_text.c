/* SPDX-License-Identifier: MIT */
/*
 * JSON text by hand. Pure, any thread. Bytes that need no escape travel in runs, because that is
 * nearly all of them; only json_text_string and its like touch the buffer.
 */
#include "http/json_text.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"

#define INT64_TEXT_MAX 20

static inline bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

/* How many bytes from the start stand for themselves. */
static size_t
plain_run(const char *text, size_t size)
{
	size_t i = 0;

	while (i < size && is_plain((unsigned char)text[i]))
		i++;
	return i;
}

/* The escape of one byte that is not plain. Returns its length. */
static size_t
escape_byte(unsigned char c, char out[JSON_ESCAPE_MAX])
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[0x20] = {
		['\b'] = 'b',
		['\f'] = 'f',
		['\n'] = 'n',
		['\r'] = 'r',
		['\t'] = 't',
	};
	char letter = c < sizeof(letters) ? letters[c] : (char)c;

	out[0] = '\\';
	if (letter != '\0') {
		out[1] = letter;
		return 2;
	}
	out[1] = 'u';
	out[2] = '0';
	out[3] = '0';
	out[4] = hex[c >> 4];
	out[5] = hex[c & 15];
	return 6;
}

size_t
json_text_escape(const char *text, size_t size, char *out)
{
	size_t written = 0;

	while (size > 0) {
		size_t run = plain_run(text, size);

		memcpy(out + written, text, run);
		written += run;
		text += run;
		size -= run;
		if (size > 0) {
			written += escape_byte((unsigned char)*text, out + written);
			text++;
			size--;
		}
	}
	return written;
}

void
json_text_string(struct buf *buf, const char *text, size_t size)
{
	JSON_LITERAL(buf, "\"");
	while (size > 0 && buf_status(buf) == STATUS_OK) {
		char escape[JSON_ESCAPE_MAX];
		size_t run = plain_run(text, size);

		buf_append(buf, text, run);
		text += run;
		size -= run;
		if (size > 0) {
			buf_append(buf, escape, escape_byte((unsigned char)*text, escape));
			text++;
			size--;
		}
	}
	JSON_LITERAL(buf, "\"");
}

void
json_text_int(struct buf *buf, int64_t value)
{
	char text[INT64_TEXT_MAX];
	size_t at = sizeof(text);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do {
		text[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		text[--at] = '-';
	buf_append(buf, text + at, sizeof(text) - at);
}

void
json_text_thousandths(struct buf *buf, int64_t value)
{
	char decimals[] = { '.', (char)('0' + value / 100 % 10), (char)('0' + value / 10 % 10),
		(char)('0' + value % 10) };
	size_t size = sizeof(decimals);

	assert(value >= 0);
	while (size > 1 && decimals[size - 1] == '0')
		size--;
	json_text_int(buf, value / 1000);
	if (size > 1)
		buf_append(buf, decimals, size);
}

void
json_text_time(struct buf *buf, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_SIZE + 2];

	if (wall_ms == 0) {
		JSON_LITERAL(buf, "null");
		return;
	}
	text[0] = '"';
	clock_format_rfc3339(wall_ms, text + 1);
	text[CLOCK_RFC3339_SIZE] = '"';
	buf_append(buf, text, CLOCK_RFC3339_SIZE + 1);
}
