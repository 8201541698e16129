/* SPDX-License-Identifier: MIT */
/*
 * The Prefer field (RFC 7240), as far as we heed it: wait=SECONDS. Pure, any thread.
 */
#ifndef TASKQ_HTTP_HTTP_PREFER_H
#define TASKQ_HTTP_HTTP_PREFER_H

#include <stdbool.h>
#include <stddef.h>

/**
 * prefer_wait - the seconds that a client would wait
 * @values: of all Prefer fields, in order; of several preferences of one name the first counts
 *          (section 2)
 * Returns false where there is none, or it is no number of seconds: preferences that are not
 * understood are ignored (section 2). Numbers too large to hold are UINT_MAX.
 */
bool prefer_wait(const char *const *values, size_t count, unsigned *ret_seconds);

#endif
