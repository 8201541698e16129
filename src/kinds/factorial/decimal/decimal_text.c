/* SPDX-License-Identifier: MIT */
/* Decimal numbers as digits; see decimal_text.h. */
#include "kinds/factorial/decimal/decimal_text.h"

#include <endian.h>
#include <string.h>

#define EIGHT_DIGITS UINT32_C(100000000)

/* Digits on their way to the sink. */
struct pen {
	const struct digit_sink *sink;
	struct effort *effort;
	char *buffer;
	size_t size; /* of the buffer */
	size_t used;
};

/*
 * Two digits, then four, then eight, at once in one word: n / 100 is n * 10486 / 2^20 below 10^4,
 * and n / 10 is n * 103 / 2^10 below 100. The digit of the greatest weight comes to stand lowest.
 */
static void
write_eight(uint32_t number, char ret_digits[8])
{
	uint64_t fours = number / 10000 | (uint64_t)(number % 10000) << 32;
	uint64_t hundreds = fours * 10486 >> 20 & UINT64_C(0x0000007f0000007f);
	uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
	uint64_t tens = twos * 103 >> 10 & UINT64_C(0x000f000f000f000f);
	uint64_t ones = tens | (twos - 10 * tens) << 8;

	uint64_t text = htole64(ones + UINT64_C(0x3030303030303030));

	memcpy(ret_digits, &text, sizeof(text));
}

static void
write_limb(uint64_t limb, char ret_digits[LIMB_DIGITS])
{
	uint64_t upper = limb / EIGHT_DIGITS;
	uint32_t top = (uint32_t)(upper / EIGHT_DIGITS);

	ret_digits[0] = (char)('0' + top / 10);
	ret_digits[1] = (char)('0' + top % 10);
	write_eight((uint32_t)(upper % EIGHT_DIGITS), ret_digits + 2);
	write_eight((uint32_t)(limb % EIGHT_DIGITS), ret_digits + 10);
}

static enum status
flush(struct pen *pen)
{
	size_t used = pen->used;
	enum status status;

	pen->used = 0;
	status = effort_spend(pen->effort, (double)used);
	if (status == STATUS_OK && used > 0)
		status =
		    pen->sink->write(pen->sink->context, pen->buffer, used, pen->effort->error);
	return status;
}

size_t
decimal_text_buffer(size_t limbs, uint64_t zeros)
{
	size_t digits = limbs * LIMB_DIGITS;

	return digits + zeros < DECIMAL_TEXT_PIECE ? digits + zeros : DECIMAL_TEXT_PIECE;
}

enum status
decimal_text_write(const struct decimal *number, uint64_t zeros, char *buffer,
    const struct digit_sink *sink, struct effort *effort)
{
	struct pen pen = { sink, effort, buffer, decimal_text_buffer(number->count, zeros), 0 };
	enum status status = STATUS_OK;
	char digits[LIMB_DIGITS];
	size_t skipped = 0;

	write_limb(number->limbs[number->count - 1], digits);
	while (skipped < LIMB_DIGITS - 1 && digits[skipped] == '0')
		skipped++;
	pen.used = LIMB_DIGITS - skipped;
	memcpy(buffer, digits + skipped, pen.used);
	for (size_t i = number->count - 1; i > 0 && status == STATUS_OK; i--) {
		if (pen.size - pen.used < LIMB_DIGITS)
			status = flush(&pen);
		write_limb(number->limbs[i - 1], buffer + pen.used);
		pen.used += LIMB_DIGITS;
	}
	for (uint64_t left = zeros; left > 0 && status == STATUS_OK;) {
		size_t size = left < pen.size - pen.used ? (size_t)left : pen.size - pen.used;

		memset(buffer + pen.used, '0', size);
		pen.used += size;
		left -= size;
		if (left > 0)
			status = flush(&pen);
	}
	return status == STATUS_OK ? flush(&pen) : status;
}
