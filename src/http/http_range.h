/* SPDX-License-Identifier: MIT */
/*
 * Byte ranges and entity tags (RFC 9110 sections 8.8.3, 13 and 14) for the raw result. Pure, any
 * thread. The content under a tag never changes, so all our tags are strong.
 */
#ifndef TASKQ_HTTP_HTTP_RANGE_H
#define TASKQ_HTTP_HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum range_verdict {
	RANGE_WHOLE,         /* no range that we serve: other units, several ranges, malformed */
	RANGE_PART,          /* one satisfiable range */
	RANGE_UNSATISFIABLE, /* one well-formed range outside the content */
};

/**
 * range_parse - judge a Range field against a content of `size` bytes
 * Several ranges get the whole content, as RFC 9110 section 14.2 allows: a multipart answer is more
 * than the raw result needs, and asking for many small ones is an attack.
 * @ret_first, @ret_length: set for PART; first + length is at most size
 */
enum range_verdict range_parse(
    const char *value, uint64_t size, uint64_t *ret_first, uint64_t *ret_length);

/**
 * etag_list_has - whether If-None-Match names a tag, by the weak comparison; "*" names every tag
 * @etag: with its quotes
 */
bool etag_list_has(const char *value, const char *etag);

/**
 * etag_is_kept - the same of all If-None-Match fields: the client has the content already
 */
bool etag_is_kept(const char *const *values, unsigned count, const char *etag);

/**
 * etag_is_wanted - whether If-Match fields name a tag, by the strong comparison, "*" names every
 * one, or there are none
 */
bool etag_is_wanted(const char *const *values, unsigned count, const char *etag);

/**
 * if_range_holds - whether If-Range is our tag, by the strong comparison; a date never is
 */
bool if_range_holds(const char *value, const char *etag);

#endif
