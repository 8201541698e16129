/* SPDX-License-Identifier: MIT */
/*
 * Base64 with padding (RFC 4648 section 4), for content that cannot stand in a JSON string. Pure,
 * any thread.
 */
#ifndef TASKQ_HTTP_BASE64_TEXT_H
#define TASKQ_HTTP_BASE64_TEXT_H

#include <stddef.h>
#include <stdint.h>

/**
 * base64_text_size - characters that `bytes` bytes become
 */
uint64_t base64_text_size(uint64_t bytes);

/**
 * base64_text_encode - encode one piece; only the last piece of a content may have a size that is
 * not a multiple of three
 * @out: room for base64_text_size(size) characters; no NUL is written
 * Returns the characters written.
 */
size_t base64_text_encode(const void *data, size_t size, char *out);

#endif
