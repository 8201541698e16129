/* SPDX-License-Identifier: MIT */
/* Strict decimal parsing. Pure functions, any thread; they read exactly the bytes they are given.
 */
#include "base/num.h"

#include <stdbool.h>

enum status
num_parse_u64(const char *text, size_t size, uint64_t *ret_value)
{
	uint64_t value = 0;
	bool fits = true;

	if (size == 0 || (size > 1 && text[0] == '0'))
		return STATUS_INVALID;
	for (size_t i = 0; i < size; i++) {
		uint64_t digit;

		if (text[i] < '0' || text[i] > '9')
			return STATUS_INVALID;
		digit = (uint64_t)(text[i] - '0');
		if (value > (UINT64_MAX - digit) / 10)
			fits = false; /* but a later byte may still be no digit */
		else
			value = value * 10 + digit;
	}
	if (!fits)
		return STATUS_FULL;
	*ret_value = value;
	return STATUS_OK;
}

enum status
num_parse_i64(const char *text, size_t size, int64_t *ret_value)
{
	bool is_negative = size > 0 && text[0] == '-';
	uint64_t magnitude;
	enum status status;

	status =
	    num_parse_u64(is_negative ? text + 1 : text, is_negative ? size - 1 : size, &magnitude);
	if (status != STATUS_OK)
		return status;
	if (is_negative) {
		if (magnitude == 0)
			return STATUS_INVALID; /* zero has one spelling */
		if (magnitude > (uint64_t)INT64_MAX + 1)
			return STATUS_FULL;
		*ret_value = -(int64_t)(magnitude - 1) - 1;
		return STATUS_OK;
	}
	if (magnitude > (uint64_t)INT64_MAX)
		return STATUS_FULL;
	*ret_value = (int64_t)magnitude;
	return STATUS_OK;
}
