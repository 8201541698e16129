/* SPDX-License-Identifier: MIT */
/*
 * Incremental UTF-8 validation (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF), for
 * content that arrives in pieces.
 */
#ifndef TASKQ_BASE_UTF8_H
#define TASKQ_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct utf8 {
	uint8_t state; /* 0: between characters; 255: invalid for good */
	uint8_t low;   /* range of the next continuation byte */
	uint8_t high;
};

void utf8_init(struct utf8 *utf8);

/**
 * utf8_feed - take the next piece; false once the content cannot be UTF-8 any more
 */
bool utf8_feed(struct utf8 *utf8, const void *data, size_t size);

/**
 * utf8_is_complete - whether everything fed so far is valid UTF-8 that ends between characters
 */
bool utf8_is_complete(const struct utf8 *utf8);

/**
 * utf8_is_valid - the whole content at once
 */
bool utf8_is_valid(const void *data, size_t size);

/**
 * utf8_scrub - make a short text valid UTF-8 in place, for people: control characters and bytes
 * that belong to no character become '?', a character cut by the end of the text is dropped
 */
void utf8_scrub(char *text);

#endif
