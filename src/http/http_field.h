/* SPDX-License-Identifier: MIT */
/*
 * The grammar that header fields share (RFC 9110 section 5.6): tokens, white space, list elements,
 * quoted strings. Pure, any thread, no allocation. The fields themselves stand in http_host,
 * http_media_type, http_accept and http_range.
 */
#ifndef TASKQ_HTTP_HTTP_FIELD_H
#define TASKQ_HTTP_HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>

/* Of a weight, in thousandths. */
#define FIELD_QUALITY_MAX 1000

/* A piece of text inside a field value; not NUL-terminated. */
struct span {
	const char *data;
	size_t size;
};

/**
 * field_is_token - whether all bytes are tchar and there is at least one
 */
bool field_is_token(const char *text, size_t size);

/**
 * field_span_is - whether a span is a word, in any case
 */
bool field_span_is(struct span span, const char *word);

/**
 * field_trim - a span without spaces and tabs at its ends
 */
struct span field_trim(struct span span);

/**
 * field_text - a whole value as a trimmed span
 */
struct span field_text(const char *value);

/**
 * field_next - cut off what stands before the next `separator` outside quoted strings
 * @rest: advanced past the separator
 * Empty elements are skipped, as RFC 9110 section 5.6.1.2 asks. Returns false at the end.
 */
bool field_next(struct span *rest, char separator, struct span *ret_element);

/**
 * field_quality - read the value of a weight (RFC 9110 section 12.4.2), in thousandths: "0", "1",
 * up to three decimals; ".5" counts too Returns false when it is not well formed.
 */
bool field_quality(struct span text, unsigned *ret_quality);

#endif
