/* SPDX-License-Identifier: MIT */
/*
 * Walks JSON text. Pure, any thread. The text is hostile: every loop ends with it, and nothing is
 * believed beyond what a bracket, a quote, a comma or a colon says.
 */
#include "http/json_place.h"

#include <stdio.h>
#include <string.h>

#define FRAMES_MAX 64

/* One open array or object. */
struct frame {
	bool is_array;
	bool has_name;
	bool wants_name; /* an object whose next string is a member name */
	size_t index;
	const char *name; /* as it stands in the text, escapes and all */
	size_t name_size;
};

/* The offset of the closing quote of the string that opens at `at`, or size. */
static size_t
string_end(const char *text, size_t size, size_t at)
{
	for (at++; at < size && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < size ? at : size;
}

size_t
json_place_depth(const char *text, size_t size, size_t limit, size_t *ret_position)
{
	size_t depth = 0, deepest = 0;

	for (size_t at = 0; at < size; at++) {
		char c = text[at];

		if (c == '"') {
			at = string_end(text, size, at);
		} else if (c == '[' || c == '{') {
			if (++depth > deepest)
				deepest = depth;
			if (depth > limit) {
				*ret_position = at;
				break;
			}
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return deepest;
}

size_t
json_place_values(const char *text, size_t size)
{
	size_t values = 1;

	for (size_t at = 0; at < size; at++) {
		if (text[at] == '"')
			at = string_end(text, size, at);
		else if (text[at] == ',' || text[at] == '[' || text[at] == '{')
			values++;
	}
	return values;
}

/* Takes one structural character into account. Returns the new depth. */
static size_t
step(struct frame *frames, size_t depth, char c)
{
	struct frame *top = depth > 0 && depth <= FRAMES_MAX ? &frames[depth - 1] : NULL;

	switch (c) {
	case '{':
	case '[':
		if (depth < FRAMES_MAX)
			frames[depth] =
			    (struct frame){ .is_array = c == '[', .wants_name = c == '{' };
		return depth + 1;
	case '}':
	case ']':
		return depth > 0 ? depth - 1 : 0;
	case ',':
		if (top != NULL) {
			top->index++;
			top->wants_name = !top->is_array;
			top->has_name = false;
		}
		return depth;
	default:
		return depth;
	}
}

/* Appends "/name" with the escapes of RFC 6901, whole or not at all. */
static bool
append_segment(char *pointer, size_t capacity, const char *name, size_t size)
{
	size_t start = strlen(pointer);
	size_t used = start;

	if (used + 1 >= capacity)
		return false;
	pointer[used++] = '/';
	for (size_t i = 0; i < size; i++) {
		bool escaped = name[i] == '~' || name[i] == '/';

		if (used + 2 >= capacity) {
			pointer[start] = '\0';
			return false;
		}
		pointer[used++] = escaped ? '~' : name[i];
		if (escaped)
			pointer[used++] = name[i] == '~' ? '0' : '1';
	}
	pointer[used] = '\0';
	return true;
}

static void
write_pointer(const struct frame *frames, size_t depth, char *pointer, size_t capacity)
{
	bool fits = true;

	pointer[0] = '\0';
	for (size_t i = 0; fits && i < depth && i < FRAMES_MAX; i++) {
		char index[24];

		if (frames[i].is_array) {
			int length = snprintf(index, sizeof(index), "%zu", frames[i].index);

			fits = append_segment(pointer, capacity, index, (size_t)length);
		} else if (frames[i].has_name) {
			fits =
			    append_segment(pointer, capacity, frames[i].name, frames[i].name_size);
		}
	}
}

void
json_place_pointer(const char *text, size_t size, size_t position, char *pointer, size_t capacity)
{
	struct frame frames[FRAMES_MAX];
	size_t depth = 0;

	if (position > size)
		position = size;
	for (size_t at = 0; at < position; at++) {
		struct frame *top = depth > 0 && depth <= FRAMES_MAX ? &frames[depth - 1] : NULL;
		size_t end;

		if (text[at] != '"') {
			depth = step(frames, depth, text[at]);
			continue;
		}
		end = string_end(text, size, at);
		if (top != NULL && top->wants_name) {
			top->wants_name = false;
			top->has_name = true;
			top->name = text + at + 1;
			top->name_size = end - at - 1;
		}
		at = end;
	}
	write_pointer(frames, depth, pointer, capacity);
}
