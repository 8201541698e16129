/* SPDX-License-Identifier: MIT */
/*
 * Exact factorials as decimal digits: the arithmetic behind the factorial kind, behind one
 * function. Knows nothing of tasks. How it computes is its own affair and may change entirely.
 */
#ifndef TASKQ_KINDS_FACTORIAL_FACTORIAL_H
#define TASKQ_KINDS_FACTORIAL_FACTORIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define FACTORIAL_N_LIMIT 10000000 /* 65,657,060 digits */

/* Where the digits go, most significant first, in pieces of at most 16 KiB. */
struct factorial_sink {
	/* Returns OK, or the status with which factorial_decimal is to end. */
	enum status (*write)(void *context, const char *digits, size_t size, struct error *error);
	void *context;
};

/* Who may end the work before it is done, and is told how far it is. */
struct factorial_stop {
	/* Returns true when the work is to end; then it is not called again. */
	bool (*is_wanted)(void *context);
	/* NULL, or told how far the work is: `done` never falls and is less than `total`, which
	   stays the same, in no unit that means anything else. Called as often as is_wanted. */
	void (*progressed)(void *context, uint64_t done, uint64_t total);
	void *context;
};

/**
 * factorial_decimal - write the decimal digits of n! without leading zeros
 * @n:    at most FACTORIAL_N_LIMIT
 * @stop: asked before the work and before every step of some size; from one question to the next it
 *        is some milliseconds, and tens of them for the largest n. NULL: never stopped
 * Blocks for as long as it takes; any thread, any number at once. Memory: about 25 times the
 * binary size of n!, 5 MB for n = 100,000 and 45 MB for 1,000,000.
 * Returns OK; INVALID when n is over the limit; CANCELLED; NOMEM; or what the sink returned.
 * After a failure the sink may have got a part of the digits.
 */
enum status factorial_decimal(uint64_t n, const struct factorial_stop *stop,
    const struct factorial_sink *sink, struct error *error) NODISCARD;

#endif
