/* SPDX-License-Identifier: MIT */
/*
 * Exact factorials as decimal digits: the arithmetic behind the factorial kind, behind one
 * function. Knows nothing of tasks. How it computes is its own affair and may change entirely.
 */
#ifndef TASKQ_KINDS_FACTORIAL_FACTORIAL_H
#define TASKQ_KINDS_FACTORIAL_FACTORIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kinds/factorial/decimal/decimal_text.h"
#include "kinds/factorial/decimal/effort.h"

#define FACTORIAL_N_LIMIT 100000000 /* 756,570,557 digits */

/**
 * factorial_decimal - write the decimal digits of n! without leading zeros
 * @n:     at most FACTORIAL_N_LIMIT
 * @watch: asked before the work, and then every few milliseconds, whether to stop; for the largest
 *         n, where the machine has no AVX2, every 30. NULL: nobody
 * @sink:  gets pieces of at most DECIMAL_TEXT_PIECE bytes
 * Blocks for as long as it takes, in one thread: about n log^2 n, for 10^6 a tenth of a second. Any
 * thread, any number at once. Returns OK; INVALID when n is over the limit; CANCELLED; NOMEM;
 * INTERNAL; or what the sink returned. After a failure the sink may have got a part of the digits.
 */
enum status factorial_decimal(uint64_t n, const struct effort_watch *watch,
    const struct digit_sink *sink, struct error *error) NODISCARD;

/**
 * factorial_bytes - the memory that factorial_decimal(n) takes at most, but for some KiB
 * Rises with n; about twice the digits for large n. Cheap; any thread.
 */
size_t factorial_bytes(uint64_t n);

#endif
