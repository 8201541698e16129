/* SPDX-License-Identifier: MIT */
/*
 * Status words and error texts. Any thread; the error belongs to the caller. Works without memory:
 * nothing here allocates, logs or fails.
 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *
status_name(enum status status)
{
	switch (status) {
	case STATUS_OK:
		return "ok";
	case STATUS_INVALID:
		return "invalid";
	case STATUS_NOT_FOUND:
		return "not_found";
	case STATUS_CONFLICT:
		return "conflict";
	case STATUS_FULL:
		return "full";
	case STATUS_BUSY:
		return "busy";
	case STATUS_TIMEOUT:
		return "timeout";
	case STATUS_CANCELLED:
		return "cancelled";
	case STATUS_NOMEM:
		return "nomem";
	case STATUS_IO:
		return "io";
	case STATUS_UNKNOWN:
		return "unknown";
	case STATUS_CORRUPT:
		return "corrupt";
	case STATUS_INTERNAL:
		return "internal";
	}
	return "?";
}

void
status_ignore(enum status status)
{
	(void)status;
}

enum status
error_set(struct error *error, enum status status, const char *fmt, ...)
{
	/* Through a buffer of our own, because an argument may be the old text of the same error.
	 */
	struct error text;
	va_list ap;

	if (error == NULL)
		return status;
	va_start(ap, fmt);
	if (vsnprintf(text.text, sizeof(text.text), fmt, ap) < 0)
		text.text[0] = '\0';
	va_end(ap);
	for (char *at = text.text; *at != '\0'; at++) {
		if (*at > 0 && *at < ' ')
			*at = ' '; /* a library's words of several lines */
	}
	memcpy(error->text, text.text, strlen(text.text) + 1);
	return status;
}

void
error_prefix(struct error *error, const char *fmt, ...)
{
	char text[sizeof(error->text)];
	size_t used;
	va_list ap;

	if (error == NULL)
		return;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	used = strlen(text);
	for (const char *from = ": "; *from != '\0' && used + 1 < sizeof(text); from++)
		text[used++] = *from;
	for (const char *from = error->text; *from != '\0' && used + 1 < sizeof(text); from++)
		text[used++] = *from;
	text[used] = '\0';
	memcpy(error->text, text, used + 1);
}
