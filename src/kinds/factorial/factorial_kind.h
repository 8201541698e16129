/* SPDX-License-Identifier: MIT */
/* The kind "factorial": {"n": "50"} in, the decimal digits of n! out. */
#ifndef TASKQ_KINDS_FACTORIAL_FACTORIAL_KIND_H
#define TASKQ_KINDS_FACTORIAL_FACTORIAL_KIND_H

#include "kinds/kind.h"

extern const struct kind kind_factorial;

/**
 * factorial_setup - once per process, before any other thread: libcrypto's global state
 * Returns OK, or INTERNAL when libcrypto does not start.
 */
enum status factorial_setup(struct error *error) NODISCARD;

#endif
