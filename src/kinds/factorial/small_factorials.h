/* SPDX-License-Identifier: MIT */
/*
 * The decimal digits of the first factorials, ready to be copied: most tasks ask for one of these,
 * and computing it would cost more than everything else that an executor does for the task.
 */
#ifndef TASKQ_KINDS_FACTORIAL_SMALL_FACTORIALS_H
#define TASKQ_KINDS_FACTORIAL_SMALL_FACTORIALS_H

#include <stddef.h>
#include <stdint.h>

#define SMALL_FACTORIALS_N_MAX 200 /* 375 digits; all together 33,549 */

/**
 * small_factorials_digits - the digits of n!, most significant first
 * @ret_size: how many
 * Any thread; the first call, whoever makes it, makes the table in about a millisecond.
 * Returns what lives as long as the process; NULL where n is over SMALL_FACTORIALS_N_MAX.
 */
const char *small_factorials_digits(uint64_t n, size_t *ret_size);

#endif
