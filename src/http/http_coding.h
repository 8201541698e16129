/* SPDX-License-Identifier: MIT */
/*
 * Content codings (RFC 9110 section 12.5.3): whether a client takes gzip. Pure, any thread.
 */
#ifndef TASKQ_HTTP_HTTP_CODING_H
#define TASKQ_HTTP_HTTP_CODING_H

#include <stdbool.h>
#include <stddef.h>

/**
 * coding_takes_gzip - whether an answer may come compressed with gzip
 * @values: the values of all Accept-Encoding fields of the request; none: it comes as it is
 * "gzip" and "x-gzip" are the same, "*" stands for it where it is not named, and a quality of 0
 * excludes it. Elements that are not well formed are passed over.
 */
bool coding_takes_gzip(const char *const *values, size_t count);

#endif
