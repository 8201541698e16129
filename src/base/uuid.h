/* SPDX-License-Identifier: MIT */
/*
 * UUIDs of version 7 (RFC 9562 section 5.7): time-ordered, so that an index on them grows at its
 * end, and 74 random bits, so that nobody guesses one.
 */
#ifndef TASKQ_BASE_UUID_H
#define TASKQ_BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define UUID_TEXT_LENGTH 36
#define UUID_TEXT_SIZE   (UUID_TEXT_LENGTH + 1)

/**
 * uuid_v7 - mint an id as lower-case text
 * @wall_ms: Unix time in milliseconds, goes into the id
 * Any thread. Returns OK, or IO when the system has no randomness to give.
 */
enum status uuid_v7(int64_t wall_ms, char ret_text[UUID_TEXT_SIZE], struct error *error) NODISCARD;

/**
 * uuid_v7_many - mint `count` ids for one moment that grow from each to the next
 * All their random bits stay random: they are drawn as for uuid_v7 and then put in order.
 * @ret_texts: worth nothing when it fails
 */
enum status uuid_v7_many(int64_t wall_ms, char (*ret_texts)[UUID_TEXT_SIZE], size_t count,
    struct error *error) NODISCARD;

/**
 * uuid_floor - the lowest text that an id minted at a time or later can have, and above those of
 * all earlier ones
 * @wall_ms: 0 to 2^48 - 1, cut to that
 */
void uuid_floor(int64_t wall_ms, char ret_text[UUID_TEXT_SIZE]);

/**
 * uuid_parse - accept the canonical 8-4-4-4-12 form of any version in either case, as lower case
 */
bool uuid_parse(const char *text, size_t size, char ret_text[UUID_TEXT_SIZE]);

/**
 * uuid_hash - a number from an id's last twelve digits, which are random, for tables of ids
 * @text: canonical and in lower case
 */
uint32_t uuid_hash(const char *text);

#endif
