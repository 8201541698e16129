/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 (FIPS 180-4) of bytes that lie in several pieces. Any thread.
 */
#ifndef TASKQ_BASE_SHA256_H
#define TASKQ_BASE_SHA256_H

#include <stddef.h>

#include "base/status.h"

#define SHA256_BYTES 32

struct sha256_piece {
	const void *data; /* may be NULL where it has 0 bytes */
	size_t size;
};

/**
 * sha256 - the digest of all pieces one behind the other
 * Returns OK; NOMEM; INTERNAL where the library knows no SHA-256.
 */
enum status sha256(const struct sha256_piece *pieces, size_t count,
    unsigned char ret_digest[SHA256_BYTES], struct error *error) NODISCARD;

#endif
