/* SPDX-License-Identifier: MIT */
/*
 * Minting and reading UUIDs. Any thread. The random bits come from the kernel, some ids' worth at a
 * time for each thread; none is used twice. A process that forks must not mint in both halves (the
 * service does not fork).
 */
#include "base/uuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char hex_digits[] = "0123456789abcdef";

static bool
is_dash_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

enum {
	ID_BYTES = 16,
	RANDOM_BYTES = 10,               /* in one id */
	SUPPLY_BYTES = 25 * RANDOM_BYTES /* getrandom gives up to 256 whole */
};

#define TIME_MAX_MS ((INT64_C(1) << 48) - 1)

/* A thread's supply of random bytes: the kernel's price is one of calls, not of bytes. */
static _Thread_local struct {
	uint8_t bytes[SUPPLY_BYTES];
	size_t left;
} supply;

static enum status
take_random(uint8_t ret_bytes[RANDOM_BYTES], struct error *error)
{
	if (supply.left < RANDOM_BYTES) {
		ssize_t got;

		/* Only before the kernel's pool is seeded can a signal interrupt. */
		do
			got = getrandom(supply.bytes, sizeof(supply.bytes), 0);
		while (got < 0 && errno == EINTR);
		if (got != (ssize_t)sizeof(supply.bytes))
			return error_set(error, STATUS_IO, "getrandom gave no random bytes: %s",
			    got < 0 ? strerror(errno) : "short read");
		supply.left = sizeof(supply.bytes);
	}
	supply.left -= RANDOM_BYTES;
	memcpy(ret_bytes, supply.bytes + supply.left, RANDOM_BYTES);
	return STATUS_OK;
}

static void
put_time(int64_t wall_ms, uint8_t bytes[ID_BYTES])
{
	uint64_t unix_ms = wall_ms < 0 ? 0 : (uint64_t)wall_ms;

	for (size_t i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
}

static void
write_text(const uint8_t bytes[ID_BYTES], char ret_text[UUID_TEXT_SIZE])
{
	size_t at = 0;

	for (size_t i = 0; i < ID_BYTES; i++) {
		if (is_dash_place(at))
			ret_text[at++] = '-';
		ret_text[at++] = hex_digits[bytes[i] >> 4];
		ret_text[at++] = hex_digits[bytes[i] & 15];
	}
	ret_text[at] = '\0';
}

enum status
uuid_v7(int64_t wall_ms, char ret_text[UUID_TEXT_SIZE], struct error *error)
{
	uint8_t bytes[ID_BYTES] = { 0 };
	enum status status = take_random(bytes + sizeof(bytes) - RANDOM_BYTES, error);

	if (status != STATUS_OK)
		return status;
	put_time(wall_ms, bytes);
	bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f)); /* version 7 */
	bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f)); /* variant 10 */
	write_text(bytes, ret_text);
	return STATUS_OK;
}

void
uuid_floor(int64_t wall_ms, char ret_text[UUID_TEXT_SIZE])
{
	uint8_t bytes[ID_BYTES] = { 0 };

	put_time(wall_ms > TIME_MAX_MS ? TIME_MAX_MS : wall_ms, bytes);
	write_text(bytes, ret_text);
}

static int
compare_texts(const void *a, const void *b)
{
	return memcmp(a, b, UUID_TEXT_LENGTH);
}

enum status
uuid_v7_many(int64_t wall_ms, char (*ret_texts)[UUID_TEXT_SIZE], size_t count, struct error *error)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = uuid_v7(wall_ms, ret_texts[i], error);
	if (status == STATUS_OK)
		qsort(ret_texts, count, sizeof(*ret_texts), compare_texts);
	return status;
}

bool
uuid_parse(const char *text, size_t size, char ret_text[UUID_TEXT_SIZE])
{
	char lower[UUID_TEXT_SIZE];

	if (size != UUID_TEXT_LENGTH)
		return false;
	for (size_t i = 0; i < size; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (is_dash_place(i) ? c != '-'
				     : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		lower[i] = c;
	}
	lower[size] = '\0';
	memcpy(ret_text, lower, sizeof(lower));
	return true;
}

/* FNV-1a, and the upper bits folded into the lower ones. */
uint32_t
uuid_hash(const char *text)
{
	uint32_t hash = 0x811c9dc5;

	for (size_t i = UUID_TEXT_LENGTH - 12; i < UUID_TEXT_LENGTH; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x01000193;
	return hash ^ hash >> 16;
}
