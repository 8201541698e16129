/* SPDX-License-Identifier: MIT */
/*
 * Accounts for the bytes of a header. Pure, any thread. Addresses are compared as numbers, and
 * memory is read only where the addresses have shown it to be inside the header.
 */
#include "http/http_layout.h"

#include <microhttpd.h>
#include <string.h>

#define BLANKS_MAX     1024 /* before a value */
#define LINE_END_BYTES 2    /* CR LF, both overwritten by NUL */

bool
layout_is_known(void)
{
	return strcmp(MHD_get_version(), "0.9.75") == 0;
}

/* Whether `size` bytes at `text` come next. */
static bool
comes_next(struct layout *layout, const char *text, size_t size)
{
	if ((uintptr_t)text != layout->at)
		layout->is_intact = false;
	layout->at += size;
	return layout->is_intact;
}

void
layout_begin(struct layout *layout, const char *method, const char *target, size_t target_size,
    const char *version)
{
	layout->at = (uintptr_t)method;
	layout->is_intact = true;
	(void)comes_next(layout, method, strlen(method) + 1);
	(void)comes_next(layout, target, target_size + 1);
	(void)comes_next(layout, version, strlen(version) + LINE_END_BYTES);
}

void
layout_field(
    struct layout *layout, const char *name, size_t name_size, const char *value, size_t value_size)
{
	uintptr_t blanks;

	if (name == NULL || value == NULL)
		layout->is_intact = false;
	/* The colon has become a NUL. */
	if (!layout->is_intact || !comes_next(layout, name, name_size + 1))
		return;
	blanks = (uintptr_t)value - layout->at;
	if (blanks > BLANKS_MAX) {
		layout->is_intact = false;
		return;
	}
	for (const char *at = name + name_size + 1; at < value; at++)
		if (*at != ' ' && *at != '\t')
			layout->is_intact = false;
	for (size_t i = 0; i < value_size; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			layout->is_intact = false;
	layout->at += blanks + value_size + LINE_END_BYTES;
}

bool
layout_end(struct layout *layout, const char *method, size_t header_size)
{
	return layout->is_intact && layout->at + LINE_END_BYTES == (uintptr_t)method + header_size;
}
