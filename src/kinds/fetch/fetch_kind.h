/* SPDX-License-Identifier: MIT */
/* The kind "http-fetch": GET a resource, the result is its content as it was sent. */
#ifndef TASKQ_KINDS_FETCH_FETCH_KIND_H
#define TASKQ_KINDS_FETCH_FETCH_KIND_H

#include "kinds/kind.h"

extern const struct kind kind_fetch;

/**
 * fetch_setup - once per process, before any other thread: libcurl's global state
 * Returns OK, or INTERNAL when libcurl does not start or cannot do what the engine stands on.
 */
enum status fetch_setup(struct error *error) NODISCARD;

#endif
