/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON by hand: the answers are small and their shape is fixed, so building a tree first
 * would only cost allocations. Everything appends to a struct buf; failures stick there. Pure, any
 * thread. Text that goes in must be valid UTF-8; nothing here checks it.
 */
#ifndef TASKQ_HTTP_JSON_TEXT_H
#define TASKQ_HTTP_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Bytes that one byte of text takes at most inside a JSON string: \u00XX. */
#define JSON_ESCAPE_MAX 6

/* Appends a string literal as it stands: punctuation and member names. */
#define JSON_LITERAL(buf, literal) buf_append((buf), "" literal, sizeof(literal) - 1)

/**
 * json_text_escape - write text as it stands inside a JSON string, without the quotes
 * Quote, backslash and control characters (NUL included) are escaped, everything else is copied.
 * @out: room for JSON_ESCAPE_MAX * size bytes; no NUL is written
 * Returns the bytes written. A text cut anywhere gives the same bytes as the whole.
 */
size_t json_text_escape(const char *text, size_t size, char *out);

/**
 * json_text_string - append text with quotes around it
 */
void json_text_string(struct buf *buf, const char *text, size_t size);

/**
 * json_text_int - append a number
 */
void json_text_int(struct buf *buf, int64_t value);

/**
 * json_text_thousandths - append value / 1000 with as many of its three decimals as it needs
 * @value: 0 or more
 */
void json_text_thousandths(struct buf *buf, int64_t value);

/**
 * json_text_time - append a Unix time in milliseconds as an RFC 3339 string; null for 0
 */
void json_text_time(struct buf *buf, int64_t wall_ms);

#endif
