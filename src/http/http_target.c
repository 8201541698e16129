/* SPDX-License-Identifier: MIT */
/*
 * Takes request targets apart. Pure, any thread. Nothing is normalised beyond percent escapes:
 * whatever would need a guess is refused.
 */
#include "http/http_target.h"

#include <string.h>
#include <strings.h>

/*
 * unreserved, sub-delims, ':' and '@' of RFC 3986 section 3.3, and the printable rest, which must
 * be escaped but often is not. No path of ours has any of the rest, so it leads to 404.
 */
static bool
is_pchar(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("-._~!$&'()*+,;=:@\"<>[\\]^`{|}", c) != NULL;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte of an escape "%XX", or -1. */
static int
escape_value(const char *text)
{
	int high = hex_value(text[1]);
	int low = high < 0 ? -1 : hex_value(text[2]);

	return low < 0 ? -1 : high * 16 + low;
}

static const char *
fault_of_escape(int value)
{
	if (value < 0)
		return "the target has a percent sign without two hexadecimal digits";
	if (value == '/')
		return "the target has an escaped slash";
	if (value < 0x20 || value == 0x7f)
		return "the target has an escaped control character";
	return NULL;
}

static bool
has_dot_segment(const char *path)
{
	while (*path == '/') {
		size_t length = strcspn(++path, "/");

		if ((length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return true;
		path += length;
	}
	return false;
}

static bool
is_end_of_path(char c)
{
	return c == '\0' || c == '?';
}

/* Decodes the path up to '?' or the end. Returns where it ended, or NULL with the fault set. */
static const char *
parse_path(const char *raw, struct target *target)
{
	size_t size = 0;
	bool fits = true;

	for (; !is_end_of_path(*raw); raw++) {
		int value = (unsigned char)*raw;

		if (*raw == '%') {
			value = escape_value(raw);
			target->fault = fault_of_escape(value);
			if (target->fault != NULL)
				return NULL;
			raw += 2;
		} else if (*raw != '/' && !is_pchar((unsigned char)*raw)) {
			target->fault = "the target has a character that no path may have";
			return NULL;
		}
		if (size + 1 < sizeof(target->path))
			target->path[size++] = (char)value;
		else
			fits = false;
	}
	target->path[size] = '\0';
	if (has_dot_segment(target->path)) {
		target->fault = "the target has a dot segment";
		return NULL;
	}
	target->verdict = fits ? TARGET_PATH : TARGET_UNROUTABLE;
	return raw;
}

static void
parse_query(const char *raw, struct target *target)
{
	size_t size = strlen(raw);

	for (const char *at = raw; *at != '\0'; at++) {
		if (*at == '%') {
			int value = escape_value(at);

			if (value <= 0) {
				target->verdict = TARGET_INVALID;
				target->fault = "the query has a malformed escape";
				return;
			}
			at += 2;
		} else if (*at != '/' && *at != '?' && !is_pchar((unsigned char)*at)) {
			target->verdict = TARGET_INVALID;
			target->fault = "the query has a character that no query may have";
			return;
		}
	}
	if (size >= sizeof(target->query)) {
		if (target->verdict == TARGET_PATH)
			target->verdict = TARGET_LONG_QUERY;
		return;
	}
	memcpy(target->query, raw, size + 1);
}

/* "http://authority/path" becomes "/path"; NULL when there is no scheme of ours or no authority. */
static const char *
strip_authority(const char *raw)
{
	size_t authority;

	if (strncasecmp(raw, "http://", 7) == 0)
		raw += 7;
	else if (strncasecmp(raw, "https://", 8) == 0)
		raw += 8;
	else
		return NULL;
	authority = strcspn(raw, "/?");
	return authority == 0 ? NULL : raw + authority;
}

void
target_parse(const char *raw, struct target *ret_target)
{
	struct target *target = ret_target;

	target->verdict = TARGET_INVALID;
	target->fault = NULL;
	target->path[0] = '\0';
	target->query[0] = '\0';
	if (strcmp(raw, "*") == 0) {
		target->verdict = TARGET_ASTERISK;
		return;
	}
	if (raw[0] != '/') {
		raw = strip_authority(raw);
		if (raw == NULL) {
			target->fault = "the target is neither a path nor an http URL";
			return;
		}
	}
	/* The absolute form of the root may lack its slash; any other form has one. */
	if (raw[0] == '/') {
		raw = parse_path(raw, target);
		if (raw == NULL)
			return;
	} else {
		memcpy(target->path, "/", 2);
		target->verdict = TARGET_PATH;
	}
	if (*raw == '?')
		parse_query(raw + 1, target);
}

/* Decodes from `at` to `end` into a text of at most `capacity` bytes with its NUL. */
static void
decode(const char *at, const char *end, char *ret_text, size_t capacity)
{
	size_t size = 0;

	while (at < end && size + 1 < capacity) {
		int value = (unsigned char)*at++;

		/* target_parse has seen to it that every escape is whole. */
		if (value == '%') {
			value = escape_value(at - 1);
			at += 2;
		}
		ret_text[size++] = (char)value;
	}
	ret_text[size] = '\0';
}

bool
query_next(
    struct query_walk *walk, char ret_name[TARGET_NAME_SIZE], char ret_value[TARGET_VALUE_SIZE])
{
	const char *at = walk->at + strspn(walk->at, "&");
	const char *end = at + strcspn(at, "&");
	const char *name_end = at + strcspn(at, "&=");

	walk->at = end;
	if (at == end)
		return false;
	decode(at, name_end, ret_name, TARGET_NAME_SIZE);
	decode(name_end < end ? name_end + 1 : end, end, ret_value, TARGET_VALUE_SIZE);
	return true;
}
