/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 validation as a small automaton (the well-formed byte sequences of the Unicode Standard,
 * table 3-7). One thread at a time per validator; nothing allocates or blocks. Content goes
 * through here once, so runs of ASCII take a fast path of eight bytes a step.
 */
#include "base/utf8.h"

#include <string.h>

#define STATE_INVALID 255

void
utf8_init(struct utf8 *utf8)
{
	*utf8 = (struct utf8){ 0, 0x80, 0xbf };
}

/* The first byte of a character of several: how many follow, and the range of the next. */
static void
begin_character(struct utf8 *utf8, uint8_t byte)
{
	utf8->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
	utf8->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
	if (byte < 0xc2 || byte > 0xf4)
		utf8->state = STATE_INVALID;
	else
		utf8->state = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
}

/* How many of the bytes at `at` are ASCII, counted in eights. */
static size_t
ascii_run(const uint8_t *at, size_t size)
{
	size_t run = 0;

	while (size - run >= 8) {
		uint64_t word;

		memcpy(&word, at + run, sizeof(word));
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			break;
		run += 8;
	}
	return run;
}

bool
utf8_feed(struct utf8 *utf8, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	size_t i = 0;

	while (i < size && utf8->state != STATE_INVALID) {
		uint8_t byte;

		if (utf8->state == 0) {
			i += ascii_run(bytes + i, size - i);
			if (i == size)
				break;
		}
		byte = bytes[i++];
		if (utf8->state == 0) {
			if (byte >= 0x80)
				begin_character(utf8, byte);
		} else if (byte < utf8->low || byte > utf8->high) {
			utf8->state = STATE_INVALID;
		} else {
			utf8->state--;
			utf8->low = 0x80;
			utf8->high = 0xbf;
		}
	}
	return utf8->state != STATE_INVALID;
}

bool
utf8_is_complete(const struct utf8 *utf8)
{
	return utf8->state == 0;
}

bool
utf8_is_valid(const void *data, size_t size)
{
	struct utf8 utf8;

	utf8_init(&utf8);
	return utf8_feed(&utf8, data, size) && utf8_is_complete(&utf8);
}

/* The size of the character at `text`, or 0 when no valid one starts there. */
static size_t
character_size(const char *text)
{
	struct utf8 utf8;

	utf8_init(&utf8);
	for (size_t size = 1; size <= 4 && text[size - 1] != '\0'; size++) {
		if (!utf8_feed(&utf8, text + size - 1, 1))
			return 0;
		if (utf8_is_complete(&utf8))
			return size;
	}
	return 0;
}

/* Whether `text` is the beginning of a character that the end of the text cuts. */
static bool
is_cut_character(const char *text)
{
	struct utf8 utf8;

	utf8_init(&utf8);
	return utf8_feed(&utf8, text, strlen(text)) && !utf8_is_complete(&utf8);
}

void
utf8_scrub(char *text)
{
	while (*text != '\0') {
		size_t size = character_size(text);

		if (size == 0 && is_cut_character(text)) {
			*text = '\0';
			return;
		}
		if (size == 0 || (uint8_t)*text < 0x20 || *text == 0x7f) {
			*text++ = '?';
			continue;
		}
		text += size;
	}
}
