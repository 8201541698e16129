/* SPDX-License-Identifier: MIT */
/* Cursors; see list_cursor.h. Pure, any thread. */
#include "http/list_cursor.h"

#include <string.h>

/* A later way to order or to find a place would be another version. */
#define VERSION     "v1:"
#define PLAIN_BYTES (sizeof(VERSION) - 1 + UUID_TEXT_LENGTH)

_Static_assert(PLAIN_BYTES % 3 == 0, "no padding");
_Static_assert(PLAIN_BYTES / 3 * 4 == LIST_CURSOR_LENGTH, "the length of a cursor");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
list_cursor_write(const char *id, char ret_text[LIST_CURSOR_SIZE])
{
	unsigned char plain[PLAIN_BYTES];
	char *at = ret_text;

	memcpy(plain, VERSION, sizeof(VERSION) - 1);
	memcpy(plain + sizeof(VERSION) - 1, id, UUID_TEXT_LENGTH);
	for (size_t i = 0; i < PLAIN_BYTES; i += 3) {
		unsigned group =
		    (unsigned)plain[i] << 16 | (unsigned)plain[i + 1] << 8 | plain[i + 2];

		for (unsigned shift = 24; shift > 0; shift -= 6)
			*at++ = alphabet[group >> (shift - 6) & 63];
	}
	*at = '\0';
}

bool
list_cursor_read(const char *text, char ret_id[UUID_TEXT_SIZE])
{
	char plain[PLAIN_BYTES], id[UUID_TEXT_SIZE], again[LIST_CURSOR_SIZE];
	size_t size = 0;

	if (strlen(text) != LIST_CURSOR_LENGTH)
		return false;
	for (size_t i = 0; i < LIST_CURSOR_LENGTH; i += 4) {
		unsigned group = 0;

		for (size_t j = i; j < i + 4; j++) {
			const char *place = strchr(alphabet, text[j]);

			if (place == NULL)
				return false;
			group = group << 6 | (unsigned)(place - alphabet);
		}
		for (unsigned shift = 24; shift > 0; shift -= 8)
			plain[size++] = (char)(group >> (shift - 8) & 0xff);
	}
	if (memcmp(plain, VERSION, sizeof(VERSION) - 1) != 0 ||
	    !uuid_parse(plain + sizeof(VERSION) - 1, UUID_TEXT_LENGTH, id))
		return false;
	/* One text for each id: an id in capitals has another. */
	list_cursor_write(id, again);
	if (strcmp(again, text) != 0)
		return false;
	memcpy(ret_id, id, UUID_TEXT_SIZE);
	return true;
}
