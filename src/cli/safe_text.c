/* SPDX-License-Identifier: MIT */
/* Text that may stand in a terminal; see safe_text.h. */
#include "cli/safe_text.h"

#include <string.h>
#include <wchar.h>

#include "base/compiler.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Characters that are refused, as ranges of code points. */
static const struct {
	uint32_t first, last;
} refused[] = {
	{ 0x80, 0x9f },       /* C1: a terminal may take U+009B for ESC [ */
	{ 0x61c, 0x61c },     /* marks of direction */
	{ 0x200e, 0x200f },   /* the same */
	{ 0x2028, 0x202e },   /* separators of lines; embeddings and overrides of direction */
	{ 0x2066, 0x2069 },   /* isolates of direction */
	{ 0xfff9, 0xfffb },   /* annotations, which hide text */
	{ 0xe0000, 0xe007f }, /* tags, which are invisible letters */
};

void
safe_text_init(struct safe_text *safe, bool is_utf8, bool keeps_lines)
{
	*safe = (struct safe_text){ .is_utf8 = is_utf8, .keeps_lines = keeps_lines };
	utf8_init(&safe->utf8);
}

static void
put_replacement(const struct safe_text *safe, struct buf *out)
{
	buf_text(out, safe->is_utf8 ? REPLACEMENT : "?");
}

static void
put_control(uint8_t byte, struct buf *out)
{
	char shown[2] = { '^', (char)(byte ^ 0x40) };

	buf_append(out, shown, sizeof(shown));
}

static uint32_t
decode(const uint8_t *bytes, size_t size)
{
	uint32_t point;

	if (size == 1)
		return bytes[0];
	point = bytes[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++)
		point = point << 6 | (bytes[i] & 0x3fu);
	return point;
}

/* A complete character of several bytes. */
static void
put_character(const struct safe_text *safe, struct buf *out)
{
	uint32_t point = decode(safe->pending, safe->pending_size);

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (point >= refused[i].first && point <= refused[i].last) {
			put_replacement(safe, out);
			return;
		}
	}
	if (safe->is_utf8)
		buf_append(out, safe->pending, safe->pending_size);
	else
		put_replacement(safe, out);
}

static void
drop_pending(struct safe_text *safe)
{
	safe->pending_size = 0;
	utf8_init(&safe->utf8);
}

static void
put_ascii(struct safe_text *safe, uint8_t byte, struct buf *out)
{
	if (safe->has_cr && byte != '\n')
		put_control('\r', out);
	safe->has_cr = safe->keeps_lines && byte == '\r';
	if (safe->has_cr)
		return;
	if ((byte >= 0x20 && byte != 0x7f) || (safe->keeps_lines && (byte == '\n' || byte == '\t')))
		buf_append(out, &byte, 1);
	else
		put_control(byte, out);
}

static void
feed_byte(struct safe_text *safe, uint8_t byte, struct buf *out)
{
	if (safe->pending_size == 0 && byte < 0x80) {
		put_ascii(safe, byte, out);
		return;
	}
	if (safe->has_cr) {
		put_control('\r', out);
		safe->has_cr = false;
	}
	if (!utf8_feed(&safe->utf8, &byte, 1)) {
		bool was_pending = safe->pending_size > 0;

		put_replacement(safe, out);
		drop_pending(safe);
		if (was_pending) /* it may begin another one */
			feed_byte(safe, byte, out);
		return;
	}
	safe->pending[safe->pending_size++] = byte;
	if (utf8_is_complete(&safe->utf8)) {
		put_character(safe, out);
		drop_pending(safe);
	}
}

void
safe_text_feed(struct safe_text *safe, const void *data, size_t size, struct buf *out)
{
	const uint8_t *bytes = data;
	size_t i = 0;

	while (i < size && buf_status(out) == STATUS_OK) {
		size_t run = 0;

		if (safe->pending_size == 0 && !safe->has_cr)
			while (i + run < size && bytes[i + run] >= 0x20 && bytes[i + run] < 0x7f)
				run++;
		if (run > 0)
			buf_append(out, bytes + i, run);
		else
			feed_byte(safe, bytes[i], out);
		i += run > 0 ? run : 1;
	}
}

void
safe_text_end(struct safe_text *safe, struct buf *out)
{
	if (safe->has_cr)
		put_control('\r', out);
	if (safe->pending_size > 0)
		put_replacement(safe, out);
	safe->has_cr = false;
	drop_pending(safe);
}

void
safe_text_append(bool is_utf8, const char *text, struct buf *out)
{
	struct safe_text safe;

	safe_text_init(&safe, is_utf8, false);
	safe_text_feed(&safe, text, strlen(text), out);
	safe_text_end(&safe, out);
}

/* The size of the character that begins with this byte; the text is valid. */
static size_t
character_size(uint8_t first)
{
	return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t
safe_text_fit(const char *safe, size_t columns, size_t *ret_columns)
{
	size_t used = 0, at = 0;

	while (safe[at] != '\0') {
		size_t size = character_size((uint8_t)safe[at]);
		int width = wcwidth((wchar_t)decode((const uint8_t *)safe + at, size));

		/* What the locale does not know is shown as something, one column wide. */
		if (width < 0)
			width = 1;
		if (used + (size_t)width > columns)
			break;
		used += (size_t)width;
		at += size;
	}
	*ret_columns = used;
	return at;
}
