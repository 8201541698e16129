/* SPDX-License-Identifier: MIT */
/*
 * Where in a JSON text a byte is: a linear walk, without recursion or allocation, that knows just
 * enough of JSON to count nesting and to name the member that a parser complains about. Pure, any
 * thread.
 */
#ifndef TASKQ_HTTP_JSON_PLACE_H
#define TASKQ_HTTP_JSON_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * json_place_depth - the deepest nesting of arrays and objects in a text, well formed or not
 * @limit:        the walk ends once it goes beyond
 * @ret_position: offset of the bracket that goes beyond the limit; set when limit + 1 is returned
 */
size_t json_place_depth(const char *text, size_t size, size_t limit, size_t *ret_position);

/**
 * json_place_values - how many values a text can have at most: one, and one more for every comma
 * and every opening bracket outside of strings
 */
size_t json_place_values(const char *text, size_t size);

/**
 * json_place_pointer - the RFC 6901 pointer of the value or member name that is being read at an
 * offset, in a text that is well formed up to there
 * @position: at most size; a name or value that ends right there counts as being read
 * @pointer:  `capacity` bytes; cut at a whole segment where it does not fit
 */
void json_place_pointer(
    const char *text, size_t size, size_t position, char *pointer, size_t capacity);

#endif
