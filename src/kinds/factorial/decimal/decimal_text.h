/* SPDX-License-Identifier: MIT */
/* Decimal numbers as digits: limb by limb, since their base is a power of ten. */
#ifndef TASKQ_KINDS_FACTORIAL_DECIMAL_DECIMAL_TEXT_H
#define TASKQ_KINDS_FACTORIAL_DECIMAL_DECIMAL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kinds/factorial/decimal/effort.h"
#include "kinds/factorial/decimal/multiplier.h"

/* The digits go to the sink in pieces of at most so many. */
#define DECIMAL_TEXT_PIECE ((size_t)65536)

/* Where digits go, most significant first. */
struct digit_sink {
	/* Returns OK, or the status with which the writing is to end. */
	enum status (*write)(void *context, const char *digits, size_t size, struct error *error);
	void *context;
};

/**
 * decimal_text_write - write the digits of a number that is not 0, and so many zeros behind them
 * @buffer: decimal_text_buffer(digits) bytes
 * Spends a unit of effort for each digit. Returns OK, CANCELLED, or what the sink returned.
 */
enum status decimal_text_write(const struct decimal *number, uint64_t zeros, char *buffer,
    const struct digit_sink *sink, struct effort *effort) NODISCARD;

/**
 * decimal_text_buffer - the buffer for a number of so many limbs and zeros
 */
size_t decimal_text_buffer(size_t limbs, uint64_t zeros);

#endif
