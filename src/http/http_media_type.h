/* SPDX-License-Identifier: MIT */
/*
 * Media types (RFC 9110 section 8.3): whether a body is declared to be JSON, and which of the types
 * that the client accepts ours is. Pure, any thread.
 */
#ifndef TASKQ_HTTP_HTTP_MEDIA_TYPE_H
#define TASKQ_HTTP_HTTP_MEDIA_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http_field.h"

#define ACCEPT_QUALITY_MAX FIELD_QUALITY_MAX

/**
 * media_type_is_json - whether a Content-Type is application/json, alone or with charset=utf-8
 * Any case, quoted or not; every other parameter, and a second charset, is refused.
 */
bool media_type_is_json(const char *value);

/**
 * media_type_is_safe - whether a stored media type may be sent as a Content-Type: type and subtype
 * are tokens, and the rest is printable ASCII
 */
bool media_type_is_safe(const char *value);

/**
 * accept_quality - how much the client wants a media type, in thousandths; 0: not at all
 * @values: the values of all Accept fields of the request
 * @type:   "text/plain"; parameters after ';' are ignored
 * The most specific range decides (RFC 9110 section 12.5.1). Ranges that are not well formed are
 * passed over, `*` counts as the range of everything (old Java clients send it), and where nothing
 * well formed is left, or there is no Accept at all, everything is accepted.
 */
unsigned accept_quality(const char *const *values, size_t count, const char *type);

/**
 * accept_names - whether the client names a media type itself among what it accepts, as browsers do
 * with HTML
 */
bool accept_names(const char *const *values, size_t count, const char *type);

#endif
