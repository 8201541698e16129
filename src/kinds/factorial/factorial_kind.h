/* SPDX-License-Identifier: MIT */
/* The kind "factorial": {"n": "50"} in, the decimal digits of n! out. */
#ifndef TASKQ_KINDS_FACTORIAL_FACTORIAL_KIND_H
#define TASKQ_KINDS_FACTORIAL_FACTORIAL_KIND_H

#include "kinds/kind.h"

extern const struct kind kind_factorial;

#endif
