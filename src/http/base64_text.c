/* SPDX-License-Identifier: MIT */
/* Base64. Pure, any thread. Encodes only: the service never takes base64 in. */
#include "http/base64_text.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

uint64_t
base64_text_size(uint64_t bytes)
{
	return (bytes / 3 + (bytes % 3 != 0)) * 4;
}

size_t
base64_text_encode(const void *data, size_t size, char *out)
{
	const unsigned char *in = data;
	char *at = out;

	for (; size >= 3; size -= 3, in += 3) {
		uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

		*at++ = alphabet[group >> 18];
		*at++ = alphabet[group >> 12 & 63];
		*at++ = alphabet[group >> 6 & 63];
		*at++ = alphabet[group & 63];
	}
	if (size > 0) {
		uint32_t group = (uint32_t)in[0] << 16 | (size == 2 ? (uint32_t)in[1] << 8 : 0);

		*at++ = alphabet[group >> 18];
		*at++ = alphabet[group >> 12 & 63];
		*at++ = size == 2 ? alphabet[group >> 6 & 63] : '=';
		*at++ = '=';
	}
	return (size_t)(at - out);
}
