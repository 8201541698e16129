/* SPDX-License-Identifier: MIT */
/*
 * Strict number parsing: decimal digits only, no sign unless the type has one, no spaces, no
 * leading zeros unless allowed, no overflow. Nothing is guessed.
 */
#ifndef TASKQ_BASE_NUM_H
#define TASKQ_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/**
 * num_parse_u64 - parse `size` bytes of decimal digits
 * Returns OK; INVALID unless all bytes are digits, at least one, and no leading zero but "0"
 * itself; FULL when the number does not fit 64 bits.
 */
enum status num_parse_u64(const char *text, size_t size, uint64_t *ret_value) NODISCARD;

/**
 * num_parse_i64 - as num_parse_u64, with an optional leading '-'
 */
enum status num_parse_i64(const char *text, size_t size, int64_t *ret_value) NODISCARD;

#endif
