/* SPDX-License-Identifier: MIT */
/*
 * The one loader of JSON bodies: bounded, strict, and safe on a small stack. Pure, any thread.
 */
#ifndef TASKQ_HTTP_JSON_BODY_H
#define TASKQ_HTTP_JSON_BODY_H

#include <jansson.h>
#include <stddef.h>

#include "base/status.h"
#include "task/faults.h"

#define JSON_BODY_DEPTH_MAX 32

/*
 * A value of two bytes costs the parser hundreds, so what a body may become in memory is bounded by
 * the number of its values, which each route sets: this is for one submission. See json_body_load.
 */
#define JSON_BODY_VALUES_MAX 1000

/**
 * json_body_load - parse a request body
 * Refused beside what is not JSON (RFC 8259): nesting deeper than JSON_BODY_DEPTH_MAX (checked
 * before the parser, which recurses, sees the text), more than `values_max` values (commas and
 * opening brackets are what is counted, before the parser as well), duplicate members, NUL in a
 * string, integers beyond 64 bits, a byte order mark, anything after the value, an empty body, and
 * a value that is neither object nor array.
 * @values_max: bounds the tree: 300 bytes for each of them, beside the text (measured; the dearest
 * are objects in objects, numbers take 40)
 * @faults: on INVALID gains one fault with the pointer to the place, as near as it can be named
 * Returns OK, with *ret_value for json_decref; INVALID with a sentence in `error` that tells line
 * and column; NOMEM.
 */
enum status json_body_load(const char *text, size_t size, size_t values_max, json_t **ret_value,
    struct faults *faults, struct error *error) NODISCARD;

#endif
