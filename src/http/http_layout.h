/* SPDX-License-Identifier: MIT */
/*
 * Accounts for every byte of a request's header. libmicrohttpd 0.9.75 takes a header apart in place
 * and hands out pointers into it, so the places of method, target, version, names and values tell
 * what stood between them. Whatever is not there where RFC 9112 wants it was tolerated in silence:
 * bare line feeds and carriage returns, folded lines, a NUL that cuts a value, and a line without a
 * name, which ends the header early and turns its rest into a second request. Pure, any thread.
 */
#ifndef TASKQ_HTTP_HTTP_LAYOUT_H
#define TASKQ_HTTP_HTTP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct layout {
	uintptr_t at; /* address of the first byte not accounted for */
	bool is_intact;
};

/**
 * layout_is_known - whether the library that is linked has the layout that was measured
 * Later versions refuse these things by themselves.
 */
bool layout_is_known(void);

/**
 * layout_begin - "METHOD target HTTP/x.y" and the end of the line
 * @target: where the raw target was, and its size then
 */
void layout_begin(struct layout *layout, const char *method, const char *target, size_t target_size,
    const char *version);

/**
 * layout_field - "name:", blanks, "value" and the end of the line; in the order of the header
 */
void layout_field(struct layout *layout, const char *name, size_t name_size, const char *value,
    size_t value_size);

/**
 * layout_end - whether the empty line follows, ends the header and nothing was amiss before
 * @header_size: of the whole header from the method on
 */
bool layout_end(struct layout *layout, const char *method, size_t header_size);

#endif
