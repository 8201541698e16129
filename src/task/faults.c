/* SPDX-License-Identifier: MIT */
/*
 * Gathers the faults of a submission. One thread at a time, caller's memory, no allocation. Names
 * and details come from the client: they are cut, escaped and made valid UTF-8 here.
 */
#include "task/faults.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void
faults_init(struct faults *faults)
{
	faults->count = 0;
	faults->prefix[0] = '\0';
}

void
faults_set_prefix(struct faults *faults, const char *fmt, ...)
{
	va_list ap;
	int length;

	va_start(ap, fmt);
	length = vsnprintf(faults->prefix, sizeof(faults->prefix), fmt, ap);
	va_end(ap);
	assert(length >= 0 && (size_t)length < sizeof(faults->prefix));
	(void)length;
}

/* Adds "/" and the escaped name; never splits an escape or a character. */
static void
pointer_add_member(char *pointer, size_t capacity, const char *member)
{
	size_t used = strlen(pointer);

	if (used + 1 >= capacity)
		return;
	pointer[used++] = '/';
	for (; *member != '\0'; member++) {
		char escaped[3] = { *member, '\0', '\0' };
		size_t size = 1;

		if (*member == '~' || *member == '/') {
			escaped[0] = '~';
			escaped[1] = *member == '~' ? '0' : '1';
			size = 2;
		}
		if (used + size >= capacity)
			break;
		memcpy(pointer + used, escaped, size);
		used += size;
	}
	pointer[used] = '\0';
	utf8_scrub(pointer);
}

void
faults_add(struct faults *faults, const char *base, const char *member, const char *fmt, ...)
{
	struct fault *fault;
	va_list ap;

	if (faults->count++ >= FAULTS_MAX)
		return;
	fault = &faults->list[faults->count - 1];
	snprintf(fault->pointer, sizeof(fault->pointer), "%s%s", faults->prefix, base);
	if (member != NULL)
		pointer_add_member(fault->pointer, sizeof(fault->pointer), member);
	va_start(ap, fmt);
	if (vsnprintf(fault->detail, sizeof(fault->detail), fmt, ap) < 0)
		fault->detail[0] = '\0';
	va_end(ap);
	utf8_scrub(fault->detail);
}
